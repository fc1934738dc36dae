# SPDX-License-Identifier: Apache-2.0
"""The table of pipelined requests, from figures that are made up."""

import argparse
import contextlib
import io
import unittest
from unittest import mock

import made_up  # noqa: F401: finds the packages
import throughput
from table import Report

SERVERS = [argparse.Namespace(name=name) for name in ("nginx", "spindle fiber")]


class PipelinedTest(unittest.TestCase):
    def table(self, server_busy: float, client_busy: float) -> list[str]:
        def measured(server, options):
            rate = 100.0 if server.name == "nginx" else 900.0
            cost = {"CPU us/request": 1000 / rate, "user us/request": 500 / rate}
            return {"requests/s": rate, **cost, "server busy": server_busy, "client busy": client_busy}

        report = Report()
        options = argparse.Namespace(rounds=2, seconds=1, connections=64)
        running = contextlib.nullcontext(SERVERS)
        with (
            mock.patch.multiple(throughput, running=lambda *_: running, measure_pipelined=measured),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            throughput.pipelined(report, options)
        return report.lines

    def test_how_busy_both_were_stands_beside_and_has_no_ratio(self) -> None:
        _, header, *servers, ratio = self.table(0.99, 0.5)
        self.assertEqual(header.split()[-4:], ["server", "busy", "client", "busy"])
        self.assertEqual([one.split()[-2:] for one in servers], [["0.99", "0.50"]] * 2)
        self.assertEqual(ratio.split(), ["spindle", "fiber", "/", "nginx", "9.00", "0.11", "0.11"])

    def test_a_client_at_its_limit_is_told_unless_the_server_was_too(self) -> None:
        self.assertIn("The client was at its limit with nginx, which may", self.table(0.7, 0.99)[-2])
        self.assertNotIn("limit", self.table(0.98, 0.99)[-1])


if __name__ == "__main__":
    unittest.main()
