# SPDX-License-Identifier: Apache-2.0
"""Where the server listens: IPv4, IPv6, unix sockets, several at once."""

import os
import socket

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour

IPV6 = configuration(listen=("[::1]:0",))


def socket_path(t) -> str:
    return str(t.bench.folder / f"{t.variant.backend}_{t.variant.workers}.sock")


def expect_served(t, address) -> None:
    connection = t.connect(address)
    connection.send(request("GET", "/plaintext") * 2)
    for _ in range(2):
        check.equal(connection.read_reply().body, b"Hello, World!")
    connection.close()


@behaviour(config=IPV6)
def an_ipv6_address_is_served(t):
    check.equal(t.server.address.family, socket.AF_INET6)
    expect_served(t, t.server.address)


@behaviour(own_server=True)
def a_unix_socket_is_served_and_removed_at_the_end(t):
    path = socket_path(t)
    server = t.start(configuration(listen=("unix:" + path,)))
    check.equal(server.address.sockaddr, path)
    for _ in range(10):
        expect_served(t, server.address)
    t.close_connections()
    server.stop(t.limit(10))
    assert not os.path.exists(path), "the socket file is left behind"


@behaviour(own_server=True)
def a_stale_unix_socket_is_replaced(t):
    path = socket_path(t)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    server = t.start(configuration(listen=("unix:" + path,)))
    expect_served(t, server.address)


@behaviour(own_server=True)
def a_unix_socket_at_the_place_of_a_file_is_refused(t):
    path = t.bench.folder / f"{t.variant.backend}_{t.variant.workers}.txt"
    path.write_text("precious")
    try:
        t.start(configuration(listen=(f"unix:{path}",)))
    except AssertionError as failed:
        check.equal(path.read_text(), "precious", "the file")
        assert path.name in str(failed), f"the path is not named: {failed}"
    else:
        raise AssertionError("it started")


@behaviour(own_server=True)
def several_listeners_are_served_by_one_server(t):
    listen = ("127.0.0.1:0", "[::1]:0", "127.0.0.1:0", "unix:" + socket_path(t))
    server = t.start(configuration(listen=listen))
    check.equal(len(server.ports), 3, "ports")
    for address in server.addresses * 3:
        expect_served(t, address)
