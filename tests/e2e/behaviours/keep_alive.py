# SPDX-License-Identifier: Apache-2.0
"""Connections: kept, pipelined, split, half-closed; HTTP/1.0 clients (RFC 9112 section 9)."""

from harness import check
from harness.client import request
from harness.registry import behaviour

PLAINTEXT = request("GET", "/plaintext")


@behaviour
def a_connection_is_kept_for_many_requests(t):
    connection = t.connect()
    for _ in range(50):
        connection.send(PLAINTEXT)
        reply = connection.read_reply()
        check.status(reply, 200)
        check.equal(reply.body, b"Hello, World!")
        assert not reply.closes, "Connection: close without a reason"


@behaviour
def connection_close_is_answered_and_obeyed(t):
    connection = t.connect()
    connection.send(request("GET", "/plaintext", fields={"Connection": "close"}))
    reply = connection.read_reply()
    check.status(reply, 200)
    assert reply.closes, "Connection: close is not answered"
    connection.expect_end()


@behaviour
def requests_after_connection_close_are_ignored(t):
    connection = t.connect()
    connection.send(request("GET", "/plaintext", fields={"Connection": "close"}) + PLAINTEXT)
    check.status(connection.read_reply(), 200)
    connection.expect_end(reset_allowed=True)


@behaviour
def sixteen_requests_in_one_write_are_answered_in_order(t):
    targets = [
        "/plaintext",
        "/json",
        "/style.css",
        "/missing",
        "/sub/",
        "/alphabet.txt",
        "/notes.txt",
        "/empty.txt",
    ] * 2
    alone = {target: t.get(target) for target in set(targets)}
    connection = t.connect()
    connection.send(b"".join(request("GET", target) for target in targets))
    for number, target in enumerate(targets):
        reply = connection.read_reply()
        check.equal(
            (reply.status, reply.body),
            (alone[target].status, alone[target].body),
            f"answer {number}",
        )


@behaviour
def pipelined_answers_leave_in_few_segments(t):
    connection = t.connect()
    connection.send(PLAINTEXT * 16)
    for _ in range(16):
        check.equal(connection.read_reply().body, b"Hello, World!")
    segments = connection.segments_received()
    assert segments <= 4, f"16 small answers came in {segments} segments"


@behaviour
def a_slow_request_holds_back_the_answers_behind_it(t):
    connection = t.connect()
    connection.send(request("GET", "/sleep?ms=150") + PLAINTEXT + request("GET", "/json"))
    slept, plain, json = (connection.read_reply() for _ in range(3))
    check.status(slept, 200)
    check.equal(plain.body, b"Hello, World!")
    assert json.json(), "the third answer is not /json's"


@behaviour
def a_thousand_pipelined_requests_are_all_answered(t):
    connection = t.connect()
    connection.send_while_reading(PLAINTEXT * 1000)
    for _ in range(1000):
        check.equal(connection.read_reply().body, b"Hello, World!")


@behaviour
def pipelined_bodies_do_not_leak_into_the_next_request(t):
    connection = t.connect()
    body = b"GET /json HTTP/1.1\r\nHost: a\r\n\r\n"
    connection.send(
        request("POST", "/echo", body=body) + PLAINTEXT + request("POST", "/echo", body=b"second")
    )
    check.equal(connection.read_reply("POST").body, body)
    check.equal(connection.read_reply().body, b"Hello, World!")
    check.equal(connection.read_reply("POST").body, b"second")


@behaviour
def a_request_split_byte_by_byte_is_answered_once(t):
    connection = t.connect()
    connection.send_in_pieces(
        request("GET", "/plaintext?a=1", fields={"User-Agent": "slow", "Accept": "*/*"})
    )
    check.equal(connection.read_reply().body, b"Hello, World!")
    connection.send_in_pieces(request("POST", "/echo", body=b"piece by piece"))
    check.equal(connection.read_reply("POST").body, b"piece by piece")
    assert not connection.readable(), "more than one answer"


@behaviour
def requests_split_at_every_boundary_are_answered(t):
    two = PLAINTEXT + request("POST", "/echo", body=b"0123456789")
    connection = t.connect()
    for cut in range(1, len(two)):
        connection.send(two[:cut])
        connection.send(two[cut:])
        check.equal(connection.read_reply().body, b"Hello, World!", f"first answer, cut at {cut}")
        check.equal(
            connection.read_reply("POST").body, b"0123456789", f"second answer, cut at {cut}"
        )


@behaviour
def empty_lines_before_a_request_are_ignored(t):
    connection = t.connect()
    connection.send(b"\r\n" + PLAINTEXT + b"\r\n" + PLAINTEXT)
    for _ in range(2):
        check.equal(connection.read_reply().body, b"Hello, World!")


@behaviour
def a_half_closed_client_still_gets_its_answers(t):
    connection = t.connect()
    connection.send(request("GET", "/sleep?ms=100") + PLAINTEXT)
    connection.half_close()
    check.status(connection.read_reply(), 200)
    check.equal(connection.read_reply().body, b"Hello, World!")
    connection.expect_end()


@behaviour
def a_client_that_half_closes_inside_a_body_is_ended(t):
    connection = t.connect()
    connection.send(request("POST", "/echo", body=b"x" * 100)[:-50])
    connection.half_close()
    connection.read_to_end()
    check.status(t.get("/plaintext"), 200)


@behaviour
def http_1_0_closes_after_the_answer(t):
    connection = t.connect()
    connection.send(request("GET", "/plaintext", version="1.0", host=None))
    reply = connection.read_reply()
    check.status(reply, 200)
    check.equal(reply.body, b"Hello, World!")
    check.field(reply, "Transfer-Encoding", None)
    assert "keep-alive" not in reply.tokens("Connection"), "keep-alive was not asked for"
    connection.expect_end()


@behaviour
def http_1_0_with_keep_alive_is_kept(t):
    connection = t.connect()
    for _ in range(3):
        connection.send(
            request("GET", "/plaintext", version="1.0", fields={"Connection": "keep-alive"})
        )
        reply = connection.read_reply()
        check.equal(reply.body, b"Hello, World!")
        assert "keep-alive" in reply.tokens("Connection"), "keep-alive is not confirmed"


@behaviour
def echo_to_an_http_1_0_client_is_not_chunked(t):
    connection = t.connect()
    fields = {"Connection": "keep-alive"}
    connection.send(request("POST", "/echo", version="1.0", fields=fields, body=b"old client"))
    reply = connection.read_reply("POST")
    check.status(reply, 200)
    check.field(reply, "Transfer-Encoding", None)
    check.equal(reply.body, b"old client")
    if reply.field("Content-Length") is None:
        assert "keep-alive" not in reply.tokens(
            "Connection"
        ), "a body until close, but keep-alive is confirmed"
        connection.expect_end()
