# SPDX-License-Identifier: Apache-2.0
"""Deeds of clients that reset, half-close, trickle, do not read, lie about lengths, or hog the server.

Each opens its own connections. When the server ends one, that is its right; a hang, or an answer that
is no HTTP, is not. What a rude client does see answered must be in the access log.
"""

from harness import check
from harness.client import request

MALFORMED = (
    b"GET\r\n\r\n",
    b"\r\n\r\n\r\nGET / HTTP/9.9\r\n\r\n",
    b"GET /plaintext HTTP/1.1\r\n\r\n",
    b"GET /plaintext HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /plaintext HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /plaintext HTTP/1.1\nHost: a\n\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


def slow_target(client) -> str:
    """Something that the server is at for a while."""
    choose = client.random
    milliseconds = choose.choice((1, 5, 20, 60))
    return choose.choice(
        (
            f"/sleep?ms={choose.choice((1, 30, 300))}",
            f"/block?ms={milliseconds}",
            f"/offload?ms={milliseconds}",
            f"/cpu?us={choose.choice((100, 1000, 5000, 30_000))}",
        )
    )


def any_target(client) -> str:
    return client.random.choice(("/plaintext", "/json", "/style.css", "/missing", "/", "/backend"))


def leave(client, connection) -> None:
    if client.random.random() < 0.7:
        connection.reset()
    else:
        connection.close()


def read(client, connection, mark: str, method: str = "GET"):
    reply = connection.read_final(method)
    connection.transcript.clear()
    client.record.answered(mark, reply.status, len(reply.body))
    return reply


# ---- deeds


def leave_at_once(client):
    leave(client, client.connect())


def leave_in_a_head(client):
    _, data = client.request("GET", any_target(client))
    connection = client.connect()
    connection.send(data[: client.random.randrange(1, len(data))])
    client.pause(0.02)
    leave(client, connection)


def leave_while_the_handler_is_at_it(client):
    connection = client.connect()
    for _ in range(client.random.randrange(1, 4)):
        connection.send(client.request("GET", slow_target(client))[1])
    client.pause(0.03)
    leave(client, connection)


def leave_a_pipeline_unread(client):
    connection = client.connect()
    count = client.random.randrange(2, 50)
    connection.send(b"".join(client.request("GET", any_target(client))[1] for _ in range(count)))
    client.pause(0.02)
    leave(client, connection)


def leave_in_a_download(client):
    connection = client.connect(receive_bytes=4096)
    connection.send(client.request("GET", "/big.bin")[1])
    for _ in range(client.random.randrange(6)):
        connection.take_in(client.random.randrange(1, 100_000))
    leave(client, connection)


def read_slowly(client):
    connection = client.connect(receive_bytes=4096)
    mark, data = client.request("GET", "/big.bin")
    connection.send(data)
    for _ in range(client.random.randrange(30)):
        connection.take_in(client.random.randrange(1, 20_000))
        client.pause(0.1)
    if client.random.random() < 0.2:
        check.status(read(client, connection, mark), 200)
    leave(client, connection)


def do_not_read(client):
    """Until the server's write time-out, or not so long."""
    connection = client.connect(receive_bytes=4096)
    connection.send(client.request("GET", "/big.bin")[1])
    client.pause(6.0 * client.slow)
    leave(client, connection)


def trickle_a_request(client):
    mark, data = client.request("GET", any_target(client))
    connection = client.connect()
    for byte in data:
        connection.send(bytes([byte]))
        client.pause(0.01)
    read(client, connection, mark)
    connection.close()


def send_half_a_head_and_wait(client):
    connection = client.connect()
    _, data = client.request("GET", "/plaintext")
    connection.send(data[: client.random.randrange(len(data) - 1)])
    connection.read_to_end()  # 408, or nothing
    connection.close()


def half_close_behind_a_pipeline(client):
    connection = client.connect()
    marks = []
    for _ in range(client.random.randrange(1, 12)):
        target = slow_target(client) if client.random.random() < 0.2 else any_target(client)
        mark, data = client.request("GET", target)
        connection.send(data)
        marks.append(mark)
    connection.half_close()
    if client.random.random() < 0.3:
        return leave(client, connection)
    for mark in marks:
        check.status(read(client, connection, mark), 200, 404, 503)
    connection.expect_end()
    connection.close()


def half_close_in_a_head(client):
    connection = client.connect()
    connection.send(b"GET /plaintext HTTP/1.1\r\nHo")
    connection.half_close()
    connection.read_to_end()
    connection.close()


def abort_a_chunked_echo(client):
    connection = client.connect()
    connection.send(client.request("POST", "/echo", fields={"Transfer-Encoding": "chunked"})[1])
    for _ in range(client.random.randrange(4)):
        size = client.random.randrange(1, 30_000)
        connection.send_while_reading(b"%x\r\n" % size + b"c" * size + b"\r\n")
    connection.send_while_reading(b"4000\r\n" + b"d" * client.random.randrange(0x4000))
    client.pause(0.03)
    if client.random.random() < 0.3:
        connection.half_close()
        connection.read_to_end()
    leave(client, connection)


def abort_a_long_body(client):
    connection = client.connect()
    fields = {"Content-Length": str(client.random.choice((10, 70_000, 500_000, 50_000_000)))}
    connection.send(client.request("POST", "/echo", fields=fields)[1] + b"only this")
    client.pause(0.03)
    leave(client, connection)


def send_nonsense(client):
    connection = client.connect()
    choose = client.random
    if choose.random() < 0.5:
        data = choose.choice(MALFORMED)
    else:
        data = bytearray(request("GET", "/plaintext", fields={"X-Field": "value"}))  # no mark to spoil
        for _ in range(choose.randrange(1, 4)):
            data[choose.randrange(len(data))] = choose.randrange(256)
    connection.send(bytes(data))
    if choose.random() < 0.5:
        connection.half_close()
        connection.read_to_end()
    leave(client, connection)


def hog(client):
    """Waits for the answers, which must come."""
    connection = client.connect()
    marks = []
    for _ in range(client.random.randrange(1, 3)):
        mark, data = client.request("GET", slow_target(client))
        connection.send(data)
        marks.append(mark)
    for mark in marks:
        check.status(read(client, connection, mark), 200, 503)
    connection.close()


def come_in_a_crowd(client):
    """Many connections at once, one of which hogs, and all away at once."""
    crowd = [client.connect() for _ in range(client.random.randrange(2, 12))]
    hogging = client.random.randrange(len(crowd))
    for number, connection in enumerate(crowd):
        target = slow_target(client) if number == hogging else any_target(client)
        connection.send(client.request("GET", target)[1])
    client.pause(0.02)
    for connection in crowd:
        leave(client, connection)


DEEDS = [
    (leave_at_once, 8),
    (leave_in_a_head, 8),
    (leave_while_the_handler_is_at_it, 10),
    (leave_a_pipeline_unread, 8),
    (leave_in_a_download, 6),
    (read_slowly, 4),
    (do_not_read, 1),
    (trickle_a_request, 4),
    (send_half_a_head_and_wait, 2),
    (half_close_behind_a_pipeline, 8),
    (half_close_in_a_head, 4),
    (abort_a_chunked_echo, 10),
    (abort_a_long_body, 6),
    (send_nonsense, 12),
    (hog, 8),
    (come_in_a_crowd, 4),
]
