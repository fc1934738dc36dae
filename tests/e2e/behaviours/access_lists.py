# SPDX-License-Identifier: Apache-2.0
"""Whom a route answers: deny first, then allow; whoever is kept out gets 403 before any handler."""

from harness import check
from harness.client import Address, request
from harness.configuration import configuration
from harness.registry import behaviour

HERE, ELSEWHERE = ("127.0.0.0/8",), ("192.0.2.0/24",)
ROUTES = (
    ("/open", "plaintext"),
    ("/denied", "plaintext", ("deny", HERE)),
    ("/denied-elsewhere", "plaintext", ("deny", ELSEWHERE)),
    ("/allowed", "plaintext", ("allow", HERE)),
    ("/allowed-elsewhere", "plaintext", ("allow", ELSEWHERE)),
    ("/denied-and-allowed", "plaintext", ("deny", ("127.0.0.1",)), ("allow", HERE)),
    ("/sleep-denied", "sleep", ("deny", HERE)),
    ("/sleep-allowed", "sleep", ("allow", HERE)),
    ("/echo-denied", "echo", ("deny", HERE)),
    ("/throw-denied", "throw", ("deny", HERE)),
)
DIRECT = configuration(handlers=ROUTES)
PROXIED = configuration({"proxies.trusted": ("127.0.0.1",)}, handlers=ROUTES)
WITHOUT_LOG = configuration({"log.access": False}, handlers=ROUTES)
FORBIDDEN = b"403 Forbidden\n"


def expect(t, statuses: dict[str, int], fields: dict[str, str] | None = None) -> None:
    for target, status in statuses.items():
        reply = t.get(target, fields=fields)
        check.equal(reply.status, status, target)
        if status == 403:
            check.equal(reply.body, FORBIDDEN, target)


OWN = {
    "/open": 200,
    "/denied": 403,
    "/denied-elsewhere": 200,
    "/allowed": 200,
    "/allowed-elsewhere": 403,
    "/denied-and-allowed": 403,
    "/sleep-denied?ms=1": 403,
    "/sleep-allowed?ms=1": 200,
    "/throw-denied": 403,
}


@behaviour(config=DIRECT)
def a_client_is_answered_where_it_is_not_denied_and_where_allow_has_it(t):
    expect(t, OWN)


@behaviour(config=WITHOUT_LOG)
def a_client_is_known_without_an_access_log_too(t):
    expect(t, OWN)


@behaviour(config=DIRECT)
def who_is_kept_out_is_kept_out_with_every_method_and_body(t):
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        check.status(t.ask(method, "/denied"), 403)
    check.status(t.ask("POST", "/echo-denied", body=b"x" * 5000), 403)
    check.status(t.ask("POST", "/denied", body=b"x" * 5000), 403)


@behaviour(config=DIRECT)
def the_connection_goes_on_after_a_403(t):
    connection = t.connect()
    connection.send(
        request("GET", "/denied") + request("POST", "/echo-denied", body=b"x") + request("GET", "/open")
    )
    statuses = [connection.read_reply().status for _ in range(3)]
    check.equal(statuses, [403, 403, 200])


@behaviour(config=DIRECT)
def what_a_client_says_of_itself_opens_nothing(t):
    expect(t, OWN, fields={"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1"})


@behaviour(config=PROXIED)
def behind_a_trusted_proxy_the_client_counts(t):
    expect(
        t,
        {"/denied": 200, "/denied-elsewhere": 403, "/allowed": 403, "/allowed-elsewhere": 200},
        fields={"X-Forwarded-For": "192.0.2.1"},
    )
    expect(t, {"/denied": 403, "/sleep-denied?ms=1": 403, "/allowed": 200})


@behaviour(own_server=True)
def a_unix_socket_is_a_network_too(t):
    path = t.bench.folder / f"lists_{t.variant.backend}_{t.variant.workers}.sock"
    routes = (
        ("/denied", "plaintext", ("deny", ("unix:",))),
        ("/allowed", "plaintext", ("allow", ("unix:",))),
    )
    t.start(configuration(handlers=routes, listen=("127.0.0.1:0", f"unix:{path}")))
    expect(t, {"/denied": 200, "/allowed": 403})
    for target, status in (("/denied", 403), ("/allowed", 200)):
        connection = t.connect(Address(f"unix:{path}"))
        connection.send(request("GET", target))
        check.status(connection.read_reply(), status)


SITES = configuration(
    {"proxies.trusted": ("127.0.0.1",)},
    more="""
[[site]]
hosts = ["listed.test"]
deny = ["192.0.2.1"]
allow = ["192.0.2.0/24"]
[[site.route]]
path = "/"
handler = "plaintext"
[[site.route]]
path = "/more-denied"
handler = "plaintext"
deny = ["192.0.2.2"]
[[site.route]]
path = "/own-allow"
handler = "plaintext"
allow = ["198.51.100.0/24"]
""",
)


@behaviour(config=SITES)
def a_site_s_lists_are_for_all_its_routes(t):
    """A route's deny is added to them; its allow goes in place of the site's."""
    for client, target, status in (
        ("192.0.2.1", "/", 403),
        ("192.0.2.2", "/", 200),
        ("198.51.100.1", "/", 403),
        ("192.0.2.1", "/more-denied", 403),
        ("192.0.2.2", "/more-denied", 403),
        ("192.0.2.3", "/more-denied", 200),
        ("192.0.2.3", "/own-allow", 403),
        ("198.51.100.1", "/own-allow", 200),
        ("192.0.2.1", "/own-allow", 403),
    ):
        reply = t.get(target, host="listed.test", fields={"X-Forwarded-For": client})
        check.equal(reply.status, status, f"{target} for {client}")
    check.status(t.get("/plaintext", fields={"X-Forwarded-For": "192.0.2.1"}), 200)
