# SPDX-License-Identifier: Apache-2.0
"""The load generators: wrk for closed loops, spindle_probe for fixed rates and for what goes on beside them.

A closed loop asks as fast as it is answered: good for throughput and cost. It sends one request into a freeze and sees
one slow answer, so latencies beside heavy work are measured at a fixed rate, from when each request was due. Why not by
h2load: docs/decisions/0010.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from .scenario import HEAVY, Background, Scenario

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHARES = (0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 0.99999)
SLOT_SECONDS = 0.1
PATIENCE_SECONDS = 60
FIRST_ERROR = 400  # of statuses, as wrk counts
BUSY_SHARE = 0.95
IDLE_STEPS = 5


class Failed(Exception):
    """A load generator did not do its work."""


@dataclass(frozen=True)
class Client:
    """Where load generators run, and which."""

    cpus: tuple[int, ...]
    probe: Path

    def pinned(self, command: list[str]) -> list[str]:
        return ["taskset", "-c", ",".join(map(str, self.cpus)), *command]


def shown(text: str) -> str:
    """A command or path as whoever has a copy of this repository can use it, wherever that lies."""
    return text.replace(f"{ROOT}/", "")


def limit_beside(probe: Path) -> Path:
    """The responder that does nothing but respond, of the same build."""
    return probe.with_name("spindle_limit")


def measure(client: Client, scenario: Scenario, port: int, seconds: int) -> dict[str, Any]:
    """A round's figures as far as the client knows them (`command` too)."""
    return (_at_a_rate if scenario.is_open_loop else _closed)(client, scenario, port, seconds)


