# SPDX-License-Identifier: Apache-2.0
"""The static handler: several ranges in one request (RFC 9110 sections 14 and 15.3.7)."""

import re
import subprocess

from harness import check
from harness.client import request
from harness.registry import behaviour
from harness.site import ALPHABET, BIG


def parts(reply) -> list[tuple[str, str, bytes]]:
    """(Content-Type, Content-Range, bytes) of each part of a strictly read multipart/byteranges."""
    match = re.fullmatch(
        r"multipart/byteranges; boundary=([0-9a-zA-Z]{16,70})", reply.field("Content-Type")
    )
    assert match, f"Content-Type: {reply.field('Content-Type')}"
    check.field(reply, "Content-Length", str(len(reply.body)))
    edge = b"--" + match[1].encode()
    first, *rest, end = (b"\r\n" + reply.body).split(b"\r\n" + edge)
    assert first == b"" and end == b"--\r\n", f"before {first[:40]!r}, behind {end[:40]!r}"
    found = []
    for part in rest:
        head, _, content = part.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "", f"behind a boundary: {lines[0]!r}"
        fields = dict(line.split(": ", 1) for line in lines[1:])
        found.append((fields["Content-Type"], fields["Content-Range"], content))
    return found


def of_alphabet(*ranges: tuple[int, int]) -> list[tuple[str, str, bytes]]:
    return [
        ("text/plain; charset=utf-8", f"bytes {first}-{last}/26", ALPHABET[first : last + 1])
        for first, last in ranges
    ]


@behaviour(compare=False)  # the boundary is random
def several_ranges_come_as_parts_in_the_order_asked_for(t):
    connection = t.connect()
    for spec, ranges in (
        ("0-1,5-6", [(0, 1), (5, 6)]),
        ("-2,0-0", [(24, 25), (0, 0)]),
        ("20-,3-4 , 10-11", [(20, 25), (3, 4), (10, 11)]),
        ("0-1,100-200,5-6,26-", [(0, 1), (5, 6)]),
        ("10-12,0-0,11-15", [(10, 15), (0, 0)]),
    ):
        connection.send(request("GET", "/alphabet.txt", fields={"Range": f"bytes={spec}"}))
        reply = connection.read_reply()
        check.status(reply, 206)
        check.field(reply, "Content-Range", None)
        check.equal(parts(reply), of_alphabet(*ranges), f"parts of {spec}")


@behaviour(compare=False)
def the_boundary_is_another_one_each_time(t):
    fields = {"Range": "bytes=0-1,5-6"}
    seen = {t.get("/alphabet.txt", fields=fields).field("Content-Type") for _ in range(4)}
    check.equal(len(seen), 4, "boundaries of 4 replies")


@behaviour
def ranges_that_join_to_one_are_no_multipart(t):
    for spec, first, last in (("0-4,5-9", 0, 9), ("3-,0-5", 0, 25), ("7-8,30-", 7, 8)):
        reply = t.get("/alphabet.txt", fields={"Range": f"bytes={spec}"})
        check.status(reply, 206)
        check.field(reply, "Content-Range", f"bytes {first}-{last}/26")
        check.field(reply, "Content-Type", "text/plain; charset=utf-8")
        check.equal(reply.body, ALPHABET[first : last + 1])


@behaviour
def only_if_no_range_can_be_satisfied_it_is_416(t):
    reply = t.get("/alphabet.txt", fields={"Range": "bytes=26-,100-200,-0"})
    check.status(reply, 416)
    check.field(reply, "Content-Range", "bytes */26")


@behaviour
def a_flood_of_ranges_gets_the_whole_file_once(t):
    flood = ",".join(f"{at}-{at}" for at in range(0, 3000, 3))
    reply = t.get("/big.bin", fields={"Range": f"bytes={flood}"})
    check.status(reply, 200)
    check.same_bytes(reply.body, BIG)
    overlapping = ",".join(["0-"] * 2000)
    reply = t.get("/alphabet.txt", fields={"Range": f"bytes={overlapping}"})
    check.status(reply, 206)
    check.equal(reply.body, ALPHABET)


@behaviour(compare=False)
def large_ranges_of_a_large_file_are_streamed(t):
    ranges = [(9_000_000, 9_899_999), (1, 999_999), (5_000_000, 5_000_000), (8_000_000, 8_399_999)]
    spec = ",".join(f"{first}-{last}" for first, last in ranges)
    connection = t.connect()
    connection.send(
        request("GET", "/big.bin", fields={"Range": f"bytes={spec}"})
        + request("GET", "/alphabet.txt")
    )
    reply = connection.read_reply()
    check.status(reply, 206)
    found = parts(reply)
    check.equal(len(found), len(ranges), "parts")
    for (content_type, content_range, content), (first, last) in zip(found, ranges):
        check.equal(content_type, "application/octet-stream")
        check.equal(content_range, f"bytes {first}-{last}/{len(BIG)}")
        check.same_bytes(content, BIG[first : last + 1])
    check.equal(connection.read_reply().body, ALPHABET, "the next reply on the connection")


@behaviour(compare=False)
def curl_gets_the_parts_it_asks_for(t):
    arguments = ["curl", "--silent", "--include", "--range", "0-1,24-25"]
    url = f"http://127.0.0.1:{t.server.address.port}/alphabet.txt"
    told = subprocess.run([*arguments, url], capture_output=True, timeout=t.limit(10)).stdout
    assert told.startswith(b"HTTP/1.1 206 "), told[:100]
    assert b"bytes 0-1/26\r\n\r\nab\r\n" in told and b"bytes 24-25/26\r\n\r\nyz\r\n" in told, told


@behaviour
def a_range_is_nothing_to_head(t):
    for spec in ("0-1", "0-1,5-6", "100-"):
        reply = t.ask("HEAD", "/alphabet.txt", fields={"Range": f"bytes={spec}"})
        check.status(reply, 200)
        check.field(reply, "Content-Length", "26")
        check.field(reply, "Content-Range", None)


@behaviour(compare=False)
def several_ranges_heed_if_range(t):
    tag = t.get("/alphabet.txt").field("ETag")
    fields = {"Range": "bytes=0-1,5-6", "If-Range": tag}
    check.equal(parts(t.get("/alphabet.txt", fields=fields)), of_alphabet((0, 1), (5, 6)))
    for validator in ('"other"', "W/" + tag):
        reply = t.get("/alphabet.txt", fields={**fields, "If-Range": validator})
        check.status(reply, 200)
        check.equal(reply.body, ALPHABET)
