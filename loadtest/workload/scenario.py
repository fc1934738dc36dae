# SPDX-License-Identifier: Apache-2.0
"""A scenario, from its TOML file: what is asked for, how, and beside which load."""

import difflib
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

KINDS = ("cpu", "block", "idle", "slow")
HEAVY = ("cpu", "block")
TURN_MAX = 1000  # requests that load generators are told of
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # HEAD: wrk would wait for the body


class Mistake(Exception):
    """In a scenario's file; the text names file, key and rule."""


@dataclass(frozen=True)
class Route:
    path: str
    method: str = "GET"
    weight: int = 1
    body_bytes: int = 0


@dataclass(frozen=True)
class Background:
    """cpu, block: one request after the other on each connection. idle: open and silent. slow: a byte a second."""

    kind: str
    connections: int
    path: str = "/plaintext"
    begin_s: int | None = None  # of the measurement; None: it goes on before that begins
    end_s: int | None = None  # None: it goes on until that ends

    @property
    def is_for_a_while(self) -> bool:
        return self.begin_s is not None or self.end_s is not None

    @property
    def settings(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Scenario:
    name: str
    file: str
    title: str
    host: str = ""  # that requests name; empty: the address
    connections: int = 64
    pipelining: int = 1
    rate_per_s: int | None = None
    new_connection: bool = False
    duration_s: int | None = None
    routes: tuple[Route, ...] = field(default_factory=tuple)
    background: tuple[Background, ...] = field(default_factory=tuple)

    @property
    def is_open_loop(self) -> bool:
        return self.rate_per_s is not None

    @property
    def turn(self) -> list[Route]:
        """What is asked for one after the other: routes by their weights, spread evenly."""
        total = sum(route.weight for route in self.routes)
        owed = [0] * len(self.routes)
        made = []
        for _ in range(total):
            owed = [credit + route.weight for credit, route in zip(owed, self.routes, strict=True)]
            most = owed.index(max(owed))
            owed[most] -= total
            made.append(self.routes[most])
        return made

    @property
    def is_plain(self) -> bool:
        """A server that knows nothing but /plaintext could answer it."""
        works = any(one.kind in HEAVY for one in self.background)
        asked = {(route.method, route.path, route.body_bytes) for route in self.routes}
        return not works and not self.new_connection and asked == {("GET", "/plaintext", 0)}

    @property
    def own_load(self) -> Background | None:
        """What spindle_probe itself does beside asking: it opens its connections before a server is busy."""
        heavy = (one for one in self.background if one.kind in HEAVY)
        return next(heavy, None) if self.is_open_loop else None

    @property
    def connections_max(self) -> int:
        """At once, as the server sees them."""
        return self.connections + sum(one.connections for one in self.background)

    def settings(self, duration_s: int) -> dict[str, Any]:
        return {
            "host": self.host,
            "connections": self.connections,
            "pipelining": self.pipelining,
            "rate_per_s": self.rate_per_s,
            "duration_s": duration_s,
            "new_connection": self.new_connection,
            "routes": [vars(route) for route in self.routes],
            "background": [one.settings for one in self.background],
        }


def load(path: Path) -> Scenario:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Mistake(f"{path}: {error}") from error
    routes = tuple(_made(Route, path, "route", one) for one in _tables(path, table, "route"))
    background = tuple(_made(Background, path, "background", one) for one in _tables(path, table, "background"))
    if not routes:
        raise Mistake(f"{path}: there is no [[route]]: what shall be asked for?")
    table = {key: value for key, value in table.items() if key not in ("route", "background")}
    made: Scenario = _made(
        Scenario, path, "", table, name=path.stem, file=str(path), routes=routes, background=background
    )
    _check(path, made)
    return made


def _tables(path: Path, table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Mistake(f"{path}: {key} is written [[{key}]]")
    return found


def _made(kind: Any, path: Path, section: str, table: dict[str, Any], **given: Any) -> Any:
    """An object of that dataclass; the table's keys are its fields, but for those that are `given`."""
    known = {one.name: one for one in fields(kind) if one.name not in given}
    where = f"{path}: [[{section}]] " if section else f"{path}: "
    for key, value in table.items():
        if key not in known:
            raise Mistake(f"{where}has no key {key}: {_hint(key, known)}")
        wanted = known[key].type
        base = wanted if wanted in (str, bool) else int
        if not _fits(value, base):
            raise Mistake(f"{where}{key} is {_said(base)}, not {value!r}")
    try:
        return kind(**given, **table)
    except TypeError as error:
        missing = str(error).rpartition(": ")[2]
        raise Mistake(f"{where}lacks {missing}") from error


def _fits(value: Any, kind: type) -> bool:
    if kind is not int:
        return isinstance(value, kind)
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _said(kind: type) -> str:
    return {str: "text", int: "a whole number, not negative", bool: "true or false"}[kind]


def _one_of(names: Collection[str], what: str, given: str) -> tuple[bool, str]:
    """A rule, and what is said where it does not hold."""
    return given in names, f"{what} {given}: {_hint(given, names)}"


def _hint(given: str, names: Collection[str]) -> str:
    by_lower = {one.lower(): one for one in names}
    near = difflib.get_close_matches(given.lower(), by_lower, 1)
    return f"did you mean {by_lower[near[0]]}?" if near else f"there are {', '.join(names)}"


def _check(path: Path, made: Scenario) -> None:
    rules = [
        (made.connections > 0, "connections must be at least 1"),
        (made.pipelining > 0, "pipelining must be at least 1"),
        (made.rate_per_s != 0, "rate_per_s must be at least 1; leave it out for a closed loop"),
        (all("!" <= letter <= "~" for letter in made.host), "host is a name without spaces, as a client sends it"),
        (made.duration_s != 0, "duration_s must be at least 1"),
        (any(route.weight for route in made.routes), "a route must have a weight above 0"),
        (sum(route.weight for route in made.routes) <= TURN_MAX, f"weights together may be {TURN_MAX} at most"),
        (all(route.path.startswith("/") for route in made.routes), 'paths begin with "/"'),
    ]
    if made.is_open_loop:
        rules.append(
            (not made.new_connection and made.pipelining == 1, "at a fixed rate connections stay, without pipelining")
        )
    rules += [_one_of(METHODS, "[[route]]: there is no method", route.method) for route in made.routes]
    for one in made.background:
        rules.append(_one_of(KINDS, "[[background]]: there is no kind", one.kind))
        named = one.kind not in HEAVY or one.path.startswith("/") and one.path != "/plaintext"
        rules.append((named, f"a background of kind {one.kind} needs the path of a handler that does that"))
        rules.append((one.connections > 0, "background connections must be at least 1"))
        if one.is_for_a_while:
            rules += _rules_of_a_while(made, one)
    for holds, rule in rules:
        if not holds:
            raise Mistake(f"{path}: {rule}")


def _rules_of_a_while(made: Scenario, one: Background) -> list[tuple[bool, str]]:
    begin, end, duration = one.begin_s or 0, one.end_s, made.duration_s
    which = f"[[background]]: begin_s and end_s are for the first of kind {' or '.join(HEAVY)}, beside a fixed rate"
    return [
        (one is made.own_load, which),
        (duration is not None, "[[background]]: begin_s and end_s need the scenario's own duration_s"),
        (end is None or begin < end, f"[[background]]: begin_s must be before end_s, {begin} is not before {end}"),
        (
            duration is None or max(begin + 1, end or 0) <= duration,
            f"[[background]]: begin_s and end_s must lie within duration_s, which is {duration}",
        ),
    ]
