# SPDX-License-Identifier: Apache-2.0
"""What the report's charts show, each with the table of the same figures that stands behind it."""

import bisect
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .figures import Cell, count, items, line, number, numbers, objects, part, plain, share, shown, size, span, spread

# A server has the same colour, dash and mark in every chart. Others follow.
ORDER = ("event_loop", "fiber", "nginx", "go", "node", "limit")
COLOURS = 8
PERCENTILES = (("p50", "p50_ms"), ("p90", "p90_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms"), ("max", "max_ms"))
LIMITED = "†"
MIB = 2**20


@dataclass
class Chart:
    """`kind` is how report.js draws it: bars, points or lines."""

    name: str
    kind: str
    title: str
    note: str
    unit: str
    series: list[dict[str, Any]]
    header: list[str]
    rows: list[list[Cell]]
    options: dict[str, Any] = field(default_factory=dict)


def data(chart: Chart) -> dict[str, Any]:
    """What report.js reads."""
    return {"kind": chart.kind, "unit": chart.unit, "series": chart.series, **chart.options}


def of_result(result: dict[str, Any]) -> list[Chart]:
    """All charts in the order of the page: report.js finds the data of a canvas by its number."""
    return [chart for scenario in objects(result, "scenarios") for chart in of_scenario(scenario)]


def of_scenario(scenario: dict[str, Any]) -> list[Chart]:
    servers = objects(scenario, "servers")
    beside = objects(part(scenario, "settings"), "background")
    made = [kind(servers) for kind in (throughput, latency, distribution)]
    made += [timeline(servers, beside), *(kind(servers) for kind in (cpu, memory, connections))]
    return [chart for chart in made if chart.series]


def label(server: dict[str, Any]) -> str:
    return str(server.get("name", "?")) + (f" {LIMITED}" if limited_rounds(server) else "")


def limited_rounds(server: dict[str, Any]) -> int:
    return sum(one.get("client_limited") is True for one in objects(server, "rounds"))


def colours(servers: list[dict[str, Any]]) -> dict[str, int]:
    names = [str(one.get("name")) for one in servers]
    known = {name: ORDER.index(name) for name in names if name in ORDER}
    others = [name for name in dict.fromkeys(names) if name not in known]
    return known | {name: (len(ORDER) + place) % COLOURS for place, name in enumerate(others)}


def look(servers: list[dict[str, Any]], server: dict[str, Any]) -> dict[str, Any]:
    return {"name": label(server), "colour": colours(servers)[str(server.get("name"))]}


def rounds_of(server: dict[str, Any], figure: Callable[[dict[str, Any]], Any]) -> list[float]:
    return numbers(figure(one) for one in objects(server, "rounds"))


def median_of(server: dict[str, Any], name: str, rounds: list[float]) -> float | None:
    found = numbers([part(server, "summary", name).get("median")])
    return found[0] if found else statistics.median(rounds) if rounds else None


def throughput(servers: list[dict[str, Any]]) -> Chart:
    series, rows = [], []
    most = max((len(objects(one, "rounds")) for one in servers), default=0)
    for server in servers:
        rounds = rounds_of(server, lambda one: one.get("requests_per_s"))
        median = median_of(server, "requests_per_s", rounds)
        if median is None:
            continue
        series.append(look(servers, server) | {"parts": [median], "rounds": rounds})
        cells = [Cell(plain(one)) for one in rounds] + [Cell("")] * (most - len(rounds))
        rows.append([Cell(label(server)), Cell(plain(median)), *cells])
    return Chart(
        "throughput",
        "bars",
        "Requests per second",
        "Bar: median. Dots: each round.",
        "requests/s",
        series,
        ["server", "median", *(f"round {one + 1}" for one in range(most))],
        rows,
    )


