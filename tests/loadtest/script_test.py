# SPDX-License-Identifier: Apache-2.0
"""The report's script: what it asks of Chart.js, under node with a stand-in for a browser; and what a browser draws."""

import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

import made_up  # also finds the package
from report_test import Page, page
from workload import charts, report

HERE = Path(__file__).resolve().parent
NODE = shutil.which("node")
CHROMIUM = shutil.which("chromium")
PHONE = "(max-width: 720px)"
SCALES = {  # by chart: the types of x and y
    "throughput": ("linear", "category"),
    "latency": ("logarithmic", "category"),
    "distribution": ("logarithmic", "logarithmic"),
    "timeline": ("linear", "logarithmic"),
    "cpu": ("linear", "category"),
    "memory": ("linear", "category"),
    "connections": ("linear", "linear"),
}
# Run last in a browser: says of each canvas whether anything is on it.
LOOK = """
for (const canvas of document.querySelectorAll("canvas")) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  canvas.dataset.drawn = data.some((value) => value !== 0) ? "yes" : "no";
}
"""


@unittest.skipUnless(NODE, "node is not installed")
class NodeTest(unittest.TestCase):
    def run_script(self, found: Page, chart: str = "works", media: tuple[str, ...] = ()) -> dict[str, Any]:
        parts = {
            "charts": found.texts["script"][0],
            "script": found.texts["script"][2],
            "canvases": [one["data-chart"] for one in found.all("canvas")],
            "tables": len(found.all("figure")),
            "media": media,
            "chart": chart,
        }
        command = [str(NODE), str(HERE / "stand_in.js")]
        ran = subprocess.run(command, input=json.dumps(parts), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        return json.loads(ran.stdout)

    def drawn(self) -> list[tuple[charts.Chart, dict[str, Any]]]:
        """What the page holds beside what was asked of Chart."""
        asked = self.run_script(page(made_up.example()))["charts"]
        wanted = charts.of_result(made_up.example())
        self.assertEqual([one["number"] for one in asked], list(range(len(wanted))))
        return list(zip(wanted, asked, strict=True))

    def test_each_canvas_gets_a_chart_whose_axes_are_of_its_kind(self) -> None:
        drawn = self.drawn()
        self.assertEqual({wanted.name for wanted, _ in drawn}, set(SCALES))
        for wanted, asked in drawn:
            scales = asked["scales"]
            self.assertEqual((scales["x"]["type"], scales["y"]["type"]), SCALES[wanted.name], wanted.name)
            self.assertEqual(asked["type"], "bar" if wanted.kind == "bars" else "line")
            for name, scale in scales.items():
                self.assertTrue(scale["ticks"] and all(scale["ticks"]), f"{wanted.name} {name}")
                if scale["type"] == "logarithmic":
                    self.assertGreater(scale["min"], 0, wanted.name)

    def test_bars_are_medians_and_dots_are_rounds(self) -> None:
        for wanted, asked in self.drawn():
            if wanted.kind != "bars":
                continue
            dots, *parts = asked["data"]["datasets"]
            names = [one["name"] for one in wanted.series]
            self.assertEqual(asked["scales"]["y"]["ticks"], names)
            rounds = [{"x": x, "y": one["name"]} for one in wanted.series for x in one["rounds"]]
            self.assertEqual((dots["type"], dots["data"]), ("scatter", rounds))
            for place, bars in enumerate(parts):
                self.assertEqual(bars["data"], [one["parts"][place] for one in wanted.series])
            colours = [f"--series-{one['colour']}" for one in wanted.series]
            self.assertEqual([one[:-2] for one in parts[0]["backgroundColor"]], colours)

    def test_percentiles_are_marks_over_the_span_of_the_rounds_within_the_axis(self) -> None:
        for wanted, asked in self.drawn():
            if wanted.kind != "points":
                continue
            marks = [one for one in asked["data"]["datasets"] if one["type"] == "scatter"]
            spans = [one["data"] for one in asked["data"]["datasets"] if one["type"] == "line"]
            self.assertEqual([one["label"] for one in marks], [name for name, _ in charts.PERCENTILES])
            points = [(one["name"], point) for one in wanted.series for point in one["points"]]
            found = {(dot["y"], mark["label"]): dot["x"] for mark in marks for dot in mark["data"]}
            self.assertEqual(found, {(server, point["name"]): point["median"] for server, point in points})
            ends = [[{"x": point[end], "y": server} for end in ("low", "high")] for server, point in points]
            self.assertEqual(spans, ends)
            axis = asked["scales"]["x"]
            self.assertLessEqual(axis["min"], min(point["low"] for _, point in points) * 1.001)
            self.assertGreaterEqual(axis["max"], max(point["high"] for _, point in points) * 0.999)

    def test_lines_are_medians_with_a_band_of_their_rounds(self) -> None:
        for wanted, asked in self.drawn():
            if wanted.kind != "lines":
                continue
            datasets = asked["data"]["datasets"]
            self.assertEqual(len(datasets), 3 * len(wanted.series))
            for place, one in enumerate(wanted.series):
                line, low, high = datasets[3 * place : 3 * place + 3]
                self.assertEqual((line["label"], line["borderColor"]), (one["name"], f"--series-{one['colour']}"))
                for dataset, at in ((line, 1), (low, 2), (high, 3)):
                    self.assertEqual(dataset["data"], [{"x": point[0], "y": point[at]} for point in one["points"]])
                self.assertEqual((low["fill"], high["fill"]), (False, "-1"))

    def test_what_went_on_for_a_while_is_shaded(self) -> None:
        shaded = [one for wanted, asked in self.drawn() if wanted.name == "timeline" for one in asked["shaded"]]
        self.assertEqual([one["text"] for one in shaded], ["16 × cpu"])
        self.assertAlmostEqual(shaded[0]["left"], 1)
        self.assertAlmostEqual(shaded[0]["right"], 4)

    def test_a_change_of_colours_or_width_draws_it_all_again(self) -> None:
        found = page(made_up.example())
        narrow, wide = (self.run_script(found, media=media) for media in ((PHONE,), ()))
        count = len(found.all("canvas"))
        self.assertEqual((wide["again"], wide["destroyed"]), (3 * count, 3 * count))
        self.assertTrue(wide["charted"])
        self.assertEqual(wide["open"], 0)
        self.assertNotEqual([one["height"] for one in narrow["charts"]], [one["height"] for one in wide["charts"]])

    def test_without_a_library_that_works_the_tables_stand_open(self) -> None:
        found = page(made_up.example())
        for chart in ("missing", "throws", "empty"):
            with self.subTest(chart):
                became = self.run_script(found, chart=chart)
                self.assertEqual((became["charts"], became["charted"]), ([], False))
                self.assertEqual(became["open"], len(found.all("canvas")))

    def test_a_page_without_charts_runs_too(self) -> None:
        self.assertEqual(self.run_script(page({"format": 1, "complete": False}))["charts"], [])


@unittest.skipUnless(CHROMIUM, "chromium is not installed")
class BrowserTest(unittest.TestCase):
    def dom(self, html: str) -> Page:
        """The page after its scripts, those of `html` and LOOK, which its policy is told of."""
        policy = f" {report.hash_source(LOOK)}; img-src"
        self.assertEqual(html.count("; img-src"), 1)
        html = html.replace("; img-src", policy).replace("</body>", f"<script>{LOOK}</script>\n</body>")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.html"
            path.write_text(html, encoding="utf-8")
            command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"]
            command += [f"--user-data-dir={folder}/profile", "--dump-dom", path.as_uri()]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return Page(ran.stdout)

    @unittest.skipUnless(report.chart_library()[0], "Chart.js is not there")
    def test_every_canvas_is_drawn_on(self) -> None:
        canvases = self.dom(report.html(made_up.example())).all("canvas")
        self.assertEqual(len(canvases), len(charts.of_result(made_up.example())))
        self.assertEqual({one.get("data-drawn") for one in canvases}, {"yes"})
        for one in canvases:
            self.assertGreater(int(one["width"]), 300)

    def test_with_a_broken_library_the_tables_stand_open(self) -> None:
        library = report.chart_library()[0]
        whole = report.html(made_up.example())
        broken = whole.replace(library, "throw 1;") if library else whole  # the policy does not let it run either
        found = self.dom(broken)
        self.assertEqual({one.get("data-drawn") for one in found.all("canvas")}, {"no"})
        figures = re.findall(r"<figure.*?</figure>", broken, re.DOTALL)
        self.assertEqual(sum("open" in one for one in found.all("details")), len(figures))


if __name__ == "__main__":
    unittest.main()
