# SPDX-License-Identifier: Apache-2.0
"""Behind proxies: the PROXY protocol, and whom requests of trusted proxies are for."""

import json
import re
import struct

from harness import check
from harness.client import Address, request
from harness.configuration import configuration, listener
from harness.registry import behaviour
from harness.server import StartFailed

JSON = {"log.format": "json", "timeouts.header": "1500ms"}
TRUSTED: dict[str, object] = {**JSON, "proxies.trusted": ("127.0.0.0/8", "::1", "unix:")}
PROXY = listener(proxy_protocol=True)
PROXIED = configuration(TRUSTED, listen=(PROXY,))
STRANGERS = configuration({**JSON, "proxies.trusted": ("127.0.0.2", "unix:")}, listen=(PROXY,))
MIXED = configuration(TRUSTED, listen=("127.0.0.1:0", PROXY, "127.0.0.1:0"))
BEHIND = configuration(TRUSTED)
FORWARDED = configuration({**TRUSTED, "proxies.field": "forwarded"})
COMBINED = configuration({"proxies.trusted": ("127.0.0.1",)})
UNTRUSTED = configuration({**JSON, "proxies.trusted": ("127.0.0.2",)})

LINE = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
LINE_IPV6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"


def binary(command: int, family: int, rest: bytes) -> bytes:
    """Version 2 of the header."""
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", command, family, len(rest)) + rest


IPV4 = bytes([192, 0, 2, 2, 198, 51, 100, 1]) + struct.pack("!HH", 56324, 443)
IPV6 = bytes.fromhex("20010db8") + bytes(11) + b"\x03" + bytes(20)
TLVS = b"\x02\x00\x07spindle" + b"\x04\x00\x64" + bytes(100)

HEADERS = (
    ("line", LINE, "192.0.2.1"),
    ("line6", LINE_IPV6, "2001:db8::1"),
    ("unknown", b"PROXY UNKNOWN what ever\r\n", "127.0.0.1"),
    ("binary", binary(0x21, 0x11, IPV4), "192.0.2.2"),
    ("binary6", binary(0x21, 0x21, IPV6 + TLVS), "2001:db8::3"),
    ("unspec", binary(0x21, 0x00, b"skipped"), "127.0.0.1"),
    ("local", binary(0x20, 0x11, IPV4), "127.0.0.1"),
    ("unix", binary(0x21, 0x31, bytes(216)), "unix"),
)


def logged(t, mark: str, count: int = 1) -> list[dict]:
    pattern = re.escape(f"mark={mark}") + r"\b"
    return [json.loads(line) for line in t.server.wait_for_line(pattern, "out", count)]


def addresses(t, mark: str) -> tuple[str, str]:
    entry = logged(t, mark)[0]
    return entry["remote_ip"], entry["client_ip"]


def expect_answers(connection, count: int = 1) -> None:
    for _ in range(count):
        check.equal(connection.read_reply().body, b"Hello, World!")


def figure(t, name: str) -> int:
    """Of the status page, asked for by a proxy's own connection."""
    connection = t.connect()
    connection.send(LINE + request("GET", "/status?format=json"))
    value = connection.read_reply().json()["total"][name]
    connection.close()
    return value


@behaviour(config=PROXIED)
def a_proxy_header_says_whose_connection_it_is(t):
    for name, header, source in HEADERS:
        connection = t.connect()
        connection.send(header + request("GET", f"/plaintext?mark={name}"))
        expect_answers(connection)
        check.equal(addresses(t, name), (source, source), name)


@behaviour(config=PROXIED)
def a_proxy_header_is_the_same_wherever_it_is_cut(t):
    for name, header, source in HEADERS[:5:2]:
        for cut in range(1, len(header), 7):
            connection = t.connect()
            connection.send(header[:cut])
            connection.send(header[cut:] + request("GET", f"/plaintext?mark=cut-{name}-{cut}"))
            expect_answers(connection)
            check.equal(addresses(t, f"cut-{name}-{cut}")[0], source, f"{name} cut at {cut}")
            connection.close()


@behaviour(config=PROXIED)
def a_proxy_header_may_come_byte_by_byte(t):
    for name, header, source in HEADERS[:4:3]:
        connection = t.connect()
        connection.send_in_pieces(header + request("GET", f"/plaintext?mark=bytes-{name}"))
        expect_answers(connection)
        check.equal(addresses(t, f"bytes-{name}")[0], source, name)