def latency(servers: list[dict[str, Any]]) -> Chart:
    series, rows = [], []
    for server in servers:
        summary = part(server, "summary")
        points = []
        for name, key in PERCENTILES:
            found = numbers(part(summary, key).get(one) for one in ("median", "low", "high"))
            if len(found) == 3 and found[0] > 0:
                points.append({"name": name, "median": found[0], "low": found[1], "high": found[2]})
        if points:
            series.append(look(servers, server) | {"points": points})
            rows.append([Cell(label(server)), *(spread(summary.get(key)) for _, key in PERCENTILES)])
    return Chart(
        "latency",
        "points",
        "Latency, ms",
        "Marks: medians. Bars: lowest to highest round.",
        "ms",
        series,
        ["server", *(name for name, _ in PERCENTILES)],
        rows,
    )


def distribution(servers: list[dict[str, Any]]) -> Chart:
    """Up to 99.999 %, at places that lie evenly on the axis: every round's curve is read at the same ones."""
    grid = [1 - 10 ** (-place / 8) for place in range(41)]
    asked = (0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 0.99999)
    series, columns = [], []
    for server in servers:
        curves = [curve(one) for one in objects(server, "rounds")]
        points = []
        for at in grid:
            found = numbers(value_at(one, at) for one in curves)
            if found:
                points.append([1 / (1 - at), statistics.median(found), min(found), max(found)])
        if points:
            series.append(look(servers, server) | {"points": points})
            columns.append([numbers(value_at(one, at) for one in curves) for at in asked])
    rows = [
        [Cell(share(at)), *(over_rounds(column[place]) for column in columns)]
        for place, at in enumerate(asked)
        if any(column[place] for column in columns)
    ]
    return Chart(
        "distribution",
        "lines",
        "Latency by percentile, ms",
        "Line: median of the rounds. Band: lowest to highest round.",
        "ms",
        series,
        ["percentile", *(str(one["name"]) for one in series)],
        rows,
        {"x": "percentile"},
    )


def curve(one: dict[str, Any]) -> list[tuple[float, float]]:
    """A round's distribution as (nines, ms): nines is 1 for 90 %, 2 for 99 %."""
    points = [
        (-math.log10(1 - pair[0]), pair[1])
        for pair in one.get("distribution") or []
        if isinstance(pair, list) and len(numbers(pair)) == 2 and 0 <= pair[0] < 1 and pair[1] > 0
    ]
    return sorted(points)


def value_at(points: list[tuple[float, float]], at: float) -> float | None:
    """The curve at this share; nothing outside of what was recorded."""
    nines = -math.log10(1 - at)
    place = bisect.bisect_left(points, (nines - 1e-9, 0.0))
    if place == len(points) or (place == 0 and points[0][0] > nines + 1e-9):
        return None
    if place == 0 or abs(points[place][0] - nines) < 1e-9:
        return points[place][1]
    (left, low), (right, high) = points[place - 1], points[place]
    return low + (high - low) * (nines - left) / (right - left)


def over_rounds(found: list[float]) -> Cell:
    if not found:
        return Cell(shown(None))
    return spread({"median": statistics.median(found), "low": min(found), "high": max(found)})


def timeline(servers: list[dict[str, Any]], beside: list[dict[str, Any]]) -> Chart:
    """`beside`: the backgrounds; those that go on for a while are marked."""

    def points(one: dict[str, Any]) -> list[list[Any]]:
        return [[slot.get("second"), slot.get("p99_ms")] for slot in objects(one, "timeline")]

    series, found = over_x(servers, points)
    spans = [made for one in beside if (made := marked(one, found[-1][0] if found else 0))]
    during = [(one["begin"], one["end"], f", beside {one['name']}") for one in spans]
    said = "".join(f" Shaded: beside {one['name']}, {one['when']}." for one in spans)
    rows = [
        [
            Cell(f"{second:g} s" + "".join(text for begin, end, text in during if begin <= second < end)),
            *(over_rounds(column) for column in columns),
        ]
        for second, columns in found
    ]
    return Chart(
        "timeline",
        "lines",
        "p99 while it ran, ms",
        f"Line: median of the rounds. Band: lowest to highest round.{said}",
        "ms",
        series,
        ["second", *(str(one["name"]) for one in series)],
        rows,
        {"x": "seconds", "spans": spans},
    )


