# SPDX-License-Identifier: Apache-2.0
"""Each reason why a request is refused or a connection ends has a counter of its own."""

from pathlib import Path

from harness import check
from harness.client import Ended, chunked, request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually

from .basic_auth import basic

COUNTED = configuration(
    {
        "limits.header_bytes": "4KiB",
        "limits.header_count": 20,
        "limits.target_bytes": "1KiB",
        "limits.body_bytes": "1KiB",
        "timeouts.header": "300ms",
        "timeouts.body": "300ms",
        "timeouts.idle": "400ms",
        "timeouts.write": "400ms",
        "timeouts.handler": "300ms",
        "timeouts.half_closed": "100ms",
        "proxies.trusted": ("192.0.2.1",),
    },
    more="""
[[site]]
hosts = ["test"]
[[site.route]]
path = "/denied"
handler = "respond"
deny = ["127.0.0.1"]
[[site.route]]
path = "/secure"
handler = "respond"
https_only = true
[[site.route]]
path = "/measured"
handler = "echo"
length_required = true
[[site.route]]
path = "/closed"
handler = "plaintext"
auth_file = "{folder}/site/passwords"
[[site.route]]
path = "/seldom"
handler = "respond"
rate_limit = "1/h"
rate_burst = 1
""",
)
REASONS = 36


def reasons(t) -> dict[str, int]:
    total = t.totals()
    return {k: v for k, v in total.items() if k.startswith(("refused_", "closed_"))}


def expect_counted(t, before: dict[str, int], name: str, times: int = 1) -> None:
    """`times` more than before of `name`, and of nothing else."""
    wanted = {**before, name: before[name] + times}
    eventually(lambda: reasons(t)[name] == wanted[name], t.limit(10), f"{times} {name}")
    check.equal(reasons(t), wanted, "counted")


REFUSED = {
    "refused_malformed": (b"GET /plaintext HTTP/1.1\r\n\r\n", 400),
    "refused_head_too_large": (request("GET", "/plaintext", fields={"X": "x" * 5000}), 431),
    "refused_too_many_fields": (
        request("GET", "/plaintext", fields={f"X-{n}": "x" for n in range(30)}),
        431,
    ),
    "refused_target_too_long": (request("GET", "/" + "x" * 2000), 414),
    "refused_body_too_large": (request("POST", "/echo", fields={"Content-Length": "2000"}), 413),
    "refused_unknown_expectation": (request("GET", "/plaintext", fields={"Expect": "tea"}), 417),
    "refused_unknown_coding": (
        request("POST", "/echo", fields={"Transfer-Encoding": "gzip, chunked"}),
        501,
    ),
    "refused_unknown_method": (request("CONNECT", "test:80"), 501),
    "refused_unsupported_version": (b"GET / HTTP/2.0\r\nHost: test\r\n\r\n", 505),
    "refused_head_late": (b"GET /plaintext HTTP/1.1\r\n", 408),
    "refused_body_late": (request("POST", "/echo", fields={"Content-Length": "100"}), 408),
    "refused_handler_late": (request("GET", "/sleep?ms=5000"), 503),
}


@behaviour(own_server=True, compare=False)
def each_refusal_has_its_counter(t):
    t.start(COUNTED)
    for name, (data, status) in REFUSED.items():
        before = reasons(t)
        connection = t.connect()
        connection.send(data)
        check.status(connection.read_final(), status)
        connection.close()
        expect_counted(t, before, name)
    total = t.totals()
    check.equal(total["requests_refused"], len(REFUSED), "refused in all")


KEPT_OUT = {
    "refused_denied": ("/denied", {}, 403),
    "refused_https_needed": ("/secure", {}, 403),
    "refused_misdirected_scheme": ("https://test/plaintext", {}, 421),
    "refused_unauthenticated": ("/closed", {}, 401),
    "refused_wrong_credentials": ("/closed", basic("ali", "open says me"), 401),
}


@behaviour(own_server=True, compare=False)
def what_the_configuration_keeps_out_is_counted(t):
    t.start(COUNTED)
    before = reasons(t)
    check.equal(len(before), REASONS, "reasons")
    for name, (target, fields, status) in KEPT_OUT.items():
        before = reasons(t)
        check.status(t.get(target, host="test", fields=fields), status)
        expect_counted(t, before, name)
    before = reasons(t)
    check.status(t.ask("POST", "/measured", host="test"), 411)
    expect_counted(t, before, "refused_length_required")
    before = reasons(t)
    check.equal([t.get("/seldom", host="test").status for _ in range(3)], [200, 429, 429])
    expect_counted(t, before, "refused_rate_limited", 2)


ONE_SITE = configuration(
    handlers=(),
    root=None,
    more="""
[[site]]
hosts = ["spindle.test"]
[[site.route]]
path = "/status"
handler = "status"
""",
)


@behaviour(own_server=True, compare=False)
def a_host_that_is_nobodys_is_counted(t):
    t.start(ONE_SITE)
    before = reasons(t)
    check.status(t.get("/status", host="other.test"), 421)
    expect_counted(t, before, "refused_unknown_host")


@behaviour(own_server=True, compare=False)
def who_never_spoke_and_who_has_nothing_more_to_say_are_counted_apart(t):
    """The connections that ask for the figures close by themselves."""
    t.start(COUNTED)
    before = reasons(t)
    used = t.connect()
    used.send(request("GET", "/plaintext"))
    check.status(used.read_reply(), 200)
    used.expect_end()
    expect_counted(t, before, "closed_idle")

    before = reasons(t)
    silent, blank = t.connect(), t.connect()
    blank.send(b"\r\n")
    silent.expect_end()
    blank.expect_end()
    expect_counted(t, before, "closed_silent", 2)


