# SPDX-License-Identifier: Apache-2.0
"""The attack of ./dev bench, with few connections."""

import argparse
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import made_up  # noqa: F401: finds the package
import attack
import servers

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SPINDLE_BUILD", ROOT / "build/dev")).resolve()


class Attacking(unittest.TestCase):
    def test_slow_headers_time_out_while_it_is_measured_and_are_counted(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        options = argparse.Namespace(folder=Path(folder.name), cpus=1, seconds=1)
        options.spindle, options.probe = BUILD / "server/spindle", BUILD / "loadtest/spindle_probe"
        servers.make_site(options.folder)
        with mock.patch.multiple(attack, CONNECTIONS=20, HEADER_TIMEOUT=1):
            found = attack.measure("event_loop", "slow_header", options)
        self.assertIsNotNone(found)
        self.assertGreaterEqual(found["closed"], 20)


if __name__ == "__main__":
    unittest.main()
