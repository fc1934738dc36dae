# SPDX-License-Identifier: Apache-2.0
"""What the configuration does to responses: headers at three levels, Cache-Control, error pages, CORS."""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import FILES

RULES = configuration(
    settings={
        "responses.set_headers": {"X-Level": "all", "X-All": "all"},
        "responses.add_headers": {"X-Added": "all"},
        "responses.security_headers": True,
    },
    more="""
[[site]]
hosts = ["site.test"]
set_headers = { x-level = "site", X-Site = "site" }
add_headers = { X-Added = "site" }
[[site.route]]
path = "/"
handler = "static"
root = "{folder}/site"
cache_control = "max-age=60"
set_headers = { X-Level = "route", Content-Type = "text/x-own" }
remove_headers = ["ETag", "X-Site"]
[[site.route]]
path = "/plain"
handler = "respond"
body = "plain"
security_headers = false
[[site.route]]
path = "/framed"
handler = "respond"
set_headers = { X-Frame-Options = "DENY" }
""",
)
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@behaviour(config=RULES)
def all_responses_have_what_is_set_for_all(t):
    for target in ("/plaintext", "/style.css", "/missing", "/sleep?ms=1", "/big.bin"):
        reply = t.get(target)
        check.equal(reply.values("X-Level"), ["all"], f"X-Level of {target}")
        for name, value in SECURITY.items():
            check.equal(reply.values(name), [value], f"{name} of {target}")


@behaviour(config=RULES)
def the_nearer_level_wins_and_the_rest_is_kept(t):
    site = t.get("/nothing_here", host="site.test")
    route = t.get("/style.css", host="site.test")
    plain = t.get("/plain", host="site.test")
    check.equal(route.values("X-Level"), ["route"])
    check.equal(plain.values("X-Level"), ["site"])
    check.equal(route.values("X-All"), ["all"])
    check.equal(plain.values("X-Site"), ["site"])
    check.equal(route.values("X-Site"), [], "what the route removes")
    check.equal(plain.values("X-Added"), ["all", "site"])
    check.equal(site.values("X-All"), ["all"], "also on a 404")


@behaviour(config=RULES)
def a_handlers_own_headers_are_replaced_and_removed(t):
    reply = t.get("/style.css", host="site.test")
    check.equal(reply.values("Content-Type"), ["text/x-own"])
    check.equal(reply.values("ETag"), [])
    check.equal(reply.body, FILES["style.css"])


@behaviour(config=RULES)
def security_headers_can_be_set_otherwise_or_left_out(t):
    check.equal(t.get("/framed", host="site.test").values("X-Frame-Options"), ["DENY"])
    plain = t.get("/plain", host="site.test")
    for name in SECURITY:
        check.equal(plain.values(name), [], name)


@behaviour(config=RULES)
def cache_control_is_for_success_only(t):
    check.equal(t.get("/style.css", host="site.test").values("Cache-Control"), ["max-age=60"])
    check.equal(t.get("/missing", host="site.test").values("Cache-Control"), [])
    partial = t.get("/alphabet.txt", host="site.test", fields={"Range": "bytes=0-1"})
    check.equal((partial.status, partial.values("Cache-Control")), (206, ["max-age=60"]))


@behaviour(config=RULES)
def head_has_the_same_headers(t):
    get = t.get("/style.css", host="site.test")
    head = t.ask("HEAD", "/style.css", host="site.test")
    check.equal(
        [f for f in head.fields if f[0] != "Date"], [f for f in get.fields if f[0] != "Date"]
    )


# ---- error pages

PAGES = configuration(
    settings={"responses.error_pages": {"404": "{folder}/site/index.html", "405": "{folder}/site/notes.txt"}},
    more="""
[[site]]
hosts = ["site.test"]
error_pages = { 404 = "{folder}/site/sub/page.html" }
[[site.route]]
path = "/files/"
handler = "static"
root = "{folder}/site"
""",
)


