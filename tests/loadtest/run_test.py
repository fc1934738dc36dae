# SPDX-License-Identifier: Apache-2.0
"""The whole of it, on real servers, for a few seconds. SPINDLE_BUILD is the folder of what was built."""

import itertools
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterable
from pathlib import Path

import made_up  # noqa: F401: finds the packages
import servers
from workload import rounds, scenario

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SPINDLE_BUILD", ROOT / "build/dev")).resolve()
CLOSED = 'title = "closed"\nconnections = 4\n[[route]]\npath = "/plaintext"\n[[route]]\npath = "/json"\nweight = 2\n'
IDLE = '[[background]]\nkind = "idle"\nconnections = {}\n'
OPEN = (
    'title = "open"\nconnections = 2\nrate_per_s = 50\n[[route]]\npath = "/plaintext"\n'
    '[[background]]\nkind = "block"\npath = "/block?ms=300"\nconnections = 1\n'
)
FOR_A_WHILE = OPEN.replace("= 50\n", "= 100\nduration_s = 3\n") + "begin_s = 1\nend_s = 2\n"
# Bodies that a socket does not take at once, behind a loop that stands still.
UPLOAD = '[[route]]\nmethod = "POST"\npath = "/echo"\nbody_bytes = 300000\n'
UPLOADS = OPEN.replace("rate_per_s = 50", "rate_per_s = 10").replace("[[background]]", UPLOAD + "[[background]]")
MISSING = 'title = "missing"\nconnections = 1\n[[route]]\npath = "/not_there"\n'


CONFIGURATION = """
[[listen]]
address = "{taken}"
[[listen]]
address = "unix:{folder}/socket"
mode = "0600"
proxy_protocol = true
[proxies]
trusted = ["127.0.0.0/8"]
[log]
access_path = "{folder}/access.log"
error_path = "{folder}/error.log"
level = "error"
[[route]]
path = "/plaintext"
handler = "plaintext"
[[route]]
path = "/json"
handler = "json"
"""


FEW_REQUESTS = """
[limits]
requests_per_connection = 2
[[route]]
path = "/plaintext"
handler = "plaintext"
[[route]]
path = "/json"
handler = "json"
[[route]]
path = "/echo"
handler = "echo"
[[route]]
path = "/block"
handler = "block"
"""


SITE = """
[[site]]
hosts = ["the.site"]
[[site.route]]
path = "/plaintext"
handler = "plaintext"
[[site.route]]
path = "/json"
handler = "json"
"""


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LONGER = OK.replace(b"2\r\n\r\nok", b"3\r\n\r\nyes")
SHORTER = OK.replace(b"2\r\n\r\nok", b"1\r\n\r\nk")
REFUSED = OK.replace(b"200", b"503")


class Closing(socketserver.ThreadingTCPServer):
    """Closes a connection after these answers, and does not say so before."""

    daemon_threads = True

    def __init__(self, answers: Iterable[bytes]):
        self.answers = answers
        self.asked = itertools.count()  # its next is how many requests came
        super().__init__(("127.0.0.1", 0), Answering)
        self.port = self.server_address[1]

    def handle_error(self, request, client_address):
        """A client that goes away is none."""


class Answering(socketserver.StreamRequestHandler):
    server: Closing

    def handle(self):
        for answer in self.server.answers:
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            next(self.server.asked)
            self.wfile.write(answer)


