# SPDX-License-Identifier: Apache-2.0
"""How many connections a client may have, over all processes; and what is done when descriptors run out."""

import json
import os
import signal

from behaviours.workers import several_processes
from harness import check
from harness.client import Address, Ended, request
from harness.configuration import configuration, listener
from harness.registry import behaviour
from harness.server import eventually

PLAINTEXT = request("GET", "/plaintext")
THREE = {"limits.connections_per_address": 3}
FEW = configuration(THREE)
# Whoever is trusted is not counted: there the figures can be asked for.
PROXIED = configuration(
    {**THREE, "proxies.trusted": ("127.0.0.1",)},
    listen=("127.0.0.1:0", listener(proxy_protocol=True)),
)


def served(t, header: bytes = b"", address: Address | None = None):
    """A connection that has been answered, so that it is counted."""
    connection = t.connect(address)
    connection.send(header + PLAINTEXT)
    check.status(connection.read_reply(), 200)
    return connection


def expect_turned_away(t, header: bytes = b"", address: Address | None = None) -> None:
    connection = t.connect(address)
    try:
        connection.send(header)
        check.status(connection.read_reply(), 503)
        connection.expect_end(reset_allowed=True)
    finally:
        connection.close()


def expect_place(t, what: str):
    """A connection that is served, as soon as one is."""
    admitted = []

    def is_admitted() -> bool:
        try:
            admitted.append(served(t))
        except (AssertionError, ConnectionError):
            return False
        return True

    eventually(is_admitted, t.limit(10), what)
    return admitted[0]


def proxied(t) -> Address:
    return t.server.addresses[1]


def of(client: str) -> bytes:
    family = "TCP6" if ":" in client else "TCP4"
    other = "2001:db8::ffff" if ":" in client else "198.51.100.1"
    return f"PROXY {family} {client} {other} 56324 443\r\n".encode()


@behaviour(own_server=True, compare=False)
def one_connection_too_many_of_an_address_is_closed_with_503(t):
    t.start(FEW)
    held = [served(t) for _ in range(3)]
    for _ in range(5):
        expect_turned_away(t)
    held.pop().close()

    held.append(expect_place(t, "one that ends makes a place"))
    for connection in held:
        connection.send(PLAINTEXT)
        check.status(connection.read_reply(), 200)


@behaviour(own_server=True, compare=False)
def clients_behind_a_proxy_are_counted_by_their_own_addresses(t):
    t.start(PROXIED)
    clients = ("192.0.2.1", "192.0.2.2", "2001:db8:1::1")
    held = [served(t, of(client), proxied(t)) for client in clients for _ in range(3)]
    for client in clients:
        expect_turned_away(t, of(client) + PLAINTEXT, proxied(t))
    # A /64 is one client; its neighbour is another one.
    expect_turned_away(t, of("2001:db8:1::2") + PLAINTEXT, proxied(t))
    served(t, of("2001:db8:1:1::1"), proxied(t))
    total = t.totals()
    check.equal(total["closed_address_full"], len(clients) + 1)
    check.equal(len(held), 9)


@behaviour(own_server=True, compare=False)
def proxies_and_unix_sockets_are_not_counted(t):
    path = t.bench.folder / f"crowd_{t.variant.backend}_{t.variant.workers}.sock"
    t.start(
        configuration(
            {**THREE, "proxies.trusted": ("127.0.0.1",)}, listen=("127.0.0.1:0", f"unix:{path}")
        )
    )
    for address in t.server.addresses:
        for connection in [served(t, address=address) for _ in range(10)]:
            connection.close()


@behaviour(own_server=True, compare=False)
def the_line_of_who_is_turned_away_has_nothing_of_another_client(t):
    server = t.start(configuration({**THREE, "log.format": "json"}))
    for _ in range(3):
        connection = t.connect()
        connection.send(request("GET", "/sleep?ms=1", host="another-client-of-this.test"))
        check.status(connection.read_reply(), 200)
    expect_turned_away(t)
    line = json.loads(server.wait_for_line('"status":503', "out")[0])
    check.equal((line["method"], line["host"], line["uri"]), ("", "", ""))


@behaviour(applies=several_processes, own_server=True, compare=False)
def what_a_killed_worker_had_open_is_forgotten(t):
    server = t.start(FEW)
    held = [served(t) for _ in range(3)]
    expect_turned_away(t)
    victim = t.identity(held[0])["process"]
    os.kill(victim, signal.SIGKILL)
    server.wait_for_line(rf"worker \d \(process {victim}\)")

    expect_place(t, "the dead worker's connections are forgotten")
    t.close_connections()

    def replaced() -> bool:
        try:
            return len({t.identity()["process"] for _ in range(8)} - {victim}) == 2
        except (AssertionError, ConnectionError):
            return False

    eventually(replaced, t.limit(10), "another worker serves in its place")


@behaviour(own_server=True, compare=False)
def without_descriptors_new_connections_are_closed_not_left_to_wait(t):
    t.start(
        configuration({"limits.connections": 4000, "log.access": False}), descriptors_max=128
    )
    held = [t.connect() for _ in range(300)]
    answered, closed = [], 0
    for connection in held:
        try:
            connection.send(PLAINTEXT)
            check.status(connection.read_reply(), 200)
            answered.append(connection)
        except (ConnectionError, Ended):
            closed += 1
            connection.close()
    assert answered and closed, f"{len(answered)} answered, {closed} closed"
    answered[0].send(request("GET", "/status?format=json"))
    total = answered[0].read_reply().json()["total"]
    shed = total["connections_shed_descriptors"]
    assert shed >= closed, (shed, closed)
    check.equal(total["connections_shed_memory"], 0, "shed for memory")
    assert total["accept_errors"] > 0, total
