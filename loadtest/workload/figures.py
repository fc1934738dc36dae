# SPDX-License-Identifier: Apache-2.0
"""How the report reads and prints figures: medians with their spread, units, what may be missing."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MISSING = "–"


@dataclass(frozen=True)
class Cell:
    """What stands in a table: a figure, and what its rounds span."""

    text: str
    spread: str = ""


def finite(value: Any) -> Any:
    """The same without NaN and infinities, which JSON and charts do not have: they are missing figures."""
    if isinstance(value, dict):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def number(value: Any) -> float | None:
    """The value if it is a number; strings and booleans are none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def numbers(values: Iterable[Any]) -> list[float]:
    return [one for one in map(number, values) if one is not None]


def part(value: Any, *keys: str) -> dict[str, Any]:
    """The object below these keys, empty if it is missing or something else."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []


def objects(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [one for one in items(value, key) if isinstance(one, dict)]


def count(value: float) -> str:
    """A number that is whole, mostly: 64 connections, 0.5 s."""
    return f"{value:,.0f}" if value == int(value) else plain(value)


def plain(value: float) -> str:
    """Three digits that mean something; thousands apart."""
    value = float(f"{value:.3g}") if abs(value) < 100 else value
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, 4)}f}"


def size(value: float) -> str:
    """Bytes, up to 10,000 of them counted, beyond that in binary units."""
    if abs(value) < 10_000:
        return f"{value:,.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if abs(value) < 1000 or unit == "GiB":
            break
    return f"{plain(value)} {unit}"


def shown(value: Any, form: Any = plain) -> str:
    found = number(value)
    return MISSING if found is None else form(found)


def spread(summary: Any, form: Any = plain) -> Cell:
    """A {"median", "low", "high"} as it is printed; without its spread where the rounds agree."""
    found = part({"it": summary}, "it")
    low, high = number(found.get("low")), number(found.get("high"))
    text = shown(found.get("median"), form)
    if low is None or high is None or text == MISSING or form(low) == form(high):
        return Cell(text)
    return Cell(text, f"{form(low)}–{form(high)}")


def span(background: dict[str, Any]) -> str:
    """Between which seconds of the measurement it goes on; empty if all the time."""
    ends = (("from", number(background.get("begin_s"))), ("to", number(background.get("end_s"))))
    return " ".join(f"{word} {count(at)} s" for word, at in ends if at is not None)


def share(value: float) -> str:
    """A share of requests as its percentile: 0.999 is 99.9 %."""
    return f"{value * 100:.6f}".rstrip("0").rstrip(".") + " %"


def line(value: Any) -> str:
    """One line of whatever this is."""
    return " ".join(str(value).split()) if value not in (None, "") else MISSING
