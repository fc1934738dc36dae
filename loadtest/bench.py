#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures both backends beside nginx, one CPU for the server and another for wrk.

    ./dev bench                       # all scenarios
    ./dev bench --rounds 9 --seconds 5 -k plaintext

Rounds are interleaved, since machines are noisy: in each one every server has its turn. A figure is
the median of the rounds; a ratio is the median of the rounds' ratios, so that what slows a whole
round down cancels out. What is compared first is CPU time a request: it says what the server costs,
and wrk does not limit it.
"""

import argparse
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from servers import BACKENDS, HERE, Server, start_nginx, start_spindle

SCENARIOS = {
    "plaintext": ("/plaintext", []),
    "pipelined, 16 deep": ("/plaintext", ["-s", str(HERE / "pipeline.lua")]),
    "file of 1 KiB": ("/1k.txt", []),
}
FIGURES = ("requests/s", "CPU us/request", "user us/request", "p50 us", "p99 us")
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}


def measure(server: Server, path: str, extra: list[str], options) -> dict[str, float]:
    user, system = server.cpu_seconds()
    command = ["taskset", "-c", str(options.client_cpu), "wrk", "-t1", f"-c{options.connections}"]
    command += [f"-d{options.seconds}", "--latency", *extra, f"http://127.0.0.1:{server.port}{path}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    user_after, system_after = server.cpu_seconds()
    if found := re.search(r"Socket errors.*|Non-2xx.*", output):
        raise SystemExit(f"{server.name}: {found[0]}")
    requests = int(re.search(r"(\d+) requests in", output)[1])
    return {
        "requests/s": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        "CPU us/request": (user_after - user + system_after - system) * 1e6 / requests,
        "user us/request": (user_after - user) * 1e6 / requests,
        "p50 us": percentile(output, 50),
        "p99 us": percentile(output, 99),
    }


def percentile(output: str, number: int) -> float:
    value, unit = re.search(rf"\s{number}%\s+([\d.]+)(us|ms|s|m)", output).groups()
    return float(value) * UNITS[unit]


def run_scenario(name: str, servers: list[Server], options) -> None:
    path, extra = SCENARIOS[name]
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(options.rounds):
        turn = servers[number % len(servers) :] + servers[: number % len(servers)]
        rounds.append({server.name: measure(server, path, extra, options) for server in turn})
    baseline = servers[0].name
    print(f"\n{name}, {options.connections} connections, {options.rounds} rounds of {options.seconds} s")
    print(f"  {'':20}" + "".join(f"{figure:>16}" for figure in FIGURES))
    for server in servers:
        medians = [statistics.median(one[server.name][figure] for one in rounds) for figure in FIGURES]
        print(f"  {server.name:20}" + "".join(f"{value:16.2f}" for value in medians))
    for server in servers[1:]:
        ratios = [
            statistics.median(one[server.name][figure] / max(one[baseline][figure], 1e-9) for one in rounds)
            for figure in FIGURES
        ]
        print(f"  {server.name + ' / ' + baseline:20}" + "".join(f"{value:16.2f}" for value in ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spindle", type=Path, default=HERE.parent / "build/release/server/spindle")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("-k", default="", help="only scenarios with this in their name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spindle_bench_") as name:
        folder = Path(name)
        (folder / "site").mkdir()
        (folder / "site/1k.txt").write_text("x" * 1023 + "\n")
        servers = [start_nginx(folder, options.server_cpu)]
        servers += [start_spindle(options.spindle, backend, folder, options.server_cpu) for backend in BACKENDS]
        present = [server for server in servers if server is not None]
        try:
            for scenario in SCENARIOS:
                if options.k in scenario:
                    run_scenario(scenario, present, options)
        finally:
            for server in present:
                server.stop()


if __name__ == "__main__":
    main()