@behaviour(config=PROXIED)
def a_proxy_header_counts_for_every_request_of_its_connection(t):
    connection = t.connect()
    connection.send(LINE + request("GET", "/plaintext?mark=all") * 3)
    expect_answers(connection, 3)
    connection.send(request("GET", "/sleep?ms=1&mark=all"))
    check.status(connection.read_reply(), 200)
    sources = {entry["remote_ip"] for entry in logged(t, "all", 4)}
    check.equal(sources, {"192.0.2.1"}, "remote_ip of all requests")


@behaviour(config=PROXIED)
def a_proxy_header_alone_leaves_time_for_the_first_request(t):
    connection = t.connect()
    connection.send(LINE)
    assert not connection.readable(0.1), "something came before the request"
    connection.send(request("POST", "/echo?mark=later", body=b"body"))
    check.equal(connection.read_reply("POST").body, b"body")
    check.equal(addresses(t, "later")[0], "192.0.2.1")


@behaviour(config=PROXIED)
def a_second_proxy_header_is_no_request(t):
    connection = t.connect()
    connection.send(LINE + LINE)
    check.status(connection.read_reply(), 400)
    connection.expect_end()


@behaviour(config=PROXIED)
def what_does_not_begin_with_a_proxy_header_is_closed_without_a_word_and_counted(t):
    wrong = (
        request("GET", "/plaintext?mark=none"),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 99999\r\n" + request("GET", "/plaintext?mark=none"),
        b"PROXY UNKNOWN " + b"x" * 100,
        binary(0x21, 0x21, IPV4) + request("GET", "/plaintext?mark=none"),
        binary(0x21, 0x11, bytes(4081)),
    )
    before = figure(t, "closed_proxy_header_malformed")
    for data in wrong:
        connection = t.connect()
        connection.send(data)
        connection.expect_end(reset_allowed=True)
    check.equal(figure(t, "closed_proxy_header_malformed") - before, len(wrong), "counted")
    t.server.wait_for_line(
        "connection from 127.0.0.1 closed: its PROXY header is malformed", "err", len(wrong)
    )
    assert "mark=none" not in "\n".join(t.server.lines("out")), "a request was answered"


@behaviour(config=PROXIED)
def a_proxy_header_that_is_late_or_cut_off_ends_the_connection_and_is_counted(t):
    late, cut_off = "closed_proxy_header_late", "closed_proxy_header_cut_off"
    before = figure(t, late), figure(t, cut_off)
    silent, slow, cut = t.connect(), t.connect(), t.connect()
    slow.send(LINE[:20])
    cut.send(LINE[:20])
    cut.half_close()
    for connection in (silent, slow, cut):
        connection.expect_end()
    t.connect().close()  # looks whether somebody listens; not counted
    check.equal(figure(t, late) - before[0], 2, "late")
    check.equal(figure(t, cut_off) - before[1], 1, "cut off")
    t.server.wait_for_line("its PROXY header is late", "err", 2)
    t.server.wait_for_line("its PROXY header is cut off", "err")


@behaviour(config=STRANGERS, compare=False)
def only_trusted_proxies_may_send_a_proxy_header(t):
    for number in range(1, 4):
        connection = t.connect()
        connection.socket.settimeout(t.limit(5))
        try:
            connection.send(LINE + request("GET", "/plaintext?mark=stranger"))
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was closed before
        connection.expect_end(reset_allowed=True)
        t.server.wait_for_line(
            "connection from 127.0.0.1 closed: it is not in proxies.trusted", "err", number
        )
    assert "mark=stranger" not in "\n".join(t.server.lines("out")), "a stranger was served"


@behaviour(own_server=True)
def a_unix_peer_may_be_trusted_and_untrusted_ones_are_counted(t):
    path = t.bench.folder / f"proxied_{t.variant.backend}_{t.variant.workers}.sock"
    config = configuration(
        {"proxies.trusted": ("unix:",), "log.format": "json"},
        listen=(PROXY, listener(f"unix:{path}", proxy_protocol=True)),
    )
    server = t.start(config)
    for _ in range(3):
        stranger = t.connect(server.addresses[0])
        stranger.expect_end(reset_allowed=True)
    proxy = t.connect(Address(f"unix:{path}"))
    proxy.send(LINE + request("GET", "/status?format=json&mark=unix"))
    check.equal(proxy.read_reply().json()["total"]["closed_proxy_untrusted"], 3, "counted")
    check.equal(addresses(t, "unix")[0], "192.0.2.1")


