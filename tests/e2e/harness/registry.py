# SPDX-License-Identifier: Apache-2.0
"""The list of behaviours: each is defined once and runs under every variant it applies to."""

from dataclasses import dataclass
from typing import Callable

from .configuration import BASE, Configuration
from .variants import Variant


class Skipped(Exception):
    """The behaviour cannot be tried here; the text says why."""


@dataclass(frozen=True)
class Behaviour:
    name: str
    run: Callable
    config: Configuration
    applies: Callable[[Variant], bool]
    compare: bool
    own_server: bool


_behaviours: list[Behaviour] = []


def behaviour(
    function=None,
    *,
    config: Configuration = BASE,
    applies=lambda variant: True,
    compare: bool = True,
    own_server: bool = False,
):
    """Registers a behaviour.

    `config`: served by one server a variant, shared by all behaviours that name an equal one.
    `compare`: its replies are compared with those of the other variants, byte for byte.
    `own_server`: it starts what it needs itself (Trial.start); no shared server is started for it.
    """

    def register(function):
        module = function.__module__.rpartition(".")[2]
        add(
            Behaviour(
                f"{module}.{function.__name__}", function, config, applies, compare, own_server
            )
        )
        return function

    return register(function) if function else register


def add(entry: Behaviour) -> None:
    assert entry.name not in {known.name for known in _behaviours}, f"{entry.name} is defined twice"
    _behaviours.append(entry)


def behaviours() -> list[Behaviour]:
    return list(_behaviours)
