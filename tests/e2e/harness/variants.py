# SPDX-License-Identifier: Apache-2.0
"""The variants every behaviour runs under: two backends, each with different numbers of workers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    backend: str
    workers: int

    @property
    def name(self) -> str:
        return f"{self.backend}/{self.workers}"

    @property
    def processes(self) -> int:
        """Worker processes; each logs its own teardown line."""
        return self.workers if self.backend == "event_loop" else 1

    @property
    def fiber(self) -> bool:
        return self.backend == "fiber"

    @property
    def event_loop(self) -> bool:
        return self.backend == "event_loop"

    def settings(self) -> dict:
        key = "fiber.processors" if self.fiber else "event_loop.processes"
        return {"concurrency.backend": self.backend, f"concurrency.{key}": self.workers}


VARIANTS = [
    Variant("event_loop", 1),
    Variant("event_loop", 2),
    Variant("fiber", 1),
    Variant("fiber", 2),
    Variant("fiber", 8),
]
