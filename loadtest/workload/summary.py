# SPDX-License-Identifier: Apache-2.0
"""What the page and the Markdown both say, as plain text: facts, settings, advice, tables, warnings."""

from datetime import datetime
from typing import Any

from .charts import LIMITED, PERCENTILES, label, limited_rounds
from .figures import MISSING, Cell, count, items, line, number, objects, part, shown, size, span, spread

Rows = list[list[Cell]]

VERDICTS = {
    "fiber": "Use the fiber backend",
    "event_loop": "Use the event_loop backend",
    "either": "Either backend will do",
    "depends": "It depends on which scenario you mostly serve",
}
RATIOS = (("requests_per_s", "requests/s"), ("p99_ms", "p99"), ("cpu_us_per_request", "CPU per request"))
LIMITED_NOTE = f"{LIMITED} The client was at its own limit in at least one round: the server may be faster than this."
INCOMPLETE_NOTE = "This run was interrupted. What it measured before is shown; scenarios or rounds are missing."


def verdict(advice: dict[str, Any]) -> str:
    given = advice.get("verdict")
    return VERDICTS.get(str(given), line(given)) if given else "No advice"


def texts(advice: dict[str, Any], key: str) -> list[str]:
    return [line(one) for one in items(advice, key)]


def when(result: dict[str, Any]) -> str:
    try:
        return f"{datetime.fromisoformat(str(result.get('started'))):%d %B %Y, %H:%M %Z}".lstrip("0")
    except ValueError:
        return line(result.get("started"))


def facts(result: dict[str, Any]) -> list[str]:
    """One line of context: when, how much, on what."""
    machine = part(result, "machine")
    versions = part(result, "versions")
    return [
        when(result),
        f"{shown(result.get('rounds'), count)} rounds of {shown(result.get('duration_s'), count)} s",
        f"{line(machine.get('cpu'))}, {shown(machine.get('cpus'), count)} CPUs",
        f"Spindle {line(versions.get('spindle'))}",
    ]


def machine(result: dict[str, Any]) -> list[tuple[str, str]]:
    found = part(result, "machine")
    load = found.get("load_average")
    load_average = ", ".join(shown(one) for one in load) if isinstance(load, list) else shown(load)
    return [
        ("processor", f"{line(found.get('cpu'))}, {shown(found.get('cpus'), count)} CPUs"),
        ("memory", shown(found.get("memory_bytes"), size)),
        ("kernel", line(found.get("kernel"))),
        ("load average", load_average),
        ("warm-up", f"{shown(result.get('warmup_s'), count)} s a measurement"),
        ("started", line(result.get("started"))),
        ("finished", line(result.get("finished"))),
    ]


def versions(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(line(name), line(found)) for name, found in part(result, "versions").items() if found]


def configuration(result: dict[str, Any]) -> list[str]:
    """Whose configuration Spindle ran, then what was changed of it."""
    found = part(result, "configuration")
    if not found:
        return []
    return [f"Spindle ran {line(found.get('file'))}; backend and workers are the load test's.", *texts(found, "changes")]


def title(scenario: dict[str, Any]) -> str:
    return line(scenario.get("title") or scenario.get("name"))


def settings(scenario: dict[str, Any]) -> str:
    found = part(scenario, "settings")
    rate = number(found.get("rate_per_s"))
    connections = shown(found.get("connections"), count)
    said = [f"{connections} connection{'' if connections == '1' else 's'}"]
    if found.get("new_connection"):
        said = ["a new connection for each request", f"{said[0]} at once"]
    said.append("closed loop" if rate is None else f"{count(rate)} requests/s, open loop")
    pipelining = number(found.get("pipelining")) or 1
    if pipelining > 1:
        said.append(f"{count(pipelining)} pipelined")
    if number(found.get("duration_s")):
        said.append(f"{shown(found.get('duration_s'), count)} s a round")
    return ", ".join(said)


def routes(scenario: dict[str, Any]) -> list[str]:
    """Each kind of request with its weight, then what runs beside them."""
    said = []
    wanted = objects(part(scenario, "settings"), "routes")
    for one in wanted:
        body = number(one.get("body_bytes"))
        said.append(
            f"{line(one.get('method', 'GET'))} {line(one.get('path'))}"
            + (f", body of {size(body)}" if body else "")
            + (f", weight {shown(one.get('weight'), count)}" if len(wanted) > 1 else "")
        )
    for one in objects(part(scenario, "settings"), "background"):
        path = f" on {line(one.get('path'))}" if one.get("path") else ""
        while_it_goes_on = f", {span(one)}" if span(one) else ""
        said.append(
            f"beside it: {shown(one.get('connections'), count)} × {line(one.get('kind'))}{path}{while_it_goes_on}"
        )
    return said


