# SPDX-License-Identifier: Apache-2.0
"""The report of a load test, written from made-up results."""

import copy
import html.parser
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import made_up  # also finds the package
from workload import charts, report, summary

ROOT = Path(__file__).resolve().parents[2]
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>|`*_[a](javascript:1)\n# b"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(html.parser.HTMLParser):
    """What a browser sees: elements with their attributes, the text of each kind of element."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> within {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self) -> str:
        return " ".join(self.texts["main"][0].split())

    def charts(self) -> list[dict[str, Any]]:
        return json.loads(self.texts["script"][0])


def page(result: dict[str, Any]) -> Page:
    return Page(report.html(result))


def attacked(value: Any) -> Any:
    """The same result with something hostile in the place of each text."""
    if isinstance(value, dict):
        return {key: attacked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [attacked(one) for one in value]
    return ATTACK if isinstance(value, str) else value


class PageTest(unittest.TestCase):
    def test_every_element_is_closed_where_it_was_opened(self) -> None:
        self.assertEqual(page(made_up.example()).open, [])

    def test_says_the_advice_before_any_table(self) -> None:
        text = page(made_up.example()).text()
        self.assertLess(text.index("Use the fiber backend"), text.index("Medians of the rounds"))
        self.assertLess(text.index("59.5 times shorter"), text.index("Medians of the rounds"))
        self.assertIn('[concurrency] backend = "fiber"', text)

    def test_names_machine_versions_and_commands(self) -> None:
        text = page(made_up.example()).text()
        for said in ("AMD EPYC, 2 CPUs", "24.0 GiB", "6.18.44", "4.1.0", "./dev loadtest --quick", "wrk -t1 -c64"):
            self.assertIn(said, text)

    def test_loads_nothing(self) -> None:
        found = page(made_up.example())
        for tag, attributes in found.elements:
            for name in ("src", "href", "action", "data"):
                self.assertRegex(attributes.get(name, "#"), r"^(#|data:,$)", f"{tag} {name}")
        style = (report.HERE / "report.css").read_text()
        self.assertNotRegex(style, r"url\(|@import")

    def test_each_chart_has_a_name_and_a_table_behind_it(self) -> None:
        found = page(made_up.example())
        canvases = found.all("canvas")
        self.assertEqual([one["data-chart"] for one in canvases], [str(one) for one in range(len(found.charts()))])
        self.assertEqual(len(canvases), 17)
        self.assertTrue(all(one["role"] == "img" and one["aria-label"] for one in canvases))
        for figure in re.findall(r"<figure.*?</figure>", report.html(made_up.example()), re.DOTALL):
            self.assertIn("<tbody><tr>", figure)

    def test_each_scenario_of_the_overview_leads_to_its_section(self) -> None:
        found = page(made_up.example())
        sections = {one["id"] for one in found.all("section") if "id" in one}
        self.assertEqual([one["href"] for one in found.all("a")], ["#scenario-0", "#scenario-1", "#scenario-2"])
        self.assertLessEqual({"scenario-0", "scenario-1"}, sections)

    def test_shows_how_far_rounds_lie_apart(self) -> None:
        result = made_up.example()
        low, high = (result["scenarios"][0]["servers"][0]["summary"]["p99_ms"][one] for one in ("low", "high"))
        self.assertIn(f"{low:.3f}–{high:.3f}", page(result).text())
        self.assertEqual(len(page(result).charts()[0]["series"][0]["rounds"]), len(made_up.WIDE))

    def test_marks_a_server_whose_client_was_at_its_limit(self) -> None:
        result = made_up.example()
        self.assertIn("limit †", page(result).text())
        self.assertIn(summary.LIMITED_NOTE, page(result).text())
        for one in result["scenarios"][0]["servers"][-1]["rounds"]:
            one["client_limited"] = False
        self.assertNotIn("†", page(result).text())

    def test_marks_an_incomplete_result(self) -> None:
        result = made_up.example(complete=False)
        del result["scenarios"][1]["servers"][2]["rounds"][3:]
        text = page(result).text()
        self.assertIn("Incomplete.", text)
        self.assertIn("Rounds measured of 5: go 3.", text)
        self.assertNotIn("Incomplete.", page(made_up.example()).text())

    def test_a_result_that_ended_at_any_point_is_shown(self) -> None:
        ended: list[dict[str, Any]] = [
            {"format": 1, "complete": False},
            {"format": 1, "scenarios": [{}]},
            {"format": 1, "scenarios": [{"name": "a", "servers": [{"name": "fiber", "rounds": []}]}]},
            {"format": 1, "scenarios": [{"servers": [{"name": "fiber", "rounds": [{}], "summary": None}]}]},
            {"format": 1, "scenarios": None, "advice": None, "machine": None, "versions": None, "rounds": None},
        ]
        for cut in ended:
            with self.subTest(cut):
                self.assertIn("Incomplete.", page(cut).text())

    def test_says_that_a_scenario_was_not_reached(self) -> None:
        result = made_up.example(complete=False)
        result["scenarios"][1]["servers"] = []
        self.assertIn("Nothing was measured.", page(result).text())
        self.assertIn("Nothing was measured.", report.markdown.text(result))

    def test_any_figure_may_be_missing(self) -> None:
        def without_numbers(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: without_numbers(one) for key, one in value.items()}
            if isinstance(value, list):
                return [without_numbers(one) for one in value]
            return None if isinstance(value, int | float) else value

        self.assertEqual(page(without_numbers(made_up.example())).charts(), [])

    def test_figures_that_are_no_numbers_count_as_missing(self) -> None:
        result = made_up.example()
        result["scenarios"][0]["servers"][0]["rounds"][0]["requests_per_s"] = float("nan")
        result["scenarios"][0]["servers"][0]["rounds"][1]["requests_per_s"] = float("inf")
        with tempfile.TemporaryDirectory() as folder:
            report.write(result, Path(folder) / "made")
            found = Page((Path(folder) / "made/report.html").read_text())
        self.assertEqual(len(found.charts()[0]["series"][0]["rounds"]), len(made_up.WIDE) - 2)

    def test_without_the_library_the_tables_are_still_there(self) -> None:
        prefixes = report.PREFIXES
        self.addCleanup(setattr, report, "PREFIXES", prefixes)
        report.PREFIXES = ()
        found = page(made_up.example())
        self.assertNotIn("licence", found.text())
        self.assertGreater(len(found.all("table")), 11)

    def test_carries_the_library_with_its_licence(self) -> None:
        text = report.html(made_up.example())
        self.assertIn("Chart.js v", text)
        self.assertIn("Permission is hereby granted", Page(text).text())


class UntrustedTextTest(unittest.TestCase):
    def test_a_hostile_result_adds_no_element_and_no_script(self) -> None:
        kept = made_up.example()
        hostile = attacked(copy.deepcopy(kept))
        expected, found = page(kept), page(hostile)
        self.assertEqual({tag for tag, _ in found.elements} - {tag for tag, _ in expected.elements}, set())
        self.assertEqual(len(found.all("script")), 3)
        names = {name for _, attributes in found.elements for name in attributes}
        self.assertEqual({name for name in names if name.startswith("on")}, set())
        self.assertIn("onerror=alert(1)", found.text())

    def test_keys_are_text_too(self) -> None:
        result = made_up.example()
        result["versions"] = {ATTACK: ATTACK}
        result["scenarios"][0]["ratios"] = {ATTACK: {ATTACK: {"median": 1, "low": 1, "high": 2}}}
        result["scenarios"][0]["servers"][0]["rounds"][-1]["scheduler"] = {ATTACK: 1}
        self.assertEqual(len(page(result).all("script")), 3)
        self.assertEqual(page(result).all("img"), [])

    def test_only_the_page_s_own_scripts_and_style_may_run(self) -> None:
        found = page(made_up.example())
        policy = next(one["content"] for one in found.all("meta") if "http-equiv" in one)
        self.assertTrue(policy.startswith("default-src 'none'"))
        self.assertNotIn("unsafe", policy)
        for text in (*found.texts["script"][1:], *found.texts["style"]):
            self.assertIn(report.hash_source(text), policy)
        self.assertFalse(any("style" in attributes for _, attributes in found.elements))

    def test_json_cannot_end_its_script_element(self) -> None:
        self.assertEqual(json.loads(report.script_json(ATTACK)), ATTACK)
        self.assertNotRegex(report.script_json(ATTACK), "[<>&]")


class MarkdownTest(unittest.TestCase):
    def test_says_what_the_page_says(self) -> None:
        text = report.markdown.text(made_up.example(complete=False))
        for said in ("## Use the fiber backend", "**Incomplete.**", '    backend = "fiber"', "| limit † |"):
            self.assertIn(said, text)

    def test_every_row_of_a_table_has_as_many_cells_as_its_head(self) -> None:
        for result in (made_up.example(), attacked(made_up.example())):
            width = 0
            for line in report.markdown.text(result).splitlines():
                cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
                self.assertIn(width, (0, cells) if cells else (width,), line)
                width = cells

    def test_hostile_text_stays_text(self) -> None:
        text = report.markdown.text(attacked(made_up.example()))
        prose = [line for line in text.splitlines() if not line.startswith("    ")]
        self.assertFalse([line for line in prose if "<" in line])
        self.assertFalse([line for line in prose if re.search(r"(?<!\\)[`\[]", line)])


