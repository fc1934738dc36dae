# SPDX-License-Identifier: Apache-2.0
"""What waits, blocks or computes in one request does not stop the others; work changes workers.

Where it can, a behaviour asserts an order (this answer before that one) and not a duration.
"""

import re
import time

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour

PLAINTEXT = request("GET", "/plaintext")
OWN = configuration({"log.access": False})


def fiber(variant):
    return variant.fiber


def several_processors(variant):
    return variant.fiber and variant.workers > 1


def start_each(t, target: str, count: int):
    connections = [t.connect() for _ in range(count)]
    for connection in connections:
        connection.send(request("GET", target))
    return connections


def expect_served_meanwhile(t, busy, idle) -> None:
    """`idle` connections and a new one are served while all requests in `busy` are unanswered."""
    for connection in [*idle, t.connect()]:
        connection.send(PLAINTEXT)
        check.equal(connection.read_reply().body, b"Hello, World!")
    answered = sum(connection.readable() for connection in busy)
    assert (
        answered == 0
    ), f"{answered} of {len(busy)} busy requests ended before /plaintext was answered"
    for connection in busy:
        check.status(connection.read_reply(), 200)


def warm_connections(t, count: int):
    connections = [t.connect() for _ in range(count)]
    for connection in connections:
        connection.send(PLAINTEXT)
        check.status(connection.read_reply(), 200)
    return connections


@behaviour
def a_hundred_sleeps_run_side_by_side(t):
    started = time.monotonic()
    sleeping = start_each(t, "/sleep?ms=100", 100)
    for connection in sleeping:
        check.status(connection.read_reply(), 200)
    elapsed = time.monotonic() - started
    assert elapsed < t.limit(2), f"100 sleeps of 100 ms took {elapsed:.2f} s"


@behaviour
def short_sleeps_overtake_long_ones(t):
    long, short = start_each(t, "/sleep?ms=1500", 1)[0], start_each(t, "/sleep?ms=10", 1)[0]
    check.status(short.read_reply(), 200)
    assert not long.readable(), "the long sleep ended first"
    check.status(long.read_reply(), 200)


@behaviour(compare=False)
def offloaded_work_does_not_freeze_the_rest(t):
    idle = warm_connections(t, 8)
    expect_served_meanwhile(t, start_each(t, "/offload?ms=800", 2 * t.variant.workers), idle)


@behaviour
def more_offloaded_work_than_threads_is_all_done(t):
    for connection in start_each(t, "/offload?ms=20", 40):
        check.status(connection.read_reply(), 200)


@behaviour
def undeclared_blocking_is_answered_in_the_end(t):
    for connection in start_each(t, "/block?ms=30", 12):
        check.status(connection.read_reply(), 200)


@behaviour(applies=fiber)
def one_undeclared_block_does_not_stop_the_others(t):
    idle = warm_connections(t, 8)
    expect_served_meanwhile(t, start_each(t, "/block?ms=800", 1), idle)


@behaviour(applies=fiber, compare=False)
def all_processors_stuck_at_once_still_answer(t):
    idle = warm_connections(t, 16)
    expect_served_meanwhile(t, start_each(t, "/block?ms=1500", 2 * t.variant.workers), idle)


@behaviour(applies=fiber, compare=False, own_server=True)
def no_more_threads_than_threads_max_take_processors_over(t):
    """What is beyond waits for its turn, is told and counted; and threads that came back are used again."""
    most = t.variant.workers + 2
    server = t.start(configuration({"concurrency.fiber.threads_max": most}))
    for _ in range(3):
        busy = start_each(t, "/block?ms=200", most + 4)
        for connection in [*busy, *start_each(t, "/plaintext", 8)]:
            check.status(connection.read_reply(), 200)
        t.close_connections()
    server.wait_for_line("no thread is left to take it over: raise concurrency.fiber.threads_max")
    figures = t.totals()
    assert figures["handoffs_refused"] > 0, figures
    check.equal(figures["threads"], most, "threads")


@behaviour(applies=lambda variant: fiber(variant) and variant.workers > 1, compare=False, own_server=True)
def threads_max_that_leaves_no_thread_is_told_at_the_start(t):
    most = t.variant.workers
    server = t.start(configuration({"concurrency.fiber.threads_max": most}))
    server.wait_for_line(f"concurrency.fiber.threads_max = {most} leaves no thread to take a processor over")
    check.status(t.get("/plaintext"), 200)


@behaviour(applies=fiber)
def a_block_behind_pipelined_requests_does_not_stop_the_others(t):
    idle = warm_connections(t, 4)
    busy = t.connect()
    busy.send(request("GET", "/block?ms=800") + PLAINTEXT * 3)
    expect_served_meanwhile(t, [busy], idle)
    for _ in range(3):
        check.equal(busy.read_reply().body, b"Hello, World!")


@behaviour(applies=fiber, compare=False)
def timers_fire_while_a_handler_computes(t):
    computing = start_each(t, "/cpu?us=900000", t.variant.workers)
    sleeping = start_each(t, "/sleep?ms=20", 4)
    for connection in sleeping:
        check.status(connection.read_reply(), 200)
    answered = sum(connection.readable() for connection in computing)
    assert answered < len(computing), "no timer fired before every computation had ended"
    for connection in computing:
        check.status(connection.read_reply(), 200)


@behaviour(applies=lambda variant: variant.workers > 1, compare=False)
def every_worker_takes_part(t):
    """With 8 processors on few CPUs not all must; more than one must."""
    seen = set()
    deadline = time.monotonic() + t.limit(10)
    while len(seen) < 2 and time.monotonic() < deadline:
        busy = start_each(t, "/cpu?us=3000", 16)
        asking = start_each(t, "/backend", 16)
        seen |= {worker(connection.read_reply().json()) for connection in asking}
        for connection in busy:
            check.status(connection.read_reply(), 200)
            connection.close()
    assert len(seen) > 1, f"all requests were served by worker {seen}"


@behaviour(applies=several_processors, compare=False)
def a_kept_connection_is_served_by_different_processors(t):
    """Work accepted on one processor is run by another one."""
    connections = warm_connections(t, 32)
    workers = {connection: set() for connection in connections}
    deadline = time.monotonic() + t.limit(15)
    while time.monotonic() < deadline:
        for connection in connections:
            connection.send(request("GET", "/cpu?us=2000") + request("GET", "/backend"))
        for connection in connections:
            check.status(connection.read_reply(), 200)
            workers[connection].add(worker(connection.read_reply().json()))
        if any(len(seen) > 1 for seen in workers.values()):
            return
    raise AssertionError("under load every connection stayed on its processor")


@behaviour(applies=several_processors, compare=False, own_server=True)
def the_figures_tell_of_stolen_work(t):
    server = t.start(OWN)
    connections = warm_connections(t, 32)
    for _ in range(20):
        for connection in connections:
            connection.send(request("GET", "/cpu?us=2000"))
        for connection in connections:
            check.status(connection.read_reply(), 200)
    t.close_connections()
    server.stop(t.limit(30))
    steals = re.findall(r"steals=(\d+)", server.output())
    if not steals:
        t.skip("the server logs no figure `steals`")
    assert sum(map(int, steals)) > 0, "nothing was stolen under load"


def worker(answer: dict):
    """The worker or processor in an answer of /backend, with its process."""
    name = next(
        answer[key] for key in ("worker", "processor", "worker_id", "processor_id") if key in answer
    )
    return (answer.get("process_id", answer.get("process", answer.get("pid"))), name)
