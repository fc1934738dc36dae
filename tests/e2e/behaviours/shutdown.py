# SPDX-License-Identifier: Apache-2.0
"""Signals: the first one drains, a second one ends at once, the drain has an end."""

import signal
import time

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import BIG

SHORT_DRAIN = configuration({"timeouts.drain": "2s"})
LONG_DRAIN = configuration({"timeouts.drain": "60s"})
PLAINTEXT = request("GET", "/plaintext")


def idle_connection(t):
    connection = t.connect()
    connection.send(PLAINTEXT)
    check.status(connection.read_reply(), 200)
    return connection


def drain_begins(t, server, number=signal.SIGTERM) -> None:
    """Returns when the drain has begun, which closes idle connections: of so many, every process has one."""
    idle = [idle_connection(t) for _ in range(16)]
    time.sleep(t.limit(0.05))  # nothing tells from outside that requests sent before have been read
    server.signal(number)
    for connection in idle:
        connection.expect_end()


@behaviour(own_server=True)
def each_of_term_quit_and_int_ends_an_idle_server(t):
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
        server = t.start()
        check.status(t.get("/plaintext"), 200)
        server.signal(number)
        server.expect_clean_end(t.limit(10))


@behaviour(own_server=True)
def a_server_that_served_nothing_ends_cleanly(t):
    t.start().stop(t.limit(10))


@behaviour(own_server=True)
def what_is_in_flight_is_answered_with_connection_close(t):
    server = t.start()
    busy = [t.connect() for _ in range(6)]
    for connection, target in zip(
        busy,
        (
            "/sleep?ms=700",
            "/sleep?ms=700",
            "/offload?ms=700",
            "/block?ms=50",
            "/sleep?ms=900",
            "/cpu?us=1000",
        ),
    ):
        connection.send(request("GET", target))
    drain_begins(t, server)
    for connection in busy:
        if not connection.readable(t.limit(5)):
            raise AssertionError("a request in flight is not answered")
        reply = connection.read_reply()
        check.status(reply, 200)
        connection.expect_end()
        connection.transcript.clear()  # the short ones may have ended before the drain
    server.expect_clean_end(t.limit(10))


@behaviour(own_server=True)
def a_sleep_in_flight_gets_connection_close(t):
    server = t.start()
    busy = t.connect()
    busy.send(request("GET", "/sleep?ms=800"))
    drain_begins(t, server)
    reply = busy.read_reply()
    check.status(reply, 200)
    assert reply.closes, "no Connection: close in an answer during the drain"
    busy.expect_end()
    server.expect_clean_end(t.limit(10))


@behaviour(own_server=True)
def idle_connections_are_closed_silently(t):
    server = t.start(LONG_DRAIN)
    idle = [idle_connection(t) for _ in range(50)]
    fresh = [t.connect() for _ in range(5)]
    check.status(t.get("/plaintext"), 200)
    server.signal()
    for connection in idle + fresh:
        connection.expect_end(reset_allowed=connection in fresh)
    server.expect_clean_end(t.limit(10))


@behaviour(own_server=True, compare=False)
def new_connections_are_refused_during_the_drain(t):
    server = t.start()
    busy = t.connect()
    busy.send(request("GET", "/sleep?ms=1000"))
    drain_begins(t, server)
    try:
        late = t.connect()
        late.send(PLAINTEXT)
        late.expect_end(reset_allowed=True)
    except ConnectionError:
        pass
    check.status(busy.read_reply(), 200)
    server.expect_clean_end(t.limit(10))


@behaviour(own_server=True)
def a_download_in_flight_is_finished(t):
    server = t.start()
    connection = t.connect(receive_bytes=64 * 1024)
    connection.send(request("GET", "/big.bin"))
    assert connection.readable(t.limit(5)), "the file does not begin"
    drain_begins(t, server)
    check.same_bytes(connection.read_reply().body, BIG)
    connection.expect_end()
    server.expect_clean_end(t.limit(10))


@behaviour(own_server=True, compare=False)
def a_half_sent_request_is_answered_or_closed_in_the_drain(t):
    server = t.start(SHORT_DRAIN)
    half = t.connect()
    half.send(PLAINTEXT[:-2])
    drain_begins(t, server)
    try:
        half.read_to_end()
    except ConnectionResetError:
        pass
    server.expect_clean_end(t.limit(10))


@behaviour(own_server=True, compare=False)
def a_drain_longer_than_its_time_is_cut(t):
    server = t.start(SHORT_DRAIN)
    stuck = [t.connect() for _ in range(5)]
    for connection in stuck:
        connection.send(request("GET", "/sleep?ms=10000"))
    drain_begins(t, server)
    started = time.monotonic()
    server.expect_clean_end(t.limit(5))
    assert time.monotonic() - started < t.limit(
        4
    ), "the end took far longer than timeouts.drain = 2s"


@behaviour(own_server=True, compare=False)
def a_handler_that_does_not_come_back_does_not_hold_up_the_end(t):
    """Not even under event_loop, whose loop is stuck before it hears of the drain."""
    server = t.start(SHORT_DRAIN)
    for connection in [t.connect() for _ in range(2 * t.variant.workers)]:
        connection.send(request("GET", "/block?ms=60000"))
    server.wait_for_line("the handler of route /block has been running")
    started = time.monotonic()
    server.signal()
    check.equal(server.wait(t.limit(10)), 0)
    assert time.monotonic() - started < t.limit(5), "the end took far longer than timeouts.drain = 2s"
    server.expect_no_bug()
    server.kill()


@behaviour(own_server=True, compare=False)
def a_client_that_does_not_read_does_not_hold_up_the_end(t):
    server = t.start(SHORT_DRAIN)
    slow = t.connect(receive_bytes=4096)
    slow.send(request("GET", "/big.bin"))
    assert slow.readable(t.limit(5)), "the file does not begin"
    server.signal()
    server.expect_clean_end(t.limit(5))


@behaviour(own_server=True, compare=False)
def a_second_signal_ends_at_once(t):
    for second in (signal.SIGTERM, signal.SIGINT):
        server = t.start(LONG_DRAIN)
        t.connect().send(request("GET", "/sleep?ms=10000"))
        drain_begins(t, server)
        started = time.monotonic()
        server.signal(second)
        server.wait(t.limit(5))
        assert time.monotonic() - started < t.limit(2), "the second signal did not end it at once"
        server.expect_no_bug()
        server.kill()
