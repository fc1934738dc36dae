# SPDX-License-Identifier: Apache-2.0
"""Assertions whose failure says on one line what was expected and what came."""

import selectors
import time

from .client import Connection


def equal(actual, expected, what: str = "value") -> None:
    if actual != expected:
        raise AssertionError(f"{what}: {_short(actual)}, expected {_short(expected)}")


def status(reply, *allowed: int) -> None:
    if reply.status not in allowed:
        expected = " or ".join(map(str, allowed))
        raise AssertionError(f"status {reply}, expected {expected}")


def field(reply, name: str, expected: str | None) -> None:
    equal(reply.field(name), expected, f"{name} of a {reply.status}")


def same_bytes(actual: bytes, expected: bytes, what: str = "body") -> None:
    """For large bodies: says where they differ."""
    if actual == expected:
        return
    pairs = zip(actual, expected)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(actual), len(expected)))
    raise AssertionError(
        f"{what}: {len(actual)} bytes, expected {len(expected)}; differs from byte {at}: "
        f"{actual[at:at + 24]!r}, expected {expected[at:at + 24]!r}"
    )


def readable_of(connections: list[Connection], limit: float, enough: int) -> list[Connection]:
    """Those with something to read, as soon as they are `enough` or all, or the limit has passed."""
    enough = min(enough, len(connections))
    deadline = time.monotonic() + limit
    ready: list[Connection] = []
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        while len(ready) < enough and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                ready.append(key.data)
                selector.unregister(key.fileobj)
    return ready


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 240 else text[:240] + "…"
