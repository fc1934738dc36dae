# SPDX-License-Identifier: Apache-2.0
"""Basic authentication (RFC 7617) against hashes of crypt(3)."""

import base64

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import USERS

from .startup import CONFIGURATION, expect_no_start

SITE = """
[[site]]
hosts = ["closed.test"]
auth_file = "{folder}/site/passwords"
auth_realm = 'the "cave"'
[[site.route]]
path = "/"
handler = "plaintext"
[[site.route]]
path = "/files/"
handler = "static"
root = "{folder}/site"
[[site.route]]
path = "/echo"
handler = "echo"
[[site.route]]
path = "/open"
handler = "plaintext"
auth = false
[[site.route]]
path = "/other"
handler = "plaintext"
auth_realm = "the other cave"
[[route]]
path = "/alone"
handler = "plaintext"
auth_file = "{folder}/site/passwords"
"""
CLOSED = configuration(more=SITE)


def basic(user: str, password: str, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def ask(t, fields=None, target="/", method="GET", **options):
    return t.ask(method, target, host="closed.test", fields=fields, **options)


@behaviour(config=CLOSED)
def the_access_log_names_who_has_shown_to_be_one(t):
    for user, password, named in (("ali", "open sesame", "ali"), ("ali", "guess", "-"), ("nobody", "guess", "-")):
        target = f"/?named={user}.{password[:1]}."
        ask(t, basic(user, password), target=target)
        assert f" - {named} [" in t.server.wait_for_line(f"named={user}.{password[:1]}.", "out")[0]


@behaviour(config=CLOSED)
def without_credentials_it_is_401_with_a_challenge(t):
    for target in ("/", "/files/style.css", "/files/missing"):
        reply = ask(t, target=target)
        check.equal(reply.status, 401, f"status of {target}")
        check.field(reply, "WWW-Authenticate", 'Basic realm="the \\"cave\\"", charset="UTF-8"')


@behaviour(config=CLOSED)
def a_route_has_its_own_realm_or_is_closed_alone(t):
    reply = ask(t, target="/other")
    check.status(reply, 401)
    check.field(reply, "WWW-Authenticate", 'Basic realm="the other cave", charset="UTF-8"')
    check.equal(ask(t, basic("ali", "open sesame"), "/other").body, b"Hello, World!")
    reply = t.get("/alone")
    check.status(reply, 401)
    check.field(reply, "WWW-Authenticate", 'Basic realm="restricted", charset="UTF-8"')
    check.equal(t.get("/alone", fields=basic("ali", "open sesame")).body, b"Hello, World!")
    check.status(t.get("/plaintext"), 200)


@behaviour(config=CLOSED)
def the_right_password_opens(t):
    for user, password in (("ali", "open sesame"), ("baba", "open sesame"), ("colon", "pass:word")):
        for _ in range(2):  # the second time it is remembered
            check.equal(ask(t, basic(user, password)).body, b"Hello, World!", user)
    check.equal(ask(t, basic("ali", "open sesame", "bAsIc")).status, 200, "the scheme in any case")
    check.equal(ask(t, basic("ali", "open sesame"), "/files/style.css").status, 200, "a file")
    check.equal(
        ask(t, basic("ali", "open sesame"), "/echo", "POST", body=b"abc").body, b"abc", "a body"
    )


@behaviour(config=CLOSED)
def any_other_does_not(t):
    ask(t, basic("ali", "open sesame"))
    for fields in (
        basic("ali", "open sesam"),
        basic("ali", "open sesame "),
        basic("ali", ""),
        basic("nobody", "open sesame"),
        basic("", "open sesame"),
        basic("ali", "open sesame", "Bearer"),
        basic("colon", "pass"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"ali:open sesame\0").decode()},
        {"Authorization": "Basic " + "A" * 2000},
    ):
        check.equal(ask(t, fields).status, 401, f"status with {fields}")


@behaviour(config=CLOSED)
def other_sites_and_open_routes_are_open(t):
    check.equal(ask(t, target="/open").status, 200, "status")
    check.equal(t.get("/plaintext").status, 200, "status")


@behaviour(config=CLOSED)
def a_body_that_is_refused_is_not_a_request(t):
    connection = t.connect()
    inner = request("GET", "/open", host="closed.test")
    connection.send(request("POST", "/echo", host="closed.test", body=inner))
    connection.send(request("GET", "/open", host="closed.test"))
    check.equal(connection.read_reply().status, 401, "status")
    check.equal(connection.read_reply().status, 200, "status")
    assert not connection.readable(), "the body was taken for a request"


@behaviour(config=CLOSED, compare=False)
def passwords_are_hashed_where_they_hold_up_nobody(t):
    def hashed() -> int:
        return t.totals()["blocking_calls"]

    before = hashed()
    guesses = [t.connect() for _ in range(8)]
    for number, connection in enumerate(guesses):
        fields = basic("slow", f"guess {number}")
        connection.send(request("GET", "/", host="closed.test", fields=fields))
    for _ in range(20):
        check.equal(t.get("/plaintext").status, 200, "status")
    for connection in guesses:
        check.equal(connection.read_reply().status, 401, "status of a guess")
    check.equal(hashed() - before, len(guesses), "hashes off the loop")


@behaviour(own_server=True, compare=False)
def a_wrong_file_is_named_at_start(t):
    file = t.bench.folder / f"users_{t.variant.backend}_{t.variant.workers}"
    config = configuration(
        more=f'[[route]]\npath = "/closed"\nhandler = "plaintext"\nauth_file = "{file}"\n'
    )
    file.unlink(missing_ok=True)
    expect_no_start(t, config, CONFIGURATION, str(file), "cannot be read")
    for text, *words in (
        ("ali\n", ":1:", "user:hash"),
        ("\nali:secret\n", ":2:", "htpasswd -B"),
        ("ali:$apr1$abcdefgh$Ql1iwqLGNpdWXMlFWUTUs/\n", ":1:", "htpasswd -B"),
        (USERS.decode() + "ali:$y$j9T$abcdefgh$c8R4fgRyxL8Q39.DpK0QFFQ5IBjxy7PYBstUKeRFh3/\n", "twice"),
        ("# nobody\n", "no user"),
    ):
        file.write_text(text)
        expect_no_start(t, config, CONFIGURATION, str(file), *words)
