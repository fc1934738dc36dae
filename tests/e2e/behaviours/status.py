# SPDX-License-Identifier: Apache-2.0
"""The scheduler's figures: the status handler, schedtrace, and what is said of a frozen event loop."""

import os
import re
import signal
from pathlib import Path

from behaviours.waiting import PLAINTEXT, fiber, several_processors, start_each, warm_connections
from behaviours.workers import several_processes
from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually

OWN = configuration({"log.access": False})
FEW_THREADS = configuration(
    {
        "log.access": False,
        "concurrency.event_loop.blocking_threads": 1,
        "concurrency.event_loop.blocking_queue": 2,
    }
)
IMPATIENT = configuration(
    {
        "log.access": False,
        "concurrency.event_loop.lag_warning": "20ms",
        "log.schedtrace": "50ms",
    }
)
JSON = request("GET", "/status?format=json")


def event_loop(variant):
    return variant.event_loop


def one_loop(variant):
    return variant.event_loop and variant.workers == 1


def holds_signals_back(server) -> bool:
    """The thread sanitizer delivers no signal to a thread that sleeps (gcc 12's clock_nanosleep)."""
    return "libtsan" in Path(f"/proc/{server.process.pid}/maps").read_text()


def status(t, connection=None) -> dict:
    """What /status says as JSON, asked on `connection` or on one of its own."""
    if connection is None:
        return t.get("/status?format=json").json()
    connection.send(JSON)
    return connection.read_reply().json()


def total(t, connection=None) -> dict:
    return status(t, connection)["total"]


@behaviour
def status_in_json_has_the_same_names_under_every_backend(t):
    """The names are compared between the variants."""
    for reply in (
        t.get("/status?format=json"),
        t.get("/status", fields={"Accept": "application/json"}),
    ):
        check.status(reply, 200)
        check.field(reply, "Content-Type", "application/json")
        check.field(reply, "Cache-Control", "no-store")
        answer = reply.json()
        check.equal(answer["backend"], t.variant.backend)
        numbers = [worker["worker"] for worker in answer["workers"]]
        check.equal(numbers, list(range(t.variant.workers)))
        for worker in answer["workers"]:
            check.equal(set(worker) - {"worker"}, set(answer["total"]), "names of a worker")


@behaviour(compare=False)
def status_is_text_for_people_with_the_names_of_the_json(t):
    reply = t.get("/status")
    check.status(reply, 200)
    check.field(reply, "Content-Type", "text/plain; charset=utf-8")
    check.field(reply, "Cache-Control", "no-store")
    totals, _, table = reply.body.decode().partition("\n\n")
    names = [line.split()[0] for line in totals.splitlines()]
    check.equal(names, ["backend", "workers", *total(t)], "names in the text")
    head, *lines = table.splitlines()
    columns = head.split()
    check.equal(columns[0], "worker")
    assert set(columns[1:]) <= set(names), f"columns {columns} are not all names of the totals"
    check.equal([line.split()[0] for line in lines], [str(n) for n in range(t.variant.workers)])
    for line in lines:
        check.equal(len(re.split(r" {2,}", line)), len(columns), f"values in {line!r}")


@behaviour
def an_unknown_format_is_400_that_says_which_there_are(t):
    reply = t.get("/status?format=xml")
    check.status(reply, 400)
    assert "json" in reply.body.decode() and "text" in reply.body.decode(), reply


@behaviour(compare=False)
def a_head_request_for_status_has_no_body(t):
    check.equal(t.ask("HEAD", "/status?format=json").body, b"")