@behaviour(config=PAGES)
def an_error_page_is_sent_in_place_of_the_text(t):
    reply = t.get("/missing")
    check.equal((reply.status, reply.body), (404, FILES["index.html"]))
    check.field(reply, "Content-Type", "text/html; charset=utf-8")
    reply = t.ask("POST", "/plaintext")
    check.equal((reply.status, reply.body), (405, FILES["notes.txt"]))
    assert reply.field("Allow"), "Allow is missing"
    check.equal(t.get("/plaintext").body, b"Hello, World!")


@behaviour(config=PAGES)
def a_site_has_its_own_error_pages(t):
    for target in ("/missing", "/files/missing"):
        reply = t.get(target, host="site.test")
        check.equal((reply.status, reply.body), (404, FILES["sub/page.html"]), target)
    check.equal(t.ask("POST", "/files/x", host="site.test").body, FILES["notes.txt"])


@behaviour(config=PAGES)
def an_error_page_has_no_body_for_head(t):
    connection = t.connect()
    connection.send(request("HEAD", "/missing") + request("GET", "/plaintext"))
    head = connection.read_reply("HEAD")
    check.field(head, "Content-Length", str(len(FILES["index.html"])))
    check.equal(connection.read_reply().body, b"Hello, World!")


TYPED_PAGES = configuration(
    {
        "files.types": {"svg": "image/x-ours", "txt": "text/x-all; charset=utf-8"},
        "responses.error_pages": {"404": "{folder}/site/picture.svg", "421": "{folder}/site/notes.txt"},
    },
    handlers=(),
    root=None,
    more="""
[[site]]
hosts = ["site.test"]
[[site.route]]
path = "/files/"
handler = "static"
root = "{folder}/site"
""",
)


@behaviour(config=TYPED_PAGES)
def an_error_page_has_the_type_that_the_file_has_elsewhere(t):
    check.field(t.get("/files/picture.svg", host="site.test"), "Content-Type", "image/x-ours")
    for target in ("/missing", "/files/missing"):
        reply = t.get(target, host="site.test")
        check.equal((reply.status, reply.field("Content-Type")), (404, "image/x-ours"), target)
    nobodys = t.get("/", host="other.test")
    check.equal((nobodys.status, nobodys.field("Content-Type")), (421, "text/x-all; charset=utf-8"))


REFUSALS = configuration(
    {"responses.error_pages": {str(status): "{folder}/site/notes.txt" for status in (401, 403, 416, 429, 500)}},
    handlers=(("/throw", "throw"), ("/denied", "plaintext", ("deny", ("127.0.0.1",)))),
    more="""
[[route]]
path = "/closed"
handler = "plaintext"
auth_file = "{folder}/site/passwords"
[[route]]
path = "/seldom"
handler = "plaintext"
rate_limit = "1/h"
rate_burst = 1
""",
)


@behaviour(config=REFUSALS, compare=False)
def an_error_page_leaves_what_the_client_has_to_know(t):
    """Whoever refused: the access rules, a handler that threw, a precondition of a file."""
    for _ in range(2):
        seldom = t.get("/seldom")
    for reply, status, field in (
        (t.get("/closed"), 401, "WWW-Authenticate"),
        (t.get("/denied"), 403, None),
        (t.get("/alphabet.txt", fields={"Range": "bytes=99-"}), 416, "Content-Range"),
        (seldom, 429, "Retry-After"),
        (t.get("/throw"), 500, None),
    ):
        check.equal((reply.status, reply.body), (status, FILES["notes.txt"]))
        check.field(reply, "Content-Type", "text/plain; charset=utf-8")
        assert field is None or reply.field(field), f"{field} of a {status} is missing"


# ---- CORS (Fetch standard)

