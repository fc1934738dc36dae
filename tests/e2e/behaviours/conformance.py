# SPDX-License-Identifier: Apache-2.0
"""Runs the cases of tests/conformance: raw bytes in, expectation out (see its README.md)."""

import re
from dataclasses import dataclass
from pathlib import Path

from harness import check
from harness.client import Ended, request
from harness.configuration import configuration
from harness.registry import Behaviour, add

FOLDER = Path(__file__).resolve().parents[2] / "conformance"
CONFIG = configuration({"log.access": False, "timeouts.header": "5s", "timeouts.body": "5s"})
_ESCAPE = re.compile(r"\\(r|n|t|0|\\|x[0-9A-Fa-f]{2})")
_KEYS = {"status", "connection", "methods", "body", "field"}


@dataclass(frozen=True)
class Case:
    data: bytes
    statuses: list[set[str]]  # the allowed ones of each reply
    methods: list[str]
    connection: str  # keep, close or either
    body: bytes | None  # of the last reply
    fields: list[tuple[str, str]]  # of the last reply


def parse_case(text: str) -> Case:
    """Reads a case; a mistake in the file is an exception that names it."""
    head, separator, raw = text.partition("\n---\n")
    if not separator:
        raise ValueError("no line `---` between expectation and bytes")
    entries = [
        line.partition(": ")[::2] for line in head.splitlines() if line and not line.startswith("#")
    ]
    unknown = {key for key, _ in entries} - _KEYS
    if unknown:
        raise ValueError(f"unknown keys: {sorted(unknown)}")
    if not re.search(r"^# .*(RFC|strict rules)", head, re.MULTILINE):
        raise ValueError("no comment that names the rule it comes from")
    single = dict(entry for entry in entries if entry[0] != "field")
    statuses = [set(word.split("|")) for word in single["status"].split()]
    methods = single.get("methods", "").split() or ["GET"] * len(statuses)
    if len(methods) != len(statuses) or single["connection"] not in ("keep", "close", "either"):
        raise ValueError("`methods` needs a word a status, `connection` is keep, close or either")
    pairs = (value.split(": ", 1) for key, value in entries if key == "field")
    fields = [(name, text) for name, text in pairs]
    body = unescape(single["body"]) if "body" in single else None
    return Case(
        unescape(raw.replace("\n", "")), statuses, methods, single["connection"], body, fields
    )


def unescape(text: str) -> bytes:
    """Escapes to bytes; other characters are themselves, in UTF-8."""
    simple = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
    parts = _ESCAPE.split(text)
    out = bytearray()
    for number, part in enumerate(parts):
        if number % 2 == 0:
            if "\\" in part:
                raise ValueError(f"unknown escape in {part!r}")
            out += part.encode()
        else:
            out += bytes.fromhex(part[1:]) if part[0] == "x" else simple[part].encode()
    return bytes(out)


def run_case(t, case: Case) -> None:
    for in_pieces in (False, True):
        connection = t.connect()
        try:
            send(connection, case.data, in_pieces)
            expect_replies(connection, case)
        except (AssertionError, OSError) as error:
            raise AssertionError(f"{error}{' (sent byte by byte)' if in_pieces else ''}") from error


def send(connection, data: bytes, in_pieces: bool) -> None:
    try:
        connection.send_in_pieces(data) if in_pieces else connection.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before all was sent; the reply is there to be read


def expect_replies(connection, case: Case) -> None:
    reply = None
    for method, allowed in zip(case.methods, case.statuses):
        try:
            reply = connection.read_reply(method)
        except (Ended, ConnectionResetError):
            if "cut" in allowed:
                return
            raise
        check.status(reply, *sorted(int(status) for status in allowed - {"cut"}))
    if case.body is not None:
        check.equal(reply.body, case.body, "body")
    for name, value in case.fields:
        check.field(reply, name, value)
    expect_fate(connection, reply, case.connection)


def expect_fate(connection, reply, fate: str) -> None:
    if fate == "either":
        fate = "close" if reply.closes else "keep"
    if fate == "close":
        assert reply.closes, f"no Connection: close in {reply}"
        connection.expect_end(reset_allowed=True)
        return
    assert not reply.closes, f"Connection: close, but it should be kept: {reply}"
    connection.send(request("GET", "/plaintext"))
    check.equal(connection.read_reply().body, b"Hello, World!", "the request after it")


def register() -> None:
    for path in sorted(FOLDER.rglob("*.case")):
        name = f"conformance.{path.relative_to(FOLDER).with_suffix('')}"
        try:
            case = parse_case(path.read_text())
        except (ValueError, KeyError) as error:
            raise SystemExit(f"{path}: {error}") from error
        compared = not any(
            "cut" in allowed for allowed in case.statuses
        )  # which of them it is depends on time
        add(
            Behaviour(
                name,
                lambda t, case=case: run_case(t, case),
                CONFIG,
                lambda variant: True,
                compared,
                False,
            )
        )


register()
