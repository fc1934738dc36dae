#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes of an idle connection, user space: opens many, asks once on each, and reads the server's memory.

    PATH=$PATH:build/peers/usr/sbin python3 loadtest/idle.py [--connections 10000]

What the kernel keeps for a socket comes on top, and is the same for all.
"""

import argparse
import resource
import socket
import tempfile
from pathlib import Path

from servers import BACKENDS, HERE, Server, start_nginx, start_spindle

REQUEST = b"GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n"


def bytes_a_connection(server: Server, connections: int) -> float:
    with socket.create_connection(("127.0.0.1", server.port)) as first:
        first.sendall(REQUEST)
        first.recv(4096)
    before = server.memory_bytes()
    clients = []
    for _ in range(connections):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(REQUEST)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        clients.append(client)
    used = server.memory_bytes() - before
    for client in clients:
        client.close()
    return used / connections


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spindle", type=Path, default=HERE.parent / "build/release/server/spindle")
    parser.add_argument("--connections", type=int, default=10000)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="spindle_idle_") as name:
        folder = Path(name)
        (folder / "site").mkdir()
        for start in [lambda: start_nginx(folder, 0)] + [
            lambda backend=backend: start_spindle(options.spindle, backend, folder, 0) for backend in BACKENDS
        ]:
            server = start()
            if server is None:
                continue
            try:
                print(f"{server.name:20} {bytes_a_connection(server, options.connections):8.0f} bytes")
            finally:
                server.stop()


if __name__ == "__main__":
    main()
