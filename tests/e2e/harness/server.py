# SPDX-License-Identifier: Apache-2.0
"""A running spindle: starts it, reads its output, signals it, and checks that it left nothing.

A thread for each output stream reads lines, so that waiting for a line is a wait and not a poll.
"""

import os
import re
import shlex
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from .client import Address, Overdue

_LISTENING = re.compile(r"listening on (http://\S+?:\d+|unix:\S+?)/?(?=[\s\"',;]|$)")
_TEARDOWN = re.compile(
    r"teardown: (connections=\d+ buffers=\d+ fibers=\d+ descriptors=\d+ operations=\d+ flows=\d+)"
)
_NOTHING_LEFT = "connections=0 buffers=0 fibers=0 descriptors=0 operations=0 flows=0"
_GATHERING = 0.02  # seconds; a lone line comes sooner
_BUG = re.compile(
    r"spindle: bug:|ERROR: \w*Sanitizer|WARNING: ThreadSanitizer"
    r"|runtime error:|SUMMARY: \w*Sanitizer"
)


class StartFailed(AssertionError):
    """The process ended, or said nothing, before it listened."""

    def __init__(self, text: str, code: int | None, output: str):
        super().__init__(text)
        self.code = code
        self.output = output


class Server:
    def __init__(
        self,
        command: list[str],
        *,
        listeners: int = 1,
        processes: int = 1,
        limit: float = 10.0,
        descriptors_max: int | None = None,
        environment: dict[str, str] | None = None,
        launcher: tuple[str, ...] = (),
    ):
        """Starts `command`; returns when it listens. `descriptors_max` is its RLIMIT_NOFILE.

        `launcher` is a command that executes the one behind it."""
        self.command = command
        self.processes = processes
        self.limit = limit
        self._lines: list[tuple[str, str]] = []
        self._streams_open = 2
        self._changed = threading.Condition()
        command = [*launcher, *command]
        if descriptors_max is not None:
            command = ["sh", "-c", f"ulimit -n {descriptors_max} && exec {shlex.join(command)}"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        for reader in self._readers:
            reader.start()
        self._wait_until_listening(listeners)

    # -- output ----------------------------------------------------------------------------------

    def lines(self, stream: str | None = None) -> list[str]:
        with self._changed:
            return [text for name, text in self._lines if stream in (None, name)]

    def output(self) -> str:
        return "\n".join(self.lines())

    def wait_for_line(self, pattern: str, stream: str | None = None, count: int = 1) -> list[str]:
        """The lines that match, as soon as there are `count` of them.

        On "out" that is the access log, which gathers lines for up to a second: the signal for a rotation makes it
        write them, and leaves standard output as it is."""
        found: list[str] = []

        def enough() -> bool:
            found[:] = [
                text
                for name, text in self._lines
                if stream in (None, name) and re.search(pattern, text)
            ]
            return len(found) >= count

        deadline = time.monotonic() + self.limit
        with self._changed:
            while not self._changed.wait_for(enough, _GATHERING if stream == "out" else self.limit):
                if time.monotonic() >= deadline:
                    raise Overdue(
                        f"no line like {pattern!r} ({len(found)} of {count}); last: {self._tail()}"
                    )
                self.signal(signal.SIGUSR1)
        return found

    def _read(self, name: str, stream) -> None:
        for line in stream:
            with self._changed:
                self._lines.append((name, line.decode("utf-8", "backslashreplace").rstrip("\n")))
                self._changed.notify_all()
        with self._changed:
            self._streams_open -= 1
            self._changed.notify_all()

    def _tail(self) -> str:
        return " | ".join(text for _, text in self._lines[-3:]) or "no output"

    # -- life ------------------------------------------------------------------------------------

    def _wait_until_listening(self, listeners: int) -> None:
        def found() -> list[str]:
            return [match for _, text in self._lines for match in _LISTENING.findall(text)]

        with self._changed:
            self._changed.wait_for(
                lambda: len(found()) >= listeners or self._streams_open == 0, self.limit
            )
            listening = found()
            ended = self._streams_open == 0
        if len(listening) < listeners:
            code = self.process.wait(self.limit) if ended else None
            self.kill()
            what = f"exit code {code}" if ended else f"not listening after {self.limit:g} s"
            raise StartFailed(
                f"the server did not start: {what}: {self._tail()}", code, self.output()
            )
        self.addresses = [Address(text) for text in listening[:listeners]]

    @property
    def address(self) -> Address:
        return self.addresses[0]

    @property
    def ports(self) -> set[int]:
        return {address.port for address in self.addresses if address.port is not None}

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, limit: float | None = None) -> int:
        """The exit code, once the process has ended and its output is read."""
        try:
            code = self.process.wait(limit or self.limit)
        except subprocess.TimeoutExpired:
            raise Overdue(
                f"still running {limit or self.limit:g} s later; last: {self._tail()}"
            ) from None
        for reader in self._readers:
            reader.join(self.limit)
        return code

    def kill(self) -> None:
        """Ends the whole process group at once; for servers that did not end by themselves."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def stop(self, drain_limit: float | None = None) -> None:
        """Drains, and asserts a clean end: exit code 0, no bug reported, nothing left."""
        self.signal()
        self.expect_clean_end(drain_limit)

    def expect_clean_end(self, limit: float | None = None) -> None:
        try:
            code = self.wait(limit)
        finally:
            self.kill()
        self.expect_no_bug()
        assert code == 0, f"exit code {code} after a drain; last: {self._tail()}"
        figures = _TEARDOWN.findall(self.output())
        assert (
            len(figures) == self.processes
        ), f"{len(figures)} teardown lines, {self.processes} expected"
        for figure in figures:
            assert figure == _NOTHING_LEFT, f"left at the end: {figure}"

    def expect_no_bug(self) -> None:
        report = self.reports_bug()
        assert report is None, f"the server reports a bug: {report}"

    def reports_bug(self) -> str | None:
        return next((line for line in self.lines() if _BUG.search(line)), None)

    # -- what /proc tells ------------------------------------------------------------------------

    def process_ids(self) -> list[int]:
        """The process and its children."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def sockets(self) -> int:
        """Socket descriptors of the whole server."""
        return sum(
            _link(entry).startswith("socket:")
            for pid in self.process_ids()
            for entry in Path(f"/proc/{pid}/fd").iterdir()
        )

    def tcp_states(self) -> str:
        """How many of its connections are in which state of TCP: "01" is established (tcp_states.h)."""
        states = Counter()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            if int(local.rpartition(":")[2], 16) in self.ports:
                states[state] += 1
        return ", ".join(f"{count} in state {state}" for state, count in sorted(states.items()))

    def cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.process_ids():
            fields = stat_of(Path(f"/proc/{pid}"))
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def stat_of(folder: Path) -> list[str]:
    """Fields of a process' or thread's stat in /proc, from its state on."""
    return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:
        return ""


def eventually(condition, limit: float, what: str, found=None) -> None:
    """Waits for something that only /proc tells, which cannot be waited for otherwise. `found()` is said in the end
    if it does not come."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() >= deadline:
            rest = f"; found: {found()}" if found else ""
            raise Overdue(f"not within {limit:g} s: {what}{rest}")
        time.sleep(0.005)
