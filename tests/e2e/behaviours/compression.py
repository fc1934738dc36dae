# SPDX-License-Identifier: Apache-2.0
"""Bodies that are compressed while they are sent: of files and of handlers."""

import gzip
import json
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually
from harness.site import LONG, NOISE, PAGE, PAGE_BR, TOO_LONG

CODINGS = ("br", "zstd", "gzip")
ON = configuration({"compression.encodings": CODINGS}, root="encoded")
EVERYTHING = configuration(
    {
        "compression.encodings": CODINGS,
        "compression.min_bytes": "0B",
        "compression.types": ("application/json",),
    },
    root="encoded",
)

BOTH = configuration({"compression.encodings": ("gzip",)}, root="encoded", precompressed=("br",))


def ask(t, accepted: str | None, target: str, method: str = "GET", **fields):
    accept = {} if accepted is None else {"Accept-Encoding": accepted}
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    return t.ask(method, target, fields={**accept, **fields})


def decoded_by_curl(t, coding: str, target: str) -> bytes:
    """What curl makes of the body; it was encoded, or curl would not have to."""
    check.field(ask(t, coding, target), "Content-Encoding", coding)
    url = f"http://127.0.0.1:{t.server.address.port}{target}"
    arguments = ["curl", "--silent", "--compressed", "-H", f"Accept-Encoding: {coding}", url]
    told = subprocess.run(arguments, capture_output=True, timeout=t.limit(10))
    check.equal(told.returncode, 0, "curl's exit code")
    return told.stdout


@behaviour(config=ON)
def every_coding_decodes_to_the_file(t):
    for coding in CODINGS:
        for target, content in (("/plain.txt", PAGE), ("/long.txt", LONG)):
            check.same_bytes(decoded_by_curl(t, coding, target), content, f"{target} in {coding}")


@behaviour(config=ON)
def encoded_files_are_much_smaller_and_come_again_from_the_cache(t):
    for coding in CODINGS:
        first, second = ask(t, coding, "/long.txt"), ask(t, coding, "/long.txt")
        assert len(first.body) < len(LONG) / 3, f"{coding}: {len(first.body)} of {len(LONG)}"
        check.field(first, "Content-Length", str(len(first.body)))
        check.field(first, "Content-Type", "text/plain; charset=utf-8")
        check.same_bytes(second.body, first.body)
        check.equal(second.field("ETag"), first.field("ETag"))


@behaviour(config=ON)
def the_clients_weights_and_the_servers_order_choose(t):
    for accepted, coding in (
        ("gzip, br, zstd", "br"),
        ("gzip;q=0.9, br;q=0.8", "gzip"),
        ("gzip;q=0", None),
        ("deflate", None),
        ("identity, gzip;q=0.5", None),
        (None, None),
    ):
        check.field(ask(t, accepted, "/plain.txt"), "Content-Encoding", coding)


@behaviour(config=ON)
def every_answer_about_such_a_file_says_that_it_varies(t):
    tag = ask(t, "gzip", "/plain.txt").field("ETag")
    for reply, status in (
        (ask(t, "gzip", "/plain.txt"), 200),
        (ask(t, None, "/plain.txt"), 200),
        (ask(t, "gzip", "/plain.txt", If_None_Match=tag), 304),
        (ask(t, "gzip", "/plain.txt", If_Match='"other"'), 412),
        (ask(t, "gzip", "/plain.txt", Range="bytes=0-9"), 206),
        (ask(t, "gzip", "/plain.txt", Range="bytes=999999-"), 416),
        (ask(t, "identity;q=0", "/plain.txt"), 406),
    ):
        check.status(reply, status)
        check.equal(reply.tokens("Vary"), {"accept-encoding"}, f"Vary of a {status}")


@behaviour(config=ON)
def who_refuses_bodies_as_they_are_gets_none(t):
    """RFC 9110 section 12.5.3; and what an unsafe method did is told all the same."""
    for accepted, target in (
        ("identity;q=0, br", "/picture.png"),  # of a type that is not encoded
        ("identity;q=0, br", "/noise.txt"),  # does not get smaller
        ("identity;q=0, deflate", "/plain.txt"),
        ("*;q=0", "/plaintext"),
        ("gzip;q=0, *;q=0.0", "/json"),
    ):
        for method in ("GET", "HEAD"):
            reply = ask(t, accepted, target, method)
            check.status(reply, 406)
            check.equal((reply.body, reply.field("Content-Length")), (b"", "0"))
            check.equal(reply.tokens("Vary"), {"accept-encoding"})
            check.equal(reply.field("ETag"), None)
    reply = ask(t, "identity;q=0", "/missing")
    check.status(reply, 404)
    check.equal(reply.body, b"")
    refusing = {"Accept-Encoding": "identity;q=0"}
    check.equal(t.ask("POST", "/echo", body=b"done", fields=refusing).body, b"done")
    check.equal(ask(t, "gzip;q=0", "/plaintext").body, t.get("/plaintext").body)