@behaviour(config=MIXED)
def each_connection_is_judged_by_the_listener_that_accepted_it(t):
    for _ in range(4):
        for address, proxied in zip(t.server.addresses, (False, True, False)):
            connection = t.connect(address)
            connection.send((LINE if proxied else b"") + request("GET", "/plaintext"))
            expect_answers(connection)
            connection = t.connect(address)
            connection.send((b"" if proxied else LINE) + request("GET", "/plaintext"))
            if not proxied:
                check.status(connection.read_reply(), 400)
            connection.expect_end(reset_allowed=True)


@behaviour(own_server=True)
def proxy_headers_that_nobody_may_send_are_a_mistake(t):
    try:
        t.start(configuration(listen=(PROXY,)))
    except StartFailed as failed:
        check.equal(failed.code, 78, "exit code")
        assert "proxies.trusted is empty" in failed.output, failed.output
    else:
        raise AssertionError("it started")


@behaviour(config=BEHIND)
def a_trusted_peer_says_whom_it_asks_for(t):
    fields = {"X-Forwarded-For": "192.0.2.66, 203.0.113.7, 127.0.0.9"}
    fields["Forwarded"] = "for=192.0.2.67"
    check.status(t.get("/plaintext?mark=believed", fields=fields), 200)
    check.equal(addresses(t, "believed"), ("127.0.0.1", "203.0.113.7"))
    check.status(t.get("/sleep?ms=1&mark=waits", fields=fields), 200)
    check.equal(addresses(t, "waits"), ("127.0.0.1", "203.0.113.7"))
    check.status(t.get("/plaintext?mark=plain"), 200)
    check.equal(addresses(t, "plain"), ("127.0.0.1", "127.0.0.1"))
    check.status(t.get("/plaintext?mark=junk", fields={"X-Forwarded-For": "192.0.2.66, x"}), 200)
    check.equal(addresses(t, "junk"), ("127.0.0.1", "127.0.0.1"))


@behaviour(config=FORWARDED)
def forwarded_is_read_where_the_proxies_write_it(t):
    fields = {"Forwarded": 'for=192.0.2.66, for="[2001:db8::7]:80";proto=https, for=127.0.0.9'}
    fields["X-Forwarded-For"] = "192.0.2.67"
    check.status(t.get("/plaintext?mark=forwarded", fields=fields), 200)
    check.equal(addresses(t, "forwarded"), ("127.0.0.1", "2001:db8::7"))


@behaviour(config=UNTRUSTED)
def whoever_is_not_trusted_speaks_for_itself(t):
    check.status(t.get("/plaintext?mark=self", fields={"X-Forwarded-For": "192.0.2.66"}), 200)
    check.equal(addresses(t, "self"), ("127.0.0.1", "127.0.0.1"))


@behaviour(config=COMBINED)
def a_combined_line_has_the_client(t):
    check.status(t.get("/plaintext?mark=combined", fields={"X-Forwarded-For": "192.0.2.66"}), 200)
    line = t.server.wait_for_line("mark=combined", "out")[0]
    assert line.startswith("192.0.2.66 - - ["), line


@behaviour(config=PROXIED)
def behind_a_proxy_header_its_source_is_the_peer_that_may_be_trusted(t):
    trusted = b"PROXY TCP4 127.0.0.9 198.51.100.1 56324 443\r\n"
    for mark, header, client in (("near", trusted, "203.0.113.7"), ("far", LINE, "192.0.2.1")):
        connection = t.connect()
        fields = {"X-Forwarded-For": "203.0.113.7"}
        connection.send(header + request("GET", f"/plaintext?mark={mark}", fields=fields))
        expect_answers(connection)
        check.equal(addresses(t, mark)[1], client, mark)


# ---- https at the proxy

HTTPS_ONLY = configuration(
    {"proxies.trusted": ("127.0.0.0/8",)},
    root=None,
    more="""
[[site]]
hosts = ["secure.test"]
https_only = true
set_headers = { Strict-Transport-Security = "max-age=60" }
[[site.route]]
path = "/"
handler = "respond"
body = "secure"
[[site.route]]
path = "/echo"
handler = "echo"
[[site.route]]
path = "/old/{rest...}"
handler = "rewrite"
to = "/new/{rest}"
[[site.route]]
path = "/health"
handler = "respond"
body = "well"
https_only = false
[[route]]
path = "/moved/"
handler = "redirect"
to = "{scheme}://www.{host}{uri}"
[[route]]
path = "/lost/"
handler = "redirect"
to = "https://www.{host}{uri}"
[[route]]
path = "/only"
handler = "plaintext"
https_only = true
set_headers = { Vary = "Cookie" }
cors_origins = ["https://friend.test"]
""",
)
HTTP, HTTPS = {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "https"}


