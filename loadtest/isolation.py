# SPDX-License-Identifier: Apache-2.0
"""What a light request waits beside heavy ones: an open-loop probe beside a load, server on all CPUs.

Every measurement starts its server anew, so that none inherits what another left undone.
"""

import statistics
import subprocess

import servers
from table import Report, row

RATE = 2000
PROBES = 32
LOADS = {  # title: (path, connections)
    "alone": ("", 0),
    "16 x cpu 20 ms": ("/cpu?us=20000", 16),
    "2 x cpu 200 ms": ("/cpu?us=200000", 2),
    "16 x block 100 ms": ("/block?ms=100", 16),
    "16 x offload 100 ms": ("/offload?ms=100", 16),
}
COLUMNS = ("p50 ms", "p99 ms", "max ms", "unanswered", "load/s", "p99 / Go", "load / Go", "client late p99")


def probe(port: int, options, path: str = "", connections: int = 0, extra=()) -> dict[str, float]:
    command = [str(options.probe), "measure", "--port", str(port), "--rate", str(RATE), *extra]
    command += ["--connections", str(PROBES), "--seconds", str(options.seconds)]
    if path:
        command += ["--load", path, "--load-connections", str(connections)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {key: float(value) for key, value in (line.split() for line in output.splitlines())}


def measure(name: str, load: str, options) -> tuple[dict[str, float] | None, str]:
    """Figures, and the server's first warning."""
    path, connections = LOADS[load]
    server = servers.start(name, options.spindle, options.folder, workers=options.cpus)
    if server is None:
        return None, ""
    try:
        figures = probe(server.port, options, path, connections)
    finally:
        server.stop(patience=4)
    warnings = [line for line in server.log.read_text().splitlines() if " warning [" in line and "route" in line]
    return figures, warnings[0] if warnings else ""


def servers_for(load: str) -> list[str]:
    """Only Spindle has a way to declare work blocking."""
    return list(servers.BACKENDS) if "offload" in load else ["Go", "fiber", "event_loop", "Node"]


def in_rounds(loads, servers_for, measure, options) -> list[dict]:
    """What was measured of each server beside each chosen load, round by round."""
    chosen = [load for load in loads if options.load in load]
    return [
        {load: {name: measure(name, load, options) for name in servers_for(load)} for load in chosen}
        for _ in range(options.rounds)
    ]


def run(report: Report, options) -> None:
    rounds = in_rounds(LOADS, servers_for, measure, options)
    report.line(
        f"latency of /plaintext, {RATE} requests/s (open loop) on {PROBES} connections, beside a load;"
        f" {options.cpus} CPUs for servers and client, {options.rounds} rounds of {options.seconds} s"
    )
    for load in rounds[0]:
        report.line()
        row(report, load, COLUMNS)
        for name in servers_for(load):
            show(report, [one[load] for one in rounds], name)
        for name in servers_for(load):
            if warning := rounds[0][load][name][1]:
                report.line(f"  {name} says: {warning}")


def show(report: Report, rounds, name: str) -> None:
    found = [one[name][0] for one in rounds]
    if None in found:
        return

    def median(figure: str) -> float:
        return statistics.median(one[figure] for one in found)

    def ratio(figure: str) -> float | str:
        if name == "Go" or "Go" not in rounds[0] or rounds[0]["Go"][0] is None or not median("load_done"):
            return "" if figure != "p99" or name == "Go" else ratio_to_go(figure)
        return ratio_to_go(figure)

    def ratio_to_go(figure: str) -> float | str:
        pairs = [(one[name][0][figure], one["Go"][0][figure]) for one in rounds if one.get("Go", (None,))[0]]
        return statistics.median(mine / max(gos, 1e-9) for mine, gos in pairs) if pairs else ""

    load = median("load_per_s") if found[0]["load_done"] or found[0]["load_refused"] else ""
    values = [median("p50"), median("p99"), max(one["max"] for one in found), median("unanswered"), load]
    row(report, name, [*values, ratio("p99"), ratio("load_per_s"), median("late_p99")])
    if refused := sum(one["load_refused"] for one in found):
        report.line(f"  {name}: {refused:.0f} requests of the load were refused")
