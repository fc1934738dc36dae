# SPDX-License-Identifier: Apache-2.0
"""Worker processes of the event loop: all serve, a dead one is reported and replaced."""

import os
import re
import signal
import time
from pathlib import Path

from behaviours.workload import process_id
from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually, stat_of

OWN = configuration({"log.access": False})


def several_processes(variant):
    return variant.processes > 1


def one_process(variant):
    return variant.processes == 1


def serving_processes(t, enough, limit: float = 10.0) -> set[int]:
    """Asks on new connections until `enough(ids seen)` holds or the limit has passed."""
    seen: set[int] = set()
    deadline = time.monotonic() + t.limit(limit)
    while not enough(seen) and time.monotonic() < deadline:
        connection = t.connect()
        try:
            connection.send(request("GET", "/backend"))
            seen.add(process_id(connection.read_reply().json()))
        except (ConnectionError, AssertionError):
            pass  # it was the killed worker's; the caller judges by what was seen
        connection.close()
    return seen


@behaviour(applies=several_processes, compare=False, own_server=True)
def all_processes_serve(t):
    server = t.start(OWN)
    seen = serving_processes(t, lambda ids: len(ids) >= 2)
    assert len(seen) == 2, f"only {seen} served"
    assert server.process.pid not in seen, "the supervisor serves requests"


@behaviour(applies=several_processes, compare=False, own_server=True)
def a_killed_worker_is_reported_and_replaced(t):
    server = t.start(OWN)
    before = serving_processes(t, lambda ids: len(ids) >= 2)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    server.wait_for_line(
        rf"\b{victim}\b.*(signal 9|SIGKILL|[Kk]illed)|(signal 9|SIGKILL|[Kk]illed).*\b{victim}\b"
    )
    seen = serving_processes(t, lambda ids: len(ids - {victim}) >= 2)
    assert len(seen - before) == 1, f"served by {before}, {victim} killed, then by {seen}"


@behaviour(applies=several_processes, compare=False, own_server=True)
def the_other_worker_serves_on_while_one_dies(t):
    server = t.start(OWN)
    connections = {}
    while len(connections) < 2:
        connection = t.connect()
        connections.setdefault(process_id(t.identity(connection)), connection)
    victim, survivor = connections
    os.kill(victim, signal.SIGKILL)
    server.wait_for_line(rf"\b{victim}\b")
    check.equal(
        process_id(t.identity(connections[survivor])), survivor, "the process of a kept connection"
    )
    serving_processes(t, lambda ids: len(ids - {victim}) >= 2)  # its end is checked with the rest


@behaviour(applies=several_processes, compare=False, own_server=True)
def who_comes_while_no_worker_lives_is_served_by_those_to_come(t):
    """The supervisor keeps the listening sockets, and what waits in them."""
    server = t.start(OWN)
    _, *victims = server.process_ids()
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    eventually(lambda: all(is_zombie(pid) for pid in victims), t.limit(5), "both are dead")
    waiting = [t.connect(limit=10) for _ in range(30)]
    for connection in waiting:
        connection.send(request("GET", "/plaintext"))
    for connection in waiting:
        check.equal(connection.read_reply().body, b"Hello, World!")


@behaviour(applies=several_processes, compare=False, own_server=True)
def a_worker_that_dies_again_and_again_is_waited_for_twice_as_long_each_time(t):
    server = t.start(OWN)
    _, survivor, victim = server.process_ids()
    told = []
    for _ in range(3):
        os.kill(victim, signal.SIGKILL)
        lines = server.wait_for_line(rf"process {victim}\) was ended by signal 9 .* starts in \d+ ms", "err")
        told += [int(re.search(r"starts in (\d+) ms", line)[1]) for line in lines if f"process {victim})" in line]
        eventually(lambda: new_worker(server, survivor) not in (None, victim), t.limit(10), "another one lives")
        victim = new_worker(server, survivor)
        check.status(t.get("/plaintext"), 200)
    check.equal(told, [100, 200, 400], "ms until another one starts")


def new_worker(server, other: int) -> int | None:
    return next((pid for pid in server.process_ids()[1:] if pid != other and not is_zombie(pid)), None)


@behaviour(applies=several_processes, compare=False, own_server=True)
def workers_do_not_outlive_a_killed_supervisor(t):
    server = t.start(OWN)
    workers = serving_processes(t, lambda ids: len(ids) >= 2)
    os.kill(server.process.pid, signal.SIGKILL)
    deadline = time.monotonic() + t.limit(5)
    while any(os.path.exists(f"/proc/{pid}") and not is_zombie(pid) for pid in workers):
        assert time.monotonic() < deadline, "workers go on without their supervisor"
        time.sleep(0.01)
    server.kill()


@behaviour(applies=one_process, compare=False)
def one_process_serves_everything(t):
    seen = {process_id(t.identity()) for _ in range(20)}
    assert len(seen) == 1, f"served by {seen}"


def is_zombie(pid: int) -> bool:
    try:
        return stat_of(Path(f"/proc/{pid}"))[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
