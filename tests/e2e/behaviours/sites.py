# SPDX-License-Identifier: Apache-2.0
"""Virtual hosts, paths with parameters, redirects, rewrites and fixed answers."""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour


def respond(path: str, body: str, section: str = "site.route") -> str:
    return f'[[{section}]]\npath = "{path}"\nhandler = "respond"\nbody = "{body}"\n'


def site(hosts: str, *routes: str) -> str:
    return f"[[site]]\nhosts = {hosts}\n" + "".join(routes)


HOSTS = configuration(
    root=None,
    more=respond("/", "rest", "route")
    + site('["example.org"]', respond("/", "exact"))
    + site('["*.example.org"]', respond("/", "wildcard"))
    + site('["*.deep.example.org", "[::1]", "127.0.0.9"]', respond("/", "deep"), respond("/x", "x")),
)
ONLY_SITES = configuration(
    root=None, handlers=(), more=site('["example.org"]', respond("/", "exact"))
)


def body_for(t, host: str, target: str = "/") -> str:
    return t.get(target, host=host).body.decode()


@behaviour(config=HOSTS)
def a_host_gets_its_site(t):
    for host, body in {
        "example.org": "exact",
        "EXAMPLE.ORG": "exact",
        "example.org:8080": "exact",
        "example.org.": "exact",
        "www.example.org": "wildcard",
        "a.b.example.org": "wildcard",
        "www.deep.example.org": "deep",
        "deep.example.org": "wildcard",
        "[::1]": "deep",
        "[::1]:80": "deep",
        "127.0.0.9": "deep",
        "notexample.org": "rest",
        "example.org.evil.test": "rest",
        "example": "rest",
        "x" * 300: "rest",
    }.items():
        check.equal(body_for(t, host), body, f"the body for {host}")


@behaviour(config=HOSTS)
def a_site_has_only_its_own_routes(t):
    check.equal(t.get("/x", host="www.deep.example.org").body, b"x")
    check.equal(t.get("/x", host="example.org").body, b"exact")
    check.equal(t.get("/plaintext", host="example.org").body, b"exact")
    check.equal(t.get("/plaintext", host="other.test").body, b"Hello, World!")


@behaviour(config=HOSTS)
def an_absolute_target_says_the_host(t):
    connection = t.connect()
    connection.send(
        b"GET http://example.org/ HTTP/1.1\r\nHost: other.test\r\n\r\n"
        b"GET http://www.deep.example.org/x HTTP/1.1\r\nHost: example.org\r\n\r\n"
    )
    check.equal(connection.read_reply().body, b"exact")
    check.equal(connection.read_reply().body, b"x")


@behaviour(config=HOSTS)
def one_connection_may_ask_for_many_hosts(t):
    connection = t.connect()
    hosts = {"example.org": b"exact", "www.example.org": b"wildcard", "other.test": b"rest"}
    connection.send(b"".join(request("GET", "/", host=host) for host in hosts) * 3)
    for expected in list(hosts.values()) * 3:
        check.equal(connection.read_reply().body, expected)


@behaviour(config=ONLY_SITES)
def a_host_of_no_site_is_misdirected(t):
    check.equal(t.get("/", host="example.org").status, 200, "status")
    reply = t.get("/", host="other.test")
    check.equal(reply.status, 421, "status")


# ---- paths

PATHS = configuration(
    root="site",
    more="".join(
        respond(path, path, "route")
        for path in (
            "/users/me",
            "/users/{id}",
            "/users/{id}/posts/{post}",
            "/users/{id}/",
            "/files/{rest...}",
            "/files/fixed/",
        )
    ),
)


@behaviour(config=PATHS)
def the_most_definite_path_wins(t):
    for target, path in {
        "/users/me": "/users/me",
        "/users/you": "/users/{id}",
        "/users/a%2eb": "/users/{id}",
        "/users/you/posts/7": "/users/{id}/posts/{post}",
        "/users/you/": "/users/{id}/",
        "/users/you/posts": "/users/{id}/",
        "/users/you/posts/7/more": "/users/{id}/",
        "/files/a": "/files/{rest...}",
        "/files/a/b/c": "/files/{rest...}",
        "/files/fixed/x": "/files/fixed/",
    }.items():
        check.equal(t.get(target).body.decode(), path, f"the route of {target}")
    for target in ("/users/", "/users", "/files/"):
        check.equal(t.get(target).status, 404, f"status of {target}: a parameter is never empty")