class Probe(unittest.TestCase):
    """spindle_probe at servers that close connections."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        servers.make_site(self.folder)

    def run_it(self, port: int, *words: str) -> subprocess.CompletedProcess:
        mode, *rest = words
        command = [str(BUILD / "loadtest/spindle_probe"), mode, "--port", str(port), *rest]
        return subprocess.run(command, input="\n", capture_output=True, text=True, timeout=60, check=False)

    def figures(self, port: int, *words: str) -> dict[str, float]:
        told = self.run_it(port, *words)
        self.assertEqual((told.returncode, told.stderr), (0, ""))
        lines = [line.split() for line in told.stdout.splitlines() if line != "opened"]
        return {name: float(value) for name, value in lines}

    def spindle(self, backend: str, requests: int) -> int:
        sets = [f"limits.requests_per_connection={requests}"]
        server = servers.start_spindle(BUILD / "server/spindle", backend, self.folder, sets=sets)
        self.addCleanup(server.stop)
        return server.port

    def closing(self, answers: Iterable[bytes]) -> Closing:
        server = Closing(answers)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def test_a_fixed_rate_goes_on_over_new_connections(self):
        asked = ("measure", "--rate", "100", "--seconds", "1", "--connections", "4")
        for backend in servers.BACKENDS:
            for requests in (1, 3):
                with self.subTest(backend=backend, requests=requests):
                    port = self.spindle(backend, requests)
                    found = self.figures(port, *asked, "--load", "/block?ms=10", "--load-connections", "1")
                    self.assertEqual((found["failed"], found["load_refused"]), (0, 0))
                    self.assertGreater(found["requests"] - found["unanswered"], 50)
                    self.assertGreater(found["load_done"], 5)
                    answered = found["requests"] - found["unanswered"] + found["load_done"]
                    self.assertGreater(found["reopened"], answered / requests - 6)  # some end only after it
        found = self.figures(self.spindle("event_loop", 0), *asked)
        self.assertEqual(found["reopened"], 0)

    def test_a_closed_loop_goes_on_over_new_connections(self):
        for backend in servers.BACKENDS:
            for requests in (1, 3):
                with self.subTest(backend=backend, requests=requests):
                    port = self.spindle(backend, requests)
                    found = self.figures(port, "closed", "--connections", "4", "--seconds", "1")
                    self.assertGreater(found["requests"], 100)
                    self.assertGreater(found["reopened"], found["requests"] / requests - 5)

    def test_a_connection_that_the_server_ends_cannot_be_held(self):
        told = self.run_it(self.spindle("event_loop", 1), "hold", "--connections", "3")
        self.assertEqual(told.returncode, 1)
        self.assertIn("cannot be held", told.stderr)
        self.assertEqual(self.figures(self.spindle("event_loop", 2), "hold", "--connections", "3"), {"held": 3})

    def test_a_server_may_close_after_an_answer_without_a_word_but_not_before_one(self):
        asked = ("measure", "--rate", "100", "--seconds", "1", "--connections", "2")
        found = self.figures(self.closing([OK] * 3).port, *asked)
        self.assertEqual(found["failed"], 0)
        self.assertGreater(found["requests"] - found["unanswered"], 50)
        self.assertGreater(found["reopened"], 15)
        found = self.figures(self.closing([OK]).port, "closed", "--connections", "2", "--seconds", "1")
        self.assertGreater(found["reopened"], 25)
        told = self.run_it(self.closing([]).port, *asked)
        self.assertEqual(told.returncode, 1)
        self.assertIn("closed a connection without a response", told.stderr)

    def test_a_pipeline_counts_what_was_answered(self):
        server = self.closing(itertools.repeat(OK))
        found = self.figures(server.port, "pipelined", "--connections", "3", "--seconds", "1", "--depth", "5")
        self.assertGreater(found["requests"], 100)
        self.assertEqual(found["requests"], next(server.asked) - 3)  # opening asks once on each
        self.assertEqual(found["requests"] % 5, 0)
        self.assertAlmostEqual(found["requests_per_s"] * found["seconds"], found["requests"], delta=1)
        self.assertTrue(0 < found["busy"] < 1, found["busy"])

    def test_a_pipeline_ends_where_a_response_is_not_as_the_first(self):
        asked = ("pipelined", "--connections", "1", "--seconds", "1", "--depth", "4")
        for before, answer, said in (
            (0, REFUSED, "was not answered 200"),
            (6, REFUSED, "is no 200"),
            (6, LONGER, "not as long as the first"),
            (8, LONGER, "longer than the first"),  # the last one of a turn
            (6, SHORTER, "shorter than the first"),
        ):
            with self.subTest(said, before=before):
                answers = itertools.chain([OK] * before, [answer], itertools.repeat(OK))
                told = self.run_it(self.closing(answers).port, *asked)
                self.assertEqual(told.returncode, 1)
                self.assertIn(said, told.stderr)

    def test_a_pipeline_ends_where_the_server_closes_a_connection(self):
        asked = ("pipelined", "--connections", "1", "--seconds", "1", "--depth", "4")
        last = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        for answers, answer, said in (
            (5, OK, "closed a connection"),
            (7, OK, "closed a connection"),  # within a turn
            (1, last, "closes a connection after its answer"),
            (0, OK, "closed a connection without a response"),
        ):
            with self.subTest(said, answers=answers):
                told = self.run_it(self.closing([answer] * answers).port, *asked)
                self.assertEqual(told.returncode, 1)
                self.assertIn(said, told.stderr)


class Running(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def command(self, *scenarios: str, extra=()) -> list[str]:
        command = [sys.executable, str(ROOT / "loadtest/run"), "-o", str(self.folder / "out")]
        command += ["--spindle", str(BUILD / "server/spindle"), "--probe", str(BUILD / "loadtest/spindle_probe")]
        for number, text in enumerate(scenarios):
            path = self.folder / f"s{number}.toml"
            path.write_text(text)
            command += ["-s", str(path)]
        return [*command, *extra]

    def run_it(self, *scenarios: str, extra=("--rounds", "1", "--seconds", "1")):
        return subprocess.run(
            self.command(*scenarios, extra=extra), capture_output=True, text=True, timeout=300, check=False
        )

    def result(self):
        return json.loads((self.folder / "out/result.json").read_text())

    def expect_both_measured(self, entry, rounds: int):
        self.assertEqual({one["name"] for one in entry["servers"]}, {"event_loop", "fiber"})
        for server in entry["servers"]:
            self.assertEqual(len(server["rounds"]), rounds)
            for measured in server["rounds"]:
                self.assertGreater(measured["requests"], 40)
                self.assertGreater(measured["latency_ms"]["p99"], 0)
                self.assertGreater(measured["memory"]["rss_bytes"], 1 << 20)
                self.assertGreater(measured["scheduler"]["requests"], 40)
                self.assertEqual(sum(measured["errors"].values()), 0)

    def test_both_backends_are_measured_and_reported(self):
        told = self.run_it(CLOSED + IDLE.format(7))
        self.assertEqual(told.returncode, 0, told.stderr)
        found = self.result()
        self.assertTrue(found["complete"])
        (closed,) = found["scenarios"]
        self.expect_both_measured(closed, rounds=1)
        self.assertGreater(closed["servers"][0]["rounds"][0]["cpu_us_per_request"], 0)
        held = [held for held, _ in closed["servers"][0]["rounds"][0]["memory"]["by_connections"]]
        self.assertEqual(held, [0, 1, 2, 4, 5, 7])
        self.assertTrue((self.folder / "out/report.html").read_text().lower().startswith("<!doctype html>"))

    def test_a_loop_that_stands_still_is_advised_against_because_of_its_p99(self):
        told = self.run_it(OPEN, extra=("--rounds", "2", "--seconds", "1"))
        self.assertEqual(told.returncode, 0, told.stderr)
        found = self.result()
        (at_a_rate,) = found["scenarios"]
        self.expect_both_measured(at_a_rate, rounds=2)
        self.assertTrue(at_a_rate["servers"][0]["rounds"][0]["timeline"])
        p99 = {one["name"]: one["summary"]["p99_ms"]["median"] for one in at_a_rate["servers"]}
        self.assertGreater(p99["event_loop"], 250, "a frozen loop does not show")
        said = at_a_rate["advice"]
        self.assertEqual((said["verdict"], said["by"]), ("fiber", "freezes"))
        self.assertRegex(said["margin"], r"^p99 is [\d.e+]+ times shorter under fiber\.$")
        self.assertRegex(said["reasons"][0], r"^p99 [\d.e+]+ ms under event_loop, [\d.e+-]+ ms under fiber\.$")
        self.assertRegex(said["reasons"][1], r"^The longest run of /block .* the loop answered nothing else")
        self.assertEqual((found["advice"]["verdict"], found["advice"]["by"]), ("fiber", "freezes"))
        self.assertEqual(found["advice"]["toml"], '[concurrency]\nbackend = "fiber"')
        self.assertIn("fiber: open: p99 is ", told.stdout)

    def test_a_load_of_a_while_shows_while_it_goes_on_and_neither_before_nor_after(self):
        told = self.run_it(FOR_A_WHILE)
        self.assertEqual(told.returncode, 0, told.stderr)
        (entry,) = self.result()["scenarios"]
        self.assertEqual([entry["settings"]["background"][0][key] for key in ("begin_s", "end_s")], [1, 2])
        (loop,) = (one["rounds"][0]["timeline"] for one in entry["servers"] if one["name"] == "event_loop")
        within = [one["p99_ms"] for one in loop if 1 <= one["second"] < 2]
        outside = [one["p99_ms"] for one in loop if one["second"] < 0.85 or one["second"] >= 2.5]  # its last is over
        self.assertGreater(sorted(within)[len(within) // 2], 100, "a frozen loop does not show")
        self.assertGreater(len(outside), 10)
        self.assertLess(max(outside), 100, "the load goes on outside of its time")
        page = (self.folder / "out/report.html").read_text()
        self.assertIn("Shaded: beside 1 × block, from 1 s to 2 s.", page)

    def test_a_site_is_asked_by_its_name_and_the_limit_where_it_can(self):
        config = self.folder / "mine.toml"
        config.write_text(SITE)
        named = CLOSED.replace("connections", 'host = "the.site"\nconnections')
        at_a_rate = named.replace("connections", "rate_per_s = 100\nconnections") + IDLE.format(3)
        plain = CLOSED.partition("[[route]]\npath = \"/json")[0].replace("connections", 'host = "the.site"\nconnections')
        extra = ("--rounds", "1", "--seconds", "1", "--config", str(config), "--peers", "limit")
        told = self.run_it(at_a_rate, plain, extra=extra)
        self.assertEqual(told.returncode, 0, told.stderr)
        measured = [[one["name"] for one in entry["servers"]] for entry in self.result()["scenarios"]]
        self.assertEqual(measured, [["event_loop", "fiber"], ["event_loop", "fiber", "limit"]])
        for entry in self.result()["scenarios"]:
            for server in entry["servers"]:
                self.assertEqual(sum(server["rounds"][0]["errors"].values()), 0)

    def test_a_server_that_closes_connections_after_a_few_requests_is_measured_as_any_other(self):
        config = self.folder / "mine.toml"
        config.write_text(FEW_REQUESTS)
        extra = ("--rounds", "1", "--seconds", "1", "--config", str(config))
        told = self.run_it(CLOSED, UPLOADS, FOR_A_WHILE, extra=extra)
        self.assertEqual(told.returncode, 0, told.stderr)
        for entry, least in zip(self.result()["scenarios"], (100, 8, 250), strict=True):
            for server in entry["servers"]:
                self.assertGreaterEqual(server["rounds"][0]["requests"], least)

    def test_bodies_are_sent_at_a_fixed_rate(self):
        told = self.run_it(UPLOADS)
        self.assertEqual(told.returncode, 0, told.stderr)
        for server in self.result()["scenarios"][0]["servers"]:
            (measured,) = server["rounds"]
            self.assertEqual(measured["requests"], 10)
            self.assertEqual(sum(measured["errors"].values()), 0)
            if server["name"] == "fiber":
                self.assertGreater(measured["requests_per_s"], 7, "bodies got stuck")

    def test_what_shipped_scenarios_ask_for_is_served(self):
        servers.make_site(self.folder)
        server = servers.start_spindle(BUILD / "server/spindle", "event_loop", self.folder)
        self.addCleanup(server.stop)
        shipped = [scenario.load(path) for path in (ROOT / "loadtest/scenarios").glob("*.toml")]
        self.assertIn("static_files", [one.name for one in shipped])
        for one in shipped:
            for route in one.routes:
                status, _ = rounds.ask(server.port, route.method, route.path)
                self.assertEqual(status, 200, f"{one.file}: {route.path}")

    def test_requests_that_fail_make_it_fail(self):
        told = self.run_it(MISSING)
        self.assertEqual(told.returncode, 1, told.stderr)
        self.assertGreater(self.result()["scenarios"][0]["servers"][0]["summary"]["errors"]["median"], 0)

    def test_a_background_that_is_not_served_is_no_result(self):
        told = self.run_it(OPEN.replace("/block", "/blok"))
        self.assertEqual(told.returncode, 4)
        self.assertIn("/blok?ms=300 is answered 404", told.stderr)

    def test_mistakes_and_missing_programs_have_exit_codes_of_their_own(self):
        self.assertEqual(self.run_it("title = 3\n").returncode, 2)
        told = self.run_it(CLOSED + IDLE.format(10**9))
        self.assertEqual(told.returncode, 2)
        self.assertIn("s0.toml: 1000000004 connections at once", told.stderr)
        self.assertEqual(self.run_it(CLOSED + 'method = "FETHC"\n').returncode, 2)
        self.assertEqual(self.run_it(CLOSED, extra=("--peers", "apache")).returncode, 2)
        for option in ("--rounds", "--seconds"):
            for number in ("0", "-1", "1.5", "1_0", "1000001", ""):
                told = self.run_it(CLOSED, extra=(f"{option}={number}",))
                self.assertEqual(told.returncode, 2, number)
                self.assertIn(f"{option}: is a whole number from 1", told.stderr)
        told = self.run_it(CLOSED, extra=("--output", "/dev/null"))
        self.assertEqual(told.returncode, 2, told.stderr)
        told = self.run_it(CLOSED, extra=("--spindle", "/not/there"))
        self.assertEqual(told.returncode, 3, told.stderr)

    def test_a_configuration_of_one_s_own_runs_beside_its_server_and_leaves_its_files_alone(self):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            taken = "{}:{}".format(*server.getsockname())
            own = self.folder / "own/mine.toml"
            own.parent.mkdir()
            own.write_text(CONFIGURATION.format(taken=taken, folder=own.parent))
            told = self.run_it(CLOSED, extra=("--rounds", "1", "--seconds", "1", "--config", str(own)))
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertEqual([one.name for one in own.parent.iterdir()], ["mine.toml"])
        changes = self.result()["configuration"]["changes"]
        self.assertIn(f"listen.address is 127.0.0.1:0, not {taken} and unix:{own.parent}/socket", changes)
        self.assertIn(f"log.access_path is stdout, not {own.parent}/access.log", changes)
        for name in ("report.html", "report.md"):
            text = (self.folder / "out" / name).read_text()
            for key in ("listen.proxy", "log.error", "log.level"):
                self.assertIn(key, text.replace("\\", ""), name)

    def test_scenarios_of_one_name_are_wrong_usage(self):
        other = self.folder / "other/s0.toml"
        other.parent.mkdir()
        other.write_text(OPEN)
        told = self.run_it(CLOSED, extra=("-s", str(other)))
        self.assertEqual(told.returncode, 2)
        self.assertIn(f"{other} are both called s0", told.stderr)
        self.assertEqual(self.run_it(extra=("-s", "plaintext", "-s", "plaintext")).returncode, 2)

    def test_a_configuration_that_is_none_is_wrong_usage(self):
        (self.folder / "mine.toml").write_text("[lok]")
        told = self.run_it(CLOSED, extra=("--config", str(self.folder / "mine.toml")))
        self.assertEqual(told.returncode, 2)
        self.assertIn("there is no option lok", told.stderr)

    def test_an_interrupted_run_reports_what_it_has(self):
        process = subprocess.Popen(
            self.command(CLOSED, extra=("--rounds", "50", "--seconds", "1")), stderr=subprocess.PIPE, text=True
        )
        for line in process.stderr:
            if "round 2 of 50" in line:
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        found = self.result()
        self.assertFalse(found["complete"])
        self.assertTrue(all(one["rounds"] for one in found["scenarios"][0]["servers"]))


if __name__ == "__main__":
    unittest.main()
