# SPDX-License-Identifier: Apache-2.0
"""Methods and routes: HEAD, 404, 405 with Allow, OPTIONS (RFC 9110 sections 9 and 15.5)."""

from harness import check
from harness.client import request
from harness.registry import behaviour

GET_TARGETS = (
    "/plaintext",
    "/json",
    "/cpu?us=10",
    "/sleep?ms=1",
    "/offload?ms=1",
    "/block?ms=1",
    "/",
    "/style.css",
    "/empty.txt",
    "/sub/",
    "/sub",
    "/missing",
    "/cpu?us=wrong",
    "/big.bin",
)


@behaviour
def head_is_get_without_a_body(t):
    connection = t.connect()
    for target in GET_TARGETS:
        connection.send(request("GET", target) + request("HEAD", target))
        get, head = connection.read_reply(), connection.read_reply("HEAD")
        check.equal(head.status, get.status, f"status of HEAD {target}")
        check.equal(
            [f for f in head.fields if f[0] != "Date"],
            [f for f in get.fields if f[0] != "Date"],
            f"fields of HEAD {target}",
        )
    assert not connection.readable(), "a body after a HEAD"


@behaviour(compare=False)
def head_of_backend_is_get_without_a_body(t):
    get, head = t.get("/backend"), t.ask("HEAD", "/backend")
    check.equal(head.status, get.status, "status")
    check.equal(head.field("Content-Type"), get.field("Content-Type"), "Content-Type")


@behaviour
def pipelined_heads_have_no_bodies(t):
    connection = t.connect()
    connection.send(request("HEAD", "/plaintext") * 3 + request("GET", "/plaintext"))
    for _ in range(3):
        check.field(connection.read_reply("HEAD"), "Content-Length", "13")
    check.equal(connection.read_reply().body, b"Hello, World!")


@behaviour
def other_methods_are_405_with_allow(t):
    connection = t.connect()
    for method in ("POST", "PUT", "DELETE", "PATCH", "PROPFIND"):
        for target in ("/plaintext", "/json", "/style.css", "/sub/"):
            connection.send(request(method, target))
            reply = connection.read_reply(method)
            check.status(reply, 405)
            check.equal(reply.tokens("Allow") - {"options"}, {"get", "head"}, f"Allow of {target}")


@behaviour
def an_unknown_method_is_refused(t):
    check.status(t.ask("UNHEARDOF", "/plaintext"), 400, 405, 501)


@behaviour
def echo_allows_only_post(t):
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        reply = t.ask(method, "/echo")
        check.status(reply, 405)
        check.equal(reply.tokens("Allow") - {"options"}, {"post"}, "Allow of /echo")


@behaviour
def methods_are_case_sensitive(t):
    check.status(t.ask("get", "/plaintext"), 400, 405, 501)
    check.status(t.ask("Get", "/plaintext"), 400, 405, 501)


@behaviour
def what_is_not_there_is_404_and_the_connection_is_kept(t):
    connection = t.connect()
    for target in (
        "/missing",
        "/plaintext/more",
        "/plaintex",
        "/plaintextt",
        "/sub/missing.html",
        "/missing/",
    ):
        connection.send(request("GET", target))
        reply = connection.read_reply()
        check.status(reply, 404)
        assert not reply.closes, f"{target}: a 404 does not end the connection"


@behaviour
def the_query_does_not_take_part_in_routing(t):
    for target in ("/plaintext?", "/plaintext?a=b", "/plaintext?/json", "/plaintext?a=/../x"):
        check.equal(t.get(target).body, b"Hello, World!", target)


@behaviour
def an_encoded_path_finds_its_route(t):
    for target in ("/%70laintext", "/plain%74ext", "/./plaintext", "/sub/../plaintext"):
        check.equal(t.get(target).body, b"Hello, World!", target)


@behaviour
def the_absolute_form_is_served_like_the_origin_form(t):
    check.equal(t.get("http://spindle.test/plaintext").body, b"Hello, World!")
    check.status(t.get("http://spindle.test"), 200)


@behaviour
def options_asterisk_is_answered(t):
    connection = t.connect()
    connection.send(request("OPTIONS", "*"))
    check.status(connection.read_reply("OPTIONS"), 200, 204)
    connection.send(request("GET", "/plaintext"))
    check.status(connection.read_reply(), 200)


@behaviour
def connect_and_trace_are_refused(t):
    check.status(t.ask("CONNECT", "example.org:443"), 400, 405, 501)
    check.status(t.ask("TRACE", "/plaintext"), 405, 501)