# ---- redirects, rewrites, answers


def route(path: str, handler: str, **options) -> str:
    lines = [f'path = "{path}"', f'handler = "{handler}"']
    lines += [f"{name} = {value!r}" for name, value in options.items()]
    return "[[route]]\n" + "\n".join(lines).replace("'", '"') + "\n"


REDIRECTS = configuration(
    more=route("/moved", "redirect", to="/new")
    + route("/u/{id}", "redirect", to="https://example.org/users/{id}?{query}", status=302)
    + route("/all/", "redirect", to="https://{host}{uri}", status=307)
    + route("/path/", "redirect", to="/under{path}", status=301)
    + route("/other/{a}/{b...}", "redirect", to="//{b}.test/{a}?{query}", status=303)
    + route("/old/{rest...}", "redirect", to="/{rest}")
    + route("/alias/{rest...}", "rewrite", to="/{rest}")
    + route("/query/{value}", "rewrite", to="/cpu?us={value}")
    + route("/circle", "rewrite", to="/circle")
    + route("/lost", "rewrite", to="/nowhere/at/all")
    + route("/gone", "respond", status=410, body="gone for good")
    + route("/typed", "respond", body="<p>", content_type="text/html; charset=utf-8")
    + route("/nothing", "respond", status=204)
)


@behaviour(config=REDIRECTS)
def a_redirect_says_where_to(t):
    for target, status, location in (
        ("/moved", 308, "/new"),
        ("/u/7?a=1&b=%20", 302, "https://example.org/users/7?a=1&b=%20"),
        ("/u/a%20b%3Fc%25", 302, "https://example.org/users/a%20b%3Fc%25?"),
        ("/u/%0d%0aSet-Cookie:x", 302, "https://example.org/users/%0D%0ASet-Cookie:x?"),
        ("/all/a/b?c", 307, "https://spindle.test/all/a/b?c"),
        ("/path/a%20b?c", 301, "/under/path/a%20b"),
        ("/other/x/y/z?q", 303, "//y/z.test/x?q"),
    ):
        reply = t.get(target)
        check.equal(reply.status, status, f"status of {target}")
        check.field(reply, "Location", location)
        head = t.ask("HEAD", target)
        check.equal((head.status, head.field("Location")), (status, location), f"HEAD of {target}")
    check.equal(t.ask("POST", "/moved", body=b"abc").status, 308, "status of a POST")


@behaviour(config=REDIRECTS)
def a_redirect_to_a_path_never_leads_to_another_host(t):
    for rest in ("/evil.test/", "//evil.test/", "///evil.test/", "%2f/evil.test/"):
        reply = t.get(f"/old/{rest}")
        if reply.status == 308:
            check.field(reply, "Location", "/evil.test/")
        else:
            check.status(reply, 400, 404)


@behaviour(config=REDIRECTS)
def a_rewrite_leads_to_another_route(t):
    check.equal(t.get("/alias/plaintext").body, b"Hello, World!")
    check.equal(t.get("/alias/style.css").body, t.get("/style.css").body)
    check.equal(t.ask("POST", "/alias/echo", body=b"abc").body, b"abc")
    check.equal(t.ask("POST", "/alias/plaintext").status, 405, "status")
    check.equal(t.get("/query/10").status, 200, "status")
    check.equal(t.get("/query/ten").status, 400, "status")
    check.equal(t.get("/lost").status, 404, "status")


@behaviour(config=REDIRECTS)
def a_rewrite_cannot_leave_the_root(t):
    for target in ("/alias/../secret.txt", "/alias/%2e%2e/secret.txt", "/alias/.hidden"):
        check.equal(t.get(target).status, 404, f"status of {target}")


@behaviour(config=REDIRECTS)
def rewrites_in_a_circle_are_an_error(t):
    check.equal(t.get("/circle").status, 500, "status")
    check.equal(t.get("/plaintext").status, 200, "status")


@behaviour(config=REDIRECTS)
def a_fixed_answer_is_sent_as_it_stands(t):
    gone = t.get("/gone")
    check.equal((gone.status, gone.body), (410, b"gone for good"))
    check.field(gone, "Content-Type", "text/plain; charset=utf-8")
    check.field(t.get("/typed"), "Content-Type", "text/html; charset=utf-8")
    check.equal(t.get("/nothing").status, 204, "status")
