# SPDX-License-Identifier: Apache-2.0
"""What connections cost in memory while nothing happens on them, and whether new requests notice.

User space only: what the kernel keeps for a socket (9.5 KB for both ends) comes on top, and is the same
for all. A server is first warmed up with requests, so that buffers that it keeps anyway do not count.
"""

import subprocess
import time

import isolation
import servers
from table import Report, row

IN_ONE = 19_000  # a process may have 20,000 descriptors where this was written
IN_MANY = 200_000
EVENT_LOOPS = 12  # the kernel spreads connections over them by chance: room for the fullest
SLEEP = "/sleep?ms=60000"


class Holder:
    """A client process that keeps connections; each has loopback addresses, so all ports, of its own."""

    def __init__(self, options, number: int, ports: list[int], connections: int, extra=()):
        command = [str(options.probe), "hold", "--connections", str(connections), *extra]
        command += ["--from", f"127.1.{number}.1", "--addresses", "4"]
        for port in ports:
            command += ["--port", str(port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait(self) -> None:
        if not self.process.stdout.readline().startswith("held"):
            raise SystemExit("connections could not be opened")

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def run(report: Report, options) -> None:
    in_one_process(report, options)
    report.line()
    waiting(report, options)
    report.line()
    in_many_processes(report, options)


def memory_of(started: list[servers.Server]) -> int:
    return sum(server.memory_bytes() for server in started)


def wait_until_calm(started: list[servers.Server]) -> None:
    """Until a third of a second has passed in which the servers did nothing."""
    before = -1.0
    while (used := sum(sum(server.cpu_seconds()) for server in started)) - before > 0.015:
        before = used
        time.sleep(0.3)


def warm_up(server: servers.Server, options) -> None:
    command = [str(options.probe), "measure", "--port", str(server.port), "--rate", "8000", "--seconds", "1"]
    subprocess.run([*command, "--connections", "256"], stdout=subprocess.DEVNULL, check=True)


def bytes_of_each(name: str, options, extra=()) -> float | None:
    server = servers.start(name, options.spindle, options.folder)
    if server is None:
        return None
    holder = None
    try:
        warm_up(server, options)
        before = server.memory_bytes()
        holder = Holder(options, 0, [server.port], IN_ONE, extra)
        holder.wait()
        wait_until_calm([server])
        return (server.memory_bytes() - before) / IN_ONE
    finally:
        if holder:
            holder.stop()
        server.stop(patience=2)


def table_of_bytes(report: Report, options, names, extra=()) -> None:
    row(report, "", ["bytes each"])
    for name in names:
        if (found := bytes_of_each(name, options, extra)) is not None:
            row(report, name, [found])


def in_one_process(report: Report, options) -> None:
    report.line(f"{IN_ONE} idle keep-alive connections after one request each, one process")
    table_of_bytes(report, options, ("nginx", *servers.BACKENDS, "Go", "Node"))


def waiting(report: Report, options) -> None:
    report.line(f"{IN_ONE} connections that wait inside a request ({SLEEP}), one process")
    table_of_bytes(report, options, (*servers.BACKENDS, "Go"), ("--path", SLEEP, "--unanswered"))


def in_many_processes(report: Report, options) -> None:
    report.line(
        f"{IN_MANY} idle keep-alive connections over several processes, and a probe of"
        f" {isolation.RATE} requests/s on {isolation.PROBES} new ones"
    )
    row(report, "", ["processes", "bytes each", "p50 ms", "p99 ms", "max ms", "opened/s"])
    holders_needed = -(-IN_MANY // IN_ONE)
    limit = f"limits.connections={2 * IN_MANY}"
    for name, processes, workers in (("event_loop", 1, EVENT_LOOPS), ("fiber", holders_needed, 1)):
        started = [
            servers.start_spindle(options.spindle, name, options.folder, workers=workers, sets=[limit])
            for _ in range(processes)
        ]
        holders: list[Holder] = []
        try:
            for server in started:
                warm_up(server, options)
            before = memory_of(started)
            began = time.monotonic()
            for number in range(holders_needed):
                ports = [server.port for server in started]
                share = IN_MANY * (number + 1) // holders_needed - IN_MANY * number // holders_needed
                holders.append(Holder(options, number, ports, share))
            for holder in holders:
                holder.wait()
            rate = IN_MANY / (time.monotonic() - began)
            wait_until_calm(started)
            each = (memory_of(started) - before) / IN_MANY
            found = isolation.probe(started[0].port, options, extra=["--from", "127.2.0.1"])
            row(report, name, [workers * processes, each, found["p50"], found["p99"], found["max"], rate])
        finally:
            for holder in holders:
                holder.stop()
            for server in started:
                server.stop(patience=2)