@behaviour(config=ON)
def who_refuses_bodies_as_they_are_gets_all_of_a_file_in_place_of_a_range(t):
    reply = ask(t, "identity;q=0, gzip", "/plain.txt", Range="bytes=0-9")
    check.status(reply, 200)
    check.equal(gzip.decompress(reply.body), PAGE)


@behaviour(own_server=True, compare=False)
def who_refuses_bodies_as_they_are_does_not_wait_for_who_encodes(t):
    t.start(ON)
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: ask(t, "identity;q=0, gzip", "/long.txt"), range(32)))
    for reply in replies:
        check.status(reply, 200)
        check.same_bytes(gzip.decompress(reply.body), LONG)


@behaviour(config=ON)
def an_encoded_body_has_a_weak_etag_which_is_still_good_for_304(t):
    plain, encoded = ask(t, None, "/plain.txt"), ask(t, "gzip", "/plain.txt")
    assert plain.field("ETag").startswith('"'), plain.field("ETag")
    check.field(encoded, "ETag", "W/" + plain.field("ETag"))
    for method in ("GET", "HEAD"):
        tag = encoded.field("ETag")
        reply = ask(t, "gzip", "/plain.txt", method, If_None_Match=tag)
        check.status(reply, 304)
        check.field(reply, "ETag", tag)
        check.field(reply, "Content-Encoding", None)


@behaviour(config=ON)
def head_tells_what_get_would(t):
    for target in ("/plain.txt", "/long.txt", "/short.txt"):
        got, told = ask(t, "br", target), ask(t, "br", target, "HEAD")
        for name in ("Content-Encoding", "Content-Length", "ETag", "Vary", "Accept-Ranges"):
            check.field(told, name, got.field(name))


@behaviour(config=ON)
def encoded_bodies_have_no_ranges_and_ranges_are_not_encoded(t):
    encoded = ask(t, "gzip", "/plain.txt")
    check.field(encoded, "Accept-Ranges", None)
    reply = ask(t, "gzip", "/plain.txt", Range="bytes=100-199")
    check.status(reply, 206)
    check.field(reply, "Content-Encoding", None)
    check.equal(reply.body, PAGE[100:200])
    reply = ask(t, "gzip", "/plain.txt", Range="bytes=0-9", If_Range=encoded.field("ETag"))
    check.status(reply, 200)
    check.field(reply, "Content-Encoding", "gzip")
    check.equal(gzip.decompress(reply.body), PAGE)


@behaviour(config=ON)
def what_is_short_or_of_another_type_or_too_long_goes_as_it_is(t):
    for target in ("/short.txt", "/picture.png", "/too_long.txt"):
        reply = ask(t, "gzip, br", target)
        check.status(reply, 200)
        check.field(reply, "Content-Encoding", None)
        check.field(reply, "Vary", None)
    check.same_bytes(reply.body, TOO_LONG)


@behaviour(config=ON)
def what_does_not_get_smaller_goes_as_it_is(t):
    for _ in range(2):
        reply = ask(t, "gzip", "/noise.txt")
        check.field(reply, "Content-Encoding", None)
        check.field(reply, "Accept-Ranges", "bytes")
        check.same_bytes(reply.body, NOISE)


@behaviour(config=ON, compare=False)
def many_at_once_get_the_file_however_it_is_encoded(t):
    """The first one encodes; whoever comes meanwhile gets it as it is, or encoded."""

    def one(_):
        reply = ask(t, "br", "/long.txt")
        check.status(reply, 200)
        if reply.field("Content-Encoding") is None:
            check.same_bytes(reply.body, LONG)
        return reply.field("Content-Encoding"), reply.body

    with ThreadPoolExecutor(16) as pool:
        bodies = {body for coding, body in pool.map(one, range(64)) if coding == "br"}
    check.equal(len(bodies), 1, "different encoded bodies")


@behaviour(own_server=True, compare=False)
def a_changed_file_is_encoded_anew(t):
    t.start(ON.with_settings({"files.cache_valid": "0s"}))
    path = t.bench.folder / "encoded" / f"changing_{t.variant.name.replace('/', '_')}.txt"
    for content in (b"before " * 1000, b"after  " * 1000):
        path.write_bytes(content)
        reply = ask(t, "gzip", f"/{path.name}")
        check.field(reply, "Content-Encoding", "gzip")
        check.equal(gzip.decompress(reply.body), content)


