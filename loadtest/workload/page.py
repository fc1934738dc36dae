# SPDX-License-Identifier: Apache-2.0
"""The body of report.html, as a tree of elements: whoever writes it out escapes all text in it."""

import xml.etree.ElementTree as ET
from typing import Any

from . import charts, summary
from .charts import Chart
from .figures import Cell, line, objects, part


def body(result: dict[str, Any], licence: str) -> ET.Element:
    count = 0
    sections = []
    for number, scenario in enumerate(objects(result, "scenarios")):
        drawn = charts.of_scenario(scenario)
        sections.append(scenario_section(result, scenario, number, drawn, count))
        count += len(drawn)
    return E(
        "main",
        {},
        header(result),
        advice_section(part(result, "advice")),
        overview(result),
        *sections,
        how(result),
        licence_section(licence) if licence else None,
    )


def E(tag: str, attributes: dict[str, str], *children: ET.Element | str | None) -> ET.Element:
    element = ET.Element(tag, attributes)
    for child in children:
        if isinstance(child, str):
            if len(element):
                element[-1].tail = (element[-1].tail or "") + child
            else:
                element.text = (element.text or "") + child
        elif child is not None:
            element.append(child)
    return element


def header(result: dict[str, Any]) -> ET.Element:
    incomplete = None
    if result.get("complete") is not True:
        incomplete = E("p", {"class": "banner"}, E("strong", {}, "Incomplete. "), summary.INCOMPLETE_NOTE)
    facts = E("ul", {"class": "facts"}, *(E("li", {}, one) for one in summary.facts(result)))
    return E("header", {}, E("h1", {}, "Load test"), facts, incomplete)


def advice_section(advice: dict[str, Any]) -> ET.Element | None:
    if not advice:
        return None
    toml = None
    if advice.get("toml"):
        copy = E("button", {"type": "button", "class": "copy", "hidden": ""}, "Copy")
        toml = E("div", {"class": "toml"}, E("pre", {}, E("code", {}, str(advice["toml"]))), copy)
    return E(
        "section",
        {"class": "advice", "aria-labelledby": "advice"},
        E("h2", {"id": "advice"}, summary.verdict(advice)),
        E("p", {"class": "margin"}, line(advice["margin"])) if advice.get("margin") else None,
        toml,
        bullets(summary.texts(advice, "reasons")),
        *would_change(advice),
    )


def would_change(advice: dict[str, Any]) -> list[ET.Element]:
    changes = summary.texts(advice, "would_change")
    return [E("h3", {}, "What would change it"), bullets(changes)] if changes else []


def bullets(lines: list[str], name: str = "") -> ET.Element:
    return E("ul", {"class": name} if name else {}, *(E("li", {}, one) for one in lines))


def overview(result: dict[str, Any]) -> ET.Element:
    head, rows = summary.overview(result)
    caption = "fiber as a multiple of event_loop: median of the rounds' ratios, beneath it the lowest and highest"
    found = table(head, rows, caption, text_columns=2)
    for number, row in enumerate(found.findall(".//tbody/tr/th")):
        link = E("a", {"href": f"#scenario-{number}"}, row.text or "")
        row.text = None
        row.append(link)
    return E("section", {}, E("h2", {}, "Scenarios"), found)


def scenario_section(
    result: dict[str, Any], scenario: dict[str, Any], number: int, drawn: list[Chart], first: int
) -> ET.Element:
    found = part(scenario, "advice")
    warnings = summary.warnings(scenario)
    remarks = summary.notes(scenario) + summary.expected_rounds_missing(result, scenario)
    return E(
        "section",
        {"class": "scenario", "id": f"scenario-{number}"},
        E("h2", {}, summary.title(scenario)),
        E("p", {"class": "settings"}, summary.settings(scenario)),
        bullets(summary.routes(scenario), "routes"),
        scenario_advice(found) if found else None,
        figures_of(scenario),
        *(E("p", {"class": "remark"}, one) for one in remarks),
        E(
            "div",
            {"class": "charts"},
            *(figure(chart, first + place) for place, chart in enumerate(drawn)),
        ),
        said(warnings) if warnings else None,
        folded("Ratios", table(*summary.ratios(scenario), "Medians of the rounds' ratios")),
        folded("Scheduler", table(*summary.scheduler(scenario), "Spindle's own figures in the last round")),
        folded("Commands", E("pre", {}, E("code", {}, "\n".join(summary.commands(scenario))))),
    )


