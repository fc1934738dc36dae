# SPDX-License-Identifier: Apache-2.0
"""Vanishing clients and a lack of descriptors leave nothing behind; each teardown is checked."""

from harness import check
from harness.client import Ended, request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually

OWN = configuration({"log.access": False})
MANY = configuration({"log.access": False, "limits.connections": 1000})
PLAINTEXT = request("GET", "/plaintext")
# What a client has sent when it goes away; None: it reads the answer first.
LEAVINGS = [
    b"",
    b"GET / HT",
    PLAINTEXT,
    PLAINTEXT * 3,
    request("POST", "/echo", body=b"x" * 50)[:-20],
    request("GET", "/big.bin"),
    request("GET", "/sleep?ms=30"),
    request("GET", "/offload?ms=1"),
    None,
]


def expect_connections_gone(t, server, before: int) -> None:
    eventually(
        lambda: server.sockets() <= before,
        t.limit(15),
        "every socket of a vanished client is closed",
        found=lambda: f"{server.sockets()} sockets, {before} before; {server.tcp_states()}",
    )
    check.status(t.get("/plaintext"), 200)


@behaviour(own_server=True, compare=False)
def two_thousand_reset_connections_leave_nothing(t):
    server = t.start(OWN)
    check.status(t.get("/plaintext"), 200)
    before = server.sockets()
    for number in range(2000):
        leave(t, LEAVINGS[number % len(LEAVINGS)], lambda connection: connection.reset())
    expect_connections_gone(t, server, before)


@behaviour(own_server=True, compare=False)
def closed_connections_leave_nothing(t):
    server = t.start(OWN)
    check.status(t.get("/plaintext"), 200)
    before = server.sockets()
    for number in range(500):
        leave(t, LEAVINGS[number % len(LEAVINGS)], lambda connection: connection.close())
    expect_connections_gone(t, server, before)


def leave(t, sent: bytes | None, how) -> None:
    connection = t.connect()
    connection.send(PLAINTEXT if sent is None else sent)
    if sent is None:
        check.status(connection.read_reply(), 200)
    how(connection)
    t.connections.remove(connection)


@behaviour(own_server=True, compare=False)
def a_thousand_open_connections_are_dropped_at_once(t):
    server = t.start(OWN)
    check.status(t.get("/plaintext"), 200)
    before = server.sockets()
    connections = [t.connect() for _ in range(1000)]
    for connection in connections:
        connection.send(PLAINTEXT)
    for connection in connections:
        check.status(connection.read_reply(), 200)
    for connection in connections:
        connection.reset()
    expect_connections_gone(t, server, before)


@behaviour(own_server=True, compare=False)
def clients_that_vanish_while_their_handler_waits_leave_nothing(t):
    server = t.start(OWN)
    check.status(t.get("/plaintext"), 200)
    before = server.sockets()
    for target in ("/sleep?ms=300", "/offload?ms=100", "/block?ms=20", "/cpu?us=500"):
        connections = [t.connect() for _ in range(20)]
        for connection in connections:
            connection.send(request("GET", target) * 2)
        for connection in connections:
            connection.reset()
    expect_connections_gone(t, server, before)


@behaviour(own_server=True, compare=False)
def a_drain_with_vanishing_clients_leaves_nothing(t):
    server = t.start(OWN)
    connections = [t.connect() for _ in range(100)]
    for number, connection in enumerate(connections):
        connection.send(
            request("GET", "/sleep?ms=200") if number % 2 else request("GET", "/big.bin")
        )
    server.signal()
    for connection in connections:
        connection.reset()
    server.expect_clean_end(t.limit(15))


@behaviour(own_server=True, compare=False)
def running_out_of_descriptors_is_survived(t):
    """EMFILE: who has a connection is served, others wait or are turned away, and it recovers."""
    server = t.start(MANY, descriptors_max=128)
    held = [t.connect() for _ in range(300)]
    for connection in held:
        connection.send(PLAINTEXT)
    served = check.readable_of(held, t.limit(1), enough=len(held))
    answered = [connection for connection in served if answers(connection)]
    assert answered, "nobody is served when descriptors run out"
    assert server.running, "the server ended when descriptors ran out"
    for connection in answered[:5]:
        connection.send(PLAINTEXT)
        check.status(connection.read_reply(), 200)
    before = server.cpu_seconds()
    assert not check.readable_of(answered[:1], 0.5, enough=1), "an answer without a request"
    burnt = server.cpu_seconds() - before
    assert burnt < 0.25, f"it spins while descriptors are out: {burnt:.2f} s of CPU in 0.5 s"
    for connection in held:
        connection.close()
    eventually(lambda: recovered(t), t.limit(10), "new connections are served again")
    check.status(t.get("/style.css"), 200)


def answers(connection) -> bool:
    try:
        return connection.read_reply().status == 200
    except (Ended, ConnectionError):
        return False


def recovered(t) -> bool:
    connection = t.connect(limit=1)
    try:
        connection.send(PLAINTEXT)
        return connection.read_reply().status == 200
    except (AssertionError, ConnectionError):
        return False
    finally:
        connection.close()
