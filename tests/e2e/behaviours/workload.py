# SPDX-License-Identifier: Apache-2.0
"""The workload handlers: what they answer, and the bounds of their parameters."""

import time

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour

WITH_THROW = configuration({}, handlers=(("/plaintext", "plaintext"), ("/throw", "throw")))
PARAMETERS = {"/cpu": "us", "/sleep": "ms", "/block": "ms", "/offload": "ms"}


@behaviour
def plaintext_is_hello_world(t):
    reply = t.get("/plaintext")
    check.status(reply, 200)
    check.field(reply, "Content-Type", "text/plain")
    check.field(reply, "Content-Length", "13")
    check.equal(reply.body, b"Hello, World!")


@behaviour
def json_is_json(t):
    reply = t.get("/json")
    check.status(reply, 200)
    check.equal(
        (reply.field("Content-Type") or "").partition(";")[0], "application/json", "Content-Type"
    )
    check.equal(reply.json(), {"message": "Hello, World!"})


@behaviour
def backend_tells_which_model_serves(t):
    reply = t.get("/backend")
    check.status(reply, 200)
    check.equal(
        (reply.field("Content-Type") or "").partition(";")[0], "application/json", "Content-Type"
    )
    answer = reply.json()
    check.equal(answer["backend"], t.variant.backend)
    assert process_id(answer) in t.server.process_ids(), f"not a process of this server: {answer}"


@behaviour
def a_parameter_in_bounds_is_taken(t):
    for path, name in PARAMETERS.items():
        for value in ("0", "1", "5"):
            check.status(t.get(f"{path}?{name}={value}"), 200)
            check.status(t.get(f"{path}?other=x&{name}={value}"), 200)


@behaviour
def a_bad_parameter_is_400_that_says_what_is_allowed(t):
    connection = t.connect()
    for path, name in PARAMETERS.items():
        for value in (
            "",
            "abc",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "10x",
            "0x10",
            "%31",
            " 1".replace(" ", "%20"),
            "18446744073709551616",
            "99999999999999999999999999",
            "4294967296000",
        ):
            connection.send(request("GET", f"{path}?{name}={value}"))
            reply = connection.read_reply()
            assert reply.status == 400, f"{path}?{name}={value}: {reply}, expected 400"
            text = reply.body.decode()
            assert name in text and any(
                c.isdigit() for c in text
            ), f"does not say what is allowed: {text!r}"
            assert not reply.closes, "a bad parameter does not end the connection"


@behaviour
def cpu_burns_about_as_long_as_asked(t):
    before = t.server.cpu_seconds()
    check.status(t.get("/cpu?us=200000"), 200)
    burnt = t.server.cpu_seconds() - before
    assert burnt >= 0.15, f"{burnt:.3f} s of CPU time for us=200000"


@behaviour
def waiting_handlers_take_at_least_their_time(t):
    for path in ("/sleep", "/block", "/offload"):
        started = time.monotonic()
        check.status(t.get(f"{path}?ms=120"), 200)
        elapsed = time.monotonic() - started
        assert elapsed >= 0.119, f"{path}?ms=120 took {elapsed:.3f} s"


@behaviour(config=WITH_THROW, own_server=True)
def an_exception_is_500_with_its_route_in_the_log(t):
    check_config = t.run_command("-t", "-c", str(t.write_config(WITH_THROW)))
    if check_config.returncode != 0 and "throw" in check_config.stdout + check_config.stderr:
        t.skip("this build has no handler `throw`")
    server = t.start(WITH_THROW)
    connection = t.connect()
    connection.send(request("GET", "/throw") + request("GET", "/plaintext"))
    check.status(connection.read_reply(), 500)
    check.status(connection.read_reply(), 200)
    server.wait_for_line(r"/throw", "err")


def process_id(answer: dict) -> int:
    """The process id in an answer of /backend."""
    return next(answer[key] for key in ("process_id", "process", "pid") if key in answer)
