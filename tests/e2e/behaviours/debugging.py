# SPDX-License-Identifier: Apache-2.0
"""What can be seen of a server from outside: a dump of its flows of control, and how an overflow ends it."""

import os
import re
import signal

from behaviours.workers import serving_processes
from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually

# What still sleeps at the end is cut.
OWN = configuration({"log.access": False, "timeouts.drain": "100ms"})
DEEP = configuration(
    {"log.access": False}, handlers=(("/backend", "backend"), ("/deep", "recurse")), root=None
)
DUMP = signal.SIGRTMIN + 1
# An event loop's stack is the thread's, and where that is unlimited nothing overflows. Nor is a core dump wanted.
USUAL_STACK = ("sh", "-c", 'ulimit -S -s 8192 && ulimit -S -c 0 && exec "$0" "$@"')


def take_dump(server) -> list[str]:
    """Signals the server and returns the dump's lines, of all its processes, without what else is logged meanwhile."""
    before = len(server.lines("err"))
    os.kill(server.process.pid, DUMP)
    ends = len([text for text in server.lines("err")[:before] if "end of dump" in text])
    server.wait_for_line("dump: end of dump", count=ends + server.processes)
    return [text.partition("dump: ")[2] for text in server.lines("err")[before:] if "dump: " in text]


def flows(lines: list[str], pattern: str) -> list[list[str]]:
    """Each flow whose line matches, with its backtrace behind it."""
    found = []
    for number, text in enumerate(lines):
        if re.search(pattern, text):
            end = number + 1
            while end < len(lines) and lines[end].startswith("    "):
                end += 1
            found.append(lines[number:end])
    return found


def waiting(lines: list[str], route: str) -> list[list[str]]:
    return flows(lines, rf"^(fiber|flow) \d+: waiting for \d+\.\d+ s, route {route}, worker \d+$")


def dump_until(t, server, enough) -> list[str]:
    """Dumps until one shows what the server is about to do."""
    lines: list[str] = []

    def seen() -> bool:
        lines[:] = take_dump(server)
        return enough(lines)

    eventually(seen, t.limit(20), "a dump that shows it")
    return lines


@behaviour(compare=False, own_server=True)
def a_dump_shows_every_flow(t):
    server = t.start(OWN)
    idle = t.connect()
    idle.send(request("GET", "/plaintext"))
    check.status(idle.read_reply(), 200)
    sleeping = [t.connect() for _ in range(3)]
    for connection in sleeping:
        connection.send(request("GET", "/sleep?ms=60000"))
    lines = dump_until(t, server, lambda lines: len(waiting(lines, "/sleep")) == 3)
    assert flows(lines, r"^(fiber|flow) \d+: idle for .* in no handler"), lines
    ids = [text[0].split(":")[0] for text in waiting(lines, "/sleep")]
    assert server.processes > 1 or len(set(ids)) == 3, f"numbers are not unique: {ids}"
    summary = [text for text in lines if "waiting in handlers" in text]
    assert len(summary) == server.processes, lines
    if t.variant.fiber:
        for text in waiting(lines, "/sleep"):
            trace = "\n".join(text[1:])
            assert "spindle::handlers::sleep" in trace, trace
            assert "spindle_context_first_frame" in text[-1], f"does not end at the context's end: {trace}"


@behaviour(compare=False, own_server=True)
def a_dump_shows_where_a_busy_handler_is(t):
    server = t.start(configuration({"log.access": False}))
    busy = t.connect(limit=30)
    busy.send(request("GET", f"/cpu?us={min(10_000_000, int(t.limit(1_000_000)))}"))

    def caught(lines: list[str]) -> bool:
        return any("spindle::handlers::cpu" in text for text in lines)

    lines = dump_until(t, server, caught)
    running = flows(lines, r"^(fiber|flow) \d+: running for \d+\.\d+ s, route /cpu, worker \d+")
    assert running, lines
    if t.variant.fiber:
        assert any("spindle::handlers::cpu" in text for text in running[0]), running
    check.status(busy.read_reply(), 200)


@behaviour(compare=False, own_server=True)
def an_overflow_is_named_with_its_route(t):
    server = t.start(DEEP, launcher=USUAL_STACK)
    shallow = t.connect()
    shallow.send(request("GET", "/deep?kib=100"))
    check.status(shallow.read_reply(), 200)
    doomed = t.connect()
    doomed.send(request("GET", "/deep?kib=16384"))
    kind = "fiber" if t.variant.fiber else "flow"
    line = server.wait_for_line("stack overflow", "err")[0]
    assert re.search(
        rf"stack overflow in {kind} \d+, route /deep: stack_size = \d+ bytes, .*raise", line
    ), line
    if server.processes == 1:
        check.equal(server.wait(), -signal.SIGABRT, "the exit code")
    else:
        server.wait_for_line(rf"was ended by signal {int(signal.SIGABRT)}\b")
        serving_processes(t, lambda ids: len(ids) >= 2)  # its end is checked with the rest
