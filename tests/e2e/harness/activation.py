# SPDX-License-Identifier: Apache-2.0
"""Starts a command as systemd does by socket activation: with listening sockets from descriptor 3 on (sd_listen_fds(3))."""

import sys

_LAUNCHER = """
import os, socket, sys
names, addresses = sys.argv[1], sys.argv[2].split(",") if sys.argv[2] else []
sockets = []
for address in addresses:
    kind, _, address = address.partition("=")
    local = address.startswith("/")
    made = socket.socket(socket.AF_UNIX if local else socket.AF_INET,
                         socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
    made.bind(address if local else (address, 0))
    if kind == "listen":
        made.listen(100)
    sockets.append(made)
for number, made in enumerate(sockets):
    os.dup2(made.fileno(), 100 + number)
for number in range(len(sockets)):
    os.dup2(100 + number, 3 + number)
    os.close(100 + number)
os.closerange(3 + len(sockets), 100)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=names)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def passes(**sockets: str) -> tuple[str, ...]:
    """A launcher (Server) that passes these: name="listen=127.0.0.1", name="listen=/run/x.sock", or with "bind="
    or "datagram=" what nobody can be served by."""
    return (sys.executable, "-c", _LAUNCHER, ":".join(sockets), ",".join(sockets.values()))