CORS = configuration(
    more="""
[[route]]
path = "/api"
handler = "respond"
body = "api"
cors_origins = ["https://app.test", "https://other.test"]
cors_headers = ["X-Token"]
cors_expose_headers = ["X-Request-ID", "X-Total"]
cors_credentials = true
cors_max_age = "10m"
[[route]]
path = "/open"
handler = "respond"
cors_origins = ["*"]
cors_methods = ["GET"]
cors_expose_headers = ["*"]
[[route]]
path = "/kept"
handler = "respond"
cors_origins = ["https://app.test"]
""",
)
APP = {"Origin": "https://app.test"}


@behaviour(config=CORS)
def a_page_of_a_listed_origin_may_read(t):
    reply = t.get("/api", fields=APP)
    check.field(reply, "Access-Control-Allow-Origin", "https://app.test")
    check.field(reply, "Access-Control-Allow-Credentials", "true")
    check.field(reply, "Vary", "Origin")


@behaviour(config=CORS)
def other_pages_may_not_and_caches_know(t):
    for fields in ({}, {"Origin": "https://evil.test"}, {"Origin": "null"}, {"Origin": "https://app.test.evil.test"}):
        reply = t.get("/api", fields=fields)
        check.equal((reply.status, reply.field("Access-Control-Allow-Origin")), (200, None))
        check.field(reply, "Vary", "Origin")
    check.equal(t.get("/plaintext", fields=APP).field("Access-Control-Allow-Origin"), None)


@behaviour(config=CORS)
def everybody_may_read_what_is_open(t):
    reply = t.get("/open", fields={"Origin": "https://any.test"})
    check.field(reply, "Access-Control-Allow-Origin", "*")
    check.equal(reply.field("Access-Control-Allow-Credentials"), None)


@behaviour(config=CORS)
def pages_that_may_read_are_told_which_headers_they_may_read(t):
    exposed = "Access-Control-Expose-Headers"
    for method in ("GET", "POST", "OPTIONS"):
        check.field(t.ask(method, "/api", fields=APP), exposed, "X-Request-ID, X-Total")
    check.field(t.get("/open", fields=APP), exposed, "*")
    check.field(t.get("/kept", fields=APP), exposed, None)
    for fields in ({}, {"Origin": "https://evil.test"}):
        check.field(t.get("/api", fields=fields), exposed, None)
    asking = APP | {"Access-Control-Request-Method": "PUT"}
    for target in ("/api", "/open"):
        check.field(t.ask("OPTIONS", target, fields=asking), exposed, None)


