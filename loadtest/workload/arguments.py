# SPDX-License-Identifier: Apache-2.0
"""What options may say, as types of argparse: anything else is told and ends with 2."""

from argparse import ArgumentTypeError

COUNT_MAX = 1_000_000


def count(text: str) -> int:
    """Of rounds, seconds, connections."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= COUNT_MAX):
        raise ArgumentTypeError(f"is a whole number from 1 to {COUNT_MAX:,}, not {text!r}")
    return int(text)


def share(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / 100
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"is a share, as 5%, not {text!r}")
    return value
