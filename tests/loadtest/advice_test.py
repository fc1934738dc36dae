# SPDX-License-Identifier: Apache-2.0
"""The advice, on workloads whose answer is known."""

import unittest

from made_up import results, scenario, server
from workload import advice

FROZEN = {"run_seconds_max": 0.05, "run_max_route": "/cpu", "stalls": 12}
FREE = {"run_seconds_max": 0.05, "run_max_route": "/cpu", "stalls": 0}


def judged(*servers):
    return advice.of_scenario(scenario("one", *servers))


class OneScenario(unittest.TestCase):
    def test_requests_that_wait_for_a_computation_speak_for_fibers(self):
        found = judged(
            server("event_loop", p99=190, cpu=None, scheduler=FROZEN), server("fiber", p99=2, cpu=None, scheduler=FREE)
        )
        self.assertEqual(found["verdict"], "fiber")
        self.assertIn("95 times", found["margin"])
        self.assertIn("/cpu without a pause took 50 ms: the loop", " ".join(found["reasons"]))
        self.assertIn("12 stalls", " ".join(found["reasons"]))

    def test_a_freeze_outweighs_any_cpu_time(self):
        found = judged(server("event_loop", p99=100, cpu=1), server("fiber", p99=2, cpu=10))
        self.assertEqual(found["verdict"], "fiber")

    def test_short_answers_speak_for_the_event_loop_by_their_cpu_time(self):
        found = judged(server("event_loop", cpu=7), server("fiber", cpu=8))
        self.assertEqual(found["verdict"], "event_loop")
        self.assertTrue(found["margin"].startswith("12.5% less CPU time a request"), found["margin"])

    def test_a_p99_that_is_longer_but_short_does_not_speak(self):
        found = judged(server("event_loop", p99=3, cpu=7), server("fiber", p99=0.5, cpu=8))
        self.assertEqual(found["verdict"], "event_loop")

    def test_idle_connections_speak_by_their_memory(self):
        found = judged(
            server("event_loop", cpu=None, connection_bytes=487), server("fiber", cpu=None, connection_bytes=635)
        )
        self.assertEqual(found["verdict"], "event_loop")
        self.assertIn("memory a connection", found["margin"])

    def test_what_only_some_rounds_have_is_noise(self):
        spread = (0.9, 1.0, 1.1)
        first, second = server("event_loop", cpu=7.2, spread=spread), server("fiber", cpu=7, spread=spread[::-1])
        found = judged(first, second)
        self.assertEqual(found["verdict"], "either")
        self.assertIn("within noise", found["margin"])

    def test_one_percent_is_noise_though_all_rounds_have_it(self):
        self.assertEqual(judged(server("event_loop", cpu=7), server("fiber", cpu=7.07))["verdict"], "either")

    def test_one_backend_alone_gets_no_verdict(self):
        self.assertEqual(judged(server("fiber"))["verdict"], "either")

    def test_doubts_are_said(self):
        found = judged(server("event_loop", cpu=7, limited=True), server("fiber", cpu=8, errors=3))
        said = " ".join(found["reasons"])
        self.assertIn("client was at its limit with event_loop", said)
        self.assertIn("3 requests failed in a round under fiber", said)


    def test_a_freeze_that_only_the_slowest_requests_see_speaks_too(self):
        rounds = server("event_loop", cpu=7, scheduler=FROZEN)
        rounds["summary"]["p999_ms"] = {"median": 200, "low": 190, "high": 210}
        found = judged(rounds, server("fiber", cpu=8, scheduler=FREE))
        self.assertEqual(found["verdict"], "fiber")
        self.assertIn("p99.9 is 100 times shorter", found["margin"])

    def test_latency_without_a_freeze_is_somebody_elses(self):
        idle = {"run_seconds_max": 0.0001, "run_max_route": "/", "stalls": 0}
        found = judged(server("event_loop", p99=190, cpu=7, scheduler=idle), server("fiber", cpu=8, scheduler=idle))
        self.assertEqual(found["verdict"], "event_loop")
        self.assertNotIn("p99 is short", " ".join(found["reasons"]))

    def test_whoever_fails_many_requests_does_not_win(self):
        found = judged(server("event_loop", p99=100), server("fiber", p99=1, errors=50_000))
        self.assertEqual(found["verdict"], "event_loop")
        self.assertIn("50000 requests of a round failed under fiber", found["margin"])

    def test_throughput_at_the_clients_limit_does_not_speak(self):
        found = judged(server("event_loop", rate=110_000, cpu=None, limited=True), server("fiber", cpu=None))
        self.assertEqual(found["verdict"], "either")

    def test_few_rounds_are_a_doubt(self):
        found = judged(server("event_loop", cpu=7, spread=(1,)), server("fiber", cpu=8, spread=(1,)))
        self.assertIn("fewer than 5 rounds", " ".join(found["reasons"]))


