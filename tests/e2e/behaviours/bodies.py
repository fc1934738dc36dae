# SPDX-License-Identifier: Apache-2.0
"""Request bodies: by length, chunked, 100-continue, too large, unread (RFC 9112 sections 6, 7)."""

import random

from harness import check
from harness.client import Ended, chunked, request
from harness.configuration import configuration
from harness.registry import behaviour

SMALL_BODY = configuration({"limits.body_bytes": "64KiB"})
MEBIBYTE = random.Random(2).randbytes(1024 * 1024)
EXPECT = {"Expect": "100-continue"}


def chunked_request(pieces, trailer=b"", target="/echo"):
    return request("POST", target, fields={"Transfer-Encoding": "chunked"}) + chunked(
        pieces, trailer
    )


@behaviour
def bodies_by_length_are_echoed(t):
    connection = t.connect()
    for size in (0, 1, 13, 4095, 4096, 4097, 65537):
        connection.send(request("POST", "/echo", body=MEBIBYTE[:size]))
        reply = connection.read_reply("POST")
        check.status(reply, 200)
        check.same_bytes(reply.body, MEBIBYTE[:size], f"echo of {size} bytes")


@behaviour
def chunked_bodies_are_echoed(t):
    connection = t.connect()
    few: list[list[bytes]] = [[], [b"one"], [b"one", b"two", b"three"]]
    for pieces in (*few, [MEBIBYTE[:5000]] * 3, [b"x"] * 300):
        connection.send(chunked_request(pieces))
        reply = connection.read_reply("POST")
        check.status(reply, 200)
        check.same_bytes(reply.body, b"".join(pieces), f"echo of {len(pieces)} chunks")


@behaviour
def chunk_extensions_and_trailers_are_not_part_of_the_body(t):
    connection = t.connect()
    head = request("POST", "/echo", fields={"Transfer-Encoding": "chunked"})
    connection.send(
        head + b'3;name=value;q="a b"\r\nabc\r\n03\r\ndef\r\n0;last\r\nX-Trailer: 1\r\n\r\n'
    )
    check.equal(connection.read_reply("POST").body, b"abcdef")
    connection.send(request("GET", "/plaintext"))
    check.equal(connection.read_reply().body, b"Hello, World!", "the request behind the trailer")


@behaviour
def a_chunked_body_split_byte_by_byte_is_echoed(t):
    connection = t.connect()
    connection.send_in_pieces(
        chunked_request([b"alpha", b"beta", b"gamma" * 4], b"X-Trailer: 1\r\n")
    )
    check.equal(connection.read_reply("POST").body, b"alphabeta" + b"gamma" * 4)


@behaviour
def a_mebibyte_by_length_comes_back(t):
    connection = t.connect()
    connection.send_while_reading(request("POST", "/echo", body=MEBIBYTE))
    check.same_bytes(connection.read_reply("POST").body, MEBIBYTE)


@behaviour
def a_mebibyte_in_chunks_comes_back(t):
    pieces = [MEBIBYTE[start : start + 10_000] for start in range(0, len(MEBIBYTE), 10_000)]
    connection = t.connect()
    connection.send_while_reading(chunked_request(pieces))
    check.same_bytes(connection.read_reply("POST").body, MEBIBYTE)


@behaviour
def an_echo_starts_before_the_body_has_ended(t):
    data = request("POST", "/echo", body=MEBIBYTE)
    connection = t.connect()
    connection.send_while_reading(data[: 256 * 1024])
    assert connection.readable(t.limit(5)), "nothing comes back until the whole body is sent"
    connection.send_while_reading(data[256 * 1024 :])
    check.same_bytes(connection.read_reply("POST").body, MEBIBYTE)


