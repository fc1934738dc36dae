# SPDX-License-Identifier: Apache-2.0
"""Runs scenarios: every server in turn, round by round, each measurement with a server of its own."""

import http.client
import json
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import servers

from . import clients, result
from .configuration import Configuration
from .scenario import HEAVY, Scenario

PEERS = ("nginx", "go", "node", "limit")


@dataclass
class Plan:
    spindle: Path
    client: clients.Client
    server_cpus: tuple[int, ...]
    folder: Path  # of what servers write
    scenarios: list[Scenario]
    names: list[str]  # backends, then peers
    own: Configuration | None  # the user's; else what loadtest/ brings
    rounds: int
    seconds: int
    warmup_seconds: int = 1
    warnings_max: int = 5
    interrupted: threading.Event = field(default_factory=threading.Event)

    @property
    def status_path(self) -> str | None:
        return self.own.status_path if self.own else "/status"

    def duration(self, scenario: Scenario) -> int:
        return scenario.duration_s or self.seconds


class Progress:
    """What is measured, and how long it still takes: a line on standard error."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.left = sum(self.seconds_of(one) for one in plan.scenarios) * plan.rounds * len(plan.names)

    def seconds_of(self, scenario: Scenario) -> float:
        return self.plan.duration(scenario) + self.plan.warmup_seconds + 1.0

    def say(self, scenario: Scenario, number: int, name: str) -> None:
        minutes, seconds = divmod(int(self.left), 60)
        where = f"{scenario.name}, round {number + 1} of {self.plan.rounds}, {name}"
        if sys.stderr.isatty():
            print(f"\x1b[2K{where}: {minutes}:{seconds:02} left", end="\r", file=sys.stderr, flush=True)
        else:
            print(where, file=sys.stderr, flush=True)
        self.left -= self.seconds_of(scenario)


def run_all(plan: Plan, found: dict[str, Any]) -> None:
    """Adds to `found` as it goes, so that what was measured is there whenever it ends."""
    progress = Progress(plan)
    for scenario in plan.scenarios:
        entry: dict[str, Any] = {
            "name": scenario.name,
            "title": scenario.title,
            "file": clients.shown(scenario.file),
            "settings": scenario.settings(plan.duration(scenario)),
            "servers": [],
            "ratios": {},
        }
        found["scenarios"].append(entry)
        names = [name for name in plan.names if serves(plan, scenario, name)]
        by_name: dict[str, dict[str, Any]] = {name: {"name": name, "command": "", "rounds": []} for name in names}
        try:
            for number in range(plan.rounds):
                first = number % len(names)
                for name in names[first:] + names[:first]:
                    if plan.interrupted.is_set():  # Python drops what a handler raises in a destructor
                        raise KeyboardInterrupt
                    progress.say(scenario, number, name)
                    by_name[name]["rounds"].append(measure(plan, scenario, name))
        finally:
            entry["servers"] = [one for one in by_name.values() if one["rounds"]]
            for one in entry["servers"]:
                one["command"] = one["rounds"][0].pop("command")
                for later in one["rounds"][1:]:
                    later.pop("command")
                one["summary"] = result.summarise(one["rounds"])
            entry["ratios"] = result.ratios(entry["servers"])


def serves(plan: Plan, scenario: Scenario, name: str) -> bool:
    """A peer that lacks a route is left out of the scenario. A background that does nothing would be no background."""
    if name == "limit" and not scenario.is_plain:  # it says the same whatever is asked
        print(f"{scenario.name}: limit serves nothing but /plaintext: left out", file=sys.stderr)
        return False
    asked = [("GET", one.path) for one in scenario.background]
    if name in PEERS:
        asked += [(route.method, route.path) for route in scenario.routes]
    if not asked:
        return True
    server = start(plan, name)
    try:
        statuses = {path: ask(server.port, method, path, scenario.host)[0] for method, path in asked}
    finally:
        server.stop()
    for path, status in statuses.items():
        if status != 200 and name in PEERS:
            print(f"{scenario.name}: {name} does not serve {path}: left out", file=sys.stderr)
            return False
        if status != 200:
            raise clients.Failed(f"{scenario.file}: the background {path} is answered {status}, not 200")
    return True


def start(plan: Plan, name: str) -> servers.Server:
    spindles: dict[str, Any] = {"config": plan.own.path, "sets": plan.own.sets} if plan.own else {}
    cpus = ",".join(map(str, plan.server_cpus))
    workers = len(plan.server_cpus)
    started = servers.start(
        name, plan.spindle, plan.folder, workers=workers, cpus=cpus, limit=clients.limit_beside(plan.client.probe), **spindles
    )
    if started is None:
        raise clients.Failed(f"{name} is not installed")
    return started


def measure(plan: Plan, scenario: Scenario, name: str) -> dict[str, Any]:
    server = start(plan, name)
    seconds = plan.duration(scenario)
    try:
        clients.measure(plan.client, scenario, server.port, plan.warmup_seconds)
        with clients.beside(plan.client, scenario, server.port, seconds, server.memory_bytes) as held:
            before, ticks_before = server.run_seconds(), server.cpu_seconds()
            found = clients.measure(plan.client, scenario, server.port, seconds)
            if found["requests"] == 0:
                raise clients.Failed(f"{scenario.file}: not one request was answered under {name}")
            used = server.run_seconds() - before
            user, system = (now - then for now, then in zip(server.cpu_seconds(), ticks_before, strict=True))
            memory: dict[str, Any] = {"rss_bytes": server.memory_bytes("Rss"), "pss_bytes": server.memory_bytes()}
        share = used / max(found["seconds"], 1e-9) / len(plan.server_cpus)
        if not scenario.is_open_loop and share > clients.BUSY_SHARE:
            found["client_limited"] = False  # the server was at its limit too
        # The work beside it is on the same account: then a request's own share is not known.
        known = not any(one.kind in HEAVY for one in scenario.background)
        each_us = used * 1e6 / found["requests"] if known else None
        found["cpu_us_per_request"] = each_us
        found["user_us_per_request"] = each_us and each_us * user / max(user + system, 1e-9)
        (_, warm), (connections, full) = held[0], held[-1]
        memory["bytes_per_connection"] = (full - warm) / connections if connections else None
        memory["by_connections"] = held if connections else []
        found["memory"] = memory
        found["scheduler"] = scheduler_figures(plan, server) if name not in PEERS else None
    finally:
        server.stop()
    found["warnings"] = warnings_of(server, plan.warnings_max) if name not in PEERS else []
    return found


def ask(port: int, method: str, path: str, host: str = "") -> tuple[int, bytes]:
    """-> status, 0 if there is no answer; body."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=clients.PATIENCE_SECONDS)
        named = {"Host": host} if host else {}
        connection.request(method, path, headers={"Accept": "application/json", **named})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply.status, body
    except (OSError, http.client.HTTPException):
        return 0, b""


def scheduler_figures(plan: Plan, server: servers.Server) -> dict[str, Any] | None:
    if plan.status_path is None:
        return None
    status, body = ask(server.port, "GET", plan.status_path)
    try:
        return json.loads(body)["total"] if status == 200 else None
    except (ValueError, KeyError):
        return None


def warnings_of(server: servers.Server, most: int) -> list[str]:
    lines = server.log.read_text(errors="replace").splitlines()
    return [line for line in lines if " warning [" in line or " error [" in line][:most]


def split_cpus() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """-> the server's, the clients': half each; one CPU is shared."""
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    half = max(1, len(cpus) // 2)
    return cpus[:half], cpus[half:] or cpus