def overview(result: dict[str, Any]) -> tuple[list[str], Rows]:
    """A row a scenario: what is advised for it, and fiber's figures as multiples of event_loop's."""
    rows = []
    for scenario in objects(result, "scenarios"):
        ratios = part(scenario, "ratios")
        row = [Cell(line(scenario.get("name"))), Cell(line(part(scenario, "advice").get("verdict")))]
        row += [spread(part(ratios, key).get("fiber/event_loop")) for key, _ in RATIOS]
        rows.append(row)
    return ["scenario", "advice", *(name for _, name in RATIOS)], rows


def servers(scenario: dict[str, Any]) -> tuple[list[str], Rows]:
    """The table of a scenario; memory a connection and errors only where there are any."""
    found = objects(scenario, "servers")
    summaries = [part(one, "summary") for one in found]
    per_connection = any(spread(one.get("bytes_per_connection")).text != MISSING for one in summaries)
    header = ["server", "requests/s", *(f"{name} ms" for name, _ in PERCENTILES if name != "p90"), "CPU µs", "memory"]
    rows = []
    for server, figures in zip(found, summaries, strict=True):
        row = [Cell(label(server)), spread(figures.get("requests_per_s"))]
        row += [spread(figures.get(key)) for name, key in PERCENTILES if name != "p90"]
        row += [spread(figures.get("cpu_us_per_request")), spread(figures.get("rss_bytes"), size)]
        if per_connection:
            row.append(spread(figures.get("bytes_per_connection"), size))
        row.append(spread(figures.get("errors"), count))
        rows.append(row)
    return [*header, *(["a connection"] if per_connection else []), "errors"], rows


def ratios(scenario: dict[str, Any]) -> tuple[list[str], Rows]:
    found = part(scenario, "ratios")
    kinds = [one for one in found if part(found, one)]
    pairs = dict.fromkeys(pair for kind in kinds for pair in part(found, kind))
    names = dict(RATIOS)
    rows = [[Cell(line(pair)), *(spread(part(found, kind).get(pair)) for kind in kinds)] for pair in pairs]
    return ["ratio", *(names.get(kind, line(kind)) for kind in kinds)], rows


def scheduler(scenario: dict[str, Any]) -> tuple[list[str], Rows]:
    """Spindle's own figures, of the last round."""
    found = {
        line(server.get("name")): part(rounds[-1], "scheduler")
        for server in objects(scenario, "servers")
        if (rounds := objects(server, "rounds")) and part(rounds[-1], "scheduler")
    }
    names = dict.fromkeys(name for figures in found.values() for name in figures)
    rows = [[Cell(line(name)), *(Cell(shown(one.get(name), count)) for one in found.values())] for name in names]
    return ["figure", *found], rows


def commands(scenario: dict[str, Any]) -> list[str]:
    return [f"{line(one.get('name'))}: {line(one.get('command'))}" for one in objects(scenario, "servers")]


def warnings(scenario: dict[str, Any]) -> list[str]:
    """What servers logged, each line once."""
    said = [
        f"{line(server.get('name'))}: {line(text)}"
        for server in objects(scenario, "servers")
        for one in objects(server, "rounds")
        for text in items(one, "warnings")
    ]
    return list(dict.fromkeys(said))


def notes(scenario: dict[str, Any]) -> list[str]:
    found = objects(scenario, "servers")
    if not found:
        return ["Nothing was measured."]
    return [LIMITED_NOTE] if any(limited_rounds(one) for one in found) else []


def expected_rounds_missing(result: dict[str, Any], scenario: dict[str, Any]) -> list[str]:
    """Which servers have fewer rounds than were asked for."""
    asked = number(result.get("rounds")) or 0
    measured = {line(one.get("name")): len(objects(one, "rounds")) for one in objects(scenario, "servers")}
    short = [f"{name} {rounds}" for name, rounds in measured.items() if rounds < asked]
    return [f"Rounds measured of {count(asked)}: {', '.join(short)}."] if short else []