@behaviour(config=BOTH)
def a_file_beside_goes_before_encoding(t):
    check.equal(ask(t, "br, gzip", "/page.html").body, PAGE_BR)
    reply = ask(t, "gzip", "/page.html")
    check.field(reply, "Content-Encoding", "gzip")
    check.equal(gzip.decompress(reply.body), PAGE)


@behaviour(config=EVERYTHING, compare=False)  # how it encodes depends on the figures in it
def the_body_of_a_handler_is_encoded(t):
    connection = t.connect()
    for _ in range(3):
        connection.send(
            request("GET", "/status?format=json", fields={"Accept-Encoding": "gzip"})
            + request("GET", "/status?format=json")
        )
        encoded, plain = connection.read_reply(), connection.read_reply()
        check.field(encoded, "Content-Encoding", "gzip")
        check.field(plain, "Content-Encoding", None)
        for reply in (encoded, plain):  # beside the Accept of the handler itself
            check.equal(reply.tokens("Vary"), {"accept", "accept-encoding"}, "Vary")
        told = json.loads(gzip.decompress(encoded.body))
        check.equal(set(told), set(plain.json()), "names")
        assert len(encoded.body) < len(plain.body), "not smaller"


@behaviour(own_server=True, compare=False, applies=lambda variant: variant.workers == 2)
def a_long_body_of_a_handler_is_encoded_beside_the_loop(t):
    """32 workers make the status longer than what is encoded at once."""
    workers = {"concurrency.event_loop.processes": 32, "concurrency.fiber.processors": 32}
    t.start(EVERYTHING.with_settings(workers), processes=32 if t.variant.event_loop else 1)
    connection = t.connect()
    for method in ("GET", "HEAD", "GET"):
        connection.send(
            request(method, "/status?format=json", fields={"Accept-Encoding": "gzip"})
            + request("GET", "/status?format=json")
        )
        encoded, plain = connection.read_reply(method), connection.read_reply()
        check.field(encoded, "Content-Encoding", "gzip")
        check.field(plain, "Content-Encoding", None)
        assert len(plain.body) > 20_000, f"not long: {len(plain.body)}"
        if method == "GET":
            told = json.loads(gzip.decompress(encoded.body))
            check.equal(set(told), set(plain.json()), "names")


@behaviour(
    config=configuration(
        {
            "compression.encodings": CODINGS,
            "limits.target_bytes": "64KiB",
            "limits.header_bytes": "128KiB",
        }
    )
)
def a_long_body_of_a_handler_that_may_wait_is_encoded(t):
    """The text of a redirect contains where it leads."""
    query = "a=1&" * 10_000
    for coding in ("gzip", "br", "zstd"):
        reply = ask(t, coding, f"/sub?{query}")
        check.status(reply, 301)
        check.field(reply, "Content-Encoding", coding)
        check.field(reply, "Vary", "Accept-Encoding")
        assert len(reply.body) < 2000, f"{len(reply.body)} bytes"
        if coding == "gzip":
            check.equal(gzip.decompress(reply.body), f"moved to /sub/?{query}\n".encode())


@behaviour(config=EVERYTHING)
def a_body_of_a_handler_that_does_not_get_smaller_goes_as_it_is(t):
    reply = ask(t, "br, gzip, zstd", "/json")
    check.field(reply, "Content-Encoding", None)
    check.equal(reply.json(), {"message": "Hello, World!"})
    check.field(ask(t, "gzip", "/plaintext"), "Vary", None)


@behaviour(config=configuration(root="encoded"))
def nothing_is_encoded_unless_it_is_said(t):
    for target in ("/long.txt", "/plain.txt", "/status?format=json"):
        reply = ask(t, "br, zstd, gzip", target)
        check.field(reply, "Content-Encoding", None)
        assert "accept-encoding" not in reply.tokens("Vary"), reply.fields


# ---- streams: of the echo, which sends on what it gets when it gets it

STREAMED = {"compression.encodings": CODINGS, "compression.types": ("application/octet-stream",)}
STREAMS = configuration(STREAMED)


def echo(body: bytes | None, coding: str = "gzip", method: str = "POST", version: str = "1.1"):
    fields = {"Accept-Encoding": coding}
    return request(method, "/echo", body=body, fields=fields, version=version)


@behaviour(config=STREAMS, compare=False)  # where a body is cut is the network's business
def a_stream_is_encoded_while_it_is_sent(t):
    connection = t.connect()
    for body in (b"short", LONG, NOISE):
        connection.send_while_reading(echo(body) + echo(body, "identity"))
        encoded, plain = connection.read_reply(), connection.read_reply()
        check.field(encoded, "Content-Encoding", "gzip")
        check.field(encoded, "Transfer-Encoding", "chunked")
        check.same_bytes(gzip.decompress(encoded.body), body)
        check.field(plain, "Content-Encoding", None)
        check.same_bytes(plain.body, body)
        for reply in (encoded, plain):
            check.field(reply, "Vary", "Accept-Encoding")


