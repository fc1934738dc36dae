#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes an instrumented server run through what servers do most, so that the compiler knows it (`./dev build trained`).

Not a benchmark: no kind of request is to be the fastest at the others' cost, so each gets the same time.
"""

import argparse
import socket
import tempfile
import time
from pathlib import Path

import servers

CONNECTIONS = 64
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: http://localhost/\r\nCookie: session=0123456789abcdef\r\n"
)
BODY = "x" * 1000


def request(line: str, fields: str = "", body: str = "") -> bytes:
    return f"{line} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}".encode()


KINDS = (
    request("GET /plaintext"),
    request("GET /plaintext") * 16,
    request("GET /json?id=1", BROWSER),
    request("GET /1k.txt", BROWSER),
    request("GET /100k.txt", BROWSER),
    request("GET /1k.txt", BROWSER + "If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT\r\n"),
    request("GET /missing", BROWSER),
    request("POST /echo", f"Content-Length: {len(BODY)}\r\n", BODY),
    request("POST /echo", "Transfer-Encoding: chunked\r\n", f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"),
    request("GET /sleep?ms=1"),
)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def answer_bytes(port: int, asked: bytes) -> int:
    """How long the answer is: all that comes until nothing more does."""
    with connect(port) as connection:
        connection.sendall(asked)
        length = len(connection.recv(1 << 20))
        connection.settimeout(0.2)
        try:
            while got := len(connection.recv(1 << 20)):
                length += got
        except TimeoutError:
            pass
    return length


def ask(connections: list[socket.socket], asked: bytes, length: int) -> None:
    for connection in connections:
        connection.sendall(asked)
    for connection in connections:
        left = length
        while left > 0:
            got = len(connection.recv(left))
            if got == 0:
                raise SystemExit(f"the server closed a connection that asked {asked[:40]!r}")
            left -= got


def load(port: int, seconds: float) -> None:
    for asked in KINDS:
        length = answer_bytes(port, asked)
        connections = [connect(port) for _ in range(CONNECTIONS)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ask(connections, asked, length)
        for connection in connections:
            connection.close()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with connect(port) as connection:
            ask([connection], KINDS[0], length=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spindle", type=Path, help="the instrumented server")
    parser.add_argument("--seconds", type=float, default=1, help="of each kind of request")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers.make_site(folder)
        for backend in servers.BACKENDS:
            for sets in ((), ("log.access=true", "log.access_path=/dev/null")):
                server = servers.start_spindle(options.spindle, backend, folder, sets=sets)
                load(server.port, options.seconds)
                server.stop()


if __name__ == "__main__":
    main()
