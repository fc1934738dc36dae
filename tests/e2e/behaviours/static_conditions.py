# SPDX-License-Identifier: Apache-2.0
"""The static handler: validators, conditional requests, single ranges (RFC 9110 sections 13 and 14)."""

from email.utils import parsedate_to_datetime

from harness import check
from harness.client import request
from harness.registry import behaviour
from harness.site import ALPHABET, BIG, FUTURE, MODIFIED_TEXT

EARLIER, LATER = "Mon, 13 Nov 2023 22:13:20 GMT", "Wed, 15 Nov 2023 22:13:20 GMT"


@behaviour
def files_have_validators(t):
    reply = t.get("/style.css")
    check.field(reply, "Last-Modified", MODIFIED_TEXT)
    check.field(reply, "Accept-Ranges", "bytes")
    tag = reply.field("ETag") or ""
    assert (
        tag.removeprefix("W/")[:1] == '"' and tag.endswith('"') and len(tag) > 4
    ), f"ETag: {tag!r}"
    assert tag != t.get("/script.js").field("ETag"), "two files with the same ETag"


@behaviour(compare=False)
def a_file_from_the_future_is_not_modified_later_than_now(t):
    """RFC 9110 section 8.8.2.1: Last-Modified is never later than Date."""
    reply = t.get("/" + FUTURE)
    check.status(reply, 200)
    date, modified = (parsedate_to_datetime(reply.field(n)) for n in ("Date", "Last-Modified"))
    assert modified <= date, f"modified at {modified}, answered at {date}"


@behaviour
def conditional_requests_are_answered(t):
    tag = t.get("/style.css").field("ETag")
    cases = [
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": f'"other", {tag}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": "W/" + tag.removeprefix("W/")}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Modified-Since": MODIFIED_TEXT}, 304),
        ({"If-Modified-Since": LATER}, 304),
        ({"If-Modified-Since": EARLIER}, 200),
        ({"If-Modified-Since": "not a date"}, 200),
        # RFC 9110 section 13.2.2: If-None-Match wins over If-Modified-Since.
        ({"If-None-Match": '"other"', "If-Modified-Since": LATER}, 200),
        ({"If-Match": tag}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Unmodified-Since": MODIFIED_TEXT}, 200),
    ]
    connection = t.connect()
    for fields, expected in cases:
        for method in ("GET", "HEAD"):
            connection.send(request(method, "/style.css", fields=fields))
            reply = connection.read_reply(method)
            assert reply.status == expected, f"{method} with {fields}: {reply}, expected {expected}"
            if expected == 304:
                check.field(reply, "ETag", tag)


@behaviour
def obsolete_date_forms_are_understood(t):
    for text in ("Tuesday, 14-Nov-23 22:13:20 GMT", "Tue Nov 14 22:13:20 2023"):
        check.status(t.get("/style.css", fields={"If-Modified-Since": text}), 304)


@behaviour
def single_ranges_are_206(t):
    connection = t.connect()
    for spec, first, last in (
        ("0-0", 0, 0),
        ("0-4", 0, 4),
        ("5-", 5, 25),
        ("-3", 23, 25),
        ("20-1000", 20, 25),
        ("-1000", 0, 25),
        ("25-25", 25, 25),
        ("0-", 0, 25),
    ):
        connection.send(request("GET", "/alphabet.txt", fields={"Range": f"bytes={spec}"}))
        reply = connection.read_reply()
        check.status(reply, 206)
        check.field(reply, "Content-Range", f"bytes {first}-{last}/26")
        check.equal(reply.body, ALPHABET[first : last + 1], f"range {spec}")


@behaviour
def ranges_beyond_the_end_are_416(t):
    for target, spec, size in (
        ("/alphabet.txt", "26-", 26),
        ("/alphabet.txt", "100-200", 26),
        ("/alphabet.txt", "-0", 26),
        ("/empty.txt", "0-", 0),
    ):
        reply = t.get(target, fields={"Range": f"bytes={spec}"})
        check.status(reply, 416)
        check.field(reply, "Content-Range", f"bytes */{size}")


@behaviour
def malformed_or_unknown_ranges_are_ignored(t):
    for value in (
        "bytes=5-2",
        "bytes=a-b",
        "bytes=",
        "bytes",
        "lines=1-2",
        "bytes=-",
        "bytes=1-2-3",
        "bytes=99999999999999999999999-",
    ):
        reply = t.get("/alphabet.txt", fields={"Range": value})
        check.status(reply, 200, 416)
        assert reply.status == 416 or reply.body == ALPHABET, f"Range: {value} gives {reply}"


@behaviour
def if_range_decides_whether_the_range_counts(t):
    tag = t.get("/alphabet.txt").field("ETag")
    for validator, expected in (
        (tag, 200 if tag.startswith("W/") else 206),
        ('"other"', 200),
        (EARLIER, 200),
    ):
        reply = t.get("/alphabet.txt", fields={"Range": "bytes=0-1", "If-Range": validator})
        assert reply.status == expected, f"If-Range: {validator}: {reply}, expected {expected}"


@behaviour
def a_range_of_a_large_file_is_exact(t):
    first, last = 3_000_001, 7_999_999
    reply = t.get("/big.bin", fields={"Range": f"bytes={first}-{last}"})
    check.status(reply, 206)
    check.same_bytes(reply.body, BIG[first : last + 1])
