# SPDX-License-Identifier: Apache-2.0
"""A reply as it came, the checks that every reply must pass, and its form for comparison."""

import json
import re
from dataclasses import dataclass

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) ([\x20-\x7e]*)")
_FIELD_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ ]?"
    rb"([\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?)?"
)
_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)


@dataclass
class Reply:
    head: bytes
    method: str
    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """Of all fields of that name."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def field(self, name: str) -> str | None:
        """The only field of that name; more than one is a failure."""
        values = self.values(name)
        assert len(values) < 2, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else None

    def tokens(self, name: str) -> set[str]:
        """A list-valued field, on however many lines, as lower-case tokens."""
        return {
            token.strip().lower() for token in ",".join(self.values(name)).split(",") if token.strip()
        }

    @property
    def closes(self) -> bool:
        return "close" in self.tokens("Connection")

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.reason} {self.body[:120]!r}"


def parse_head(head: bytes, method: str) -> Reply:
    """Reads a head strictly and checks what holds for every reply (RFC 9110, RFC 9112)."""
    lines = head[:-4].split(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(lines[0])
    assert status_line, f"not a status line: {lines[0]!r}"
    fields = []
    for line in lines[1:]:
        match = _FIELD_LINE.fullmatch(line)
        assert match, f"not a field line: {line!r}"
        fields.append((match[1].decode(), (match[2] or b"").decode("latin-1")))
    reply = Reply(head, method, int(status_line[1]), status_line[2].decode(), fields)
    _check(reply)
    return reply


def content_expected(reply: Reply) -> bool:
    """RFC 9112 section 6.3, items 1 and 2."""
    return reply.method != "HEAD" and reply.status >= 200 and reply.status not in (204, 304)


def _check(reply: Reply) -> None:
    length, coding = reply.field("Content-Length"), reply.field("Transfer-Encoding")
    assert length is None or re.fullmatch("[0-9]+", length), f"Content-Length: {length!r}"
    assert coding in (None, "chunked"), f"Transfer-Encoding: {coding!r}"
    assert length is None or coding is None, "both Content-Length and Transfer-Encoding"
    if reply.status < 200:
        assert not reply.fields, f"fields in an interim reply: {reply.fields}"
        return
    assert reply.status != 204 or (length is None and coding is None), "framing in a 204"
    assert _DATE.fullmatch(
        reply.field("Date") or ""
    ), f"Date: {reply.field('Date')!r} in a {reply.status}"
    if content_expected(reply) and length is None and coding is None:
        assert (
            reply.closes or b"HTTP/1.0" in reply.head
        ), "a body without length, but the connection is kept"
    if reply.status == 405:
        assert reply.field("Allow") is not None, "a 405 without Allow"


def comparable(reply: Reply, ports: set[int]) -> bytes:
    """The reply's bytes with what may differ between two servers replaced.

    Those are the Date, the server's port, the sizes of chunks, and the values in the JSON of /backend
    and /status, whose names must be the same.
    """
    head, body = reply.head, reply.body
    identity = _identity(reply)
    if identity is not None:
        body = identity
        head = re.sub(rb"(?im)^(Content-Length:) *[0-9]+", rb"\1 <n>", head)
    head = re.sub(rb"(?im)^(Date:)[^\r]*", rb"\1 <date>", head)
    for port in ports:
        head = head.replace(b":%d" % port, b":<port>")
    return head + body


def _identity(reply: Reply) -> bytes | None:
    """The JSON of /backend or /status with each value replaced by the name of its type."""
    if not reply.body.startswith(b"{") or b'"backend"' not in reply.body:
        return None
    return json.dumps(_shape(reply.json())).encode()


def _shape(value):
    """However many items a list has, those that look alike count once."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(_shape(item)) for item in value})
    return type(value).__name__
