# SPDX-License-Identifier: Apache-2.0
"""A server whose allocations or threads fail as one asks for it: tests/e2e/failing_allocations.cpp, loaded into it."""

import itertools
import mmap
from pathlib import Path

from .registry import Skipped


class FailingAllocations:
    _serial = itertools.count()

    def __init__(self, binary: Path, folder: Path):
        """`binary` is the server's; the library lies in the same build."""
        self.library = binary.parent.parent / "tests" / "libfailing_allocations.so"
        if not self.library.exists():
            raise Skipped(f"{self.library} is not built with this server")
        self._path = folder / f"failing_allocations_{next(self._serial)}"
        self._path.write_bytes(bytes(8))
        with self._path.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), 8)).cast("I")

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "FAILING_ALLOCATIONS": str(self._path)}

    def with_threads(self, most: int) -> dict[str, str]:
        """Environment of a server that can begin no more than so many in its life."""
        return {**self.environment, "THREADS_MAX": str(most)}

    def one_in(self, number: int) -> None:
        """From now on; 0: none, 1: all."""
        self._words[0] = number

    @property
    def failed(self) -> int:
        return self._words[1]