@behaviour
def a_100_continue_comes_before_the_body_is_sent(t):
    connection = t.connect()
    head = request("POST", "/echo", fields=EXPECT, body=b"waited for")[: -len(b"waited for")]
    for _ in range(2):
        connection.send(head)
        check.equal(connection.read_reply("POST").head, b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.send(b"waited for")
        reply = connection.read_reply("POST")
        check.status(reply, 200)
        check.equal(reply.body, b"waited for")


@behaviour
def a_100_continue_comes_for_chunked_bodies_too(t):
    connection = t.connect()
    connection.send(request("POST", "/echo", fields={**EXPECT, "Transfer-Encoding": "chunked"}))
    check.status(connection.read_reply("POST"), 100)
    connection.send(chunked([b"in", b" pieces"]))
    check.equal(connection.read_reply("POST").body, b"in pieces")


@behaviour
def no_100_continue_when_the_body_is_already_there(t):
    connection = t.connect()
    connection.send(request("POST", "/echo", fields=EXPECT, body=b"impatient"))
    reply = connection.read_reply("POST")
    check.status(reply, 200)
    check.equal(reply.body, b"impatient")


@behaviour
def no_100_continue_in_the_midst_of_an_answer(t):
    """A client that did not wait sends a part of the body with the head; its echo begins at once."""
    connection = t.connect()
    data = request("POST", "/echo", fields=EXPECT, body=b"impatient")
    connection.send(data[:-4])
    assert connection.readable(t.limit(5)), "the part that came with the head is not echoed"
    connection.send(data[-4:])
    reply = connection.read_reply("POST")
    check.status(reply, 200)
    check.equal(reply.body, b"impatient")


@behaviour
def no_100_continue_to_an_http_1_0_client(t):
    connection = t.connect()
    data = request("POST", "/echo", version="1.0", fields=EXPECT, body=b"old")
    connection.send(data[:-3])
    assert not connection.readable(0.2), "an interim reply to an HTTP/1.0 client"
    connection.send(data[-3:])
    check.equal(connection.read_reply("POST").body, b"old")


@behaviour(config=SMALL_BODY)
def a_refused_expectation_gets_its_final_answer_at_once(t):
    for method, target, size, status in (
        ("POST", "/echo", 100_000, 413),
        ("POST", "/plaintext", 5, 405),
        ("POST", "/sub/", 5, 405),
        ("PUT", "/echo", 5, 405),
    ):
        connection = t.connect()
        connection.send(request(method, target, fields={**EXPECT, "Content-Length": str(size)}))
        check.status(connection.read_reply(method), status)


@behaviour(config=SMALL_BODY)
def a_length_over_the_limit_is_413(t):
    connection = t.connect()
    connection.send(request("POST", "/echo", fields={"Content-Length": "65537"}))
    reply = connection.read_reply("POST")
    check.status(reply, 413)
    assert reply.closes, "the body is not read, so the connection must close"
    connection.expect_end()


@behaviour(config=SMALL_BODY)
def the_refusal_of_a_large_body_reaches_a_client_that_is_still_sending(t):
    connection = t.connect()
    connection.send(
        request("POST", "/echo", fields={"Content-Length": "1000000"}) + MEBIBYTE[:200_000]
    )
    check.status(connection.read_reply("POST"), 413)


@behaviour(config=SMALL_BODY, compare=False)
def a_chunked_body_over_the_limit_is_refused(t):
    connection = t.connect()
    try:
        connection.send_while_reading(chunked_request([MEBIBYTE[: 16 * 1024]] * 8))
        check.status(connection.read_reply("POST"), 413)
    except (Ended, ConnectionError):
        pass  # the echo had begun, so that the only refusal left is to end without a last chunk
    check.status(t.get("/plaintext"), 200)


@behaviour(config=SMALL_BODY)
def a_body_at_the_limit_is_taken(t):
    reply = t.ask("POST", "/echo", body=MEBIBYTE[:65536])
    check.status(reply, 200)
    check.same_bytes(reply.body, MEBIBYTE[:65536])


@behaviour
def a_body_that_the_handler_does_not_read_is_not_the_next_request(t):
    connection = t.connect()
    connection.send(request("GET", "/plaintext", body=b"GET /json HTTP/1.1\r\nHost: a\r\n\r\n"))
    first = connection.read_reply()
    check.equal(first.body, b"Hello, World!")
    if first.closes:
        connection.expect_end(reset_allowed=True)
        return
    connection.send(request("GET", "/json"))
    assert connection.read_reply().json(), "not the answer of /json"
    assert not connection.readable(), "the unread body was taken as a request"


MEASURED = configuration(
    handlers=(("/echo", "echo", ("length_required", True)), ("/any", "echo"), ("/plaintext", "plaintext")), root=None
)


@behaviour(config=MEASURED)
def where_a_length_is_required_a_body_without_one_is_411(t):
    """RFC 9110 section 15.5.12; and the chunks are no requests."""
    connection = t.connect()
    connection.send(chunked_request([request("GET", "/plaintext")]))
    for method in ("POST", "PUT"):
        connection.send(request(method, "/echo"))
    connection.send(request("POST", "/echo", body=b"measured") + request("POST", "/echo", fields={"Content-Length": "0"}))
    connection.send(chunked_request([b"not here"], target="/any"))
    replies = [connection.read_reply("POST") for _ in range(6)]
    check.equal([reply.status for reply in replies], [411, 411, 411, 200, 200, 200], "statuses")
    check.equal([reply.body for reply in replies[3:]], [b"measured", b"", b"not here"], "bodies")
