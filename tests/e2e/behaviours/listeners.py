# SPDX-License-Identifier: Apache-2.0
"""Where the server listens: IPv4, IPv6, unix sockets, several at once."""

import contextlib
import errno
import functools
import os
import re
import signal
import socket
import stat
import time
from pathlib import Path

from harness import check
from harness.activation import passes
from harness.client import Address, request
from harness.configuration import configuration, listener
from harness.registry import behaviour
from harness.server import StartFailed, eventually, stat_of

IPV6 = configuration(listen=("[::1]:0",))
ANY_IPV6 = configuration(listen=("[::]:0",))
DUAL = configuration({"log.format": "json"}, listen=(listener("[::]:0", dual_stack=True),))


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


@behaviour(own_server=True, compare=False)
def a_unix_socket_is_removed_too_when_a_second_signal_ends_the_server(t):
    path = socket_path(t)
    config = configuration({"timeouts.drain": "1m"}, listen=("unix:" + path,))
    server = t.start(config)
    t.connect().send(request("GET", "/sleep?ms=30000"))
    expect_served(t, server.address)
    for _ in range(50):  # the first one begins the drain
        server.signal()
        if not os.path.exists(path):
            break
        time.sleep(t.limit(0.1))
    server.wait(t.limit(5))
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


def ipv4(server) -> Address:
    return Address(f"http://127.0.0.1:{server.address.port}")


def ipv6(server) -> Address:
    return Address(f"http://[::1]:{server.address.port}")


@behaviour(own_server=True, compare=False)
def ipv6_alone_leaves_the_port_of_ipv4_to_others(t):
    # The kernel picked a port that is free for IPv6: another program may have it for IPv4 by chance, not
    # on five different ports.
    for _ in range(5):
        server = t.start(ANY_IPV6)
        expect_served(t, ipv6(server))
        if can_bind("127.0.0.1", server.address.port):
            return
    raise AssertionError("the port of IPv4 is taken, five times of five")


def can_bind(address, port) -> bool:
    with socket.socket(socket.AF_INET) as other:
        try:
            other.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


@behaviour(config=DUAL)
def a_dual_stack_listener_takes_ipv4_and_logs_it_as_ipv4(t):
    for address, name in ((ipv4(t.server), "127.0.0.1"), (ipv6(t.server), "::1")):
        connection = t.connect(address)
        connection.send(request("GET", f"/plaintext?over={name}"))
        check.status(connection.read_reply(), 200)
        line = t.server.wait_for_line(re.escape(f"over={name}"), "out")[0]
        assert f'"remote_ip":"{name}","client_ip":"{name}"' in line, f"the address in {line}"


@behaviour(own_server=True)
def a_unix_socket_has_the_mode_that_is_asked_for_whatever_the_umask(t):
    path = socket_path(t)
    for mode, umask in (("0600", "000"), ("0666", "077"), ("660", "777")):
        config = configuration(listen=(listener("unix:" + path, mode=mode),))
        server = t.start(config, launcher=("sh", "-c", f'umask {umask}; exec "$0" "$@"'))
        check.equal(oct(stat.S_IMODE(os.stat(path).st_mode)), oct(int(mode, 8)), "mode")
        expect_served(t, server.address)
        t.close_connections()
        server.stop(t.limit(10))


def serves(t, address) -> bool:
    """False: more wait for it than it allows."""
    try:
        expect_served(t, address)
    except BlockingIOError:
        return False
    return True


def threads_run(pid: int) -> bool:
    return any(stat_of(thread)[0] != "T" for thread in Path(f"/proc/{pid}/task").iterdir())


@contextlib.contextmanager
def standing_still(t, server):
    """Within, it does nothing at all."""
    processes = server.process_ids()
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: not any(map(threads_run, processes)), t.limit(10), "all threads have stopped")
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


@behaviour(own_server=True, compare=False)
def no_more_connections_than_the_backlog_wait_for_a_server_that_accepts_none(t):
    """A unix socket says so at once, a TCP client tries again."""
    path = socket_path(t)
    for backlog in (3, 64):
        server = t.start(configuration(listen=(listener("unix:" + path, backlog=backlog),)))
        expect_served(t, server.address)
        sockets: list[socket.socket] = []
        waiting = 0
        with standing_still(t, server), contextlib.suppress(BlockingIOError):
            while waiting <= backlog + 1:
                sockets.append(socket.socket(socket.AF_UNIX))
                sockets[-1].setblocking(False)
                sockets[-1].connect(path)
                waiting += 1
        for one in sockets:
            one.close()
        check.equal(waiting, backlog + 1, "who waits, and one whom the kernel counts before")
        eventually(functools.partial(serves, t, server.address), t.limit(10), "those that waited are accepted")
        t.close_connections()
        server.stop(t.limit(10))


@behaviour(own_server=True)
def sockets_passed_by_systemd_are_served_by_all_workers(t):
    path = socket_path(t)
    config = configuration(listen=("systemd",))
    server = t.start(config, launcher=passes(web="listen=127.0.0.1", local=f"listen={path}"))
    server.wait_for_line(r"listening on unix:")
    addresses = [Address(f"unix:{path}"), server.address]
    for address in addresses * 10:
        expect_served(t, address)
    t.close_connections()
    server.stop(t.limit(10))
    assert os.path.exists(path), "the socket file is systemd's, but was removed"


@behaviour(own_server=True)
def sockets_passed_by_systemd_are_found_by_name(t):
    config = configuration(listen=("systemd:web", "systemd:admin"))
    server = t.start(config, launcher=passes(admin="listen=127.0.0.2", web="listen=127.0.0.1"))
    check.equal([address.sockaddr[0] for address in server.addresses], ["127.0.0.1", "127.0.0.2"])
    for address in server.addresses:
        expect_served(t, address)


@behaviour(own_server=True)
def a_passed_socket_that_no_listener_asks_for_is_named(t):
    server = t.start(
        configuration(listen=("systemd:web",)),
        launcher=passes(web="listen=127.0.0.1", forgotten="listen=127.0.0.1"),
    )
    expect_served(t, server.address)
    server.wait_for_line('the socket "forgotten" that systemd passed')


def why_it_does_not_start(t, listen: tuple[str, ...], launcher: tuple[str, ...]) -> str:
    try:
        t.start(configuration(listen=listen), launcher=launcher)
    except StartFailed as failed:
        check.equal(failed.code, 1, "exit code")
        return failed.output
    raise AssertionError("it started")


@behaviour(own_server=True)
def passed_sockets_that_cannot_be_served_are_named_with_the_reason(t):
    for listen, launcher, reason in (
        (("systemd",), (), "no sockets were passed"),
        (("systemd:web",), passes(admin="listen=127.0.0.1"), 'was passed; there are "admin"'),
        (("systemd",), passes(web="bind=127.0.0.1"), '"web" (descriptor 3) does not listen'),
        (("systemd",), passes(web="datagram=127.0.0.1"), '"web" (descriptor 3) is no stream socket'),
        (("systemd:web", "systemd"), passes(web="listen=127.0.0.1"), "is another listener's already"),
        (("systemd",), ("env", "LISTEN_PID=1", "LISTEN_FDS=1"), "no sockets were passed"),
    ):
        output = why_it_does_not_start(t, listen, launcher)
        assert reason in output, f"{reason!r} is not said: {output}"
