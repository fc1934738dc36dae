# SPDX-License-Identifier: Apache-2.0
"""A handler that waits ends early when its client goes away or its deadline passes.

Where a behaviour must not begin before the handler does, it sends a request in front whose answer is
flushed just before: what goes away after that is seen by the handler's first wait, however early.
"""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour

PLAINTEXT = request("GET", "/plaintext")
LONG = "/sleep?ms=60000"
PATIENT = configuration({"timeouts.half_closed": "60s"})
IMPATIENT = configuration({"timeouts.half_closed": "100ms"})
NEVER = configuration({"timeouts.half_closed": "0s"})
DEADLINE = configuration({"timeouts.handler": "100ms"})


def start_sleep(t, mark: str):
    """A connection whose handler begins to sleep now."""
    connection = t.connect()
    connection.send(PLAINTEXT + request("GET", f"{LONG}&mark={mark}"))
    check.equal(connection.read_reply().body, b"Hello, World!")
    return connection


def expect_logged_as_gone(t, mark: str, count: int = 1) -> None:
    t.server.wait_for_line(rf'mark={mark}[^"]*" 499 0 ', "out", count)


@behaviour(config=PATIENT)
def a_reset_ends_a_sleeping_handler_at_once(t):
    connection = start_sleep(t, "reset")
    connection.reset()
    t.connections.remove(connection)
    expect_logged_as_gone(t, "reset")


@behaviour(config=PATIENT)
def many_resets_at_once_end_their_handlers(t):
    connections = [start_sleep(t, "crowd") for _ in range(50)]
    for connection in connections:
        connection.reset()
        t.connections.remove(connection)
    expect_logged_as_gone(t, "crowd", 50)


@behaviour(config=PATIENT)
def a_reset_ends_the_handler_of_a_later_request_too(t):
    connection = t.connect()
    for _ in range(3):
        connection.send(request("GET", "/sleep?ms=5"))
        check.status(connection.read_reply(), 200)
    connection.send(PLAINTEXT + request("GET", f"{LONG}&mark=later"))
    check.status(connection.read_reply(), 200)
    connection.reset()
    t.connections.remove(connection)
    expect_logged_as_gone(t, "later")


@behaviour(config=IMPATIENT)
def a_client_that_closed_is_given_up_after_a_while(t):
    connection = start_sleep(t, "closed")
    connection.close()
    expect_logged_as_gone(t, "closed")


@behaviour(config=IMPATIENT)
def a_half_closed_client_is_given_up_after_a_while(t):
    connection = start_sleep(t, "halfclosed")
    connection.half_close()
    connection.expect_end()
    expect_logged_as_gone(t, "halfclosed")


def expect_answer_to_half_closed(t, milliseconds: int) -> None:
    connection = t.connect()
    connection.send(request("GET", f"/sleep?ms={milliseconds}"))
    connection.half_close()
    check.status(connection.read_reply(), 200)
    connection.expect_end()


@behaviour(config=IMPATIENT)
def a_half_closed_client_gets_an_answer_that_comes_soon(t):
    expect_answer_to_half_closed(t, milliseconds=1)


@behaviour(config=NEVER)
def without_a_limit_a_half_closed_client_gets_its_answer_late(t):
    expect_answer_to_half_closed(t, milliseconds=400)


@behaviour
def a_connection_whose_handler_waited_ends_when_the_server_closes_it(t):
    connection = t.connect()
    connection.send(request("GET", "/sleep?ms=1", fields={"Connection": "close"}))
    check.status(connection.read_reply(), 200)
    connection.expect_end()


@behaviour(config=DEADLINE)
def a_handler_past_its_deadline_answers_503(t):
    connection = t.connect()
    connection.send(request("GET", LONG) + PLAINTEXT)
    reply = connection.read_reply()
    check.status(reply, 503)
    check.equal(reply.body, b"the request took longer than it may here\n")
    check.equal(connection.read_reply().body, b"Hello, World!")
    check.status(t.get("/sleep?ms=1"), 200)


@behaviour(own_server=True, compare=False)
def clients_that_vanish_do_not_hold_up_a_drain(t):
    server = t.start(PATIENT)
    for connection in [start_sleep(t, "drain") for _ in range(10)]:
        connection.reset()
        t.connections.remove(connection)
    expect_logged_as_gone(t, "drain", 10)
    server.signal()
    server.expect_clean_end(t.limit(10))