@behaviour(config=CORS)
def a_browser_that_asks_before_is_told(t):
    asking = APP | {"Access-Control-Request-Method": "PUT"}
    reply = t.ask("OPTIONS", "/api", fields=asking)
    check.equal(reply.status, 204, "status")
    check.field(reply, "Access-Control-Allow-Origin", "https://app.test")
    check.field(reply, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE, PATCH")
    check.field(reply, "Access-Control-Allow-Headers", "X-Token")
    check.field(reply, "Access-Control-Max-Age", "600")
    reply = t.ask("OPTIONS", "/open", fields=asking)
    check.field(reply, "Access-Control-Allow-Methods", "GET")
    refused = t.ask("OPTIONS", "/api", fields=asking | {"Origin": "https://evil.test"})
    check.equal(refused.field("Access-Control-Allow-Methods"), None)


@behaviour(config=CORS)
def pages_of_others_that_ask_before_are_told_nothing(t):
    for fields in (
        {"Origin": "https://evil.test", "Access-Control-Request-Method": "PUT"},
        {"Access-Control-Request-Method": "PUT"},
        APP,  # asks for no method: an OPTIONS like any other
    ):
        reply = t.ask("OPTIONS", "/api", fields=fields)
        check.status(reply, 204)
        for name in ("Methods", "Headers"):
            check.equal(reply.field(f"Access-Control-Allow-{name}"), None, str(fields))
    evil = t.ask("OPTIONS", "/api", fields={"Origin": "https://evil.test", "Access-Control-Request-Method": "PUT"})
    check.field(evil, "Access-Control-Allow-Origin", None)


CORS_FOR_ALL = configuration(
    {"responses.cors_origins": ("https://app.test",)},
    more="""
[[site]]
hosts = ["site.test"]
cors_origins = ["https://other.test"]
[[site.route]]
path = "/"
handler = "plaintext"
auth_file = "{folder}/site/passwords"
""",
)


@behaviour(config=CORS_FOR_ALL)
def what_all_pages_may_read_is_said_once_and_a_site_says_it_anew(t):
    for target in ("/style.css", "/plaintext", "/missing", "/sleep?ms=1"):
        check.field(t.get(target, fields=APP), "Access-Control-Allow-Origin", "https://app.test")
    check.field(t.get("/", host="site.test", fields=APP), "Access-Control-Allow-Origin", None)


@behaviour(config=CORS_FOR_ALL)
def a_browser_asks_before_without_credentials(t):
    """It never sends them with that question (Fetch standard); and reads that its request would need them."""
    other = {"Origin": "https://other.test"}
    asking = other | {"Access-Control-Request-Method": "GET"}
    reply = t.ask("OPTIONS", "/", host="site.test", fields=asking)
    check.status(reply, 204)
    check.field(reply, "Access-Control-Allow-Origin", "https://other.test")
    check.field(reply, "Access-Control-Allow-Methods", "GET, HEAD")
    reply = t.get("/", host="site.test", fields=other)
    check.status(reply, 401)
    check.field(reply, "Access-Control-Allow-Origin", "https://other.test")


# ---- what is no route's and no site's

NOBODYS = configuration(
    {
        "responses.set_headers": {"X-All": "all"},
        "responses.security_headers": True,
        "responses.error_pages": {str(status): "{folder}/site/notes.txt" for status in (400, 413, 421, 431, 501)},
        "limits.body_bytes": "10B",
    },
    more="""
[[site]]
hosts = ["site.test"]
set_headers = { X-Site = "site" }
[[site.route]]
path = "/echo"
handler = "echo"
""",
)


@behaviour(config=NOBODYS)
def what_is_refused_before_any_route_has_the_general_rules_too(t):
    refused = {
        400: b"GET / HTTP/1.1\r\n\r\n",
        413: request("POST", "/echo", fields={"Content-Length": "11"}),
        421: request("GET", "https://spindle.test/plaintext"),
        431: request("GET", "/", fields={"X": "x" * 20000}),
        501: request("FROBNICATE", "/"),
    }
    for status, sent in refused.items():
        connection = t.connect()
        connection.send(sent)
        reply = connection.read_reply()
        check.equal((reply.status, reply.body), (status, FILES["notes.txt"]))
        check.equal(reply.values("X-All"), ["all"], f"X-All of {status}")
        check.equal(reply.values("X-Frame-Options"), ["SAMEORIGIN"], f"X-Frame-Options of {status}")


@behaviour(config=NOBODYS)
def a_body_that_is_refused_while_it_is_read_has_its_sites_rules(t):
    connection = t.connect()
    head = request("POST", "/echo", host="site.test", fields={"Transfer-Encoding": "chunked"})
    connection.send(head + b"b\r\nhello world\r\n0\r\n\r\n")
    reply = connection.read_reply()
    check.equal((reply.status, reply.body), (413, FILES["notes.txt"]))
    check.equal(reply.values("X-Site"), ["site"])
    check.equal(reply.values("X-All"), ["all"])


VARYING = configuration({"responses.set_headers": {"Vary": "X-Own"}, "compression.encodings": ("gzip",)}, root="encoded")


@behaviour(config=VARYING)
def caches_are_told_of_all_that_a_response_varies_by(t):
    reply = t.get("/page.html", fields={"Accept-Encoding": "gzip"})
    check.field(reply, "Content-Encoding", "gzip")
    names = {name.strip().lower() for value in reply.values("Vary") for name in value.split(",")}
    assert {"x-own", "accept-encoding"} <= names, f"Vary names {names}"