@behaviour(own_server=True, compare=False)
def connections_and_requests_add_up(t):
    t.start(OWN)
    held = warm_connections(t, 10)
    answer = status(t, held[0])
    check.equal(answer["total"]["connections"], 10, "open connections")
    check.equal(answer["total"]["connections_accepted"], 10)
    check.equal(answer["total"]["requests"], 10, "requests before this one")
    for name in ("connections", "connections_accepted", "requests"):
        added = sum(worker[name] for worker in answer["workers"])
        check.equal(added, answer["total"][name], f"sum of {name}")
    for connection in held[6:]:
        connection.close()
    eventually(
        lambda: total(t, held[0])["connections"] == 6, t.limit(10), "6 connections are left"
    )
    after = total(t, held[0])
    check.equal(after["connections_accepted"], 10)
    assert after["dispatched"] >= 10, after
    assert 0 < after["utilisation"] <= 1, after
    assert 0 < after["busy_seconds"] <= after["elapsed_seconds"], after


@behaviour(own_server=True, compare=False)
def the_longest_run_is_told_with_its_route(t):
    t.start(OWN)
    check.status(t.get("/cpu?us=150000"), 200)
    # The answer is sent before the run ends.
    eventually(
        lambda: total(t)["run_max_route"] == "/cpu", t.limit(10), "the longest run is that of /cpu"
    )
    assert total(t)["run_seconds_max"] >= 0.15, total(t)
    assert total(t)["run_seconds_p50"] < 0.15, total(t)


@behaviour(applies=one_loop, own_server=True, compare=False)
def a_long_run_delays_those_that_wait_meanwhile(t):
    t.start(OWN)
    waiting = warm_connections(t, 4)
    delay = 0.0
    for _ in range(20):  # what arrives together may be served before the long one: then once more
        busy = t.connect()
        busy.send(request("GET", "/cpu?us=300000"))
        for connection in waiting:
            connection.send(PLAINTEXT)
        for connection in [busy, *waiting]:
            check.status(connection.read_reply(), 200)
        delay = total(t)["delay_seconds_max"]
        if delay >= 0.1:
            return
    raise AssertionError(f"the longest delay is {delay} s beside runs of 300 ms")


@behaviour(applies=fiber, own_server=True, compare=False)
def handoffs_are_counted(t):
    t.start(OWN)
    for connection in start_each(t, "/block?ms=60", 4):
        check.status(connection.read_reply(), 200)
    figures = total(t)
    assert figures["handoffs"] > 0 and figures["stalls"] > 0, figures
    assert figures["threads"] > t.variant.workers, figures


@behaviour(applies=several_processors, own_server=True, compare=False)
def steals_are_counted(t):
    t.start(OWN)
    connections = warm_connections(t, 32)

    def stolen() -> bool:
        for connection in connections:
            connection.send(request("GET", "/cpu?us=2000"))
        for connection in connections:
            check.status(connection.read_reply(), 200)
        return total(t, connections[0])["steals"] > 0

    eventually(stolen, t.limit(20), "a processor steals under load")


@behaviour(own_server=True, compare=False)
def blocking_work_beyond_the_queue_is_refused_and_counted(t):
    """Under `fiber` there is no queue: each job has its thread."""
    t.start(FEW_THREADS)
    replies = [connection.read_reply() for connection in start_each(t, "/offload?ms=1000", 20)]
    refused = [reply for reply in replies if reply.status == 503]
    for reply in refused:
        check.field(reply, "Retry-After", "1")
    for reply in replies:
        check.status(reply, 200, 503)
    if t.variant.fiber:
        check.equal(len(refused), 0, "refused under fiber")
    else:
        # Each process that was asked has a thread and two places in its queue.
        assert 1 <= len(refused) <= 17, f"{len(refused)} refused"
    figures = total(t)
    check.equal(figures["blocking_calls"], 20)
    check.equal(figures["blocking_refused"], len(refused))
    check.equal(figures["blocking_queued"], 0)
    check.status(t.get("/offload?ms=1"), 200)


