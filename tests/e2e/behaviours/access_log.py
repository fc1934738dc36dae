# SPDX-License-Identifier: Apache-2.0
"""The access log: combined and JSON, off, to a file, and nothing a client can forge into it."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

from harness import check
from harness.client import Address, Connection, chunked, request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.server import eventually

JSON = configuration({"log.format": "json"})
SHORT = configuration({"log.format": "json", "timeouts.header": "300ms"})
OFF = configuration({"log.access": False})
JSON_FIELDS = {
    "ts",
    "remote_ip",
    "client_ip",
    "method",
    "host",
    "uri",
    "proto",
    "status",
    "bytes_in",
    "bytes_out",
    "duration",
    "header_duration",
    "body_duration",
    "handler_duration",
    "write_duration",
    "backend",
    "worker",
}
COMBINED = re.compile(
    r"(?P<ip>\S+) - - \[\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-) '
    r'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)
FORGERY = {"User-Agent": 'quote " backslash \\ end', "Referer": "http://example.org/?a=b"}


def json_line(t, mark: str, count: int = 1) -> dict:
    lines = t.server.wait_for_line(re.escape(mark), "out", count)
    for line in lines:
        assert JSON_FIELDS <= set(
            json.loads(line)
        ), f"missing: {sorted(JSON_FIELDS - set(json.loads(line)))}"
    return json.loads(lines[-1])


@behaviour
def a_combined_line_tells_the_request(t):
    check.status(t.get("/plaintext?mark=combined", fields=FORGERY), 200)
    line = t.server.wait_for_line("mark=combined", "out")[0]
    match = COMBINED.fullmatch(line)
    assert match, f"not a combined line: {line!r}"
    check.equal(match["ip"], "127.0.0.1")
    check.equal(match["request"], "GET /plaintext?mark=combined HTTP/1.1")
    check.equal((match["status"], match["bytes"]), ("200", "13"))
    check.equal(match["referer"], FORGERY["Referer"])
    assert '"' not in match["agent"].replace('\\"', ""), f"an unescaped quote: {match['agent']!r}"


@behaviour
def every_status_is_logged(t):
    for target, status in (
        ("/missing?mark=404", 404),
        ("/cpu?us=x&mark=400", 400),
        ("/sub?mark=301", 301),
    ):
        check.status(t.get(target), status)
        line = t.server.wait_for_line(re.escape(target), "out")[0]
        check.equal(COMBINED.fullmatch(line)["status"], str(status), target)


@behaviour(config=JSON)
def a_json_line_has_all_fields(t):
    check.status(t.ask("POST", "/echo?mark=json", body=b"12345"), 200)
    line = json_line(t, "mark=json")
    expected = {
        "method": "POST",
        "uri": "/echo?mark=json",
        "status": 200,
        "remote_ip": "127.0.0.1",
        "host": "spindle.test",
        "proto": "HTTP/1.1",
        "backend": t.variant.backend,
    }
    check.equal({key: line[key] for key in expected}, expected)
    assert (
        line["bytes_in"] >= 5 and line["bytes_out"] >= 5
    ), f"{line['bytes_in']} in, {line['bytes_out']} out"
    assert 0 <= float(line["duration"]) < t.limit(5), f"duration: {line['duration']}"


def slow_head(connection):
    message = request("GET", "/plaintext?mark=header")
    connection.send(message[:-2])
    time.sleep(0.2)  # the behaviour is about times
    connection.send(message[-2:])
    check.status(connection.read_reply(), 200)


def slow_body(connection):
    connection.send(request("POST", "/echo?mark=body", fields={"Content-Length": "3"}))
    time.sleep(0.2)
    connection.send(b"abc")
    check.status(connection.read_reply(), 200)


def slow_handler(connection):
    connection.send(request("GET", "/sleep?ms=200&mark=handler"))
    check.status(connection.read_reply(), 200)


def slow_reader(connection):
    connection.send(request("GET", "/big.bin?mark=write"))
    time.sleep(0.2)
    check.status(connection.read_reply(), 200)


@behaviour(config=JSON)
def a_json_line_tells_which_stage_took_how_long(t):
    for stage, slow in (
        ("header", slow_head),
        ("body", slow_body),
        ("handler", slow_handler),
        ("write", slow_reader),
    ):
        with t.connect(receive_bytes=4096) as connection:
            slow(connection)
        line = json_line(t, f"mark={stage}")
        took = {key: line[f"{key}_duration"] for key in ("header", "body", "handler", "write")}
        check.equal(max(took, key=took.get), stage, str(took))
        assert took[stage] >= 0.15, f"{stage}: {took}"
        assert abs(sum(took.values()) - line["duration"]) < 0.001, line


@behaviour(config=JSON)
def bytes_in_are_those_of_head_and_body_as_received(t):
    message = request("POST", "/echo?mark=bytes", fields={"Transfer-Encoding": "chunked"})
    message += chunked([b"one", b"two"])
    connection = t.connect()
    connection.send(message)
    check.equal(connection.read_reply("POST").body, b"onetwo")
    check.equal(json_line(t, "mark=bytes")["bytes_in"], len(message), "bytes_in")


@behaviour(config=SHORT)
def a_line_of_a_refused_request_has_nothing_of_another_client(t):
    """What is refused was half parsed, where another request was, or in bytes that have moved."""
    secret = {"User-Agent": "another client's agent", "Referer": "another client's page"}
    check.status(t.get("/plaintext?mark=another", fields=secret, host="another.test"), 200)
    half = b"GET /half HTTP/1.1\r\nUser-Agent: half-agent"
    for first, second, status in (
        (b"garbage\r\n\r\n", b"", 400),
        (half, b"-of-it\r\nX : y\r\n\r\n", 400),
        (half, b"", 408),
    ):
        connection = t.connect()
        connection.send(first)
        check.status(t.get("/plaintext?mark=another", fields=secret, host="another.test"), 200)
        connection.send(second)
        check.status(connection.read_reply(), status)
        connection.expect_end()
    lines = t.server.wait_for_line(r'"status":4', "out", count=3)
    for line in map(json.loads, lines):
        text = (line["host"], line["referer"], line["user_agent"])
        assert "another" not in "".join(text), f"of another client: {line}"
        assert line["uri"] in ("", "/half"), f"uri: {line}"


@behaviour(config=JSON)
def each_request_of_a_pipeline_has_its_line(t):
    connection = t.connect()
    connection.send(b"".join(request("GET", f"/plaintext?mark=pipeline&n={n}") for n in range(16)))
    for _ in range(16):
        check.status(connection.read_reply(), 200)
    # Not on "out", where it would be hurried: the last lines of a burst come by themselves.
    lines = t.server.wait_for_line("mark=pipeline", count=16)
    entries = [json.loads(line) for line in lines]
    expected = sorted(f"/plaintext?mark=pipeline&n={n}" for n in range(16))
    check.equal(sorted(entry["uri"] for entry in entries), expected, "lines")


@behaviour(config=JSON)
def hostile_bytes_keep_the_line_valid_json(t):
    connection = t.connect()
    head = request("GET", "/plaintext?mark=hostile%22%0a", fields={"X": "y"}, host="spindle.test")
    agent = b'User-Agent: "\\\t\x80\xff\xc3\xbc\xe2\x80\xa8","status":999,"x":"\r\n'
    connection.send(head[:-2] + agent + b"\r\n")
    check.status(connection.read_reply(), 200)
    line = json_line(t, "mark=hostile")
    check.equal(line["status"], 200, "status in the line")


@behaviour(config=JSON)
def credentials_are_not_logged(t):
    secret = {"Authorization": "Basic c2VjcmV0OnNlY3JldA==", "Cookie": "session=verysecret"}
    check.status(t.get("http://bob:verysecret@spindle.test/plaintext?mark=in_the_target"), 400)
    check.status(t.get("/plaintext?mark=credentials", fields=secret), 200)
    json_line(t, "mark=credentials")
    assert (
        "c2VjcmV0" not in t.server.output() and "verysecret" not in t.server.output()
    ), "credentials in the log"


@behaviour(config=OFF)
def no_line_when_it_is_off(t):
    check.status(t.get("/plaintext?mark=off"), 200)
    check.status(t.get("/plaintext?mark=off"), 200)
    assert "mark=off" not in "\n".join(t.server.lines("out")), "a line although log.access = false"


@behaviour(own_server=True)
def it_goes_to_a_file_when_told_so(t):
    path = t.bench.folder / f"access_{t.variant.backend}_{t.variant.workers}.log"
    server = t.start(configuration({"log.access_path": str(path), "log.format": "json"}))
    for number in range(50):
        check.status(t.get(f"/plaintext?n={number}"), 200)
    t.close_connections()
    server.stop(t.limit(10))
    uris = sorted(json.loads(line)["uri"] for line in path.read_text().splitlines())
    check.equal(uris, sorted(f"/plaintext?n={number}" for number in range(50)), "lines in the file")
    assert not any("plaintext?n=" in line for line in server.lines("out")), "lines on stdout too"


IDS = configuration({"log.format": "json", "log.request_id": True})


@behaviour(config=IDS, compare=False)
def each_response_has_an_id_that_its_line_has(t):
    connection = t.connect()
    connection.send(request("GET", "/plaintext?id=1") + request("GET", "/missing?id=2") + request("GET", "/sleep?ms=1&id=3") + b"no request\r\n\r\n")
    replies = [connection.read_reply() for _ in range(4)]
    ids = [reply.field("X-Request-ID") for reply in replies]
    assert all(re.fullmatch("[0-9a-f]{32}", text or "") for text in ids), f"ids {ids}"
    check.equal(len(set(ids)), 4, "different ids")
    for number in (1, 2, 3):
        check.equal(json_line(t, f"id={number}")["request_id"], ids[number - 1], f"the id in line {number}")


BEHIND_A_PROXY = IDS.with_settings({"proxies.trusted": ["127.0.0.0/8"]})


@behaviour(config=BEHIND_A_PROXY, compare=False)
def the_id_that_a_trusted_proxy_gave_is_taken_over(t):
    for number, given in enumerate(("7f3c-A_b.c:1+2/3=", "x" * 128)):
        reply = t.get(f"/plaintext?taken={number}.", fields={"X-Request-ID": given})
        check.field(reply, "X-Request-ID", given)
        check.equal(json_line(t, f"taken={number}.")["request_id"], given)
    for given in ("", "x" * 129, "a b", 'a"b', "\xe9"):
        reply = t.get("/plaintext", fields={"X-Request-ID": given})
        assert re.fullmatch("[0-9a-f]{32}", reply.field("X-Request-ID")), f"{given!r} became {reply.field('X-Request-ID')}"


@behaviour(config=IDS, compare=False)
def the_id_that_anybody_gave_is_not(t):
    reply = t.get("/plaintext?mark=forged", fields={"X-Request-ID": "forged"})
    assert reply.field("X-Request-ID") != "forged"
    check.equal(json_line(t, "mark=forged")["request_id"], reply.field("X-Request-ID"))


@behaviour(config=JSON, compare=False)
def without_them_there_are_none(t):
    check.equal(t.get("/plaintext?mark=noid").field("X-Request-ID"), None)
    assert "request_id" not in json_line(t, "mark=noid")


@behaviour(config=JSON, compare=False)
def a_trace_is_logged_if_it_is_one(t):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for number, (text, logged) in enumerate(
        {
            f"00-{trace}-00f067aa0ba902b7-01": trace,
            f"01-{trace}-00f067aa0ba902b7-01-more": trace,
            f"00-{trace}-00f067aa0ba902b7-01-more": None,
            f"ff-{trace}-00f067aa0ba902b7-01": None,
            f"00-{'0' * 32}-00f067aa0ba902b7-01": None,
            f"00-{trace.upper()}-00f067aa0ba902b7-01": None,
            f"00-{trace}-00f067aa0ba902b7": None,
            "": None,
        }.items()
    ):
        t.get(f"/plaintext?trace={number}.", fields={"traceparent": text})
        check.equal(json_line(t, f"trace={number}.").get("trace_id"), logged, text)


def figures(t) -> dict:
    return t.get("/status?format=json").json()


def lose_lines(t) -> dict:
    """Asks until lines have been lost, which is when no more of them fit in memory -> the figures then."""
    connection = t.connect()
    batch = request("GET", f"/plaintext?long={'x' * 7000}") * 16

    def lost() -> bool:
        connection.send_while_reading(batch)
        for _ in range(16):
            check.status(connection.read_reply(), 200)
        return figures(t)["total"]["access_log_lost"] > 0

    eventually(lost, t.limit(30), "lines are lost, and counted")
    told = figures(t)
    each = [worker["access_log_lost"] for worker in told["workers"]]
    assert 0 < sum(each) <= told["total"]["access_log_lost"], f"{each} of {told['total']}"
    assert re.search(r"^access_log_lost +[1-9]", t.get("/status").body.decode(), re.M), "none in the text"
    return told


@behaviour(own_server=True, compare=False)
def a_full_disk_stops_no_answer_and_the_lines_that_it_cost_are_counted(t):
    server = t.start(configuration({"log.access_path": "/dev/full"}))
    check.equal(figures(t)["total"]["access_log_lost"], 0, "lost at first")
    lost = lose_lines(t)["total"]["access_log_lost"]
    server.wait_for_line(r"access log /dev/full: \d+ lines lost so far \(No space left on device\)", "err")
    t.close_connections()
    server.stop(t.limit(10))
    # What waited until the end is lost too: here all that was ever to be logged.
    ended = re.findall(r"(\d+) lines of the access log were lost", server.output())
    check.equal(len(ended), t.variant.processes, "processes that say what they lost")
    assert sum(map(int, ended)) > lost, f"{ended} lost at the end, {lost} before"


@behaviour(own_server=True, compare=False)
def a_dead_pipe_stops_no_answer_and_who_reads_it_next_gets_the_lines_that_were_kept(t):
    path = t.bench.folder / f"pipe_{t.variant.backend}_{t.variant.workers}"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    t.start(configuration({"log.access_path": str(path), "log.format": "json"}))
    os.close(reader)
    lose_lines(t)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        got = b""

        def read() -> bool:
            nonlocal got
            check.status(t.get("/plaintext?last"), 200)
            with contextlib.suppress(BlockingIOError):
                while piece := os.read(reader, 1 << 16):
                    got += piece
            return b"/plaintext?last" in got

        eventually(read, t.limit(20), "lines come again")
        whole, _, _ = got.rpartition(b"\n")
        for line in whole.splitlines():
            assert JSON_FIELDS <= set(json.loads(line)), line
    finally:
        os.close(reader)


@behaviour(own_server=True, compare=False)
def a_pipe_that_nobody_empties_stops_no_answer_and_tears_no_line(t):
    path = t.bench.folder / f"full_pipe_{t.variant.backend}_{t.variant.workers}"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        t.start(configuration({"log.access_path": str(path), "log.format": "json"}))
        lose_lines(t)
        got = b""
        while b"\n" not in got[1 << 16 :]:
            assert select.select([reader], [], [], t.limit(10))[0], f"no more than {len(got)} bytes come"
            got += os.read(reader, 1 << 16)
        whole, _, _ = got.rpartition(b"\n")
        for line in whole.splitlines():
            assert JSON_FIELDS <= set(json.loads(line)), line
    finally:
        os.close(reader)


@behaviour(own_server=True)
def it_goes_to_stderr_when_told_so(t):
    server = t.start(configuration({"log.access_path": "stderr"}))
    check.status(t.get("/plaintext?mark=stderr"), 200)
    line = server.wait_for_line("mark=stderr", "err")[0]
    assert COMBINED.fullmatch(line), line
    assert not any("mark=stderr" in line for line in server.lines("out")), "a line on stdout too"


def open_files(server) -> set[str]:
    links = set()
    for pid in server.process_ids():
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                links.add(os.readlink(entry))
    return links


@behaviour(own_server=True, compare=False)
def a_rotated_file_is_left_on_a_signal_and_no_line_is_lost(t):
    path = t.bench.folder / f"rotated_{t.variant.backend}_{t.variant.workers}.log"
    server = t.start(configuration({"log.access_path": str(path), "log.format": "json"}))
    rotated = []
    for number, name in enumerate((signal.SIGUSR1, signal.SIGHUP)):
        for request in range(20):
            check.status(t.get(f"/plaintext?n={number}.{request}"), 200)
        old = path.with_suffix(f".{number}")
        path.rename(old)
        rotated.append(old)
        server.signal(name)
        eventually(
            lambda: str(path) in open_files(server) and str(old) not in open_files(server),
            t.limit(10),
            f"the log opened anew after {name.name}",
        )
    check.status(t.get("/plaintext?n=last"), 200)
    t.close_connections()
    server.stop(t.limit(10))
    for number, old in enumerate(rotated):
        uris = sorted(json.loads(line)["uri"] for line in old.read_text().splitlines())
        check.equal(uris, sorted(f"/plaintext?n={number}.{request}" for request in range(20)), old.name)
    check.equal([json.loads(line)["uri"] for line in path.read_text().splitlines()], ["/plaintext?n=last"])
    check.equal(path.stat().st_mode & 0o777, 0o640, "mode of the new file")


@behaviour(own_server=True, compare=False)
def an_error_log_on_a_full_disk_stops_nobody(t):
    """What it does not take has nowhere to be told."""
    settings = {"log.error_path": "/dev/full", "log.level": "debug", "log.access": False}
    with_port = configuration(settings, listen=(f"127.0.0.1:{free_port()}",))
    with running_unheard(t, with_port):
        address = Address("http://" + with_port.listen[0])
        eventually(lambda: answers(address), t.limit(10), "it serves")
        assert all(answers(address) for _ in range(20)), "it serves on"


@contextlib.contextmanager
def running_unheard(t, config):
    """A server that says nothing to who starts it. At the end it is drained."""
    command = [str(t.bench.binary), "-c", str(t.write_config(config))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        check.equal(process.wait(t.limit(10)), 0, "exit code")
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as anywhere:
        return anywhere.getsockname()[1]


def answers(address: Address) -> bool:
    try:
        with Connection(address, 5) as connection:
            connection.send(request("GET", "/plaintext"))
            return connection.read_reply().status == 200
    except ConnectionError:
        return False


@behaviour(own_server=True, compare=False)
def a_rotated_error_log_is_left_on_a_signal(t):
    path = t.bench.folder / f"errors_{t.variant.backend}_{t.variant.workers}.log"
    with_port = configuration(
        {"log.error_path": str(path), "log.access": False}, listen=(f"127.0.0.1:{free_port()}",)
    )
    old = path.with_suffix(".0")
    with running_unheard(t, with_port) as process:
        eventually(lambda: path.exists() and "listening on" in path.read_text(), t.limit(10), "it listens")
        path.rename(old)
        process.send_signal(signal.SIGUSR1)
        eventually(path.exists, t.limit(10), "the log opened anew")
    assert "teardown" in path.read_text(), "the new file has what came after the signal"
    assert "teardown" not in old.read_text(), "the old file has what came before it"


@behaviour(own_server=True, compare=False)
def a_log_that_cannot_be_opened_anew_goes_on_in_the_old_file(t):
    folder = t.bench.folder / f"logs_{t.variant.backend}_{t.variant.workers}"
    folder.mkdir()
    path = folder / "access.log"
    server = t.start(configuration({"log.access_path": str(path), "log.format": "json"}))
    moved = folder.with_name(folder.name + "_moved")
    folder.rename(moved)
    server.signal(signal.SIGUSR1)
    eventually(
        lambda: server.output().count("cannot open the log file") >= t.variant.processes,
        t.limit(10),
        "a line about the log file",
    )
    check.status(t.get("/plaintext?n=1"), 200)
    t.close_connections()
    server.stop(t.limit(10))
    lines = (moved / "access.log").read_text().splitlines()
    check.equal([json.loads(line)["uri"] for line in lines], ["/plaintext?n=1"])
