#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Explores more than the tests do, and sees each mutant fail, which may take more seeds yet; $1 is where sim_tests and
# the mutants were built, $2 how many seeds to explore. The last line is `N passed, N failed`.
set -euo pipefail

folder=${1:?the folder of the programs}
seeds=${2:?a number of seeds}
passed=0
failed=0

main() {
    local mutant name
    explore "as it is, $seeds seeds" "" "$folder/sim_tests" "$seeds"
    for mutant in "$folder"/sim_mutant_*; do
        name=${mutant##*/sim_mutant_}
        explore "mutant: ${name//_/ }" found "$mutant" $((seeds * 20))
    done
    echo "$passed passed, $failed failed"
    ((failed == 0 && passed > 1))
}

# explore TITLE EXPECTED PROGRAM SEEDS: EXPECTED is empty, or something that a seed must have found.
explore() {
    local title=$1 expected=$2 said seed
    said=$(SPINDLE_SIM_SEEDS=$4 "$3" --no-colors 2>&1) || true
    seed=$(grep -m 1 -oE 'SPINDLE_SIM_SEED=[0-9]+' <<<"$said" || true)
    if [[ -n $expected && -n $seed || -z $expected && $said == *"Status: SUCCESS!"* ]]; then
        passed=$((passed + 1))
        echo "ok      $title${seed:+: $seed}"
    else
        failed=$((failed + 1))
        echo "FAILED  $title"
        tail -n 20 <<<"$said"
    fi
}

main
