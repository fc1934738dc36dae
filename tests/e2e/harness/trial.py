# SPDX-License-Identifier: Apache-2.0
"""What a behaviour gets: a server of its variant, connections (closed after it), time limits."""

import functools
import itertools
import subprocess
from pathlib import Path

from .client import Address, Connection, request
from .configuration import BASE, Configuration
from .registry import Skipped
from .reply import Reply, comparable
from .server import Server
from .variants import Variant

_START_LIMIT = 10.0
_REPLY_LIMIT = 10.0


class Bench:
    """The surroundings of all trials: the binary, the scratch folder with the site, slowness."""

    _serial = itertools.count()

    def __init__(self, binary: Path, folder: Path, slow: float):
        self.binary = binary
        self.folder = folder
        self.slow = slow

    @functools.cached_property
    def sanitized(self) -> bool:
        """Built with a sanitizer that has allocations, and a shadow of all memory, of its own."""
        program = self.binary.read_bytes()
        return any(library in program for library in (b"libasan.so", b"libtsan.so"))

    def write_config(self, config: Configuration, variant: Variant) -> Path:
        path = self.folder / f"spindle_{next(self._serial)}.toml"
        path.write_text(config.text(variant.settings(), self.folder))
        return path

    def start(
        self,
        config: Configuration,
        variant: Variant,
        *arguments: str,
        processes: int | None = None,
        **options,
    ) -> Server:
        command = [str(self.binary), "-c", str(self.write_config(config, variant)), *arguments]
        return Server(
            command,
            listeners=len(config.listen),
            processes=processes or variant.processes,
            limit=_START_LIMIT * self.slow,
            **options,
        )


class Trial:
    """One behaviour under one variant."""

    def __init__(self, bench: Bench, variant: Variant, server: Server | None):
        self.bench = bench
        self.variant = variant
        self.server = server
        self.connections: list[Connection] = []
        self.own_servers: list[Server] = []

    def limit(self, seconds: float) -> float:
        """A time limit, longer where everything is slow (sanitizers)."""
        return seconds * self.bench.slow

    def skip(self, why: str):
        raise Skipped(why)

    # -- servers ---------------------------------------------------------------------------------

    def start(self, config: Configuration = BASE, *arguments: str, **options) -> Server:
        """An own server, used by the calls below from now on; drained and checked at the end."""
        self.server = self.bench.start(config, self.variant, *arguments, **options)
        self.own_servers.append(self.server)
        return self.server

    def run_command(self, *arguments: str) -> subprocess.CompletedProcess:
        """The binary with these arguments, to its end."""
        return subprocess.run(
            [str(self.bench.binary), *arguments],
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            timeout=self.limit(_START_LIMIT),
        )

    def write_config(self, config: Configuration) -> Path:
        return self.bench.write_config(config, self.variant)

    # -- requests --------------------------------------------------------------------------------

    def connect(
        self,
        address: Address | None = None,
        *,
        limit: float = _REPLY_LIMIT,
        receive_bytes: int | None = None,
    ) -> Connection:
        connection = Connection(address or self.server.address, self.limit(limit), receive_bytes)
        self.connections.append(connection)
        return connection

    def ask(self, method: str, target: str, **options) -> Reply:
        """One request on a connection of its own."""
        connection = self.connect()
        connection.send(request(method, target, **options))
        reply = connection.read_final(method)
        connection.close()
        return reply

    def get(self, target: str, **options) -> Reply:
        return self.ask("GET", target, **options)

    def totals(self) -> dict:
        """Figures of all workers together, as /status has them."""
        return self.get("/status?format=json").json()["total"]

    def identity(self, connection: Connection | None = None) -> dict:
        """What /backend says."""
        if connection is None:
            return self.get("/backend").json()
        connection.send(request("GET", "/backend"))
        return connection.read_reply().json()

    # -- after -----------------------------------------------------------------------------------

    def transcript(self) -> list[bytes]:
        servers = self.own_servers + ([self.server] if self.server else [])
        ports = set().union(*(server.ports for server in servers))
        return [
            comparable(reply, ports)
            for connection in self.connections
            for reply in connection.transcript
        ]

    def close_connections(self) -> None:
        for connection in self.connections:
            connection.close()

    def end_servers(self) -> None:
        """Own servers that still run are drained and checked; each must have left nothing."""
        try:
            for server in self.own_servers:
                if server.running:
                    server.stop(self.limit(30))
        finally:
            self.kill_servers()

    def kill_servers(self) -> None:
        for server in self.own_servers:
            server.kill()
