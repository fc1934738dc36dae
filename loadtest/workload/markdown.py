# SPDX-License-Identifier: Apache-2.0
"""The report as Markdown: what the page says, without its charts."""

import html
import re
from typing import Any

from . import charts, summary
from .figures import Cell, objects, part


OVERVIEW = "fiber as a multiple of event_loop; median of the rounds' ratios (lowest–highest)."


def text(result: dict[str, Any]) -> str:
    lines = ["# Load test", "", " · ".join(map(escape, summary.facts(result))), ""]
    if result.get("complete") is not True:
        lines += [f"**Incomplete.** {summary.INCOMPLETE_NOTE}", ""]
    lines += advice(part(result, "advice"), "##")
    lines += ["## Scenarios", "", OVERVIEW, ""]
    lines += table(*summary.overview(result))
    for one in objects(result, "scenarios"):
        lines += scenario(result, one)
    lines += ["## How it was run", "", *code([str(result.get("command", ""))])]
    lines += bullets(summary.configuration(result))
    lines += table(["machine", ""], [[Cell(name), Cell(value)] for name, value in summary.machine(result)])
    lines += table(["version", ""], [[Cell(name), Cell(value)] for name, value in summary.versions(result)])
    return "\n".join(lines).rstrip() + "\n"


def advice(found: dict[str, Any], level: str) -> list[str]:
    if not found:
        return []
    lines = [f"{level} {escape(summary.verdict(found))}", ""]
    if found.get("margin"):
        lines += [escape(str(found["margin"])), ""]
    lines += bullets(summary.texts(found, "reasons"))
    if found.get("toml"):
        lines += code(str(found["toml"]).splitlines())
    changes = summary.texts(found, "would_change")
    if changes:
        lines += ["What would change it:", "", *bullets(changes)]
    return lines


def scenario(result: dict[str, Any], one: dict[str, Any]) -> list[str]:
    lines = [f"## {escape(summary.title(one))}", "", escape(summary.settings(one)), ""]
    lines += bullets(summary.routes(one))
    lines += advice(part(one, "advice"), "###")
    lines += table(*summary.servers(one))
    for note in summary.notes(one) + summary.expected_rounds_missing(result, one):
        lines += [escape(note), ""]
    if summary.warnings(one):
        lines += ["The servers said:", "", *bullets(summary.warnings(one))]
    lines += ["### Ratios", "", *table(*summary.ratios(one))]
    for chart in charts.of_scenario(one):
        if chart.name in ("distribution", "timeline", "connections"):
            lines += [f"### {escape(chart.title)}", ""]
            lines += [line for one in chart.options.get("spans", ()) for line in (beside(one), "")]
            lines += table(chart.header, chart.rows)
    lines += ["### Commands", "", *code(summary.commands(one))]
    return lines


def beside(span: dict[str, Any]) -> str:
    return escape(f"Beside {span['name']} {span['when']}.")


def table(header: list[str], rows: list[list[Cell]]) -> list[str]:
    if not rows:
        return []
    lines = [row_of([escape(one) for one in header]), row_of(["---", *["---:"] * (len(header) - 1)])]
    lines += [row_of([cell(one) for one in row]) for row in rows]
    return [*lines, ""]


def row_of(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cell(one: Cell) -> str:
    return escape(one.text) + (f" ({escape(one.spread)})" if one.spread else "")


def bullets(lines: list[str]) -> list[str]:
    return [*(f"- {escape(one)}" for one in lines), ""] if lines else []


def code(lines: list[str]) -> list[str]:
    """Indented, which no text within can end."""
    return [*(f"    {' '.join(one.split())}" for one in lines), ""] if lines else []


def escape(said: str) -> str:
    """Neither HTML nor Markdown is left of it, nor a line break."""
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", html.escape(" ".join(said.split()), quote=False))
