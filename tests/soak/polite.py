# SPDX-License-Identifier: Apache-2.0
"""Deeds of well-behaved clients: whatever the rude ones do, these are answered, and rightly.

A polite client keeps its connection from deed to deed, unless a deed or the server closes it.
"""

import random
import re

from harness import check
from harness.client import chunked
from harness.site import BIG, FILES

BYTES = random.Random(3).randbytes(256 * 1024)
_FILES = ("index.html", "style.css", "alphabet.txt", "empty.txt", "sub/page.html", "picture.png")


class Session:
    """The connection that a polite client keeps."""

    def __init__(self, client):
        self._client = client
        self.connection = None

    def ready(self):
        if self.connection is None:
            self.connection = self._client.connect()
        return self.connection

    def close(self) -> None:
        self._client.close_all()
        self.connection = None


def session(client) -> Session:
    if not hasattr(client, "session"):
        client.session = Session(client)
    return client.session


def read(client, mark: str, method: str, status: int, body) -> bool:
    """The next answer, which is to be this one (`body`: bytes or a pattern). False: the last one here."""
    connection = session(client).connection
    reply = connection.read_final(method)
    connection.transcript.clear()
    client.record.answered(mark, reply.status, len(reply.body))
    check.status(reply, status)
    if isinstance(body, re.Pattern):
        assert body.fullmatch(reply.body), f"{mark}: {reply}"
    else:
        check.same_bytes(reply.body, body, mark)
    if reply.closes:
        session(client).close()
    return not reply.closes


def ask(client, method: str, target: str, status: int, expected, **options) -> None:
    mark, data = client.request(method, target, **options)
    session(client).ready().send_while_reading(data)
    read(client, mark, method, status, expected)


# ---- what may be asked without a body: (target, status, the answer's body)


def simple(client) -> tuple[str, int, bytes | re.Pattern]:
    choose = client.random
    kind = choose.randrange(10)
    if kind < 3:
        return "/plaintext", 200, b"Hello, World!"
    if kind == 3:
        return "/json", 200, b'{"message":"Hello, World!"}'
    if kind == 4:
        return "/missing", 404, b"not found\n"
    if kind == 5:
        return "/sleep?ms=x", 400, re.compile(rb"ms: a whole number[^\n]*\n")
    if kind == 6:
        return "/backend", 200, re.compile(rb'\{"backend":"(fiber|event_loop)","process":\d+[^}]*\}')
    if kind == 7:
        milliseconds = choose.randrange(30)
        return f"/sleep?ms={milliseconds}", 200, b"slept for %d milliseconds\n" % milliseconds
    name = choose.choice(_FILES)
    return "/" + name, 200, FILES[name]


# ---- deeds


def a_request(client):
    target, status, body = simple(client)
    ask(client, "GET", target, status, body)


def a_head(client):
    name = client.random.choice(_FILES)
    ask(client, "HEAD", "/" + name, 200, b"")


def a_range(client):
    start = client.random.randrange(len(BIG))
    end = min(len(BIG) - 1, start + client.random.choice((0, 1, 4095, 65536, 300_000)))
    fields = {"Range": f"bytes={start}-{end}"}
    ask(client, "GET", "/big.bin", 206, BIG[start : end + 1], fields=fields)


def a_large_file(client):
    ask(client, "GET", "/big.bin", 200, BIG)


def a_wait(client):
    milliseconds = client.random.randrange(60)
    path, text = client.random.choice(
        (
            ("/sleep", b"slept"),
            ("/offload", b"blocked a thread of the pool"),
            ("/block", b"blocked a thread"),
        )
    )
    ask(client, "GET", f"{path}?ms={milliseconds}", 200, b"%s for %d milliseconds\n" % (text, milliseconds))


def some_computing(client):
    microseconds = client.random.randrange(3000)
    ask(client, "GET", f"/cpu?us={microseconds}", 200, b"computed for %d microseconds\n" % microseconds)


def an_echo_by_length(client):
    body = some_bytes(client)
    fields = {"Expect": "100-continue"} if client.random.random() < 0.2 else None
    ask(client, "POST", "/echo", 200, body, body=body, fields=fields)


def an_echo_in_chunks(client):
    pieces = [some_bytes(client, 20_000) or b"x" for _ in range(client.random.randrange(8))]
    mark, head = client.request("POST", "/echo", fields={"Transfer-Encoding": "chunked"})
    session(client).ready().send_while_reading(head + chunked(pieces))
    read(client, mark, "POST", 200, b"".join(pieces))


def some_bytes(client, size_max: int = len(BYTES)) -> bytes:
    size = client.random.choice((0, 1, 4095, 4096, 4097, client.random.randrange(size_max)))
    return BYTES[: min(size, size_max)]


def a_pipeline(client):
    connection = session(client).ready()
    waiting, data = [], b""
    for _ in range(client.random.randrange(2, 24)):
        target, status, body = simple(client)
        mark, bytes_of_one = client.request("GET", target)
        waiting.append((mark, status, body))
        data += bytes_of_one
    connection.send_while_reading(data)
    for mark, status, body in waiting:
        if not read(client, mark, "GET", status, body):
            return  # the connection's last answer; the rest was not looked at


def a_request_in_pieces(client):
    target, status, body = simple(client)
    mark, data = client.request("GET", target, fields={"X-Padding": "p" * client.random.randrange(400)})
    connection = session(client).ready()
    while data:
        size = client.random.randrange(1, 60)
        connection.send(data[:size])
        data = data[size:]
        client.pause(0.01)
    read(client, mark, "GET", status, body)


def a_new_connection(client):
    session(client).close()
    a_request(client)


def a_half_close(client):
    target, status, body = simple(client)
    mark, data = client.request("GET", target)
    connection = session(client).ready()
    connection.send(data)
    connection.half_close()
    if read(client, mark, "GET", status, body):
        connection.expect_end()
        session(client).close()


DEEDS = [
    (a_request, 30),
    (a_head, 3),
    (a_range, 6),
    (a_large_file, 1),
    (a_wait, 8),
    (some_computing, 5),
    (an_echo_by_length, 6),
    (an_echo_in_chunks, 6),
    (a_pipeline, 12),
    (a_request_in_pieces, 6),
    (a_new_connection, 8),
    (a_half_close, 4),
]
