# SPDX-License-Identifier: Apache-2.0
"""The static handler: files that lie encoded beside their originals (RFC 9110 section 12.5.3)."""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import ENCODED_FILES, PAGE, PAGE_BR, PAGE_GZ, PAGE_ZST

SIBLINGS = configuration(root="encoded", precompressed=("br", "zstd", "gzip"))
BY_CODING = {"br": PAGE_BR, "zstd": PAGE_ZST, "gzip": PAGE_GZ, None: PAGE}


def ask(t, accepted: str | None, target: str = "/page.html", method: str = "GET", **fields):
    accept = {} if accepted is None else {"Accept-Encoding": accepted}
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    return t.ask(method, target, fields={**accept, **fields})


def varies(reply) -> None:
    check.equal(reply.tokens("Vary"), {"accept-encoding"}, f"Vary of a {reply.status}")


@behaviour(config=SIBLINGS)
def the_best_coding_that_the_client_accepts_is_served(t):
    for accepted, coding in (
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("*", "br"),
        ("*, br;q=0", "zstd"),
        ("br;q=0", None),
        ("deflate", None),
        ("identity;q=1, br;q=0.9", None),
        ("", None),
        (None, None),
    ):
        reply = ask(t, accepted)
        check.status(reply, 200)
        check.field(reply, "Content-Encoding", coding)
        check.field(reply, "Content-Type", "text/html; charset=utf-8")
        check.field(reply, "Content-Length", str(len(BY_CODING[coding])))
        check.same_bytes(reply.body, BY_CODING[coding], f"body for {accepted!r}")
        varies(reply)


@behaviour(config=SIBLINGS)
def head_tells_what_get_would(t):
    for accepted in ("br", "gzip", "identity"):
        got, told = ask(t, accepted), ask(t, accepted, method="HEAD")
        names = ("Content-Encoding", "Content-Length", "Content-Type", "ETag", "Vary")
        for name in names:
            check.field(told, name, got.field(name))


@behaviour(config=SIBLINGS)
def an_index_file_has_siblings_too(t):
    check.equal(ask(t, "br", "/sub/").body, PAGE_BR)


@behaviour(config=SIBLINGS)
def each_coding_has_a_strong_etag_of_its_own(t):
    tags = {coding: ask(t, coding or "identity").field("ETag") for coding in BY_CODING}
    check.equal(len(set(tags.values())), 4, "ETags")
    assert all(tag.startswith('"') for tag in tags.values()), tags
    for coding, tag in tags.items():
        reply = ask(t, coding or "identity", If_None_Match=tag)
        check.status(reply, 304)
        check.field(reply, "ETag", tag)
        check.field(reply, "Content-Encoding", None)
        varies(reply)
    check.status(ask(t, "br", If_None_Match=tags["gzip"]), 200)
    failed = ask(t, "br", If_Match=tags["gzip"])
    check.status(failed, 412)
    varies(failed)


@behaviour(config=SIBLINGS)
def ranges_are_of_the_encoded_bytes(t):
    reply = ask(t, "gzip", Range="bytes=10-19")
    check.status(reply, 206)
    check.field(reply, "Content-Encoding", "gzip")
    check.field(reply, "Content-Range", f"bytes 10-19/{len(PAGE_GZ)}")
    check.equal(reply.body, PAGE_GZ[10:20])
    varies(reply)
    reply = ask(t, "br", Range="bytes=1000-")
    check.status(reply, 416)
    check.field(reply, "Content-Range", f"bytes */{len(PAGE_BR)}")
    varies(reply)
    tag = ask(t, "br").field("ETag")
    check.status(ask(t, "br", Range="bytes=0-1", If_Range=tag), 206)
    check.status(ask(t, "gzip", Range="bytes=0-1", If_Range=tag), 200)


@behaviour(config=SIBLINGS)
def a_sibling_older_than_its_original_is_ignored(t):
    reply = ask(t, "br, gzip", "/stale.css")
    check.field(reply, "Content-Encoding", "gzip")
    check.equal(reply.body, ENCODED_FILES["stale.css.gz"])
    reply = ask(t, "br", "/stale.css")
    check.field(reply, "Content-Encoding", None)
    check.equal(reply.body, ENCODED_FILES["stale.css"])
    varies(reply)


@behaviour(config=SIBLINGS)
def only_files_beside_files_count(t):
    check.equal(ask(t, "br", "/folder.txt").body, ENCODED_FILES["folder.txt"])
    check.status(ask(t, "br", "/only.txt"), 404)
    reply = ask(t, "br", "/page.html.br")
    check.equal(reply.body, PAGE_BR)
    check.field(reply, "Content-Encoding", None)


@behaviour(config=SIBLINGS)
def who_refuses_everything_gets_406(t):
    reply = ask(t, "identity;q=0, exi", "/page.html")
    check.status(reply, 406)
    varies(reply)
    reply = ask(t, "identity;q=0, br", "/page.html")
    check.field(reply, "Content-Encoding", "br")


@behaviour(config=configuration(root="encoded"))
def a_route_that_names_no_coding_serves_the_file_to_everyone(t):
    reply = ask(t, "br, gzip")
    check.equal(reply.body, PAGE)
    check.field(reply, "Content-Encoding", None)
    check.field(reply, "Vary", None)


@behaviour(config=configuration(root="encoded", precompressed=("gzip",)))
def only_the_codings_that_a_route_names_are_served(t):
    connection = t.connect()
    for accepted, expected in (("br, gzip", "gzip"), ("br", None)):
        connection.send(request("GET", "/page.html", fields={"Accept-Encoding": accepted}))
        check.field(connection.read_reply(), "Content-Encoding", expected)
