#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Soak: the real server, under each backend, among clients of every kind at once.

    python3 tests/soak/run.py --spindle build/dev/server/spindle
    python3 tests/soak/run.py --spindle … --backend fiber/2 --seconds 600 --seed 4711

Polite clients ask and check every answer; rude ones reset, half-close, trickle, pipeline and do not
read, abort bodies, send nonsense, hog the CPU and block threads. At the end everybody leaves, and the
server must be as it was: no sockets left; then it is drained under a new crowd of rude clients, and must
end by itself with nothing left, and with an access log that agrees with what the clients saw. Nothing is
asserted about times but that nobody waits for a minute. The last line is `N passed, N failed`.
"""

import sys

sys.dont_write_bytecode = True  # leaves nothing in the source tree

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from harness.configuration import configuration
from harness.server import Server, eventually
from harness.site import make_site
from harness.trial import Bench
from harness.variants import VARIANTS, Variant

import polite
import rude
from client import Client
from memory import Memory
from record import Record

BACKENDS = ("event_loop/2", "fiber/2")


def main() -> int:
    options = parse_arguments()
    binary = Path(options.spindle).resolve()
    if not binary.is_file():
        print(f"run.py: {options.spindle} is not there: build it first", file=sys.stderr)
        return 2
    names = options.backend or BACKENDS
    variants = [variant for variant in VARIANTS if variant.name in names]
    folder = Path(tempfile.mkdtemp(prefix="spindle_soak_"))
    passed = failed = 0
    try:
        make_site(folder)
        for variant in variants:
            soak = Soak(Bench(binary, folder, options.slow), variant, options)
            for failure in soak.run(options.seconds / len(variants)):
                print(f"FAILED soak [{variant.name}] {failure}  again: {again(options, variant)}")
                failed += 1
            passed += soak.passed
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spindle", required=True, metavar="PATH", help="the binary to test")
    parser.add_argument("--seconds", type=float, default=60.0, help="of all backends together")
    parser.add_argument(
        "--backend", action="append", choices=[v.name for v in VARIANTS], help=f"default: {BACKENDS}"
    )
    parser.add_argument("--seed", type=int, help="repeats every client's choices")
    parser.add_argument("--polite", type=int, default=24, metavar="N", help="clients of each kind")
    parser.add_argument("--rude", type=int, default=48, metavar="N")
    parser.add_argument("--slow", type=float, default=1.0, help="longer limits, for sanitizers")
    parser.add_argument(
        "--growth-max",
        type=float,
        default=16.0,
        metavar="MIB",
        help="resident memory gained after the first 10 s; 0: any (a sanitizer keeps what is freed)",
    )
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    return options


def again(options, variant: Variant) -> str:
    return (
        f"python3 {sys.argv[0]} --spindle {options.spindle} --backend {variant.name}"
        f" --seconds {options.seconds:g} --seed {options.seed} --slow {options.slow:g}"
    )


class Soak:
    """One backend's turn."""

    def __init__(self, bench: Bench, variant: Variant, options):
        self.passed = 0
        self._bench = bench
        self._variant = variant
        self._options = options
        self._record = Record()
        self._log = bench.folder / f"access_{variant.name.replace('/', '_')}.log"
        self._failures: list[str] = []

    def run(self, seconds: float) -> list[str]:
        print(f"soak [{self._variant.name}] {seconds:g} s, seed {self._options.seed}", flush=True)
        server = self._bench.start(self._configuration(), self._variant)
        try:
            self._live(server, seconds)
            self._end(server)
        except AssertionError as error:
            self._failures.append(str(error))
        finally:
            server.kill()
            self._show_report(server)
        self._summarise()
        return self._failures

    def _configuration(self):
        slow = self._bench.slow

        def seconds(number: float) -> str:
            return f"{int(number * slow)}s"

        return configuration(
            {
                "log.format": "json",
                "log.access_path": str(self._log),
                "limits.body_bytes": "1MiB",
                "limits.requests_per_connection": 200,
                "timeouts.header": seconds(6),
                "timeouts.body": seconds(6),
                "timeouts.write": seconds(4),
                "timeouts.idle": seconds(20),
                "timeouts.drain": seconds(5),
            }
        )

    # -- phases ----------------------------------------------------------------------------------

    def _live(self, server: Server, seconds: float) -> None:
        before = server.sockets()
        memory = Memory(server)
        clients = self._clients("p", self._options.polite, polite.DEEDS, server)
        clients += self._clients("r", self._options.rude, rude.DEEDS, server)
        self._let_live(clients, seconds, server)
        memory.end()
        self._check(self._record.failures)
        assert server.running, f"the server ended by itself, exit code {server.wait()}"
        self._check_memory(memory.growth())
        eventually(
            lambda: server.sockets() <= before, 60 * self._bench.slow, "every client's socket is closed"
        )
        self.passed += 1

    def _let_live(self, clients: list[Client], seconds: float, server: Server) -> None:
        for client in clients:
            client.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and server.running and not self._record.failures:
            time.sleep(0.1)
        for client in clients:
            client.stop()
        for client in clients:
            client.join()

    # The drain has rude clients of its own, with other numbers, and whoever is under way is cut.
    def _end(self, server: Server) -> None:
        count = self._options.rude
        crowd = self._clients("r", count, rude.DEEDS, server, first=count)
        for client in crowd:
            client.start()
        under_way = self._record.wait_for_deeds(2 * count, 60 * self._bench.slow)
        assert under_way, "the clients of the drain do nothing"
        for client in crowd:
            client.stop()
        server.stop(60 * self._bench.slow)
        self.passed += 1
        for client in crowd:
            client.join()
        self._check(self._record.failures)
        self._check(self._record.compare(self._log))

    def _clients(self, kind: str, count: int, deeds, server: Server, first: int = 0) -> list[Client]:
        options = self._options
        return [
            Client(kind, number, options.seed, deeds, server.address, self._record, options.slow)
            for number in range(first, first + count)
        ]

    # -- results ---------------------------------------------------------------------------------

    def _check(self, wrong: list[str]) -> None:
        """One check; the first few of what is wrong stand for all."""
        if wrong:
            self._failures += wrong[:5]
            if len(wrong) > 5:
                self._failures.append(f"and {len(wrong) - 5} more of the kind")
            wrong.clear()
        else:
            self.passed += 1

    def _check_memory(self, growth: int) -> None:
        mebibytes = growth / 1024 / 1024
        print(f"soak [{self._variant.name}] memory after the first 10 s: {mebibytes:+.1f} MiB")
        bound = self._options.growth_max
        self._check([f"{mebibytes:.1f} MiB gained, allowed {bound:g}"] if 0 < bound < mebibytes else [])

    def _show_report(self, server: Server) -> None:
        """A sanitizer's, or what a crash says: all that the server wrote last."""
        try:
            server.expect_no_bug()
        except AssertionError:
            print("\n".join(server.lines("err")[-150:]), flush=True)

    def _summarise(self) -> None:
        deeds = ", ".join(f"{name} {count}" for name, count in sorted(self._record.deeds.items()))
        print(f"soak [{self._variant.name}] {self._record.answers} answers; {deeds}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