def marked(background: dict[str, Any], last: float) -> dict[str, Any] | None:
    """The part of the time axis, which ends with `last`, where it goes on; None if that is all of it."""
    if not span(background):
        return None
    begin, end = (number(background.get(key)) for key in ("begin_s", "end_s"))
    name = f"{shown(background.get('connections'), count)} × {line(background.get('kind'))}"
    return {"name": name, "when": span(background), "begin": begin or 0.0, "end": last + 1 if end is None else end}


def connections(servers: list[dict[str, Any]]) -> Chart:
    def points(one: dict[str, Any]) -> list[list[Any]]:
        measured = [numbers(pair) for pair in items(part(one, "memory"), "by_connections") if isinstance(pair, list)]
        return [[pair[0], pair[1] / MIB] for pair in measured if len(pair) == 2]

    series, found = over_x(servers, points)
    return Chart(
        "connections",
        "lines",
        "Memory against connections, MiB",
        "What processes share counts once. Line: median of the rounds. Band: lowest to highest round.",
        "MiB",
        series,
        ["held open", *(str(one["name"]) for one in series)],
        [[Cell(count(held)), *(over_rounds(column) for column in columns)] for held, columns in found],
        {"x": "connections"},
    )


def over_x(
    servers: list[dict[str, Any]], points_of: Callable[[dict[str, Any]], list[list[Any]]]
) -> tuple[list[dict[str, Any]], list[tuple[float, list[list[float]]]]]:
    """-> a line a server, and by x what the rounds of each of them measured. What no round measured is left out."""
    by_server = []
    for server in servers:
        found: dict[float, list[float]] = {}
        for one in objects(server, "rounds"):
            for point in map(numbers, points_of(one)):
                if len(point) == 2 and point[1] > 0:
                    found.setdefault(round(point[0], 3), []).append(point[1])
        if found:
            by_server.append((server, found))
    series = [
        look(servers, server)
        | {"points": [[x, statistics.median(ys), min(ys), max(ys)] for x, ys in sorted(found.items())]}
        for server, found in by_server
    ]
    places = sorted({x for _, found in by_server for x in found})
    return series, [(x, [found.get(x, []) for _, found in by_server]) for x in places]


def cpu(servers: list[dict[str, Any]]) -> Chart:
    series, rows = [], []
    for server in servers:
        rounds = rounds_of(server, lambda one: one.get("cpu_us_per_request"))
        total = median_of(server, "cpu_us_per_request", rounds)
        if total is None:
            continue
        user = median_of(server, "user_us_per_request", rounds_of(server, lambda one: one.get("user_us_per_request")))
        parts = [total] if user is None or user > total else [user, total - user]
        series.append(look(servers, server) | {"parts": parts, "rounds": rounds})
        summary = part(server, "summary")
        rows.append(
            [Cell(label(server)), spread(summary.get("cpu_us_per_request")), spread(summary.get("user_us_per_request"))]
        )
    return Chart(
        "cpu",
        "bars",
        "CPU per request, µs",
        "Solid: user space. Pale: kernel. Dots: each round.",
        "µs",
        series,
        ["server", "user and kernel", "user space"],
        rows,
        {"part_names": ["user space", "kernel"]},
    )


def memory(servers: list[dict[str, Any]]) -> Chart:
    series, rows = [], []
    for server in servers:
        rounds = rounds_of(server, lambda one: part(one, "memory").get("rss_bytes"))
        median = median_of(server, "rss_bytes", rounds)
        if median is None:
            continue
        mebibytes = [one / MIB for one in rounds]
        series.append(look(servers, server) | {"parts": [median / MIB], "rounds": mebibytes})
        summary = part(server, "summary")
        proportional = rounds_of(server, lambda one: part(one, "memory").get("pss_bytes"))
        rows.append(
            [
                Cell(label(server)),
                spread(summary.get("rss_bytes"), size),
                Cell(shown(statistics.median(proportional), size) if proportional else shown(None)),
                spread(summary.get("bytes_per_connection"), size),
            ]
        )
    return Chart(
        "memory",
        "bars",
        "Resident memory, MiB",
        "Bar: median. Dots: each round.",
        "MiB",
        series,
        ["server", "resident", "proportional", "per connection"],
        rows,
    )
