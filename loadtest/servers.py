# SPDX-License-Identifier: Apache-2.0
"""The measured servers: started on one CPU, their CPU time and memory read from /proc."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TICK = 1 / os.sysconf("SC_CLK_TCK")
BACKENDS = ("event_loop", "fiber")


class Server:
    """A running process; `name` is how results call it."""

    def __init__(self, name: str, command: list[str], cpu: int):
        self.name = name
        self.process = subprocess.Popen(
            ["taskset", "-c", str(cpu), *command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        self.port = 0

    def cpu_seconds(self) -> tuple[float, float]:
        """User and system time so far, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) * TICK, int(fields[12]) * TICK

    def memory_bytes(self) -> int:
        """Proportional set size."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def fill(template: str, folder: Path, **values) -> Path:
    text = (HERE / template).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    path = folder / (values.get("BACKEND", "") + template.removesuffix(".in"))
    path.write_text(text)
    return path


def start_spindle(binary: Path, backend: str, folder: Path, cpu: int) -> Server:
    config = fill("spindle.toml.in", folder, BACKEND=backend, SITE=folder / "site")
    server = Server(f"spindle {backend}", [str(binary), "-c", str(config)], cpu)
    for line in server.process.stderr:
        if found := re.search(rb"listening on http://127\.0\.0\.1:(\d+)", line):
            server.port = int(found[1])
            return server
    sys.exit(f"{binary} does not start")


def start_nginx(folder: Path, cpu: int) -> Server | None:
    binary = shutil.which("nginx")
    if binary is None:
        return None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = fill("nginx.conf.in", folder, FOLDER=folder, PORT=port, SITE=folder / "site")
    server = Server("nginx", [binary, "-p", str(folder), "-c", str(config)], cpu)
    server.port = port
    wait_until_open(port)
    return server


def wait_until_open(port: int) -> None:
    for _ in range(500):
        with socket.socket() as client:
            client.settimeout(1)
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        os.sched_yield()
    sys.exit(f"nothing listens on port {port}")
