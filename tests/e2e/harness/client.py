# SPDX-License-Identifier: Apache-2.0
"""A raw-socket HTTP client that sends exactly the bytes it is given.

Every wait has a limit that is only a bound for failure: a call returns as soon as what it waits for
has happened. Reading a reply also checks its form (see reply.py), so that each behaviour is at the
same time a conformance check of what the server writes.
"""

import fcntl
import select
import socket
import struct
import termios
import time

from .reply import Reply, content_expected, parse_head


class Overdue(AssertionError):
    """What was waited for did not happen within the limit. Alone of all failures it may be the machine's fault."""


class Silent(Overdue):
    """Nothing (or not enough) came within the limit."""


class Ended(AssertionError):
    """The server ended the connection although more was expected."""


class Address:
    """Where a server listens: one line of its `listening on …` output."""

    def __init__(self, text: str):
        self.text = text
        self.sockaddr: str | tuple[str, int]
        if text.startswith("unix:"):
            self.family, self.sockaddr, self.port = socket.AF_UNIX, text[len("unix:") :], None
            return
        host, _, port = text.removeprefix("http://").rstrip("/").rpartition(":")
        host = host.strip("[]")
        self.port = int(port)
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sockaddr = (host, self.port)


class Connection:
    """One connection. `transcript` collects the replies for the comparison between variants."""

    def __init__(self, address: Address, limit: float, receive_bytes: int | None = None):
        self.limit = limit
        self.transcript: list[Reply] = []
        self._pending = bytearray()
        self._ended = False
        self.socket = socket.socket(address.family, socket.SOCK_STREAM)
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if address.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(limit)
        self.socket.connect(address.sockaddr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- sending ---------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self.socket.settimeout(self.limit)
        self.socket.sendall(data)

    def send_in_pieces(self, data: bytes, size: int = 1) -> None:
        """One segment a piece (TCP_NODELAY is on)."""
        for start in range(0, len(data), size):
            self.send(data[start : start + size])

    def send_while_reading(self, data: bytes) -> None:
        """Sends all and takes in meanwhile what comes back: for more than socket buffers hold."""
        deadline = time.monotonic() + self.limit
        view = memoryview(data)
        self.socket.setblocking(False)
        poller = select.poll()
        poller.register(self.socket, select.POLLIN | select.POLLOUT)
        while view:
            if (left := deadline - time.monotonic()) <= 0:
                raise Silent(f"{len(view)} of {len(data)} bytes not taken within {self.limit:g} s")
            for _, events in poller.poll(left * 1000):
                if events & select.POLLIN:
                    received = self.socket.recv(256 * 1024)
                    self._pending += received
                    if not received:
                        raise Ended(
                            f"the server ended the connection with {len(view)} bytes still to send"
                        )
                if events & select.POLLOUT:
                    view = view[self.socket.send(view) :]

    def send_until_blocked(self, data: bytes, wait: float, bytes_max: int) -> int:
        """Sends `data` over and over until nothing is taken for `wait` seconds; bytes sent."""
        sent, view = 0, memoryview(data)
        self.socket.settimeout(wait)
        try:
            while sent < bytes_max:
                count = self.socket.send(view)
                sent += count
                view = view[count:] or memoryview(data)
        except TimeoutError:
            pass
        return sent

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Closes with an RST instead of a FIN."""
        if self.socket.family != socket.AF_UNIX:
            self._await_acknowledgement()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def _await_acknowledgement(self) -> None:
        """An RST that overtakes data (two CPUs, one loopback) is no valid one (RFC 5961 section 3.2): the server's
        kernel asks about it, and nobody is there who could answer."""
        deadline = time.monotonic() + 0.1
        unacknowledged = bytearray(4)
        while time.monotonic() < deadline:
            fcntl.ioctl(self.socket, termios.TIOCOUTQ, unacknowledged)
            if not any(unacknowledged):
                return

    def close(self) -> None:
        self.socket.close()

    # -- receiving -------------------------------------------------------------------------------

    def readable(self, wait: float = 0.0) -> bool:
        """Whether bytes or the end are there, within `wait` seconds."""
        if self._pending or self._ended:
            return True
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        return bool(poller.poll(wait * 1000))

    def read_reply(self, method: str = "GET") -> Reply:
        """The next reply, interim ones too; `method` tells whether it has a body (HEAD)."""
        deadline = time.monotonic() + self.limit
        while b"\r\n\r\n" not in self._pending:
            self._more(deadline, "the end of a reply's head")
        end = self._pending.index(b"\r\n\r\n") + 4
        head = bytes(self._pending[:end])
        del self._pending[:end]
        reply = parse_head(head, method)
        self._read_content(reply, deadline)
        self.transcript.append(reply)
        return reply

    def read_final(self, method: str = "GET") -> Reply:
        """The next reply that is not an interim one."""
        while (reply := self.read_reply(method)).status < 200:
            pass
        return reply

    def take_in(self, bytes_max: int) -> None:
        """Receives at most so many bytes, once, for a later read; for clients that read slowly."""
        received = self.socket.recv(bytes_max)
        self._ended = not received
        self._pending += received

    def read_to_end(self) -> bytes:
        """All bytes until the server ends the connection."""
        deadline = time.monotonic() + self.limit
        while not self._ended:
            self._receive(deadline, "the end of the connection")
        data = bytes(self._pending)
        self._pending.clear()
        return data

    def expect_end(self, reset_allowed: bool = False) -> None:
        """The server ends the connection and sends nothing more before."""
        try:
            rest = self.read_to_end()
        except ConnectionResetError:
            assert reset_allowed, "the connection was reset instead of closed"
            return
        assert rest == b"", f"bytes before the end: {rest[:200]!r}"

    def segments_received(self) -> int:
        """TCP segments with data that have arrived (tcp_info.tcpi_data_segs_in)."""
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        return struct.unpack_from("I", info, 152)[0]

    # -- inside ----------------------------------------------------------------------------------

    def _receive(self, deadline: float, wanted: str) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Silent(
                f"waited {self.limit:g} s for {wanted}; have {bytes(self._pending[:200])!r}"
            )
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(256 * 1024)
        except TimeoutError:
            return self._receive(0.0, wanted)
        self._ended = not data
        self._pending += data

    def _more(self, deadline: float, wanted: str) -> None:
        if not self._ended:
            self._receive(deadline, wanted)
        if self._ended:
            raise Ended(
                f"the connection ended before {wanted}; have {bytes(self._pending[:200])!r}"
            )

    def _take(self, count: int, deadline: float, wanted: str) -> bytes:
        while len(self._pending) < count:
            self._more(deadline, wanted)
        data = bytes(self._pending[:count])
        del self._pending[:count]
        return data

    def _line(self, deadline: float) -> bytes:
        while b"\r\n" not in self._pending:
            self._more(deadline, "a chunk's line")
        return self._take(self._pending.index(b"\r\n") + 2, deadline, "a chunk's line")[:-2]

    def _read_content(self, reply: Reply, deadline: float) -> None:
        if not content_expected(reply):
            return
        if reply.field("Transfer-Encoding") == "chunked":
            reply.body = self._read_chunks(deadline)
        elif (length := reply.field("Content-Length")) is not None:
            reply.body = self._take(int(length), deadline, f"a body of {length} bytes")
        else:
            reply.body = self.read_to_end()

    def _read_chunks(self, deadline: float) -> bytes:
        chunks = []
        while size := int(self._line(deadline), 16):
            chunks.append(self._take(size, deadline, "a chunk"))
            assert self._line(deadline) == b"", "a chunk is not followed by CRLF"
        assert self._line(deadline) == b"", "trailers were not expected"
        return b"".join(chunks)


def request(
    method: str,
    target: str,
    *,
    fields: dict[str, str] | None = None,
    body: bytes | None = None,
    host: str | None = "spindle.test",
    version: str = "1.1",
) -> bytes:
    """A well-formed request; a body brings its Content-Length."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def chunked(pieces: list[bytes], trailer: bytes = b"") -> bytes:
    """A chunked body of these pieces."""
    return (
        b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\n"
        + trailer
        + b"\r\n"
    )
