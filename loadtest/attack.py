# SPDX-License-Identifier: Apache-2.0
"""What normal clients wait while thousands of connections are slow on purpose; server on all CPUs.

Headers time out within the window that is measured, so that closing the slow ones, which come again, is in the figures.
"""

import statistics
import subprocess
import sys
import time

import servers
from isolation import PROBES, RATE, in_rounds, probe
from table import Report, row

CONNECTIONS = 5000
ATTACKS = ("slow_header", "slow_body", "slow_read")
HEADER_TIMEOUT = 3  # seconds
COLUMNS = ("p50 ms alone", "p99 ms alone", "p50 ms", "p99 ms", "max ms", "unanswered", "closed", "KiB/connection")


def measure(name: str, attack: str, options) -> dict[str, float] | None:
    timeout = f"{HEADER_TIMEOUT}s"
    server = servers.start(name, options.spindle, options.folder, workers=options.cpus, header_timeout=timeout)
    if server is None:
        return None
    try:
        alone = probe(server.port, options)
        before = server.memory_bytes()
        command = [sys.executable, str(servers.HERE / "attacker.py"), attack, str(server.port), str(CONNECTIONS)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
            if attacker.stdout.readline() != "opened\n":
                raise SystemExit(f"{name}: {CONNECTIONS} connections could not be opened")
            time.sleep(HEADER_TIMEOUT)
            beside = probe(server.port, options)
            memory = server.memory_bytes() - before
            closed = float(attacker.communicate("\n")[0])
    finally:
        server.stop(patience=4)
    return {
        "p50 ms alone": alone["p50"],
        "p99 ms alone": alone["p99"],
        "p50 ms": beside["p50"],
        "p99 ms": beside["p99"],
        "max ms": beside["max"],
        "unanswered": beside["unanswered"],
        "closed": closed,
        "KiB/connection": memory / CONNECTIONS / 1024,
    }


def servers_for(attack: str) -> list[str]:
    """nginx as it is configured here reads no bodies."""
    return list(servers.BACKENDS) if attack == "slow_body" else ["nginx", *servers.BACKENDS]


def run(report: Report, options) -> None:
    rounds = in_rounds(ATTACKS, servers_for, measure, options)
    report.line(
        f"latency of /plaintext, {RATE} requests/s (open loop) on {PROBES} connections, beside {CONNECTIONS}"
        f" slow connections; {options.cpus} CPUs for server and clients (nginx: one worker), {options.rounds} rounds"
        f" of {options.seconds} s; headers time out after {HEADER_TIMEOUT} s"
    )
    for attack in rounds[0]:
        report.line()
        row(report, attack.replace("_", " "), COLUMNS)
        for name in servers_for(attack):
            found = [one[attack][name] for one in rounds]
            if None not in found:
                row(report, name, [statistics.median(one[figure] for one in found) for figure in COLUMNS])
