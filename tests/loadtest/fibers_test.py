# SPDX-License-Identifier: Apache-2.0
"""The table of fibers, goroutines and threads, from programs that say what they are told."""

import argparse
import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import made_up  # noqa: F401: finds the packages
import fibers
import servers
from table import Report

FIBERS = {"life_ns": 100.0, "thread_life_ns": 9000.0, "switch_2_ns": 8.0, "thread_kernel_stack_bytes": 16384.0}
GOROUTINES = {"life_ns": 200.0}


class TableTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(setattr, servers, "build_go", servers.build_go)

    def program(self, path: str, said: dict[str, float]) -> Path:
        made = self.folder / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text("#!/bin/sh\n" + "".join(f"echo {name} {value}\n" for name, value in said.items()))
        made.chmod(0o755)
        return made

    def table(self, goroutines: Path | None) -> list[list[str]]:
        self.program("loadtest/spindle_fibers", FIBERS)
        servers.build_go = lambda name: goroutines
        report = Report()
        with contextlib.redirect_stdout(io.StringIO()):
            fibers.run(report, argparse.Namespace(spindle=self.folder / "server/spindle", parked=7, rounds=2))
        return [line.rsplit(", ", 1)[-1].split() for line in report.lines[1:]]

    def test_threads_have_a_column_of_their_own_beside_the_ratio_of_the_others(self) -> None:
        header, *rows = self.table(self.program("goroutines", GOROUTINES))
        self.assertEqual(header, ["fibers", "goroutines", "ratio", "threads"])
        self.assertEqual(rows, [["ns", "8.00"], ["ns", "100.0", "200.0", "0.50", "9000"], ["bytes", "16384"]])

    def test_without_go_there_is_no_ratio(self) -> None:
        self.assertEqual(self.table(None)[2], ["ns", "100.0", "9000"])


if __name__ == "__main__":
    unittest.main()
