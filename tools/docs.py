#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the tables of the documentation from loadtest/results, so that no figure is typed by hand.

A page marks a place with the table that it wants, and what stands up to the end mark is replaced:

    <!-- table isolation "16 x cpu 20 ms" rows fiber event_loop columns "p50 ms" "p99 ms" -->
    <!-- end -->

The first word is the file in loadtest/results, the second the table in it: the words over its first
column, or the beginning of the line over the table. Beneath it goes the command that measures it.
"""

import argparse
import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "loadtest/results"
PAGES = ("README.md", "docs/choosing-a-backend.md")
PLACE = re.compile(r"<!-- table (?P<wanted>.*?) -->\n.*?<!-- end -->", re.DOTALL)
# As loadtest/table.py prints a row: a label, which may be longer than its place, then the cells.
INDENT, LABEL_WIDTH, CELL_WIDTH = 2, 36, 16


@dataclass
class Table:
    name: str
    columns: list[str]
    rows: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Recorded:
    command: str
    tables: list[Table]


def read(text: str) -> Recorded:
    command, _machine, *lines = text.splitlines()
    tables: list[Table] = []
    heading = ""
    for line in lines:
        label = re.split(" {2,}", line[INDENT:])[0]
        begin = INDENT + max(LABEL_WIDTH, len(label))
        cells = [line[at : at + CELL_WIDTH].strip() for at in range(begin, len(line), CELL_WIDTH)]
        if not line.startswith("  ") or not any(cells):
            heading = line
        elif not all(re.fullmatch(r"[\d.]*", cell) for cell in cells):
            tables.append(Table(label or heading, cells))
        elif tables:
            tables[-1].rows[label] = cells
    return Recorded(command.removeprefix("$ ").replace(" --record", ""), tables)


def wanted(words: str) -> tuple[str, str, list[str], list[str]]:
    """File, table, rows, columns."""
    file, table, *rest = shlex.split(words)
    if rest[:1] != ["rows"] or "columns" not in rest:
        raise ValueError(f"{words}: needs rows and columns")
    middle = rest.index("columns")
    return file, table, rest[1:middle], rest[middle + 1 :]


def filled(words: str, results: Path = RESULTS) -> str:
    """The Markdown of one marked place. ValueError if what it wants was not recorded."""
    file, name, rows, columns = wanted(words)
    recorded = read((results / f"{file}.txt").read_text())
    found = [one for one in recorded.tables if one.name == name] or [
        one for one in recorded.tables if one.name.startswith(name)
    ]
    if len(found) != 1:
        raise ValueError(f"{file}.txt has {len(found)} tables that begin with {name!r}")
    table = found[0]
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for row in rows:
        if row not in table.rows or not set(columns) <= set(table.columns):
            raise ValueError(f"{file}.txt, {name}: no row {row!r}, or not all of {columns}")
        cells = dict(zip(table.columns, table.rows[row], strict=False))
        lines.append(f"| {row} | {' | '.join(cells.get(one, '') for one in columns)} |")
    return "\n".join([*lines, "", f"`{recorded.command}`"])


def page(text: str, results: Path = RESULTS) -> str:
    def replaced(place: re.Match[str]) -> str:
        return f"<!-- table {place['wanted']} -->\n{filled(place['wanted'], results)}\n<!-- end -->"

    return PLACE.sub(replaced, text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is out of date")
    options = parser.parse_args()
    stale = []
    for name in PAGES:
        old = (ROOT / name).read_text()
        new = page(old)
        if new != old:
            stale.append(name)
            if not options.check:
                (ROOT / name).write_text(new)
    for name in stale:
        print(f"{name}: {'is out of date; ./dev docs fills it again' if options.check else 'filled again'}")
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