@behaviour(applies=several_processes, own_server=True, compare=False)
def what_a_killed_worker_counted_stays(t):
    server = t.start(OWN)
    for _ in range(30):
        check.status(t.get("/plaintext"), 200)
    before = total(t)
    victim = t.identity()["process"]
    os.kill(victim, signal.SIGKILL)
    server.wait_for_line(rf"worker \d \(process {victim}\)")

    def replaced() -> bool:
        connection = t.connect()
        try:
            return total(t, connection)["restarts"] == 1
        except (AssertionError, ConnectionError):
            return False  # it was the dead worker's

    eventually(replaced, t.limit(10), "the restart is counted")
    eventually(
        lambda: len({t.identity()["process"] for _ in range(8)} - {victim}) == 2,
        t.limit(10),
        "another worker serves in its place",
    )
    after = status(t)
    assert after["total"]["requests"] > before["requests"], (before, after)
    check.equal(sum(worker["restarts"] for worker in after["workers"]), 0, "restarts of the living")


@behaviour(applies=event_loop, own_server=True, compare=False)
def a_frozen_loop_is_reported_with_its_route_and_where_it_is(t):
    server = t.start(IMPATIENT)
    check.status(t.get("/cpu?us=300000"), 200)
    server.wait_for_line(r"worker \d is frozen: the handler of route /cpu has been running", "err")
    server.wait_for_line(r"^ +at spindle::handlers::cpu\(", "err")
    server.wait_for_line(r"route /cpu held the event loop of worker \d for \d+\.\d ms", "err")
    check.status(t.get("/block?ms=300"), 200)
    if not holds_signals_back(server):
        server.wait_for_line(r"^ +at spindle::handlers::block\(", "err")
    ended = server.wait_for_line(r"the handler of route /block held the event loop", "err")
    lasted = float(re.search(r"for (\d+\.\d) ms", ended[0])[1])
    assert lasted >= 300, f"a block of 300 ms is said to have held the loop for {lasted} ms"
    check.equal(total(t)["stalls"], 2)


@behaviour(applies=event_loop, own_server=True, compare=False)
def of_pipelined_handlers_the_one_that_held_the_loop_is_blamed(t):
    server = t.start(IMPATIENT)
    connection = t.connect()
    connection.send(request("GET", "/cpu?us=300000") + PLAINTEXT)
    check.status(connection.read_reply(), 200)
    check.status(connection.read_reply(), 200)
    server.wait_for_line(r"the handler of route /cpu held the event loop", "err")


@behaviour(own_server=True, compare=False)
def schedtrace_prints_a_line_every_now_and_then(t):
    server = t.start(IMPATIENT)
    pattern = (
        rf"SCHED \d+ms: backend={t.variant.backend} workers={t.variant.workers} "
        r"utilisation=[01]\.\d\d threads=\d+ running=\d+ stuck=\d+ idle=\d+ "
        r"runqueue=\d+ \[\d+( \d+)*\] blocking=\d+ steals=\d+ handoffs=\d+ stalls=\d+ refused=\d+ "
        r"connections=\d+ requests=\d+ delay_p99=\d+us stuck_routes=\S+$"
    )
    server.wait_for_line(pattern, "err", count=3)
    blocked = t.connect()
    blocked.send(request("GET", "/block?ms=1500"))
    lines = server.wait_for_line(r"SCHED .* stuck=1 .*stuck_routes=/block$", "err")
    queues = re.search(r"runqueue=\d+ \[([\d ]+)\]", lines[0])[1].split()
    check.equal(len(queues), t.variant.workers, "run queues in the line")
    check.status(blocked.read_reply(), 200)
    server.wait_for_line(r"SCHED .* stuck=0 .* stalls=[1-9].* stuck_routes=-$", "err")


@behaviour(own_server=True, compare=False)
def schedtrace_is_off_unless_it_is_asked_for(t):
    server = t.start(OWN)
    check.status(t.get("/sleep?ms=100"), 200)
    assert not re.search(r"\bSCHED\b", server.output()), "a trace that nobody asked for"
