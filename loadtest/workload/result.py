# SPDX-License-Identifier: Apache-2.0
"""What a run found, as result.json has it: medians of rounds, ratios of rounds."""

import json
import os
import platform
import re
import statistics
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FORMAT = 1
BASELINES = ("event_loop", "nginx", "go", "node", "limit")

FIGURES: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "requests_per_s": lambda one: one["requests_per_s"],
    "p50_ms": lambda one: one["latency_ms"]["p50"],
    "p90_ms": lambda one: one["latency_ms"]["p90"],
    "p99_ms": lambda one: one["latency_ms"]["p99"],
    "p999_ms": lambda one: one["latency_ms"]["p999"],
    "max_ms": lambda one: one["latency_ms"]["max"],
    "cpu_us_per_request": lambda one: one["cpu_us_per_request"],
    "user_us_per_request": lambda one: one["user_us_per_request"],
    "rss_bytes": lambda one: one["memory"]["rss_bytes"],
    "bytes_per_connection": lambda one: one["memory"]["bytes_per_connection"],
    "errors": lambda one: float(sum(one["errors"].values())),
}


def spread(values: list[float | None]) -> dict[str, float] | None:
    found = [value for value in values if value is not None]
    if not found:
        return None
    return {"median": statistics.median(found), "low": min(found), "high": max(found)}


def summarise(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: spread([figure(one) for one in rounds]) for name, figure in FIGURES.items()}


def ratios(servers: list[dict[str, Any]]) -> dict[str, Any]:
    """Of rounds with the same number: what slows a whole round down cancels out."""
    made: dict[str, Any] = {}
    by_name = {server["name"]: server for server in servers}
    for figure in ("requests_per_s", "p99_ms", "cpu_us_per_request"):
        made[figure] = {}
        for name in by_name:
            for baseline in BASELINES:
                if name in ("event_loop", "fiber") and name != baseline and baseline in by_name:
                    found = spread(_quotients(by_name[name], by_name[baseline], FIGURES[figure]))
                    if found is not None:
                        made[figure][f"{name}/{baseline}"] = found
    return made


def _quotients(mine: dict[str, Any], other: dict[str, Any], figure: Callable[..., float | None]) -> list[float | None]:
    quotients: list[float | None] = []
    for a, b in zip(mine["rounds"], other["rounds"], strict=False):
        above, below = figure(a), figure(b)
        quotients.append(above / below if above is not None and below else None)
    return quotients


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def machine() -> dict[str, Any]:
    model = re.search(r"^model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "kernel": platform.release(),
        "cpu": model[1] if model else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average": round(os.getloadavg()[0], 2),
    }


def read(path: Path) -> dict[str, Any]:
    """OSError, or ValueError if it is no result."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"is not a load test's result of format {FORMAT}")
    return found


def write(result: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "result.json"
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    beside.rename(path)
    return path