def figures_of(scenario: dict[str, Any]) -> ET.Element | None:
    head, rows = summary.servers(scenario)
    return table(head, rows, "Medians of the rounds, beneath them the lowest and highest") if rows else None


def scenario_advice(advice: dict[str, Any]) -> ET.Element:
    return E(
        "div",
        {"class": "verdict"},
        E(
            "p",
            {},
            E("strong", {}, summary.verdict(advice) + ". "),
            line(advice["margin"]) if advice.get("margin") else None,
        ),
        bullets(summary.texts(advice, "reasons")),
    )


def figure(chart: Chart, number: int) -> ET.Element:
    wide = " wide" if chart.kind == "lines" else ""
    canvas = E("canvas", {"role": "img", "aria-label": spoken(chart), "data-chart": str(number)})
    return E(
        "figure",
        {"class": f"chart{wide}"},
        E("figcaption", {}, E("strong", {}, chart.title), E("span", {}, chart.note)),
        E("div", {"class": f"canvas {chart.kind}", "data-rows": str(len(chart.series))}, canvas),
        folded("Table", table(chart.header, chart.rows, chart.title)),
    )


def spoken(chart: Chart) -> str:
    """What the chart says, for who cannot see it; the table is next."""
    if chart.kind == "lines":
        said = "".join(f" Beside {one['name']} {one['when']}." for one in chart.options.get("spans", ()))
        return f"{chart.title}: {', '.join(str(one['name']) for one in chart.series)}.{said} The table has the figures."
    return f"{chart.title}: " + "; ".join(f"{row[0].text} {row[1].text}" for row in chart.rows)


def table(head: list[str], rows: list[list[Cell]], caption: str, text_columns: int = 1) -> ET.Element:
    """In a box that scrolls by itself, also by keyboard, so that the page never does sideways."""
    classes = ["text" if place < text_columns else "figure" for place in range(len(head))]
    top = E("tr", {}, *(E("th", {"scope": "col", "class": kind}, one) for one, kind in zip(head, classes, strict=True)))
    lines = [
        E(
            "tr",
            {},
            E("th", {"scope": "row", "class": "text"}, row[0].text),
            *(
                E("td", {"class": kind}, one.text, E("small", {}, one.spread) if one.spread else None)
                for one, kind in zip(row[1:], classes[1:], strict=True)
            ),
        )
        for row in rows
    ]
    found = E("table", {}, E("caption", {}, caption), E("thead", {}, top), E("tbody", {}, *lines))
    return E("div", {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": caption}, found)


def folded(name: str, content: ET.Element) -> ET.Element | None:
    if content.find(".//tbody") is not None and content.find(".//tbody/tr") is None:
        return None
    return E("details", {}, E("summary", {}, name), content)


def said(warnings: list[str]) -> ET.Element:
    return E("div", {"class": "said"}, E("h3", {}, "What the servers logged"), bullets(warnings))


def how(result: dict[str, Any]) -> ET.Element:
    configuration = summary.configuration(result)
    return E(
        "section",
        {"class": "how"},
        E("h2", {}, "How it was run"),
        E("pre", {}, E("code", {}, line(result.get("command")))),
        bullets(configuration) if configuration else None,
        E(
            "div",
            {"class": "pairs"},
            pairs("Machine", summary.machine(result)),
            pairs("Versions", summary.versions(result)),
        ),
    )


def pairs(name: str, found: list[tuple[str, str]]) -> ET.Element:
    rows = [one for key, value in found for one in (E("dt", {}, key), E("dd", {}, value))]
    return E("div", {}, E("h3", {}, name), E("dl", {}, *rows))


def licence_section(licence: str) -> ET.Element:
    return E(
        "footer",
        {},
        E("details", {}, E("summary", {}, "Charts are drawn by Chart.js: its licence"), E("pre", {}, licence)),
    )
