# SPDX-License-Identifier: Apache-2.0
"""Tables of results, to the screen and, with --record, to a file of results/."""

import os
import statistics
import sys
from pathlib import Path

from workload import result

LOAD_AT_START = os.getloadavg()[0]
RESULTS = Path(__file__).resolve().parent / "results"


class Report:
    """What one scenario prints."""

    def __init__(self):
        self.lines: list[str] = []

    def line(self, text: str = "") -> None:
        print(text, flush=True)
        self.lines.append(text.rstrip())

    def record(self, name: str, versions: dict[str, str]) -> None:
        RESULTS.mkdir(exist_ok=True)
        command = "./dev bench " + " ".join(sys.argv[1:])
        measured = "; ".join(f"{what}: {version}" for what, version in versions.items() if version)
        text = "\n".join([f"$ {command.strip()}", machine(), measured, *self.lines])
        (RESULTS / f"{name}.txt").write_text(text + "\n")


def machine() -> str:
    found = result.machine()
    memory = found["memory_bytes"] / 2**30
    where = f"{found['cpu']}, {found['cpus']} CPUs, {memory:.0f} GiB, Linux {found['kernel']}"
    return f"{where}; load average before: {LOAD_AT_START:.1f}"


def number(value: float | str) -> str:
    """Three digits that mean something."""
    if isinstance(value, str):
        return value
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}" if value >= 0.095 or value == 0 else f"{value:.3f}"


def row(report: Report, label: str, values, width: int = 16) -> None:
    report.line(f"  {label:36}" + "".join(f"{number(value):>{width}}" for value in values))


def medians(rounds: list[dict[str, dict[str, float]]], name: str, figures) -> list[float]:
    return [statistics.median(one[name][figure] for one in rounds) for figure in figures]


def ratios(rounds: list[dict[str, dict[str, float]]], name: str, baseline: str, figures) -> list[float]:
    """Medians of the rounds' ratios: what slows a whole round down cancels out."""
    return [
        statistics.median(one[name][figure] / max(one[baseline][figure], 1e-9) for one in rounds) for figure in figures
    ]


def compare(report: Report, rounds: list[dict[str, dict[str, float]]], figures, baselines, further=()) -> None:
    """A row a server, then ratios: all to the first baseline, Spindle's to the others; `further` figures have none."""
    row(report, "", [*figures, *further])
    for name in rounds[0]:
        row(report, name, medians(rounds, name, [*figures, *further]))
    for baseline in baselines:
        for name in rounds[0]:
            if baseline not in rounds[0] or name == baseline:
                continue
            if baseline == baselines[0] or name.startswith("spindle"):
                row(report, f"{name} / {baseline}", ratios(rounds, name, baseline, figures))
