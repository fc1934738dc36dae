# SPDX-License-Identifier: Apache-2.0
"""Closed loops with wrk and spindle_probe: each server on one CPU, the client on another."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import servers
from table import Report, compare, medians, ratios, row
from workload.clients import BUSY_SHARE

FIGURES = ("requests/s", "CPU us/request", "user us/request", "p50 us", "p99 us")
BUSY = ("server busy", "client busy")
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}
CONNECTIONS = (1, 16, 256, 4096, 16384)


@contextmanager
def running(options, peers) -> Iterator[list[servers.Server]]:
    names = [name for name in ("nginx", *servers.BACKENDS, "Go", "Node", "limit") if name in (*peers, *servers.BACKENDS)]
    cpus = str(options.server_cpu)
    started = [servers.start(name, options.spindle, options.folder, cpus=cpus) for name in names]
    found = [server for server in started if server is not None]
    try:
        yield found
    finally:
        for server in found:
            server.stop()


def measure(server: servers.Server, path: str, options) -> dict[str, float]:
    user, system = server.cpu_seconds()
    command = ["taskset", "-c", str(options.client_cpu), "wrk", "-t1", f"-c{options.connections}"]
    command += [f"-d{options.seconds}", "--timeout", "10s", "--latency", f"http://127.0.0.1:{server.port}{path}"]
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


def comparison(title: str, path: str, peers, baselines=("nginx",)):
    """A scenario: all servers at options.connections."""

    def run(report: Report, options) -> None:
        with running(options, peers) as started:
            rounds = in_turns(started, options, lambda one: measure(one, path, options))
        report.line(headline(title, options))
        compare(report, rounds, FIGURES, baselines)

    return run


def headline(title: str, options) -> str:
    return f"{title}, {options.connections} connections, {options.rounds} rounds of {options.seconds} s"


def ask(server: servers.Server, mode: str, connections: int, options) -> tuple[dict[str, float], float, float]:
    """What spindle_probe says, and the server's user and system time, from when all connections are open."""
    command = ["taskset", "-c", str(options.client_cpu), str(options.probe), mode, "--port", str(server.port)]
    command += ["--connections", str(connections), "--seconds", str(options.seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        if client.stdout.readline() != "opened\n":
            raise SystemExit(f"{server.name}: {connections} connections could not be opened")
        user, system = server.cpu_seconds()
        client.stdin.write("\n")
        client.stdin.flush()
        output = client.stdout.read()
        user_after, system_after = server.cpu_seconds()
    if client.returncode != 0:
        raise SystemExit(f"{server.name}: the client failed")
    found = {key: float(value) for key, value in (line.split() for line in output.splitlines())}
    return found, user_after - user, system_after - system


def measure_many(server: servers.Server, connections: int, options) -> dict[str, float]:
    found, user, system = ask(server, "closed", connections, options)
    return {
        "requests/s": found["requests_per_s"],
        "CPU us/request": (user + system) * 1e6 / max(1, found["requests"]),
        "p50 us": found["p50"],
        "p99 us": found["p99"],
    }


def measure_pipelined(server: servers.Server, options) -> dict[str, float]:
    found, user, system = ask(server, "pipelined", options.connections, options)
    requests = max(1, found["requests"])
    return {
        "requests/s": found["requests_per_s"],
        "CPU us/request": (user + system) * 1e6 / requests,
        "user us/request": user * 1e6 / requests,
        "server busy": (user + system) / found["seconds"],
        "client busy": found["busy"],
    }


def pipelined(report: Report, options) -> None:
    """What a request costs without the kernel's share."""
    with running(options, ("nginx", "Go", "limit")) as started:
        rounds = in_turns(started, options, lambda one: measure_pipelined(one, options))
    report.line(headline("plaintext, 16 pipelined", options))
    # A request waits for the others of its turn: latencies mean nothing.
    compare(report, rounds, FIGURES[:3], ("nginx", "limit"), BUSY)
    for name in rounds[0]:
        of_server, of_client = medians(rounds, name, BUSY)
        if of_client > BUSY_SHARE > of_server:
            report.line(f"  The client was at its limit with {name}, which may be faster than this.")


def connections(report: Report, options) -> None:
    """Whether throughput stays as connections become many."""
    with running(options, ("nginx", "limit")) as started:
        found = {
            count: in_turns(started, options, lambda one, count=count: measure_many(one, count, options))
            for count in CONNECTIONS
        }
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
    row(report, "its own least CPU us/request / this", [f"{count} conn." for count in CONNECTIONS])
    for name in names:
        costs = [medians(found[count], name, ["CPU us/request"])[0] for count in CONNECTIONS]
        row(report, name, [min(costs) / cost for cost in costs])
    for baseline in {"nginx"} & set(names):
        for figure in ("requests/s", "CPU us/request"):
            row(report, f"{figure} / {baseline}", [f"{count} conn." for count in CONNECTIONS])
            for name in names[1:]:
                row(report, name, [ratios(found[count], name, baseline, [figure])[0] for count in CONNECTIONS])


plaintext = comparison(
    "plaintext",
    "/plaintext",
    ("nginx", "Go", "Node", "limit"),
    baselines=("nginx", "Go", "Node", "limit", "spindle event_loop"),
)
file = comparison("file of 1 KiB", "/1k.txt", ("nginx",))
file_100k = comparison("file of 100 KiB", "/100k.txt", ("nginx",))
file_10m = comparison("file of 10 MiB", "/10m.txt", ("nginx",))
