#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures both backends beside nginx, Go and Node.

    ./dev bench                       # all scenarios
    ./dev bench --rounds 9 --seconds 5 -k plaintext
    ./dev bench -k isolation --load cpu --record

Rounds are interleaved, since machines are noisy: in each one every server has its turn. A figure is
the median of the rounds; a ratio is the median of the rounds' ratios, so that what slows a whole
round down cancels out.
"""

import argparse
import os
import resource
import tempfile
from pathlib import Path

import attack
import fibers
import idle
import isolation
import throughput
from servers import BUILD, VERSIONS, make_site, versions
from table import Report
from workload import arguments

SCENARIOS = {
    "plaintext": throughput.plaintext,
    "pipelined": throughput.pipelined,
    "file": throughput.file,
    "file_100k": throughput.file_100k,
    "file_10m": throughput.file_10m,
    "connections": throughput.connections,
    "isolation": isolation.run,
    "attack": attack.run,
    "idle": idle.run,
    "fibers": fibers.run,
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", default="", help="only scenarios with this in their name")
    parser.add_argument("--record", action="store_true", help="write each table to results/SCENARIO.txt too")
    parser.add_argument("--rounds", type=arguments.count, default=5)
    parser.add_argument("--seconds", type=arguments.count, default=4, help="of one measurement")
    parser.add_argument("--connections", type=arguments.count, default=64, help="of plaintext, pipelined and file")
    parser.add_argument("--load", default="", help="isolation, attack: only loads with this in their name")
    parser.add_argument("--parked", type=arguments.count, default=1_000_000, help="fibers: how many are parked at once")
    parser.add_argument("--server-cpu", type=int, default=0, help="where a scenario gives the server one CPU")
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--spindle", type=Path, default=BUILD / "trained/server/spindle")
    parser.add_argument("--probe", type=Path, default=BUILD / "trained/loadtest/spindle_probe")
    options = parser.parse_args()
    options.cpus = len(os.sched_getaffinity(0))
    return options


def main() -> None:
    options = parse()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for name, scenario in SCENARIOS.items():
        if options.k not in name:
            continue
        with tempfile.TemporaryDirectory(prefix="spindle_bench_") as folder:
            options.folder = Path(folder)
            make_site(options.folder)
            report = Report()
            print(f"\n== {name}")
            scenario(report, options)
            if options.record:
                report.record(name, versions(options.spindle, VERSIONS))


if __name__ == "__main__":
    main()
