# SPDX-License-Identifier: Apache-2.0
"""Closed loop with wrk: each server on one CPU, wrk on another."""

import re
import subprocess

import servers
from table import Report, compare, medians, ratios, row

FIGURES = ("requests/s", "CPU us/request", "user us/request", "p50 us", "p99 us")
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}
PIPELINE = ["-s", str(servers.HERE / "pipeline.lua")]
CONNECTIONS = (1, 16, 256, 4096, 16384)


def start(options, peers) -> list[servers.Server]:
    names = [name for name in ("nginx", *servers.BACKENDS, "Go", "Node", "limit") if name in (*peers, *servers.BACKENDS)]
    cpus = str(options.server_cpu)
    started = [servers.start(name, options.spindle, options.folder, cpus=cpus) for name in names]
    return [server for server in started if server is not None]


def measure(server: servers.Server, path: str, connections: int, extra: list[str], options) -> dict[str, float]:
    user, system = server.cpu_seconds()
    command = ["taskset", "-c", str(options.client_cpu), "wrk", "-t1", f"-c{connections}", "--timeout", "10s"]
    command += [f"-d{options.seconds}", "--latency", *extra, f"http://127.0.0.1:{server.port}{path}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    user_after, system_after = server.cpu_seconds()
    if found := re.search(r"Socket errors.*|Non-2xx.*", output):
        raise SystemExit(f"{server.name}: {found[0]}")
    requests = max(1, int(re.search(r"(\d+) requests in", output)[1]))
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


def in_turns(started: list[servers.Server], options, one) -> list[dict[str, dict[str, float]]]:
    """Rounds in which every server has its turn, each round beginning with another one."""
    rounds = []
    for number in range(options.rounds):
        turn = started[number % len(started) :] + started[: number % len(started)]
        found = {server.name: one(server) for server in turn}
        rounds.append({server.name: found[server.name] for server in started})
    return rounds


def comparison(title: str, path: str, peers, extra=(), baselines=("nginx",), figures=FIGURES):
    """A scenario: all servers at options.connections."""

    def run(report: Report, options) -> None:
        started = start(options, peers)
        try:
            rounds = in_turns(started, options, lambda one: measure(one, path, options.connections, extra, options))
        finally:
            stop(started)
        report.line(f"{title}, {options.connections} connections, {options.rounds} rounds of {options.seconds} s")
        compare(report, rounds, figures, baselines)

    return run


def measure_many(server: servers.Server, connections: int, options) -> dict[str, float]:
    """As measure(), but from when all connections are open."""
    command = ["taskset", "-c", str(options.client_cpu), str(options.probe), "closed", "--port", str(server.port)]
    command += ["--connections", str(connections), "--seconds", str(options.seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        if client.stdout.readline() != "opened\n":
            raise SystemExit(f"{server.name}: {connections} connections could not be opened")
        before = sum(server.cpu_seconds())
        client.stdin.write("\n")
        client.stdin.flush()
        output = client.stdout.read()
        used = sum(server.cpu_seconds()) - before
    found = {key: float(value) for key, value in (line.split() for line in output.splitlines())}
    return {
        "requests/s": found["requests_per_s"],
        "CPU us/request": used * 1e6 / max(1, found["requests"]),
        "p50 us": found["p50"],
        "p99 us": found["p99"],
    }


def connections(report: Report, options) -> None:
    """Whether throughput stays as connections become many."""
    started = start(options, ("nginx", "limit"))
    try:
        found = {
            count: in_turns(started, options, lambda one, count=count: measure_many(one, count, options))
            for count in CONNECTIONS
        }
    finally:
        stop(started)
    report.line(f"plaintext with more and more connections, {options.rounds} rounds of {options.seconds} s")
    names = list(found[1][0])
    for figure in ("requests/s", "CPU us/request", "p50 us", "p99 us"):
        row(report, figure, [f"{count} conn." for count in CONNECTIONS])
        for name in names:
            row(report, name, [medians(found[count], name, [figure])[0] for count in CONNECTIONS])
    row(report, "requests/s, of its own best", [f"{count} conn." for count in CONNECTIONS])
    for name in names:
        rates = [medians(found[count], name, ["requests/s"])[0] for count in CONNECTIONS]
        row(report, name, [rate / max(rates) for rate in rates])
    for baseline in {"nginx"} & set(names):
        for figure in ("requests/s", "CPU us/request"):
            row(report, f"{figure} / {baseline}", [f"{count} conn." for count in CONNECTIONS])
            for name in names[1:]:
                row(report, name, [ratios(found[count], name, baseline, [figure])[0] for count in CONNECTIONS])


def stop(started: list[servers.Server]) -> None:
    for server in started:
        server.stop()


plaintext = comparison(
    "plaintext",
    "/plaintext",
    ("nginx", "Go", "Node", "limit"),
    baselines=("nginx", "Go", "Node", "limit", "spindle event_loop"),
)
# wrk's latencies mean nothing with a pipeline.
pipelined = comparison(
    "plaintext, 16 pipelined", "/plaintext", ("nginx", "Go", "limit"), PIPELINE, ("nginx", "limit"), FIGURES[:3]
)
file = comparison("file of 1 KiB", "/1k.txt", ("nginx",))
file_100k = comparison("file of 100 KiB", "/100k.txt", ("nginx",))
file_10m = comparison("file of 10 MiB", "/10m.txt", ("nginx",))