def leave_in_the_head(t):
    connection = t.connect()
    connection.send(b"GET /plaintext HTTP/1.1\r\nHo")
    connection.half_close()
    connection.expect_end()


def leave_in_the_body(t):
    connection = t.connect()
    connection.send(request("POST", "/echo", fields={"Content-Length": "100"}))
    connection.half_close()
    connection.expect_end()


def leave_the_handler(t):
    connection = t.connect()
    connection.send(request("GET", "/sleep?ms=200"))
    connection.reset()


def leave_the_answer(t):
    connection = t.connect(receive_bytes=4096)
    connection.send(request("GET", "/big.bin"))
    received = 0
    while received < 4096:  # more than the head
        received += len(connection.socket.recv(4096))
    connection.reset()


@behaviour(own_server=True, compare=False)
def clients_that_leave_are_counted_once_and_logged_as_499(t):
    server = t.start(COUNTED)
    for count, leave in enumerate(
        (leave_in_the_head, leave_in_the_body, leave_the_handler, leave_the_answer), 1
    ):
        before = reasons(t)
        leave(t)
        expect_counted(t, before, "closed_client_gone")
        server.wait_for_line('" 499 ', "out", count)


@behaviour(own_server=True, compare=False)
def what_was_not_sent_of_an_answer_is_not_in_the_log(t):
    """Its length is 10 MiB; some of it lies in the kernel's buffers when the client leaves."""
    server = t.start(COUNTED)
    leave_the_answer(t)
    line = server.wait_for_line('"GET /big.bin HTTP/1.1" 499 ', "out")[0]
    sent = int(line.split('" 499 ')[1].split()[0])
    assert 0 < sent < 10 * 1024 * 1024, line
    check.equal(len(t.get("/style.css").body) > 0, True)
    short = t.connect(receive_bytes=4096)
    short.send(request("GET", "/big.bin", fields={"Range": "bytes=0-99"}))
    check.status(short.read_reply(), 206)
    server.wait_for_line('"GET /big.bin HTTP/1.1" 206 100 ', "out")


@behaviour(own_server=True, compare=False)
def a_client_that_takes_nothing_is_counted_as_late(t):
    server = t.start(COUNTED)
    before = reasons(t)
    connection = t.connect(receive_bytes=4096)
    connection.send(request("GET", "/big.bin"))
    expect_counted(t, before, "closed_write_late")
    server.wait_for_line('"GET /big.bin HTTP/1.1" 200 ', "out")


@behaviour(own_server=True, compare=False)
def a_file_that_changes_while_it_is_sent_is_counted(t):
    t.start(COUNTED)
    name = f"changing_{t.variant.backend}_{t.variant.workers}.bin"
    path = Path(t.bench.folder) / "site" / name
    path.write_bytes(bytes(16 * 1024 * 1024))
    try:
        before = reasons(t)
        connection = t.connect(receive_bytes=4096)
        connection.send(request("GET", f"/{name}"))
        assert connection.readable(t.limit(5)), "the file does not begin"
        path.write_bytes(b"short")
        connection.read_to_end()
        expect_counted(t, before, "closed_file_changed")
    finally:
        path.unlink()


@behaviour(own_server=True, compare=False)
def a_body_that_is_refused_while_it_is_answered_is_counted_for_what_is_wrong_with_it(t):
    t.start(COUNTED)
    for name, more in (
        ("refused_body_too_large", chunked([b"y" * 900])),
        ("refused_malformed", b"no size\r\n"),
        ("refused_body_late", b""),
    ):
        before = reasons(t)
        connection = t.connect()
        head = request("POST", "/echo", fields={"Transfer-Encoding": "chunked"})
        connection.send(head + b"1f4\r\n" + b"x" * 500 + b"\r\n")
        assert connection.readable(t.limit(5)), "the answer does not begin"
        connection.send(more)
        connection.read_to_end()
        expect_counted(t, before, name)


@behaviour(own_server=True, compare=False)
def a_file_that_no_descriptor_is_left_for_is_answered_503_and_counted(t):
    server = t.start(
        configuration({"files.cache_bytes": "0B", "log.access": False}), descriptors_max=128
    )
    held = [t.connect() for _ in range(200 * t.variant.processes)]
    file = request("GET", "/style.css")
    refused = 0
    for connection in held:
        try:
            connection.send(file)
            reply = connection.read_reply()
        except (ConnectionError, Ended):
            connection.close()
            continue
        check.status(reply, 200, 503)
        refused += reply.status == 503
        last = connection
    assert refused, "there was always a descriptor"
    last.send(request("GET", "/status?format=json"))
    total = last.read_reply().json()["total"]
    check.equal(total["refused_file_no_descriptor"], refused, "counted")
    check.equal(total["requests_refused"], refused, "refused in all")
    assert server.running


@behaviour(own_server=True, compare=False)
def what_is_right_is_counted_nowhere(t):
    t.start(COUNTED)
    before = reasons(t)
    for _ in range(3):
        check.status(t.get("/plaintext"), 200)
        check.status(t.get("/nothing/there"), 404)
        check.status(t.ask("POST", "/echo", body=b"x" * 1000), 200)
        check.status(t.ask("DELETE", "/plaintext"), 405)
    chunks = t.connect()
    chunks.send(request("POST", "/echo", fields={"Transfer-Encoding": "chunked"}) + chunked([b"x"]))
    check.status(chunks.read_reply(), 200)
    chunks.close()
    check.equal(reasons(t), before, "counted")
