# SPDX-License-Identifier: Apache-2.0
"""The measured servers: processes whose CPU time and memory are read from /proc."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
TICK = 1 / os.sysconf("SC_CLK_TCK")
LIMIT = BUILD / "trained/loadtest/spindle_limit"
BACKENDS = ("event_loop", "fiber")
FILES = {"1k.txt": 1 << 10, "4k.txt": 4 << 10, "16k.txt": 16 << 10, "100k.txt": 100 << 10, "10m.txt": 10 << 20}


class Server:
    """A running process with its children; `name` is how results call it.

    Standard error goes to a file: nobody reads a pipe while a load runs, and a full one would stop the server.
    """

    def __init__(self, name: str, command: list[str], folder: Path, cpus: str = "", env: dict | None = None):
        self.name = name
        self.log = folder / f"{re.sub(r'[^a-z0-9]', '_', name.lower())}_{time.monotonic_ns()}.log"
        pinned = ["taskset", "-c", cpus, *command] if cpus else command
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                pinned, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **(env or {})}
            )
        self.port = 0
        running.append(self)

    def wait_for_announcement(self) -> "Server":
        """All but nginx say where they listen, when they do."""
        for _ in range(2000):
            if found := re.search(r"listening on http://\S+:(\d+)", self.log.read_text()):
                self.port = int(found[1])
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        self.stop()
        sys.exit(f"{self.name} does not start:\n{self.log.read_text()}")

    def pids(self) -> list[int]:
        """The process and all beneath it."""
        children: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (fields := stat_of(int(entry))):
                children.setdefault(int(fields[1]), []).append(int(entry))
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu_seconds(self) -> tuple[float, float]:
        """User and system time so far, all threads of all processes."""
        stats = [fields for pid in self.pids() if (fields := stat_of(pid))]
        return sum(int(one[11]) for one in stats) * TICK, sum(int(one[12]) for one in stats) * TICK

    def run_seconds(self) -> float:
        """CPU time so far as the scheduler counts it, to the nanosecond; of threads that have not ended."""
        total = 0
        for pid in self.pids():
            for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    total += int(thread.read_text().split()[0])
                except OSError:
                    pass
        return total / 1e9

    def memory_bytes(self, figure: str = "Pss") -> int:
        """Proportional set size; or another figure of smaps_rollup, as Rss."""
        total = 0
        for pid in self.pids():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(rf"^{figure}:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024
        return total

    def stop(self, patience: float = 10) -> None:
        if self in running:
            running.remove(self)
        pids = self.pids()
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            self.process.wait()


running: list[Server] = []  # not stopped yet


def stop_all() -> None:
    """What an interruption left, wherever it came."""
    for server in running[:]:
        server.stop()


def stat_of(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def fill(template: str, folder: Path, **values) -> Path:
    text = (HERE / template).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    path = folder / template.removesuffix(".in")
    path.write_text(text)
    return path


def start(
    name: str,
    spindle: Path,
    folder: Path,
    *,
    workers: int = 1,
    cpus: str = "",
    header_timeout: str = "",
    limit: Path = LIMIT,
    **spindles,
) -> Server | None:
    """By how tables call it: a backend of Spindle, which gets `spindles` too, or a peer; None if that is not there.

    `header_timeout`: of Spindle and nginx, where it is not their own default.
    """
    if name in BACKENDS:
        if header_timeout:
            spindles["sets"] = [*spindles.get("sets", ()), f"timeouts.header={header_timeout}"]
        return start_spindle(spindle, name, folder, workers=workers, cpus=cpus, **spindles)
    if name == "nginx":
        return start_nginx(folder, cpus=cpus, header_timeout=header_timeout or "60s")
    if name == "limit":
        return start_limit(folder, cpus=cpus, binary=limit)
    peers = {"go": start_go, "node": start_node}
    return peers[name.lower()](folder, workers=workers, cpus=cpus)


def make_site(folder: Path) -> None:
    """The files that they serve."""
    (folder / "site").mkdir()
    for file, size in FILES.items():
        (folder / "site" / file).write_text("x" * (size - 1) + "\n")


def start_spindle(
    binary: Path,
    backend: str,
    folder: Path,
    *,
    workers: int = 1,
    cpus: str = "",
    sets: Sequence[str] = (),
    config: Path | None = None,
) -> Server:
    """`workers`: event loop processes or fiber processors; `sets`: further "key=value" overrides."""
    config = config or fill("spindle.toml.in", folder, SITE=folder / "site")
    sets = [f"concurrency.backend={backend}", *sets]
    sets += [f"concurrency.event_loop.processes={workers}", f"concurrency.fiber.processors={workers}"]
    command = [str(binary), "-c", str(config)]
    for one in sets:
        command += ["--set", one]
    return Server(f"spindle {backend}", command, folder, cpus).wait_for_announcement()


def start_limit(folder: Path, *, cpus: str = "", how: str = "call", binary: Path = LIMIT) -> Server:
    """The responder that does nothing but respond."""
    return Server("limit", [str(binary), how], folder, cpus).wait_for_announcement()


def start_nginx(folder: Path, *, cpus: str = "", header_timeout: str = "60s") -> Server | None:
    binary = shutil.which("nginx")
    if binary is None:
        missing("nginx")
        return None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = folder / "site"
    config = fill("nginx.conf.in", folder, FOLDER=folder, PORT=port, SITE=site, HEADER_TIMEOUT=header_timeout)
    server = Server("nginx", [binary, "-p", str(folder), "-c", str(config)], folder, cpus)
    server.port = port
    wait_until_open(port)
    return server


def start_go(folder: Path, *, workers: int = 1, cpus: str = "") -> Server | None:
    binary = build_go("server")
    if binary is None:
        return None
    env = {"GOMAXPROCS": str(workers)}
    return Server("Go", [str(binary)], folder, cpus, env).wait_for_announcement()


def start_node(folder: Path, *, workers: int = 1, cpus: str = "") -> Server | None:
    binary = shutil.which("node")
    if binary is None:
        missing("node")
        return None
    command = [binary, str(HERE / "peers/node/server.js"), str(workers)]
    return Server("Node", command, folder, cpus).wait_for_announcement()


def build_go(package: str) -> Path | None:
    """Standard library only, so no network; a second call finds everything in its cache."""
    go = shutil.which("go")
    if go is None:
        missing("go")
        return None
    binary = BUILD / f"peers/go_{package}"
    env = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    env["GOCACHE"] = str(BUILD / "peers/go_cache")
    command = [go, "build", "-o", str(binary), f"./{package}"]
    subprocess.run(command, cwd=HERE / "peers/go", env={**os.environ, **env}, check=True)
    return binary


VERSIONS = {"nginx": ("nginx", "-v"), "go": ("go", "version"), "node": ("node", "--version")}


def versions(spindle: Path, peers: Iterable[str]) -> dict[str, str]:
    """What of which version is measured, and by what; empty for what is not there."""
    return {
        "spindle": version(str(spindle), "--version"),
        "commit": version("git", "describe", "--always", "--dirty", "--exclude=*"),
        "wrk": version("wrk", "-v"),
        **{name: version(*VERSIONS[name]) for name in peers if name in VERSIONS},
    }


def version(*command: str) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    except OSError:
        return ""
    first = ((said.stdout or said.stderr).strip().splitlines() or [""])[0]
    return first.partition(" Copyright")[0]


said_missing: set[str] = set()


def missing(what: str) -> None:
    if what not in said_missing:
        print(f"{what} is not installed: left out", file=sys.stderr)
    said_missing.add(what)


def wait_until_open(port: int) -> None:
    for _ in range(500):
        with socket.socket() as client:
            client.settimeout(1)
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    sys.exit(f"nothing listens on port {port}")