@behaviour(config=STREAMS, compare=False)
def what_is_written_to_a_stream_is_not_held_back(t):
    """Of a line that curl sends, the answer can be read before it sends the next one."""
    for coding in CODINGS:
        url = f"http://127.0.0.1:{t.server.address.port}/echo"
        # -T .: standard input, without waiting for it; with curl's own time limit it would.
        command = ["timeout", str(t.limit(10)), "curl", "--silent", "--no-buffer", "--compressed"]
        command += ["-H", f"Accept-Encoding: {coding}", "-X", "POST", "-T", ".", url]
        curl = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            for number in range(5):
                line = b"event %d in %s\n" % (number, coding.encode())
                curl.stdin.write(line)
                curl.stdin.flush()
                check.equal(curl.stdout.readline(), line)
            curl.stdin.close()
            check.equal(curl.stdout.read(), b"")
            check.equal(curl.wait(t.limit(10)), 0, f"curl's exit code for {coding}")
        finally:
            curl.terminate()
            curl.wait()


@behaviour(config=STREAMS)
def a_stream_without_a_byte_is_in_no_coding(t):
    connection = t.connect()
    connection.send(
        b"POST /echo HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + request("GET", "/plaintext")
    )
    reply = connection.read_reply()
    check.equal((reply.status, reply.body), (200, b""))
    check.field(reply, "Content-Encoding", None)
    check.status(connection.read_reply(), 200)


@behaviour(config=STREAMS)
def a_stream_whose_request_breaks_is_refused_or_cut(t):
    head = b"POST /echo HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection = t.connect()
    connection.send(head + b"zz\r\n")
    check.status(connection.read_reply(), 400)
    connection = t.connect()
    connection.send(head + b"5\r\nhello\r\nzz\r\n")
    answer = connection.read_to_end()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    assert not answer.endswith(b"0\r\n\r\n"), "the answer looks whole"


@behaviour(config=STREAMS, compare=False)
def a_stream_for_http_1_0_ends_with_the_connection(t):
    connection = t.connect()
    connection.send_while_reading(echo(LONG, version="1.0"))
    reply = connection.read_reply()
    check.field(reply, "Content-Encoding", "gzip")
    check.same_bytes(gzip.decompress(reply.body), LONG)
    connection.expect_end()


@behaviour(config=STREAMS)
def a_stream_for_http_1_0_whose_request_breaks_off_has_no_end(t):
    """Nothing else tells its client: the connection ends in either case."""
    message = echo(b"first-second", version="1.0")
    for sent, whole in ((message, True), (message.removesuffix(b"-second"), False)):
        connection = t.connect()
        connection.send(sent)
        assert connection.readable(t.limit(10)), "no answer to what was sent"
        if not whole:
            connection.half_close()
        head, _, body = connection.read_to_end().partition(b"\r\n\r\n")
        assert b"Content-Encoding: gzip" in head, head
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        check.equal(decoder.decompress(body), b"first-second" if whole else b"first")
        check.equal(decoder.eof, whole, "the encoding has its end")


@behaviour(config=configuration({**STREAMED, "compression.stream_bytes": "100KiB"}), compare=False)
def a_stream_that_would_take_too_much_memory_goes_as_it_is(t):
    """One in gzip fits in each process; while it lasts, no other does."""
    head = b"POST /echo HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\nContent-Length: 10\r\n\r\n"
    waiting = [t.connect() for _ in range(8 * t.variant.processes)]
    for connection in waiting:
        connection.send(head + b"first")
    for connection in waiting:
        assert connection.readable(t.limit(10)), "no answer"
    for connection in waiting:
        connection.send(b"later")
    replies = [connection.read_reply() for connection in waiting]
    encoded = [reply for reply in replies if reply.field("Content-Encoding") == "gzip"]
    assert 1 <= len(encoded) <= t.variant.processes, f"{len(encoded)} are encoded"
    for reply in replies:
        body = gzip.decompress(reply.body) if reply in encoded else reply.body
        check.equal(body, b"firstlater")

    def encoded_again() -> bool:
        reply = t.ask("POST", "/echo", body=b"again", fields={"Accept-Encoding": "gzip"})
        return reply.field("Content-Encoding") == "gzip"

    eventually(encoded_again, t.limit(10), "what the others held is free")
    check.field(t.ask("POST", "/echo", body=b"a", fields={"Accept-Encoding": "br"}), "Content-Encoding", None)
