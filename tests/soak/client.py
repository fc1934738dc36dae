# SPDX-License-Identifier: Apache-2.0
"""A client of the soak: a thread that does one deed after the other, chosen by its own random numbers.

Each client's numbers come from the run's seed and its own, so a seed repeats every client's choices,
whatever the clock does to how they interleave.
"""

import random
import threading
import traceback

from harness.client import Address, Connection, Ended, Silent, request

from record import Record


class Client:
    """`kind` is "p" (polite: every answer is checked) or "r" (rude: the server's end is no failure)."""

    PAUSE_MAX = 0.4  # seconds between two deeds; bounds the rate of all

    def __init__(
        self, kind: str, number: int, seed: int, deeds, address: Address, record: Record, slow: float
    ):
        self.name = f"{kind}{number}"
        self.random = random.Random(f"{seed}/{self.name}")
        self.record = record
        self.slow = slow
        self._deeds = deeds
        self._address = address
        self._limit = 60.0 * slow  # a hang, not a measurement
        self._serial = 0
        self._open: list[Connection] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def join(self) -> None:
        self._thread.join(3 * self._limit)
        if self._thread.is_alive():
            self.record.fail(self.name, "end", "the client hangs")

    # -- for the deeds ---------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def connect(self, receive_bytes: int | None = None) -> Connection:
        connection = Connection(self._address, self._limit, receive_bytes)
        self._open.append(connection)
        return connection

    def pause(self, seconds_max: float) -> None:
        self._stopping.wait(self.random.uniform(0, seconds_max))

    def marked(self, target: str) -> tuple[str, str]:
        """A mark of its own, and the target with it."""
        self._serial += 1
        mark = f"{self.name}.{self._serial}"
        self.record.sent(mark)
        return mark, f"{target}{'&' if '?' in target else '?'}mark={mark}"

    def request(self, method: str, target: str, **options) -> tuple[str, bytes]:
        mark, marked = self.marked(target)
        return mark, request(method, marked, **options)

    def close_all(self) -> None:
        for connection in self._open:
            connection.close()
        self._open.clear()

    # -- inside ----------------------------------------------------------------------------------

    def _live(self) -> None:
        names = [deed.__name__ for deed, _ in self._deeds]
        weights = [weight for _, weight in self._deeds]
        functions = dict(zip(names, (deed for deed, _ in self._deeds)))
        try:
            while not self.stopping:
                name = self.random.choices(names, weights)[0]
                if not self._do(name, functions[name]):
                    return
                self.pause(self.PAUSE_MAX)
        finally:
            self.close_all()

    def _do(self, name: str, deed) -> bool:
        try:
            deed(self)
        except (Ended, ConnectionError) as error:
            if not self.tolerates(error):
                return self._failed(name, error)
            self.close_all()
        except (Silent, TimeoutError) as error:
            return self._failed(name, f"hangs: {error!r}")
        except Exception as error:  # pylint: disable=broad-exception-caught
            return self._failed(name, error)
        self.record.deed(name)
        return True

    def tolerates(self, error: Exception) -> bool:
        """Whether the server may end this client's connections when it likes."""
        return self.name.startswith("r") and not (
            isinstance(error, ConnectionRefusedError) and not self.stopping
        )

    def _failed(self, name: str, error) -> bool:
        where = traceback.extract_tb(error.__traceback__)[-1].lineno if isinstance(error, Exception) else ""
        text = str(error) or repr(error)
        self.record.fail(self.name, name, f"{text[:300]} (line {where})" if where else text[:300])
        return False
