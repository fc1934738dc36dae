# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow on purpose, in numbers: what each of them costs, and how it ends. How long others wait beside
five thousand of them is measured by loadtest/attack.py."""

import contextlib
import dataclasses
import itertools
import resource
import time
from pathlib import Path

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually

from .reasons import reasons

PATIENT = configuration(
    {"log.access": False, "timeouts.write": "60s", "limits.body_bytes": "1GiB"}
)
# The probes of more closed windows fill the loopback device's queue, and it drops packets of other tests too. Of an
# upload the kernel keeps megabytes.
FIRST, CROWD, UPLOADS = 100, 400, 20
PLAINTEXT = request("GET", "/plaintext")


def resident(t) -> int:
    """Bytes of memory that the whole server has."""
    if t.bench.sanitized:
        t.skip("a sanitizer keeps what was freed")
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in t.server.process_ids())
    return sum(pages) * resource.getpagesize()


def settled(t) -> int:
    """`resident`, as soon as it does not grow any more."""
    before, now = -1, resident(t)
    while now > before:
        time.sleep(0.3)  # there is nothing to wait for but time
        before, now = max(before, now), resident(t)
    return now


def each_of_a_crowd(t, targets, requests: int = 1, first: int = FIRST, crowd: int = CROWD) -> float:
    """Bytes that the server holds for a client that asks for the next of `targets`, and does not read."""

    def begin_to_read(clients: int) -> None:
        for _ in range(clients):
            t.connect(receive_bytes=4096).send(b"".join(request("GET", next(targets)) for _ in range(requests)))

    begin_to_read(first)
    before = settled(t)  # with the threads that any crowd needs
    begin_to_read(crowd)
    return (settled(t) - before) / crowd


@behaviour(own_server=True, compare=False)
def a_reader_that_is_waited_for_costs_a_chunk_of_its_file(t):
    t.start(PATIENT)
    check.equal(len(t.get("/big.bin").body), 10 * 1024 * 1024)
    each = each_of_a_crowd(t, itertools.repeat("/big.bin"))
    assert each < 40 * 1024, f"{each / 1024:.0f} KiB for each client that does not read"
    check.status(t.get("/plaintext"), 200)


@behaviour(own_server=True, compare=False)
def readers_of_files_in_memory_share_them(t):
    """As long as the cache remembers them. Those that it has forgotten it does not hold a third time."""
    folder = t.bench.folder / "held" / t.variant.name.replace("/", "_")
    folder.mkdir(parents=True)
    (folder / "file.txt").write_bytes(b"x" * (250 << 10))
    files = 1000
    for number in range(files):
        (folder / f"{number}.txt").hardlink_to(folder / "file.txt")
    config = PATIENT.with_settings({"files.cache_bytes": "5MiB"})
    t.start(dataclasses.replace(config, root=str(folder.relative_to(t.bench.folder))))
    for targets in itertools.repeat("/file.txt"), (f"/{number % files}.txt" for number in itertools.count()):
        each = each_of_a_crowd(t, targets, requests=40, first=50, crowd=100)  # 10 MB: more than the kernel takes
        assert each < 40 * 1024, f"{each / 1024:.0f} KiB for each client that does not read"


@behaviour(own_server=True, compare=False)
def an_upload_whose_answer_is_not_taken_is_not_read_on(t):
    """An echo: what comes in has nowhere to go."""
    t.start(PATIENT)
    check.status(t.ask("POST", "/echo", body=b"x" * 1_000_000), 200)
    before = resident(t)
    length = 64 << 20
    for _ in range(UPLOADS):
        connection = t.connect(receive_bytes=4096)
        connection.send(request("POST", "/echo", fields={"Content-Length": str(length)}))
        sent = connection.send_until_blocked(b"x" * 65536, wait=0.1, bytes_max=length)
        assert sent < length, "all of it was taken"
    each = (settled(t) - before) / UPLOADS
    assert each < 512 * 1024, f"{each / 1024:.0f} KiB for each client that does not read its echo"
    check.status(t.get("/plaintext"), 200)


ATTACKED = configuration(
    {
        "log.access": False,
        "timeouts.header": "1500ms",
        "timeouts.body": "1500ms",
        "timeouts.write": "1500ms",
        "limits.body_rate": "1KiB",
        "limits.write_rate": "1KiB",
    }
)
ATTACKS = {
    "refused_head_late": PLAINTEXT[:-2] + b"X-Slow: ",
    "refused_body_late": request("POST", "/echo", fields={"Content-Length": "1000000"}),
    "closed_write_late": request("GET", "/big.bin"),
}
EACH = 150


@behaviour(own_server=True, compare=False)
def slow_heads_bodies_and_readers_end_counted_and_others_are_served(t):
    t.start(ATTACKED)
    before = reasons(t)
    attackers = []
    for beginning in ATTACKS.values():
        for _ in range(EACH):
            attackers.append(t.connect(receive_bytes=4096))
            attackers[-1].send(beginning)

    def all_ended() -> bool:
        for connection in attackers[:EACH]:
            with contextlib.suppress(ConnectionError):
                connection.send(b"x")
        check.status(t.get("/plaintext"), 200)
        now = reasons(t)
        return all(now[name] - before[name] >= EACH for name in ATTACKS)

    eventually(all_ended, t.limit(20), "all attackers have ended", lambda: reasons(t))
    after = reasons(t)
    check.equal({name: after[name] - before[name] for name in ATTACKS}, dict.fromkeys(ATTACKS, EACH))
