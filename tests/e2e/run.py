#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""End-to-end tests: starts the real server and speaks to it over real sockets.

    python3 tests/e2e/run.py --spindle build/dev/server/spindle
    python3 tests/e2e/run.py --spindle … --backend fiber/2 -k pipelin -v

Every behaviour is defined once (behaviours/) and runs under every variant (harness/variants.py);
the replies of the variants are compared byte for byte. Each server is drained at its end and must
have left no connection, buffer, fiber, descriptor or operation. One line a failure, with the
command that runs it again; the last line is `N passed, N failed`.
"""

import sys

sys.dont_write_bytecode = True  # leaves nothing in the source tree

import argparse
import importlib
import pkgutil
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import behaviours as behaviour_modules
from harness.registry import Behaviour, behaviours
from harness.runner import Failure, Outcome, VariantRunner, differences
from harness.site import make_site
from harness.trial import Bench
from harness.variants import VARIANTS, Variant


def main() -> int:
    options = parse_arguments()
    binary = Path(options.spindle).resolve()
    if not binary.is_file():
        print(
            f"run.py: {options.spindle} is not there: build it first, for example by ./dev build",
            file=sys.stderr,
        )
        return 2
    selected = select_behaviours(options.k)
    if options.list:
        print("\n".join(entry.name for entry in selected))
        return 0
    variants = select_variants(options.backend)
    folder = Path(tempfile.mkdtemp(prefix="spindle_e2e_"))
    try:
        make_site(folder)
        outcomes = run_all(Bench(binary, folder, options.slow), variants, selected, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return summarise(outcomes, options)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spindle", required=True, metavar="PATH", help="the binary to test")
    parser.add_argument(
        "--backend",
        action="append",
        metavar="VARIANT",
        help="run only this one: "
        + ", ".join(v.name for v in VARIANTS)
        + ", or a backend for all of its",
    )
    parser.add_argument(
        "-k", metavar="TEXT", default="", help="only behaviours whose name contains this"
    )
    parser.add_argument(
        "--slow",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="longer time limits, for sanitizers",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="variants run side by side"
    )
    parser.add_argument(
        "--list", action="store_true", help="print the names of the behaviours and end"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tracebacks and the servers' last lines"
    )
    return parser.parse_args()


def select_behaviours(text: str) -> list[Behaviour]:
    for module in sorted(
        module.name for module in pkgutil.iter_modules(behaviour_modules.__path__)
    ):
        importlib.import_module(f"behaviours.{module}")
    return [entry for entry in behaviours() if text in entry.name]


def select_variants(names: list[str] | None) -> list[Variant]:
    if not names:
        return VARIANTS
    chosen = [variant for variant in VARIANTS if variant.name in names or variant.backend in names]
    if not chosen:
        raise SystemExit(
            "run.py: no such variant; there are: " + ", ".join(variant.name for variant in VARIANTS)
        )
    return chosen


def run_all(
    bench: Bench, variants: list[Variant], selected: list[Behaviour], options
) -> dict[str, Outcome]:
    lock = threading.Lock()

    def report(failure: Failure) -> None:
        with lock:
            print(failure_line(failure, options), flush=True)
            if options.verbose:
                print(failure.detail, flush=True)

    def run(variant: Variant) -> Outcome:
        # Each begins elsewhere: else what is heavy would be under all variants at the same time.
        first = len(selected) * VARIANTS.index(variant) // len(VARIANTS)
        return VariantRunner(bench, variant, report).run(selected[first:] + selected[:first])

    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = dict(zip((variant.name for variant in variants), pool.map(run, variants)))
    for failure in differences(outcomes):
        report(failure)
        outcomes[failure.variant].failures.append(failure)
        outcomes[failure.variant].passed -= 1
    return outcomes


def failure_line(failure: Failure, options, verdict: str = "FAILED") -> str:
    # A teardown failure belongs to all behaviours of a shared server, so its command has no -k.
    name = "" if failure.name.startswith("teardown") else f" -k {failure.name}"
    # A difference shows only beside the variant it is compared with.
    variant = "" if failure.text.startswith("replies differ") else f" --backend {failure.variant}"
    slow = f" --slow {options.slow:g}" if options.slow != 1 else ""
    command = f"python3 {sys.argv[0]} --spindle {options.spindle}{variant}{name}{slow} -v"
    return f"{verdict} {failure.name} [{failure.variant}] {failure.text}  again: {command}"


def summarise(outcomes: dict[str, Outcome], options) -> int:
    skipped = [entry for outcome in outcomes.values() for entry in outcome.skipped]
    for variant, name, why in skipped if options.verbose else ():
        print(f"skipped {name} [{variant}] {why}")
    reasons = sorted({why for _, _, why in skipped})
    if skipped:
        print(f"{len(skipped)} skipped: " + "; ".join(reasons))
    for outcome in outcomes.values():
        for failure in outcome.second_tries:
            print(failure_line(failure, options, "passed only when tried again:"))
    passed = sum(outcome.passed for outcome in outcomes.values())
    failed = sum(len(outcome.failures) for outcome in outcomes.values())
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