@behaviour(config=HTTPS_ONLY)
def http_is_led_to_https_and_answered_there(t):
    for target in ("/", "/a%20b?c=%2F", "/old/a?b", "//other.test/"):
        reply = t.get(target, host="secure.test:80", fields=HTTP)
        check.status(reply, 308)
        check.field(reply, "Location", f"https://secure.test{target}")
        check.field(reply, "Strict-Transport-Security", "max-age=60")
        reply = t.get(target, host="secure.test", fields=HTTPS)
        check.status(reply, 200)
        check.equal(reply.body, b"secure")
    check.status(t.get("/only", fields=HTTP), 308)
    check.status(t.get("/only", fields=HTTPS), 200)


@behaviour(config=HTTPS_ONLY)
def whoever_says_no_scheme_is_not_led_in_a_circle(t):
    for fields in ({}, {"X-Forwarded-For": "192.0.2.66"}, {"Forwarded": "proto=https"}):
        check.status(t.get("/", host="secure.test", fields=fields), 403)
        check.equal(t.get("/health", host="secure.test", fields=fields).body, b"well")


@behaviour(config=HTTPS_ONLY)
def a_body_that_is_led_to_https_is_not_a_request(t):
    connection = t.connect()
    body = b"GET / HTTP/1.1\r\nHost: secure.test\r\n\r\n"
    connection.send(request("POST", "/echo", host="secure.test", body=body, fields=HTTP))
    connection.send(request("POST", "/echo", host="secure.test", body=body, fields=HTTPS))
    check.status(connection.read_reply(), 308)
    check.equal(connection.read_reply().body, body)


@behaviour(config=HTTPS_ONLY)
def a_redirect_keeps_the_scheme(t):
    for fields, scheme in ((HTTP, "http"), (HTTPS, "https"), ({}, "http")):
        reply = t.get("/moved/a?b", fields=fields)
        check.field(reply, "Location", f"{scheme}://www.spindle.test/moved/a?b")


@behaviour(config=configuration({"proxies.trusted": ("127.0.0.2",)}, more=HTTPS_ONLY.more))
def a_stranger_cannot_say_that_it_came_by_https(t):
    check.status(t.get("/", host="secure.test", fields=HTTPS), 403)
    check.field(t.get("/moved/a", fields=HTTPS), "Location", "http://www.spindle.test/moved/a")


@behaviour(config=HTTPS_ONLY)
def caches_are_told_where_the_clients_scheme_matters(t):
    """One that stands behind the proxy asks by http for both, and must not give one's answer to the other."""
    scheme = {"x-forwarded-proto"}
    for fields, status in ((HTTP, 308), (HTTPS, 200), ({}, 403)):
        reply = t.get("/", host="secure.test", fields=fields)
        check.status(reply, status)
        check.equal(reply.tokens("Vary"), scheme, f"Vary of a {status}")
        check.equal(t.get("/health", host="secure.test", fields=fields).tokens("Vary"), set())
        check.equal(t.get("/moved/a", fields=fields).tokens("Vary"), scheme, "where the target tells it")
        check.equal(t.get("/lost/a", fields=fields).tokens("Vary"), set(), "where it does not")
        check.equal(t.get("/only", fields=fields).tokens("Vary"), scheme | {"cookie", "origin"}, "beside others")
    check.equal(t.ask("DELETE", "/only", fields=HTTPS).tokens("Vary"), scheme | {"cookie", "origin"}, "of a 405")


@behaviour(
    config=HTTPS_ONLY.with_settings(
        {
            "proxies.field": "forwarded",
            "compression.encodings": ("gzip",),
            "compression.types": ("text/plain",),
            "compression.min_bytes": "0B",
        }
    )
)
def caches_are_told_of_the_field_that_is_read(t):
    """Beside what compression says."""
    for proto in ("http", "https"):
        reply = t.get("/moved/a", fields={"Forwarded": f"for=192.0.2.1;proto={proto}"})
        check.field(reply, "Location", f"{proto}://www.spindle.test/moved/a")
        check.equal(reply.tokens("Vary"), {"forwarded", "accept-encoding"}, "Vary")


@behaviour(
    config=configuration(
        root=None,
        more="""
[[route]]
path = "/moved/"
handler = "redirect"
to = "{scheme}://www.{host}{uri}"
""",
    )
)
def where_nobody_is_believed_the_scheme_does_not_matter(t):
    reply = t.get("/moved/a", fields=HTTPS)
    check.field(reply, "Location", "http://www.spindle.test/moved/a")
    check.field(reply, "Vary", None)
