# SPDX-License-Identifier: Apache-2.0
"""Memory and threads that run out cost requests and connections, each counted, and never the server."""

import resource
from pathlib import Path

from harness import check
from harness.client import Ended, Overdue, chunked, request
from harness.configuration import configuration
from harness.failing import FailingAllocations
from harness.registry import behaviour
from harness.server import StartFailed, eventually

from .basic_auth import basic

EVERYTHING = configuration(
    {
        "log.format": "json",
        "log.request_id": True,
        "log.schedtrace": "50ms",
        "compression.encodings": ("br", "zstd", "gzip"),
        "timeouts.handler": "400ms",
        "timeouts.drain": "5s",
    },
    more="""
[[route]]
path = "/files/"
handler = "static"
root = "{folder}/site"
autoindex = true
[[route]]
path = "/closed"
handler = "plaintext"
auth_file = "{folder}/site/passwords"
[[route]]
path = "/seldom"
handler = "plaintext"
rate_limit = "5/s"
""",
)
CODED = {"Accept-Encoding": "gzip"}


def last(method: str, target: str, fields: dict | None = None, **options) -> bytes:
    """The connection's last request: its end tells that it is over."""
    return request(method, target, fields={**(fields or {}), "Connection": "close"}, **options)


# Each kind of request that asks for memory in a place of its own.
KINDS = [
    last("GET", "/plaintext"),
    request("GET", "/plaintext") * 20 + last("GET", "/plaintext"),
    last("GET", "/plaintext", {"X": "x" * 5000}),
    last("GET", "/json"),
    last("GET", "/sleep?ms=3"),
    last("GET", "/sleep?ms=700"),
    last("GET", "/block?ms=15"),
    last("GET", "/cpu?us=5000"),
    last("GET", "/offload?ms=3"),
    last("POST", "/echo", body=b"hello"),
    last("POST", "/echo", body=b"x" * 300_000),
    last("POST", "/echo", {"Transfer-Encoding": "chunked"}) + chunked([b"x" * 999] * 9),
    last("GET", "/status"),
    last("GET", "/status?format=json"),
    last("GET", "/"),
    last("GET", "/script.js", CODED),
    last("GET", "/big.bin"),
    last("HEAD", "/big.bin"),
    last("GET", "/big.bin", {"Range": "bytes=0-9,20-29"}),
    last("GET", "/alphabet.txt", {"If-None-Match": '"x"', "Range": "bytes=2-3"}),
    last("GET", "/files/no_index/", CODED),
    last("GET", "/nothing/there"),
    last("GET", "/closed", basic("ali", "open sesame")),
    last("GET", "/closed", basic("ali", "wrong")),
    last("GET", "/seldom"),
    last("OPTIONS", "*"),
    b"NONSENSE\r\n\r\n",
]
STATUS = request("GET", "/status?format=json")


def start_failing(t, config) -> FailingAllocations:
    failing = FailingAllocations(t.bench.binary, t.bench.folder)
    if t.bench.sanitized:
        t.skip("a sanitizer has allocations of its own")
    t.start(config, environment=failing.environment)
    return failing


def tries(t, data: bytes) -> None:
    """Sends and takes what comes, whatever it is."""
    connection = None
    try:
        connection = t.connect(limit=2)
        connection.send(data)
        connection.read_to_end()
    except (AssertionError, ConnectionError, Ended, Overdue):
        pass
    finally:
        if connection is not None:
            connection.close()


@behaviour(own_server=True, compare=False)
def allocations_that_fail_cost_no_more_than_their_requests(t):
    failing = start_failing(t, EVERYTHING)
    for one_in in (100, 30, 15, 6, 4):
        failing.one_in(one_in)
        for kind in KINDS:
            tries(t, kind)
    failing.one_in(0)
    assert t.server.running, "the server ended"
    assert failing.failed > 50, f"only {failing.failed} allocations failed"
    check.equal(t.totals()["restarts"], 0, "workers that died")
    expect_all_served(t)


def expect_all_served(t) -> None:
    check.equal(t.get("/plaintext").body, b"Hello, World!")
    check.status(t.get("/closed", fields=basic("ali", "open sesame")), 200)
    check.status(t.get("/closed", fields=basic("baba", "open sesame")), 200)
    check.field(t.get("/files/no_index/", fields=CODED), "Content-Encoding", "gzip")
    check.status(t.get("/offload?ms=1"), 200)
    check.equal(t.ask("POST", "/echo", body=b"x" * 300_000).body, b"x" * 300_000)
    check.equal(len(t.get("/big.bin").body), 10 * 1024 * 1024)


@behaviour(own_server=True, compare=False)
def who_gets_no_memory_is_told_503(t):
    """Answers to what came before stay."""
    failing = start_failing(t, configuration({"log.access": False}))
    before = t.totals()
    alone, behind = t.connect(), t.connect()
    for connection in (alone, behind):
        connection.send(request("GET", "/plaintext"))
        check.status(connection.read_reply(), 200)

    failing.one_in(1)
    behind.send(request("GET", "/plaintext") + STATUS)
    check.equal(behind.read_reply().body, b"Hello, World!")
    alone.send(STATUS)
    for connection in (behind, alone):
        reply = connection.read_reply()
        check.status(reply, 503)
        assert reply.closes, "whoever is given up is told to go"
        connection.expect_end(reset_allowed=True)
    failing.one_in(0)

    eventually(
        lambda: t.totals()["closed_no_memory"] - before["closed_no_memory"] == 2,
        t.limit(10),
        "both are counted",
    )


