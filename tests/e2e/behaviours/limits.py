# SPDX-License-Identifier: Apache-2.0
"""Limits: what is too large, too many or too often is refused with its status, and only that."""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour

SMALL = configuration(
    {
        "limits.header_bytes": "4KiB",
        "limits.header_count": 20,
        "limits.target_bytes": "1KiB",
        "limits.requests_per_connection": 3,
    }
)
FEW_CONNECTIONS = configuration({"limits.connections": 8})
PLAINTEXT = request("GET", "/plaintext")


def expect_refusal(t, data: bytes, status: int) -> None:
    connection = t.connect()
    connection.send(data)
    reply = connection.read_reply()
    check.status(reply, status)
    assert reply.closes, f"a {status} ends the connection"
    connection.expect_end(reset_allowed=True)


@behaviour(config=SMALL)
def a_header_that_is_too_large_is_431(t):
    expect_refusal(t, request("GET", "/plaintext", fields={"X-Large": "x" * 5000}), 431)
    expect_refusal(
        t, request("GET", "/plaintext", fields={f"X-{n}": "y" * 400 for n in range(12)}), 431
    )


@behaviour(config=SMALL)
def a_header_that_never_ends_is_431(t):
    expect_refusal(t, PLAINTEXT[:-2] + b"X-Endless: " + b"z" * 60_000, 431)
    expect_refusal(t, PLAINTEXT[:-2] + b"n" * 60_000, 431)


@behaviour(config=SMALL)
def too_many_fields_are_431(t):
    expect_refusal(t, request("GET", "/plaintext", fields={f"X-{n}": "1" for n in range(20)}), 431)


@behaviour(config=SMALL)
def as_many_fields_as_allowed_are_taken(t):
    check.status(t.get("/plaintext", fields={f"X-{n}": "1" for n in range(19)}), 200)


@behaviour(config=SMALL)
def a_target_that_is_too_long_is_414(t):
    expect_refusal(t, request("GET", "/plaintext?" + "q" * 1500), 414)
    expect_refusal(t, b"GET /" + b"t" * 60_000, 414)


@behaviour(config=SMALL)
def a_target_at_the_limit_is_taken(t):
    target = "/plaintext?"
    check.status(t.get(target + "q" * (1024 - len(target))), 200)
    check.status(t.get(target + "q" * (1025 - len(target))), 414)


@behaviour(config=SMALL)
def a_split_header_counts_as_a_whole(t):
    connection = t.connect()
    connection.send_in_pieces(
        request("GET", "/plaintext", fields={"X-Large": "x" * 5000})[:4800], 100
    )
    check.status(connection.read_reply(), 431)


@behaviour(config=SMALL)
def the_last_allowed_request_of_a_connection_says_close(t):
    connection = t.connect()
    for number in range(3):
        connection.send(PLAINTEXT)
        check.equal(
            connection.read_reply().closes, number == 2, f"Connection: close in answer {number}"
        )
    connection.expect_end()


@behaviour(config=SMALL)
def pipelined_requests_over_the_limit_are_not_answered(t):
    connection = t.connect()
    connection.send(PLAINTEXT * 5)
    replies = [connection.read_reply() for _ in range(3)]
    check.equal([reply.closes for reply in replies], [False, False, True])
    connection.expect_end(reset_allowed=True)


@behaviour(config=FEW_CONNECTIONS, compare=False)
def connections_over_the_limit_wait_for_a_free_place_and_that_is_counted(t):
    check.equal(t.totals()["accepts_paused"], 0, "pauses before")
    waiting = [t.connect() for _ in range(40)]
    for connection in waiting:
        connection.send(PLAINTEXT)
    # The second wait is for what must not come, so it needs a duration.
    first = check.readable_of(waiting, t.limit(5), enough=2)
    more = check.readable_of([c for c in waiting if c not in first], 0.3, enough=7)
    served = first + more
    assert 2 <= len(served) <= 8, f"{len(served)} connections served at once, 8 allowed"
    while waiting:
        assert served, f"{len(waiting)} connections are never served"
        for connection in served:
            check.equal(connection.read_reply().body, b"Hello, World!")
            connection.close()
            waiting.remove(connection)
        served = check.readable_of(waiting, t.limit(5), enough=1)
    assert t.totals()["accepts_paused"] > 0, "no pause is counted"


@behaviour(compare=False)
def a_client_that_only_sends_is_not_buffered_without_bound(t):
    """Answers that nobody reads stop the reading of further requests."""
    connection = t.connect(receive_bytes=4096)
    sent = connection.send_until_blocked(
        request("GET", "/json") * 500, wait=0.5, bytes_max=64 << 20
    )
    assert (
        sent < 64 << 20
    ), f"the server took {sent} bytes of requests from a client that reads nothing"
    check.status(t.get("/plaintext"), 200)
    connection.reset()
