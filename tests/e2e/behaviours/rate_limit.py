# SPDX-License-Identifier: Apache-2.0
"""How often a client may ask: per client and route or site, over all processes."""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour

LIMITED = configuration(
    {"proxies.trusted": ["127.0.0.1"]},
    more="""
[[route]]
path = "/limited"
handler = "respond"
body = "passed"
rate_limit = "6/h"
rate_burst = 3
[[route]]
path = "/other"
handler = "respond"
rate_limit = "6/h"
rate_burst = 1
[[site]]
hosts = ["site.test"]
rate_limit = "1/h"
rate_burst = 4
[[site.route]]
path = "/a"
handler = "respond"
[[site.route]]
path = "/b"
handler = "echo"
[[site.route]]
path = "/own"
handler = "respond"
rate_limit = "1000000/s"
""",
)


def statuses(t, client: str, target: str, times: int, **options) -> list[int]:
    """Of requests on connections of their own, which several processes serve."""
    fields = {"X-Forwarded-For": client}
    return [t.get(target, fields=fields, **options).status for _ in range(times)]


@behaviour(config=LIMITED, compare=False)
def more_than_the_burst_is_429_with_a_time_to_wait(t):
    check.equal(statuses(t, "192.0.2.1", "/limited", 6), [200] * 3 + [429] * 3)
    reply = t.get("/limited", fields={"X-Forwarded-For": "192.0.2.1"})
    wait = int(reply.field("Retry-After"))
    assert 0 < wait <= 600, f"Retry-After: {wait}"


@behaviour(config=LIMITED, compare=False)
def clients_and_routes_are_counted_apart(t):
    check.equal(statuses(t, "192.0.2.10", "/other", 2), [200, 429])
    check.equal(statuses(t, "192.0.2.11", "/other", 2), [200, 429])
    check.equal(statuses(t, "192.0.2.10", "/limited", 1), [200])
    check.equal(statuses(t, "192.0.2.10", "/plaintext", 1), [200])
    # A /64 is one client.
    check.equal(statuses(t, "2001:db8::1", "/other", 1), [200])
    check.equal(statuses(t, "2001:db8::ffff", "/other", 1), [429])
    check.equal(statuses(t, "2001:db8:0:1::1", "/other", 1), [200])


@behaviour(config=LIMITED, compare=False)
def pipelined_requests_and_bodies_count_once_each(t):
    fields = {"X-Forwarded-For": "192.0.2.20"}
    connection = t.connect()
    connection.send(request("GET", "/limited", fields=fields) * 5)
    check.equal([connection.read_reply().status for _ in range(5)], [200] * 3 + [429] * 2)
    connection.send(request("POST", "/limited", fields=fields, body=request("GET", "/limited")))
    check.equal(connection.read_reply().status, 429)
    connection.send(request("GET", "/plaintext"))
    check.equal(connection.read_reply().body, b"Hello, World!")


@behaviour(config=LIMITED, compare=False)
def a_site_has_one_limit_for_its_routes(t):
    fields = {"X-Forwarded-For": "192.0.2.30"}
    found = []
    for _ in range(3):
        found.append(t.get("/a", host="site.test", fields=fields).status)
        found.append(t.ask("POST", "/b", host="site.test", fields=fields, body=b"abc").status)
    check.equal(found, [200] * 4 + [429] * 2)
    check.equal(statuses(t, "192.0.2.30", "/own", 20, host="site.test"), [200] * 20)
