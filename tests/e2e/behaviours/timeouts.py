# SPDX-License-Identifier: Apache-2.0
"""Time-outs, configured small: slow requests are 408, idle connections end, non-readers are cut.

The server's time-outs are what ends these waits; the limits here are only bounds for failure.
"""

import contextlib
import time

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually

SHORT = configuration(
    {"timeouts.header": "300ms", "timeouts.body": "300ms", "timeouts.idle": "300ms"}
)
SHORT_WRITE = configuration({"timeouts.write": "400ms"})
PLAINTEXT = request("GET", "/plaintext")


@behaviour(config=SHORT)
def an_unfinished_header_is_408_and_the_end(t):
    for part in (b"G", b"GET /plaintext HTTP/1.1\r\n", PLAINTEXT[:-1]):
        connection = t.connect()
        connection.send(part)
        reply = connection.read_reply()
        check.status(reply, 408)
        assert reply.closes, "a 408 ends the connection"
        connection.expect_end()


@behaviour(config=SHORT)
def a_trickled_header_does_not_prolong_its_time(t):
    connection = t.connect()
    started = time.monotonic()
    for byte in request("GET", "/plaintext", fields={"X-Slow": "s" * 400}):
        connection.send(bytes([byte]))
        if connection.readable(0.05):
            break
        assert time.monotonic() - started < t.limit(5), "each byte prolongs the header's time"
    check.status(connection.read_reply(), 408)


@behaviour(config=SHORT)
def a_second_unfinished_header_is_408_too(t):
    connection = t.connect()
    connection.send(PLAINTEXT + PLAINTEXT[:-3])
    check.status(connection.read_reply(), 200)
    check.status(connection.read_reply(), 408)
    connection.expect_end()


@behaviour(config=SHORT)
def an_idle_connection_ends_silently(t):
    connection = t.connect()
    connection.send(PLAINTEXT)
    check.status(connection.read_reply(), 200)
    connection.expect_end()


@behaviour(config=SHORT, compare=False)
def a_connection_that_never_sends_ends(t):
    assert b"HTTP/1.1 2" not in t.connect().read_to_end()


@behaviour(config=SHORT)
def an_active_connection_outlives_the_idle_time(t):
    connection = t.connect()
    started = time.monotonic()
    while time.monotonic() - started < 0.9:
        connection.send(request("GET", "/sleep?ms=100"))
        check.status(connection.read_reply(), 200)
    connection.transcript.clear()  # how many there were is up to the clock


@behaviour(config=SHORT)
def a_handler_may_take_longer_than_the_idle_time(t):
    check.status(t.get("/sleep?ms=900"), 200)


@behaviour(config=SHORT, compare=False)
def an_unfinished_body_is_ended(t):
    connection = t.connect()
    connection.send(request("POST", "/echo", body=b"x" * 100)[:-50])
    answer = connection.read_to_end()
    assert b" 408 " in answer[:20] or not answer.endswith(
        b"0\r\n\r\n"
    ), f"a complete answer: {answer[-40:]!r}"


@behaviour(config=SHORT_WRITE, compare=False)
def a_client_that_does_not_read_is_cut(t):
    before = t.server.sockets()
    slow = t.connect(receive_bytes=4096)
    slow.send(request("GET", "/big.bin"))
    assert slow.readable(t.limit(5)), "the file does not begin"
    eventually(
        lambda: t.server.sockets() <= before,
        t.limit(10),
        "the connection of a client that never reads ends",
    )


@behaviour(config=SHORT_WRITE)
def a_slow_but_steady_reader_gets_all(t):
    connection = t.connect(receive_bytes=256 * 1024)
    connection.send(request("GET", "/big.bin"))
    started = time.monotonic()
    while time.monotonic() - started < 1.0:
        assert connection.readable(t.limit(2)), "the file stopped"
        connection.take_in(64 * 1024)
        time.sleep(0.02)  # the behaviour is about a slow client
    reply = connection.read_reply()
    check.equal(len(reply.body), 10 * 1024 * 1024)


BODY_RATE = configuration({"timeouts.body": "400ms", "limits.body_rate": "500B"})
ANY_BODY_RATE = configuration({"timeouts.body": "400ms", "limits.body_rate": "0B"})


def upload(t, bytes_a_piece: int, pieces: int):
    """A piece every 50 ms, or until the server ends the connection."""
    connection = t.connect()
    connection.send(request("POST", "/echo", fields={"Content-Length": str(bytes_a_piece * pieces)}))
    with contextlib.suppress(ConnectionError):
        for _ in range(pieces):
            connection.send(b"x" * bytes_a_piece)
            time.sleep(0.05)  # the behaviour is about a slow client
    return connection


@behaviour(config=BODY_RATE, compare=False)
def a_body_that_trickles_in_is_cut_off(t):
    """Each byte comes in time, but 20 a second are too few."""
    started = time.monotonic()
    connection = upload(t, 1, 200)
    with contextlib.suppress(ConnectionError):
        assert not connection.read_to_end().endswith(b"0\r\n\r\n"), "the whole body was taken"
    assert time.monotonic() - started < t.limit(5), "bytes now and then prolong the body's time"


@behaviour(config=BODY_RATE, compare=False)
def a_slow_but_steady_body_is_taken(t):
    """Twice as fast as it must be, for more than twice the time-out."""
    reply = upload(t, 50, 20).read_reply()
    check.equal((reply.status, len(reply.body)), (200, 1000))


@behaviour(config=ANY_BODY_RATE, compare=False)
def without_a_rate_each_byte_begins_the_body_s_time_anew(t):
    reply = upload(t, 1, 20).read_reply()
    check.equal((reply.status, len(reply.body)), (200, 20))


WRITE_RATE = configuration({"timeouts.write": "400ms", "limits.write_rate": "64MiB"})


@behaviour(config=WRITE_RATE, compare=False)
def a_reader_slower_than_the_rate_is_cut_off(t):
    """It takes bytes all the time, 3 MB of them a second."""
    connection = t.connect(receive_bytes=256 * 1024)
    connection.send(request("GET", "/big.bin"))
    started = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - started < 2:
            connection.take_in(64 * 1024)
            time.sleep(0.02)  # the behaviour is about a slow client
        answer = connection.read_to_end()
        assert len(answer) < 10 * 1024 * 1024, f"{len(answer)} bytes of 10 MiB"


FREEZING = configuration(
    {"timeouts.body": "2s", "limits.body_rate": "1KiB", "log.access": False}
)


def one_loop(variant):
    return variant.event_loop and variant.workers == 1


@behaviour(config=FREEZING, applies=one_loop, compare=False)
def a_frozen_loop_is_not_charged_to_who_sends_a_body(t):
    """What came during the freeze may have come at its beginning; so the client may still pause for the whole time-out."""
    sender, freezer = t.connect(), t.connect()
    sender.send(request("POST", "/echo", fields={"Content-Length": "10"}) + b"0")
    assert sender.readable(t.limit(5)), "the echo has not begun"
    freezer.send(request("GET", "/block?ms=1700"))
    time.sleep(0.2)  # the behaviour is about times
    sender.send(b"1")
    check.status(freezer.read_reply(), 200)
    time.sleep(1.2)
    sender.send(b"23456789")
    reply = sender.read_reply()
    check.equal((reply.status, reply.body), (200, b"0123456789"))
