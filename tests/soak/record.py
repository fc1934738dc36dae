# SPDX-License-Identifier: Apache-2.0
"""What the clients asked and saw answered, and the comparison with the access log.

Every request carries a mark of its own in its query (`?mark=p3.17`). Of the polite clients the log must
have exactly what was answered, byte for byte counted; of the rude ones, who often do not stay for the
answer, at least what they saw answered, nothing twice, and nothing that was never sent.
"""

import json
import re
import threading
from collections import Counter
from pathlib import Path

_MARK = re.compile(r"[?&]mark=([pr][0-9]+\.[0-9]+)")

_TIMED_OUT = 408


class Record:
    """Shared by all clients."""

    def __init__(self):
        self._lock = threading.Lock()
        self._sent: set[str] = set()
        self._answered: dict[str, tuple[int, int]] = {}
        self.failures: list[str] = []
        self.deeds = Counter()
        self._deed_done = threading.Condition(self._lock)

    def sent(self, mark: str) -> None:
        with self._lock:
            self._sent.add(mark)

    def answered(self, mark: str, status: int, body_bytes: int) -> None:
        with self._lock:
            if mark in self._answered:
                self.failures.append(f"{mark} was answered twice")
            self._answered[mark] = (status, body_bytes)

    def deed(self, name: str) -> None:
        with self._deed_done:
            self.deeds[name] += 1
            self._deed_done.notify_all()

    def fail(self, who: str, name: str, text: str) -> None:
        with self._lock:
            self.failures.append(f"{who}: {name}: {text}")

    def wait_for_deeds(self, more: int, limit: float) -> bool:
        """Until so many more deeds are done."""
        with self._deed_done:
            goal = self.deeds.total() + more
            return self._deed_done.wait_for(lambda: self.deeds.total() >= goal, limit)

    @property
    def answers(self) -> int:
        with self._lock:
            return len(self._answered)

    def compare(self, log: Path) -> list[str]:
        """What the log and the record disagree on; after the server's end."""
        wrong = []
        logged: dict[str, tuple[int, int]] = {}
        for line in log.read_text().splitlines():
            entry = json.loads(line)
            found = _MARK.search(entry["uri"])
            if found is None:
                continue
            mark = found[1]
            if mark in logged:
                wrong.append(f"logged twice: {line}")
            if mark not in self._sent:
                wrong.append(f"logged, but never sent: {line}")
            logged[mark] = (entry["status"], entry["bytes_out"])
        for mark, answer in self._answered.items():
            if answer[0] == _TIMED_OUT and mark.startswith("r"):
                continue  # the head was not wholly there, so its line has no target
            if logged.get(mark) != answer:
                wrong.append(f"{mark}: answered (status, bytes) {answer}, logged {logged.get(mark)}")
        for mark in logged.keys() - self._answered.keys():
            if mark.startswith("p"):
                wrong.append(f"{mark}: logged {logged[mark]}, but no answer was seen")
        return wrong
