# SPDX-License-Identifier: Apache-2.0
"""Scenario files: what they may say, and what is said of mistakes in them."""

import tempfile
import unittest
from pathlib import Path

import made_up  # noqa: F401: finds the package
from workload import scenario

SHIPPED = Path(__file__).resolve().parents[2] / "loadtest/scenarios"
ROUTE = '[[route]]\npath = "/plaintext"\n'


def load(text: str) -> scenario.Scenario:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.toml"
        path.write_text(text)
        return scenario.load(path)


class Scenarios(unittest.TestCase):
    def assert_mistake(self, text: str, *said: str) -> None:
        with self.assertRaises(scenario.Mistake) as caught:
            load(text)
        for part in ("mine.toml", *said):
            self.assertIn(part, str(caught.exception))

    def test_all_shipped_ones_are_valid(self):
        names = {scenario.load(path).name for path in SHIPPED.glob("*.toml")}
        self.assertLessEqual({"plaintext", "cpu_hog", "blocking", "idle_connections"}, names)

    def test_what_is_left_out_has_its_default(self):
        found = load('title = "t"\n' + ROUTE)
        self.assertEqual((found.name, found.connections, found.rate_per_s), ("mine", 64, None))
        self.assertEqual(found.routes, (scenario.Route("/plaintext"),))
        self.assertFalse(found.is_open_loop)

    def test_routes_take_turns_by_their_weights_spread_evenly(self):
        found = load('title = "t"\n' + ROUTE + 'weight = 3\n[[route]]\npath = "/json"\n')
        self.assertEqual([one.path for one in found.turn], ["/plaintext", "/plaintext", "/json", "/plaintext"])
        self.assert_mistake('title = "t"\n' + ROUTE + "weight = 1001\n", "weights together may be 1000 at most")

    def test_a_host_is_one_word(self):
        self.assertEqual(load('title = "t"\nhost = "example.com:80"\n' + ROUTE).host, "example.com:80")
        self.assert_mistake('title = "t"\nhost = "a b"\n' + ROUTE, "host is a name without spaces")

    def test_a_wrong_key_is_told_with_the_nearest_right_one(self):
        self.assert_mistake('title = "t"\nconections = 3\n' + ROUTE, "conections", "did you mean connections?")
        self.assert_mistake('title = "t"\n' + ROUTE + "wight = 3\n", "[[route]]", "did you mean weight?")

    def test_a_wrong_kind_of_value_is_told(self):
        for value, rule in (("-1", "a whole number"), ("true", "a whole number"), ('"3"', "a whole number")):
            self.assert_mistake(f'title = "t"\nconnections = {value}\n' + ROUTE, "connections", rule)

    def test_a_missing_key_is_told(self):
        self.assert_mistake(ROUTE, "title")
        self.assert_mistake('title = "t"\n', "[[route]]")
        self.assert_mistake('title = "t"\n[[route]]\nweight = 1\n', "path")

    def test_what_is_not_toml_is_told(self):
        self.assert_mistake("title = ")

    def test_a_method_of_no_known_name_is_told(self):
        for method, hint in (("POTS", "did you mean POST?"), ("get", "did you mean GET?"), ("HEAD", "there are GET, POST")):
            route = f'{ROUTE}method = "{method}"\n'
            self.assert_mistake('title = "t"\n' + route, f"[[route]]: there is no method {method}", hint)

    def test_a_background_of_no_known_kind_is_told(self):
        background = '[[background]]\nkind = "bloc"\nconnections = 1\n'
        self.assert_mistake('title = "t"\n' + ROUTE + background, "did you mean block?")

    def test_a_background_that_would_do_nothing_is_told(self):
        self.assert_mistake('title = "t"\n' + ROUTE + '[[background]]\nkind = "cpu"\nconnections = 1\n', "needs the path")

    def test_a_background_goes_on_for_a_while_where_it_can_begin_and_end_within(self):
        heavy = '[[background]]\nkind = "cpu"\npath = "/cpu"\nconnections = 1\n'
        timed = 'title = "t"\nrate_per_s = 10\nduration_s = 3\n' + ROUTE
        found = load(timed + heavy + "begin_s = 1\nend_s = 3\n")
        self.assertEqual(found.own_load, found.background[0])
        (settings,) = found.settings(3)["background"]
        self.assertEqual((settings["begin_s"], settings["end_s"]), (1, 3))
        self.assertNotIn("begin_s", load(timed + heavy + "end_s = 1\n").settings(3)["background"][0])
        for keys, *said in (
            ("begin_s = 2\nend_s = 2\n", "begin_s must be before end_s", "2 is not before 2"),
            ("end_s = 0\n", "begin_s must be before end_s"),
            ("end_s = 4\n", "must lie within duration_s, which is 3"),
            ("begin_s = 3\n", "must lie within duration_s, which is 3"),
            ("begin_s = 1.5\n", "begin_s is a whole number"),
            ("begins = 1\n", "did you mean begin_s?"),
        ):
            self.assert_mistake(timed + heavy + keys, "[[background]]", *said)
        endless = timed.replace("duration_s = 3\n", "")
        self.assert_mistake(endless + heavy + "end_s = 1\n", "need the scenario's own duration_s")
        which = "for the first of kind cpu or block, beside a fixed rate"
        self.assert_mistake(timed.replace("rate_per_s = 10\n", "") + heavy + "end_s = 1\n", which)
        self.assert_mistake(timed + heavy + heavy.replace("cpu", "block") + "end_s = 1\n", which)
        self.assert_mistake(timed + '[[background]]\nkind = "idle"\nconnections = 1\nbegin_s = 1\n', which)

    def test_a_fixed_rate_takes_what_can_be_sent_at_any_time(self):
        self.assert_mistake('title = "t"\nrate_per_s = 10\npipelining = 2\n' + ROUTE, "fixed rate")
        load('title = "t"\nrate_per_s = 10\n' + ROUTE + 'method = "POST"\nbody_bytes = 10\n')


if __name__ == "__main__":
    unittest.main()
