# SPDX-License-Identifier: Apache-2.0
"""Two results beside each other."""

import json
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from made_up import results, scenario, server
from workload import compare

COMMAND = Path(__file__).resolve().parents[2] / "loadtest/compare"


def one(**figures):
    return results(scenario("plaintext", server("fiber", **figures)))


def compared(before, after, *extra):
    """-> exit code, output."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("before.json", "after.json")]
        for path, content in zip(paths, (before, after), strict=True):
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        told = subprocess.run([sys.executable, COMMAND, *paths, *extra], capture_output=True, text=True, check=False)
        return told.returncode, told.stdout + told.stderr


class Comparing(unittest.TestCase):
    def test_the_same_is_no_change(self):
        self.assertEqual(compared(one(), one()), (0, "no change beyond noise\n"))

    def test_more_cpu_time_is_a_regression(self):
        code, output = compared(one(cpu=7), one(cpu=8))
        self.assertEqual(code, 1)
        self.assertIn("WORSE  plaintext, fiber: cpu_us_per_request 7 -> 8, 14.3% worse", output)

    def test_fewer_requests_are_a_regression(self):
        self.assertEqual(compared(one(rate=100_000), one(rate=80_000))[0], 1)

    def test_a_regression_within_the_bound_is_told_and_passes(self):
        code, output = compared(one(cpu=7), one(cpu=8), "--bound", "20%")
        self.assertEqual(code, 0)
        self.assertIn("14.3% worse", output)

    def test_an_improvement_is_told_and_passes(self):
        code, output = compared(one(p99=10), one(p99=2))
        self.assertEqual(code, 0)
        self.assertIn("p99_ms 10 -> 2, 80.0% better", output)

    def test_rounds_that_meet_are_noise(self):
        wide = (0.8, 1.0, 1.2)
        self.assertEqual(list(compare.changes(one(cpu=7, spread=wide), one(cpu=8, spread=wide))), [])

    def test_what_changed_by_less_than_the_rounds_differ_is_noise(self):
        before, after = one(cpu=7, spread=(0.9, 0.95, 1.0, 1.01, 1.01)), one(cpu=7.3, spread=(0.99, 1, 1, 1, 1.1))
        wide = one(cpu=7, spread=(0.92, 0.96, 1.0, 1.0, 1.0))
        for pair in ((before, after), (wide, one(cpu=7.5))):
            self.assertEqual(list(compare.changes(*pair)), [], pair)

    def test_the_same_measured_twice_is_hardly_ever_a_regression(self):
        rounds, chance = 5, random.Random(1)
        told = 0
        for _ in range(300):
            pair = [
                one(cpu=7, rate=100_000, p99=1, spread=tuple(chance.gauss(1, 0.05) for _ in range(rounds)))
                for _ in range(2)
            ]
            told += bool(compare.regressions(list(compare.changes(*pair)), None))
        self.assertLess(told, 6)

    def test_few_rounds_are_a_regression_only_beyond_a_bound_that_is_asked_for(self):
        few = (0.99, 1.0, 1.01)
        before, after = one(cpu=7, spread=few), one(cpu=8, spread=few)
        for pair in ((before, after), (before, one(cpu=8)), (one(cpu=7), after)):
            code, output = compared(*pair)
            self.assertEqual(code, 0, output)
            self.assertIn("14.3% worse (or noise: the rounds are too few)", output)
            self.assertNotIn("WORSE", output)
            self.assertEqual(compared(*pair, "--bound", "5%")[0], 1)
            self.assertEqual(compared(*pair, "--bound", "20%")[0], 0)

    def test_what_is_missing_and_what_else_differs_is_named(self):
        before = results(scenario("plaintext", server("fiber"), server("event_loop")))
        after = one()
        before["machine"], after["machine"] = {"kernel": "6.1"}, {"kernel": "6.18"}
        after["complete"] = False
        code, output = compared(before, after)
        self.assertEqual(code, 0)
        for line in ("plaintext, event_loop: only in the first", "kernel: 6.1 -> 6.18", "the second was interrupted"):
            self.assertIn(line, output)

    def test_what_is_no_result_is_named(self):
        for content in ("{", "[]", '{"format": 2}', '{"format": 1}'):
            code, output = compared(one(), content)
            self.assertEqual(code, 2, output)
            self.assertIn("after.json", output)

    def test_a_damaged_result_is_no_regression(self):
        damaged = one()
        del damaged["scenarios"][0]["servers"][0]["summary"]
        nothing = one()
        nothing["machine"] = None
        for content in (damaged, nothing):
            code, output = compared(one(), content)
            self.assertEqual(code, 2, output)
            self.assertIn("after.json: is a damaged result", output)

    def test_results_with_nothing_in_common_are_no_success(self):
        other = results(scenario("other", server("fiber")))
        self.assertEqual(compared(one(), other)[0], 2)

    def test_failures_where_there_were_none_are_a_regression(self):
        self.assertEqual(compared(one(), one(errors=50))[0], 1)
        self.assertEqual(compared(one(errors=50), one())[0], 0)

    def test_a_bound_is_a_share(self):
        for bound in ("much", "nan", "inf", "-1%"):
            self.assertEqual(compared(one(), one(), f"--bound={bound}")[0], 2)


if __name__ == "__main__":
    unittest.main()
