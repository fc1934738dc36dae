#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Verifies handoff.pml and sees each of its mutants fail, in the folder $1. The last line is `N passed, N failed`.
set -euo pipefail

model=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/handoff.pml
folder=${1:?the folder to work in}
passed=0
failed=0

main() {
    verify "one processor" proved -DPROCESSORS=1
    verify "one processor, two acts a fiber" proved -DPROCESSORS=1 -DACTS=2
    verify "two processors, handlers" proved -DNO_WAITS -DNO_BLOCKING
    verify "two processors, all fibers in blocking()" proved -DNO_WAITS -DNO_HANDLERS -DSTUCK=0
    verify "mutant: published before the stack is left" "assertion violated" -DPUBLISH_BEFORE_LEAVING
    verify "mutant: entered without compare-exchange" "assertion violated" -DENTER_WITHOUT_CAS
    verify "mutant: a waker that does not look again" "invalid end state" \
        -DNO_WAITS -DNO_HANDLERS -DSTUCK=0 -DFORGETFUL_WAKER
    echo "$passed passed, $failed failed"
    ((failed == 0))
}

# verify TITLE EXPECTED FLAGS...: every reachable state, by hash compaction (HC4), on one thread.
verify() {
    local title=$1 expected=$2 found
    shift 2
    rm -rf "$folder"
    mkdir -p "$folder"
    found=$(cd "$folder" && search "$@")
    if [[ $found == "$expected" ]]; then
        passed=$((passed + 1))
        echo "ok      $title: $found"
    else
        failed=$((failed + 1))
        echo "FAILED  $title: $found, expected: $expected"
        [[ -f $folder/handoff.pml.trail ]] && (cd "$folder" && spin "$@" -t -p -g -k handoff.pml.trail "$model" | tail -n 80)
    fi
}

# Prints "proved", or what is violated, or why it cannot be said.
search() {
    spin "$@" -a "$model" >spin.log
    gcc -O2 -w -DSAFETY -DHC4 -DMEMLIM=2000 -o pan pan.c
    ./pan -m100000 >pan.log || true
    if grep -q '^pan:1: ' pan.log; then
        grep -m 1 -oE 'assertion violated|invalid end state|.* too small|out of memory' pan.log || grep -m 1 '^pan:1: ' pan.log
    elif grep -q 'errors: 0$' pan.log && ! grep -qE 'not completed|too small|truncated' pan.log; then
        echo proved
    else
        echo "the search did not end: $(tail -n 1 pan.log)"
    fi
}

main