@behaviour(own_server=True, compare=False)
def a_connection_that_there_is_no_memory_for_is_closed_at_once(t):
    failing = start_failing(t, configuration({"log.access": False}))
    before = given_up(t)
    failing.one_in(1)
    crowd = [t.connect() for _ in range(500)]  # frames that are kept for those to come serve some
    closed = check.readable_of(crowd, t.limit(5), enough=300)
    failing.one_in(0)
    assert len(closed) >= 300, f"only {len(closed)} of 500 are closed"
    t.close_connections()
    shed = given_up(t) - before
    assert shed >= 300, f"only {shed} are counted"


def given_up(t) -> int:
    """Before there was a flow to serve them, and after."""
    total = t.totals()
    check.equal(total["connections_shed_descriptors"], 0, "shed for descriptors")
    return total["connections_shed_memory"] + total["closed_no_memory"]


GREEDY = configuration({"limits.header_bytes": "1MiB", "timeouts.header": "60s"})


@behaviour(own_server=True, compare=False)
def heads_beyond_a_limit_of_memory_are_refused(t):
    t.start(GREEDY)
    limit_memory(t, spare=16 << 20)
    greedy = [t.connect() for _ in range(400)]
    head = b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 900_000
    closed = sum(not takes(connection, head) for connection in greedy)
    closed += len(check.readable_of(greedy, t.limit(2), enough=len(greedy)))
    assert closed, "a server with 16 MiB to spare kept 400 heads of 900 kB"
    assert t.server.running, "the server ended when memory ran out"
    t.close_connections()

    eventually(lambda: serves(t), t.limit(10), "new connections are served again")
    lift_limit(t)
    assert given_up(t) > 0, "nothing was counted"
    check.equal(t.totals()["restarts"], 0, "workers that died")


MIXED = [request("GET", "/sleep?ms=300")] * 150
MIXED += [request("GET", "/block?ms=20")] * 30
MIXED += [request("GET", "/offload?ms=20")] * 30
MIXED += [request("POST", "/echo", body=b"x" * 300_000)] * 150


@behaviour(own_server=True, compare=False)
def a_crowd_beyond_a_limit_of_memory_is_served_or_shed(t):
    """RLIMIT_AS makes mappings fail as well, and so stacks and threads."""
    t.start(configuration({"log.access": False}))
    limit_memory(t, spare=12 << 20)
    for _ in range(2):
        crowd = [t.connect() for _ in MIXED]
        for connection, data in zip(crowd, MIXED):
            takes(connection, data)
        for connection in crowd:
            is_served(connection)
        t.close_connections()
        eventually(lambda: serves(t), t.limit(10), "new connections are served again")
    for data in {data: None for data in MIXED}:
        connection = t.connect()
        connection.send(data)
        check.status(connection.read_reply(), 200, 503)  # what others freed may lie in pieces that are too small
    lift_limit(t)
    check.equal(t.totals()["restarts"], 0, "workers that died")


def limit_memory(t, spare: int) -> None:
    """To `spare` bytes more than each process has mapped now."""
    if t.bench.sanitized:
        t.skip("a sanitizer's shadow is larger than any limit")
    for pid in t.server.process_ids():
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + spare
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def lift_limit(t) -> None:
    for pid in t.server.process_ids():
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def takes(connection, data: bytes) -> bool:
    """Whether the server took all, for all that is known."""
    try:
        connection.send(data)
    except (Ended, ConnectionError):
        return False
    return True


def is_served(connection) -> bool:
    try:
        reply = connection.read_reply()
    except (Ended, ConnectionError):
        return False
    check.status(reply, 200, 503)
    return reply.status == 200


def serves(t) -> bool:
    connection = t.connect(limit=1)
    try:
        connection.send(request("GET", "/plaintext"))
        return is_served(connection)
    except Overdue:
        return False
    finally:
        connection.close()


THREADS = configuration({"log.format": "json", "log.schedtrace": "10s", "concurrency.fiber.threads_max": 64})


@behaviour(own_server=True, compare=False)
def threads_that_cannot_begin_are_an_error_with_the_limit_to_raise(t):
    """As many begin as fit, so each number ends the start in another place."""
    failing = FailingAllocations(t.bench.binary, t.bench.folder)
    if t.bench.sanitized:
        t.skip("a sanitizer has threads of its own")
    for most in range(12):
        try:
            server = t.start(THREADS, environment=failing.with_threads(most))
        except StartFailed as failed:
            check.equal(failed.code, 1, f"exit code with {most} threads")
            assert "cannot start its threads" in failed.output, failed.output
            assert "pids.max" in failed.output, failed.output
        else:
            assert most > 2, f"it runs with {most} threads"
            check.equal(t.get("/plaintext").body, b"Hello, World!")
            t.close_connections()
            server.stop(t.limit(10))
