# SPDX-License-Identifier: Apache-2.0
"""What changed between two results, beyond what the rounds of each differ among themselves.

Few rounds do not tell how far rounds lie apart: three of the same thing beside three others do not meet, once in ten
times. Their changes are told with that doubt, and none of them is called a regression unless it is beyond a bound that
was asked for: whoever names a bound for few rounds knows the noise. And since each comparison is of many figures, also
those of more rounds must have changed by more than the rounds of either differ among themselves.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BOUND = 0.05  # where none is asked for
ROUNDS_MIN = 5  # with fewer, those of the same thing lie apart by chance

# Figure: whether more of it is better.
FIGURES = {
    "requests_per_s": True,
    "cpu_us_per_request": False,
    "p50_ms": False,
    "p99_ms": False,
    "p999_ms": False,
    "errors": False,
    "rss_bytes": False,
    "bytes_per_connection": False,
}


@dataclass(frozen=True)
class Change:
    scenario: str
    server: str
    figure: str
    before: dict[str, float]
    after: dict[str, float]
    spread_known: bool

    @property
    def share(self) -> float:
        """By how much it got worse; negative: better."""
        before, after = self.before["median"], self.after["median"]
        if before <= 0 or after <= 0:
            return math.inf if before < after and not FIGURES[self.figure] else 0.0
        return before / after - 1 if FIGURES[self.figure] else after / before - 1

    @property
    def beyond_noise(self) -> bool:
        """The rounds of one do not meet those of the other, and lie further from them than from each other."""
        apart = self.before["high"] < self.after["low"] or self.after["high"] < self.before["low"]
        return apart and abs(self.share) > max(spread(self.before), spread(self.after))

    def __str__(self) -> str:
        word = "worse" if self.share > 0 else "better"
        doubt = "" if self.spread_known else " (or noise: the rounds are too few)"
        medians = f"{self.before['median']:.4g} -> {self.after['median']:.4g}"
        return f"{self.scenario}, {self.server}: {self.figure} {medians}, {abs(self.share):.1%} {word}{doubt}"


def spread(summary: dict[str, float]) -> float:
    """Of rounds, as a share of their median."""
    return (summary["high"] - summary["low"]) / summary["median"] if summary["median"] > 0 else 0.0


def context(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What else differs than what was measured."""
    said = []
    for section in ("machine", "versions"):
        for key in sorted({*before.get(section, {}), *after.get(section, {})} - {"load_average"}):
            one, other = before.get(section, {}).get(key), after.get(section, {}).get(key)
            if one != other:
                said.append(f"{key}: {one} -> {other}")
    if before.get("command") != after.get("command"):
        said.append(f"command: {before.get('command')} -> {after.get('command')}")
    for name, result in (("the first", before), ("the second", after)):
        if not result.get("complete", False):
            said.append(f"{name} was interrupted")
    return said


def servers_of(result: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["name"], server["name"]): server for one in result["scenarios"] for server in one["servers"]}


def check(result: dict[str, Any]) -> None:
    """Raises if it lacks what is read of it."""
    list(changes(result, result))
    context(result, result)


def missing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    first, second = servers_of(before), servers_of(after)
    said = [f"{scenario}, {server}: only in the first" for scenario, server in first.keys() - second.keys()]
    said += [f"{scenario}, {server}: only in the second" for scenario, server in second.keys() - first.keys()]
    return sorted(said)


def changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """Those beyond noise, as far as it is known."""
    second = servers_of(after)
    for (scenario, name), server in servers_of(before).items():
        if (scenario, name) not in second:
            continue
        later = second[scenario, name]
        spread_known = min(len(server["rounds"]), len(later["rounds"])) >= ROUNDS_MIN
        for figure in FIGURES:
            one, other = server["summary"].get(figure), later["summary"].get(figure)
            if one and other:
                change = Change(scenario, name, figure, one, other, spread_known)
                if change.beyond_noise:
                    yield change


def regressions(found: list[Change], asked: float | None) -> list[Change]:
    """`asked`: the bound that was asked for, if one was."""
    bound = BOUND if asked is None else asked
    return [change for change in found if change.share > bound and (change.spread_known or asked is not None)]