def _run(client: Client, command: list[str], seconds: int) -> tuple[str, float]:
    """-> output, share of its CPUs that it used."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(client.pinned(command), stdout=output, stderr=errors)
        try:
            _, status, usage = _wait(process, seconds + PATIENCE_SECONDS)
        except BaseException:
            process.kill()
            process.wait()
            raise
        output.seek(0)
        errors.seek(0)
        if status != 0:
            raise Failed(f"{command[0]}: {errors.read().decode(errors='replace').strip()[:500]}")
        used = (usage.ru_utime + usage.ru_stime) / (time.monotonic() - began) / len(client.cpus)
        return output.read().decode(), min(used, 1.0)


def _wait(process: subprocess.Popen[bytes], limit: float) -> tuple[int, int, Any]:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = os.wait4(process.pid, os.WNOHANG)
        if found[0] != 0:
            process.returncode = os.waitstatus_to_exitcode(found[1])
            return found
        time.sleep(0.02)
    raise Failed(f"{process.args!r} did not end in time")


def _closed(client: Client, scenario: Scenario, port: int, seconds: int) -> dict[str, Any]:
    threads = max(1, min(len(client.cpus), scenario.connections))
    command = ["wrk", f"-t{threads}", f"-c{scenario.connections}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(HERE / "wrk.lua"), f"http://127.0.0.1:{port}{scenario.routes[0].path}", "--"]
    command += [str(scenario.pipelining), str(int(scenario.new_connection)), scenario.host]
    for route in scenario.turn:
        command += [route.method, str(route.body_bytes), route.path]
    output, used = _run(client, command, seconds)
    line = next((one for one in output.splitlines() if one.startswith("RESULT ")), None)
    if line is None:
        raise Failed(f"wrk said nothing that is understood: {output[-300:]!r}")
    found = json.loads(line.removeprefix("RESULT "))
    # wrk counts a batch's requests from each other: with a pipeline its latencies mean nothing.
    distribution = found["distribution"] if scenario.pipelining == 1 else []
    latency: dict[float, float] = {share: ms for share, ms in distribution}
    return {
        "command": shown(" ".join(command)),
        "requests": found["requests"],
        "seconds": found["seconds"],
        "requests_per_s": found["requests"] / max(found["seconds"], 1e-9),
        "latency_ms": {
            "p50": latency.get(0.5),
            "p90": latency.get(0.9),
            "p99": latency.get(0.99),
            "p999": latency.get(0.999),
            "max": found["max_ms"] if distribution else None,
        },
        "distribution": distribution,
        "errors": found["errors"],
        "client_cpu_share": used,
        "client_limited": used > BUSY_SHARE,
        "timeline": [],
    }


def _at_a_rate(client: Client, scenario: Scenario, port: int, seconds: int) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(mode="r", suffix=".log") as log:
        command = [*probe(client, "measure", scenario), "--port", str(port), "--rate", str(scenario.rate_per_s)]
        command += ["--connections", str(scenario.connections), "--seconds", str(seconds), "--log", log.name]
        for route in scenario.turn:
            command += ["--request", route.method, route.path, str(route.body_bytes)]
        if load := scenario.own_load:
            command += ["--load", load.path, "--load-connections", str(load.connections)]
            for option, at in (("--load-begin", load.begin_s), ("--load-end", load.end_s)):
                command += [option, str(at)] if at is not None else []
        output, used = _run(client, command, seconds)
        requests = [tuple(map(float, line.split())) for line in log]
    said = dict(line.split() for line in output.splitlines())
    sorted_ms = sorted(latency / 1000 for _, latency, _ in requests)
    late_ms = float(said["late_p99"])
    p99 = percentile(sorted_ms, 0.99)
    return {
        "command": shown(" ".join(command)),
        "requests": len(requests),
        "seconds": float(seconds),
        "requests_per_s": sum(1 for _, _, status in requests if 0 < status < FIRST_ERROR) / seconds,
        "latency_ms": {
            "p50": percentile(sorted_ms, 0.5),
            "p90": percentile(sorted_ms, 0.9),
            "p99": p99,
            "p999": percentile(sorted_ms, 0.999),
            "max": percentile(sorted_ms, 1),
        },
        "distribution": [[share, percentile(sorted_ms, share)] for share in SHARES],
        "errors": {
            "connect": 0,
            "read": 0,
            "write": 0,
            # Under way at the end is no error, waited for in vain is.
            "timeout": sum(1 for _, latency, status in requests if status == 0 and latency > 1e6),
            "status": int(said["failed"]),
        },
        "client_cpu_share": used,
        # It sends when its time has come: what it is late itself is no latency of the server.
        "client_limited": late_ms > 1 and late_ms > 0.5 * p99,
        "timeline": timeline(requests),
    }


def probe(client: Client, what: str, scenario: Scenario) -> list[str]:
    return [str(client.probe), what, *(["--host", scenario.host] if scenario.host else [])]


def percentile(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(int(share * len(sorted_values)), len(sorted_values) - 1)] if sorted_values else 0.0


def timeline(requests: list[tuple[float, ...]]) -> list[dict[str, float]]:
    """By when requests were due."""
    slots: dict[int, list[float]] = {}
    for due_us, latency_us, _ in requests:
        slots.setdefault(int(due_us / 1e6 / SLOT_SECONDS), []).append(latency_us / 1000)
    made = []
    for slot, found in sorted(slots.items()):
        found.sort()
        figures = {"p50_ms": percentile(found, 0.5), "p99_ms": percentile(found, 0.99), "max_ms": found[-1]}
        made.append({"second": round(slot * SLOT_SECONDS, 3), "requests": len(found), **figures})
    return made


# ---- beside the measurement


def in_steps(background: Background) -> list[Background]:
    """Idle connections are opened a part after the other: what each part costs is measured."""
    if background.kind != "idle":
        return [background]
    ends = [background.connections * step // IDLE_STEPS for step in range(IDLE_STEPS + 1)]
    return [replace(background, connections=end - begin) for begin, end in pairwise(ends) if end > begin]


@contextmanager
def beside(
    client: Client, scenario: Scenario, port: int, seconds: int, memory: Callable[[], int]
) -> Iterator[list[tuple[int, int]]]:
    """The background goes on until the block ends. -> the server's memory by how many connections are held open."""
    running: list[subprocess.Popen[str]] = []
    held = [(0, memory())]
    try:
        for background in scenario.background:
            if background is scenario.own_load:
                continue
            for part in in_steps(background):
                running.append(_begin(client, scenario, part, port, seconds))
                if part.kind in ("idle", "slow"):
                    held.append((held[-1][0] + part.connections, memory()))
        yield held
        for process in running:
            if process.poll() is not None:
                raise Failed(f"what was to go on beside {scenario.name} ended early: {process.args!r}")
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait()
            if process.stdin:
                process.stdin.close()
            if process.stdout:
                process.stdout.close()


def _begin(
    client: Client, scenario: Scenario, background: Background, port: int, seconds: int
) -> subprocess.Popen[str]:
    """Returns when its connections are open."""
    where = ["--port", str(port), "--connections", str(background.connections)]
    if background.kind == "idle":
        command = [*probe(client, "hold", scenario), *where, "--from", "127.2.0.1", "--addresses", "16"]
        command += ["--path", background.path]
    elif background.kind == "slow":
        command = [sys.executable, str(HERE.parent / "attacker.py"), "slow_header", str(port)]
        command += [str(background.connections)]
    else:
        command = [*probe(client, "closed", scenario), *where, "--path", background.path]
        command += ["--seconds", str(seconds + PATIENCE_SECONDS)]
    process = subprocess.Popen(
        client.pinned(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin and process.stdout
    if not process.stdout.readline():
        process.kill()
        process.wait()
        raise Failed(f"the background load could not be opened: {' '.join(command)}")
    if background.kind in HEAVY:
        process.stdin.write("\n")
        process.stdin.flush()
    return process