class AllScenarios(unittest.TestCase):
    def overall(self, *scenarios):
        found = results(*scenarios)
        advice.advise(found)
        return found["advice"]

    def test_one_freeze_decides_against_many_savings_and_says_so(self):
        cheap = [scenario(f"cheap {n}", server("event_loop", cpu=7), server("fiber", cpu=8)) for n in range(3)]
        frozen = scenario("hog", server("event_loop", p99=190), server("fiber", p99=2))
        found = self.overall(*cheap, frozen)
        self.assertEqual((found["verdict"], found["toml"]), ("fiber", '[concurrency]\nbackend = "fiber"'))
        self.assertEqual(found["margin"], "hog: p99 is 95 times shorter under fiber.")
        voices = "event_loop for 'cheap 0', 'cheap 1', 'cheap 2'; fiber for 'hog'."
        self.assertIn(f"The scenarios disagree: {voices}", found["reasons"][0])
        self.assertIn("Decided by requests that wait for others", found["reasons"][0])
        self.assertIn("cheap 0", " ".join(found["would_change"]))

    def test_savings_are_weighed_and_not_counted(self):
        small = [scenario(f"small {n}", server("event_loop", cpu=7), server("fiber", cpu=7.3)) for n in range(2)]
        large = scenario("large", server("event_loop", cpu=14), server("fiber", cpu=7))
        found = self.overall(*small, large)
        self.assertEqual((found["verdict"], found["margin"][:12]), ("fiber", "large: 50.0%"))
        self.assertIn("Decided by CPU time a request", found["reasons"][0])

    def test_cpu_time_goes_before_memory(self):
        cpu = scenario("cpu", server("event_loop", cpu=7), server("fiber", cpu=7.5))
        memory = scenario(
            "idle", *(server(name, cpu=None, connection_bytes=n) for name, n in (("event_loop", 900), ("fiber", 300)))
        )
        self.assertEqual(self.overall(cpu, memory)["verdict"], "event_loop")

    def test_freezes_under_both_or_like_savings_for_both_decide_nothing(self):
        for small, large in (({"p99": 1}, {"p99": 190}), ({"cpu": 7}, {"cpu": 8})):
            one = scenario("a", server("event_loop", **small), server("fiber", **large))
            other = scenario("b", server("event_loop", **large), server("fiber", **small))
            found = self.overall(one, other)
            self.assertEqual((found["verdict"], found["toml"]), ("depends", ""))
            self.assertIn("The scenarios disagree: event_loop for", found["margin"])

    def test_scenarios_without_a_difference_have_no_say(self):
        even = (1, 1, 1)
        cheap = scenario("cheap", server("event_loop", cpu=7, spread=even), server("fiber", cpu=7.141, spread=even))
        same = [scenario(f"same {n}", server("event_loop"), server("fiber")) for n in range(3)]
        found = self.overall(cheap, *same)
        self.assertEqual(found["verdict"], "event_loop")
        self.assertNotIn("disagree", " ".join(found["reasons"]))

    def test_an_interrupted_run_is_a_doubt(self):
        found = results(scenario("same", server("event_loop"), server("fiber")))
        found["complete"] = False
        advice.advise(found)
        self.assertIn("interrupted", " ".join(found["advice"]["reasons"]))

    def test_no_difference_is_said(self):
        found = self.overall(scenario("same", server("event_loop"), server("fiber")))
        self.assertEqual((found["verdict"], found["toml"]), ("either", ""))
        self.assertIn("No scenario differs", found["margin"])


if __name__ == "__main__":
    unittest.main()