class ChartsTest(unittest.TestCase):
    def test_a_round_s_curve_is_read_between_its_points_on_the_axis_of_nines(self) -> None:
        points = charts.curve({"distribution": [[0.9, 1.0], [0.99, 3.0], [1.0, 9.0]]})
        self.assertAlmostEqual(charts.value_at(points, 1 - 10**-1.5) or 0, 2.0)
        self.assertEqual(charts.value_at(points, 0.9), 1.0)
        self.assertIsNone(charts.value_at(points, 0.5))
        self.assertIsNone(charts.value_at(points, 0.999))

    def test_a_server_has_its_colour_whoever_else_runs(self) -> None:
        some, all_of_them = charts.colours([{"name": "node"}]), charts.colours([{"name": one} for one in charts.ORDER])
        self.assertEqual(some["node"], all_of_them["node"])
        self.assertEqual(len(set(charts.colours([{"name": one} for one in (*charts.ORDER, "a", "b")]).values())), 8)

    def test_a_timeline_s_slot_has_the_rounds_that_measured_it(self) -> None:
        rounds = [{"timeline": [{"second": 0.0, "p99_ms": 1.0}, {"second": 0.5, "p99_ms": 3.0}]}, {"timeline": []}]
        rounds.append({"timeline": [{"second": 0.5, "p99_ms": 5.0}, {"second": 1.0, "p99_ms": None}]})
        made = charts.timeline([{"name": "fiber", "rounds": rounds}], [])
        self.assertEqual(made.rows[1][1].text, "4.00")
        self.assertEqual(made.series[0]["points"], [[0.0, 1.0, 1.0, 1.0], [0.5, 4.0, 3.0, 5.0]])

    def test_a_timeline_marks_what_went_on_for_a_while_in_chart_table_and_text(self) -> None:
        servers = [{"name": "fiber", "rounds": [{"timeline": [{"second": at / 2, "p99_ms": 1.0} for at in range(6)]}]}]
        heavy = {"kind": "cpu", "connections": 4, "path": "/cpu"}
        for keys, when, first, last in (
            ({"begin_s": 1, "end_s": 2}, "from 1 s to 2 s", 1.0, 1.5),
            ({"begin_s": 2}, "from 2 s", 2.0, 2.5),
            ({"end_s": 1}, "to 1 s", 0.0, 0.5),
        ):
            made = charts.timeline(servers, [{"kind": "idle", "connections": 9}, heavy | keys])
            (span,) = charts.data(made)["spans"]
            self.assertEqual((span["name"], span["begin"]), ("4 × cpu", first))
            self.assertGreater(span["end"], last)
            self.assertIn(f"Shaded: beside 4 × cpu, {when}.", made.note)
            within = [row[0].text for row in made.rows if "beside" in row[0].text]
            self.assertEqual([within[0], within[-1]], [f"{at:g} s, beside 4 × cpu" for at in (first, last)])
        self.assertEqual(charts.data(charts.timeline(servers, [heavy]))["spans"], [])
        for text in (page(made_up.example()).text(), report.markdown.text(made_up.example())):
            self.assertIn("16 × cpu on /cpu?us=20000, from 1 s to 4 s", text)
            self.assertIn("2 s, beside 16 × cpu", text)

    def test_memory_is_drawn_against_the_connections_that_were_held(self) -> None:
        rounds = [{"memory": {"by_connections": [[0, 2**20], [1000, size * 2**20]]}} for size in (2, 3, 4)]
        made = charts.connections([{"name": "fiber", "rounds": [*rounds, {"memory": {"by_connections": [[5], 7]}}]}])
        self.assertEqual(made.series[0]["points"], [[0.0, 1.0, 1.0, 1.0], [1000.0, 3.0, 2.0, 4.0]])
        self.assertEqual([(row[0].text, row[1].text) for row in made.rows], [("0", "1.00"), ("1,000", "3.00")])


class CommandTest(unittest.TestCase):
    def test_writes_both_files_where_it_is_told(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "result.json").write_text(json.dumps(made_up.example()))
            ran = self.run_report(folder / "result.json", "-o", folder / "out")
            self.assertEqual((ran.returncode, ran.stdout.strip()), (0, str(folder / "out/report.html")))
            self.assertEqual(sorted(one.name for one in (folder / "out").iterdir()), ["report.html", "report.md"])

    def test_refuses_what_is_no_result(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            for text in ("", "[]", '{"format": 2}'):
                (Path(name) / "result.json").write_text(text)
                ran = self.run_report(Path(name) / "result.json")
                self.assertEqual((ran.returncode, ran.stdout), (1, ""))
                self.assertIn("result.json: ", ran.stderr)

    def run_report(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "loadtest/report"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


if __name__ == "__main__":
    unittest.main()
