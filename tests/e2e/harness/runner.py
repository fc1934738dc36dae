# SPDX-License-Identifier: Apache-2.0
"""Runs behaviours under one variant: shared servers, results, transcripts, clean-up."""

import os
import traceback
from dataclasses import dataclass, field

from .client import Overdue
from .configuration import Configuration
from .registry import Behaviour, Skipped
from .server import Server
from .trial import Bench, Trial
from .variants import Variant


@dataclass
class Failure:
    variant: str
    name: str
    text: str
    detail: str = ""


@dataclass
class Outcome:
    """What running one variant gave."""

    passed: int = 0
    failures: list[Failure] = field(default_factory=list)
    skipped: list[tuple[str, str, str]] = field(default_factory=list)
    second_tries: list[Failure] = field(default_factory=list)  # why; they passed then
    transcripts: dict[str, list[bytes]] = field(default_factory=dict)


# A limit that ran out may be the fault of a machine that others kept busy, so what waited is tried once
# more when all else has been. Wrong bytes, a bug that the server reports, or something left at the end are
# never the machine's fault, and many limits that run out are not either.
SECOND_TRIES_MAX = 2


class VariantRunner:
    def __init__(self, bench: Bench, variant: Variant, report):
        self.bench = bench
        self.variant = variant
        self.report = report  # called with each Failure as it happens
        self.outcome = Outcome()
        self._servers: dict[Configuration, Server] = {}
        self._overdue: list[tuple[Behaviour, Failure]] = []

    def run(self, behaviours: list[Behaviour]) -> Outcome:
        try:
            for entry in behaviours:
                if entry.applies(self.variant):
                    self._try(entry)
            self._try_again()
            self._stop_shared()
        finally:
            for server in self._servers.values():
                server.kill()
        return self.outcome

    def _try_again(self) -> None:
        for entry, first in self._overdue:
            failed_before = len(self.outcome.failures)
            self._try(entry, again=True)
            if len(self.outcome.failures) == failed_before:
                self.outcome.second_tries.append(first)

    def _try(self, entry: Behaviour, again: bool = False) -> None:
        trial = Trial(self.bench, self.variant, None)
        try:
            if not entry.own_server:
                trial.server = self._shared(entry.config)
            entry.run(trial)
            self._finish(entry, trial)
        except Skipped as skipped:
            self.outcome.skipped.append((self.variant.name, entry.name, str(skipped)))
        except Exception as error:
            if again or not self._may_be_slow(error, trial.server):
                self._failed(entry.name, error, trial.server)
            else:
                failure = self._failure(entry.name, error, trial.server)
                self._overdue.append((entry, failure))
        else:
            self.outcome.passed += 1
        finally:
            trial.close_connections()
            trial.kill_servers()
            self._forget_dead(entry.name)

    def _finish(self, entry: Behaviour, trial: Trial) -> None:
        if entry.compare:
            self.outcome.transcripts[entry.name] = trial.transcript()
        trial.close_connections()
        trial.end_servers()

    def _shared(self, config: Configuration) -> Server:
        if config not in self._servers:
            self._servers[config] = self.bench.start(config, self.variant)
        return self._servers[config]

    def _forget_dead(self, after: str) -> None:
        """A shared server that died is a failure of where it died; the next one gets a new one."""
        for config, server in list(self._servers.items()):
            if not server.running:
                del self._servers[config]
                death = AssertionError(
                    f"the server ended with code {server.wait()} during or after this"
                )
                self._failed(after, death, server)

    def _stop_shared(self) -> None:
        for number, server in enumerate(self._servers.values()):
            try:
                server.stop(30 * self.bench.slow)
            except Exception as error:
                self._failed(f"teardown of shared server {number}", error, server)
            else:
                self.outcome.passed += 1

    def _may_be_slow(self, error: Exception, server: Server | None) -> bool:
        return (
            isinstance(error, Overdue)
            and len(self._overdue) < SECOND_TRIES_MAX
            and (server is None or not server.reports_bug())
        )

    def _failed(self, name: str, error: Exception, server: Server | None) -> None:
        failure = self._failure(name, error, server)
        self.outcome.failures.append(failure)
        self.report(failure)

    def _failure(self, name: str, error: Exception, server: Server | None) -> Failure:
        detail = "".join(traceback.format_exception(error))
        if server is not None:
            detail += "the server said last:\n  " + "\n  ".join(server.lines()[-30:]) + "\n"
        text = f"{_where(error)}{str(error) or type(error).__name__}".replace("\n", " | ")
        return Failure(self.variant.name, name, text, detail)


def _where(error: Exception) -> str:
    """The line of the behaviour that failed, not of the harness beneath it."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if os.sep + "behaviours" + os.sep in frame.filename:
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            return f"{os.path.basename(frame.filename)}:{frame.lineno}: {kind}"
    return ""


def differences(outcomes: dict[str, Outcome]) -> list[Failure]:
    """Behaviours whose replies are not those of the first variant that ran them."""
    failures = []
    reference: dict[str, tuple[str, list[bytes]]] = {}
    for variant, outcome in outcomes.items():
        for name, transcript in outcome.transcripts.items():
            first, expected = reference.setdefault(name, (variant, transcript))
            if transcript != expected:
                text = f"replies differ from {first}'s: {_first_difference(expected, transcript)}"
                failures.append(Failure(variant, name, text))
    return failures


def _first_difference(expected: list[bytes], actual: list[bytes]) -> str:
    if len(expected) != len(actual):
        return f"{len(actual)} replies, not {len(expected)}"
    number, (left, right) = next(
        (i, pair) for i, pair in enumerate(zip(expected, actual)) if pair[0] != pair[1]
    )
    at = next(
        (i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right))
    )
    start = max(0, at - 30)
    return f"reply {number}, byte {at}: {right[start:at + 50]!r}, not {left[start:at + 50]!r}"
