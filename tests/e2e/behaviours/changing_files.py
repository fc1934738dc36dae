# SPDX-License-Identifier: Apache-2.0
"""Files that change: between two requests, and while they are sent."""

import os
import time

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour

FOLDER = "changing"
OLD, NEW = b"before " * 1000, b"after  " * 1200
LONG = os.urandom(1 << 20) * 16  # more than the kernel holds of it


def believing(valid: str):
    return configuration({"files.cache_valid": valid}, root=FOLDER)


def file_of(t, name: str):
    """A file of this variant's, and where it is asked for."""
    name = f"{t.variant.name.replace('/', '_')}_{name}"
    return t.bench.folder / FOLDER / name, f"/{name}"


def start(t, valid: str) -> None:
    (t.bench.folder / FOLDER).mkdir(exist_ok=True)
    t.start(believing(valid))


def replace(path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.rename(path)


def wait_for(t, target: str, states: list[bytes]) -> None:
    """Asks until the answer is the last state; until then it is a whole earlier one: workers see it one by one."""
    end = time.monotonic() + t.limit(10)
    while (reply := t.get(target)).body != states[-1]:
        assert time.monotonic() < end, "the change does not show"
        assert reply.body in states, f"of no state: {reply.body[:100]!r}"
    check.field(reply, "Content-Length", str(len(states[-1])))


@behaviour(own_server=True, compare=False)
def without_memory_for_files_each_is_read_when_it_is_asked_for(t):
    (t.bench.folder / FOLDER).mkdir(exist_ok=True)
    path, target = file_of(t, "uncached.txt")
    path.write_bytes(OLD)
    for settings in ({"files.cache_bytes": "0B"}, {"files.cache_file_bytes": "1KiB"}):
        t.start(configuration({**settings, "files.cache_valid": "1h"}, root=FOLDER))
        for content in (OLD, NEW):
            replace(path, content)
            check.same_bytes(t.get(target).body, content, str(settings))


@behaviour(own_server=True, compare=False)
def a_change_shows_when_the_cache_is_no_longer_believed(t):
    start(t, "50ms")
    path, target = file_of(t, "short.txt")
    missing = t.get(target)
    check.status(missing, 404)
    path.write_bytes(OLD)
    wait_for(t, target, [missing.body, OLD])
    replace(path, NEW)
    wait_for(t, target, [missing.body, OLD, NEW])
    path.unlink()
    wait_for(t, target, [OLD, NEW, missing.body])


@behaviour(own_server=True, compare=False)
def a_file_that_is_believed_is_not_looked_at(t):
    start(t, "1h")
    path, target = file_of(t, "short.txt")
    path.write_bytes(OLD)
    asked = [t.get(target) for _ in range(20)]  # of every worker
    replace(path, NEW)
    assert any(t.get(target).body == OLD for _ in range(20)), "nobody remembers it"
    for reply in asked:
        check.same_bytes(reply.body, OLD)


@behaviour(own_server=True, compare=False)
def a_cache_that_believes_nothing_shows_changes_at_once(t):
    start(t, "0s")
    path, target = file_of(t, "short.txt")
    for content in (OLD, NEW, b"", OLD):
        path.write_bytes(content)
        check.same_bytes(t.get(target).body, content)
        check.same_bytes(t.get(target).body, content)


@behaviour(own_server=True, compare=False)
def what_lies_in_memory_comes_in_parts_and_conditionally(t):
    start(t, "1h")
    path, target = file_of(t, "short.txt")
    path.write_bytes(OLD)
    tag = t.get(target).field("ETag")
    for _ in range(4):
        part = t.ask("GET", target, fields={"Range": "bytes=7-13"})
        check.status(part, 206)
        check.same_bytes(part.body, OLD[7:14])
        check.status(t.ask("GET", target, fields={"If-None-Match": tag}), 304)
        check.status(t.ask("GET", target, fields={"If-Match": '"other"'}), 412)
        check.equal(t.ask("HEAD", target).body, b"")


def being_sent(t, name: str):
    """A long file whose answer has begun, to a client that takes in no more than its head."""
    path, target = file_of(t, name)
    path.write_bytes(LONG)
    connection = t.connect(receive_bytes=64 * 1024)
    connection.send(request("GET", target, fields={"Connection": "close"}))
    connection.take_in(1024)
    return path, connection


@behaviour(own_server=True, compare=False)
def a_file_that_is_replaced_or_deleted_while_it_is_sent_comes_whole(t):
    start(t, "1s")
    for name, change in (
        ("replaced.bin", lambda path: replace(path, NEW)),
        ("deleted.bin", lambda path: path.unlink()),
    ):
        path, connection = being_sent(t, name)
        change(path)
        check.same_bytes(connection.read_reply().body, LONG, name)


def overwrite(path, content: bytes, offset: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


@behaviour(own_server=True, compare=False)
def an_answer_is_cut_off_when_its_file_is_written_to(t):
    start(t, "1s")
    for name, change in (
        ("shorter.bin", lambda path: os.truncate(path, 1000)),
        ("overwritten.bin", lambda path: overwrite(path, b"!" * (1 << 20), len(LONG) - (1 << 20))),
        ("longer.bin", lambda path: overwrite(path, b"more", len(LONG))),
    ):
        path, connection = being_sent(t, name)
        change(path)
        received = connection.read_to_end()
        head, _, body = received.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(LONG)}".encode() in head, head
        assert len(body) < len(LONG), f"{name}: {len(body)} bytes"
        check.same_bytes(body, LONG[: len(body)], f"{name}, what came of it")
    check.status(t.get(file_of(t, "longer.bin")[1]), 200)
