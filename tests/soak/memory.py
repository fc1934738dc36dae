# SPDX-License-Identifier: Apache-2.0
"""Resident memory over the run. Bursts come and go; a leak raises what is left between them.

So the least of the last third is compared with the most of the first one (which ends after 10 s at the
latest): caches and pools that have found their size pass, what grows with every deed does not.
"""

import os
import threading
import time
from pathlib import Path

from harness.server import Server

_EVERY = 0.25  # seconds


class Memory:
    def __init__(self, server: Server):
        self._server = server
        self._samples: list[tuple[float, int]] = []  # seconds since the start, bytes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def growth(self) -> int:
        """Bytes of the whole server."""
        whole = self._samples[-1][0]
        first = [size for at, size in self._samples if at <= min(10.0, whole / 3)]
        last = [size for at, size in self._samples if at >= whole * 2 / 3]
        return min(last) - max(first)

    def _watch(self) -> None:
        started = time.monotonic()
        while True:
            try:
                self._samples.append((time.monotonic() - started, self._resident()))
            except FileNotFoundError:
                return  # the server has ended, which others report
            if self._ended.wait(_EVERY):
                return

    def _resident(self) -> int:
        pages = (
            int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            for pid in self._server.process_ids()
        )
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")
