# SPDX-License-Identifier: Apache-2.0
"""Clients that were not written for these tests: curl and wrk (both in Debian)."""

import re
import shutil
import subprocess

from harness import check
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import ALPHABET, BIG, FILES

QUIET = configuration({"log.access": False, "log.level": "debug"})


def run(t, program: str, *arguments: str) -> bytes:
    if shutil.which(program) is None:
        t.skip(f"{program} is not installed")
    done = subprocess.run(
        [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=t.limit(30)
    )
    assert done.returncode == 0, f"{program} exits with {done.returncode}: {done.stderr[-300:]!r}"
    return done.stdout


def curl(t, *arguments: str) -> bytes:
    return run(
        t,
        "curl",
        "--silent",
        "--show-error",
        "--fail",
        "--noproxy",
        "*",
        "--max-time",
        "20",
        *arguments,
    )


def url(t, path: str) -> str:
    return f"http://127.0.0.1:{t.server.address.port}{path}"


@behaviour
def curl_gets_posts_and_heads(t):
    check.equal(curl(t, url(t, "/plaintext")), b"Hello, World!")
    check.equal(curl(t, "--data-binary", "a body", url(t, "/echo")), b"a body")
    check.equal(curl(t, "--http1.0", url(t, "/plaintext")), b"Hello, World!")
    head = curl(t, "--head", url(t, "/style.css"))
    assert head.startswith(b"HTTP/1.1 200"), head
    assert b"\r\nContent-Length: %d\r\n" % len(FILES["style.css"]) in head, head


@behaviour
def curl_sends_chunks_and_waits_for_100_continue(t):
    path = str(t.bench.folder / "site" / "big.bin")
    arguments = (
        "--header",
        "Expect: 100-continue",
        "--expect100-timeout",
        "20",
        "--header",
        "Content-Type: x/y",
    )
    part = t.bench.folder / f"part_{t.variant.backend}_{t.variant.workers}"
    part.write_bytes(BIG[: 2 << 20])
    for framing in ((), ("--header", "Transfer-Encoding: chunked")):
        answer = curl(t, *arguments, *framing, "--data-binary", f"@{part}", url(t, "/echo"))
        check.same_bytes(answer, BIG[: 2 << 20])
    check.same_bytes(curl(t, url(t, "/big.bin")), open(path, "rb").read())


@behaviour
def curl_gets_ranges_and_resumes(t):
    check.equal(curl(t, "--range", "3-7", url(t, "/alphabet.txt")), ALPHABET[3:8])
    check.equal(curl(t, "--range", "-5", url(t, "/alphabet.txt")), ALPHABET[-5:])
    part = t.bench.folder / f"resume_{t.variant.backend}_{t.variant.workers}"
    part.write_bytes(BIG[:1_000_000])
    curl(t, "--continue-at", "-", "--output", str(part), url(t, "/big.bin"))
    check.same_bytes(part.read_bytes(), BIG)


@behaviour
def curl_keeps_one_connection_for_many_urls(t):
    urls = [url(t, f"/plaintext?{n}") for n in range(20)]
    output = curl(t, "--write-out", "%{num_connects}\n", *urls)
    counts = [int(text) for text in re.findall(rb"Hello, World!(\d)\n", output)]
    check.equal(counts, [1] + [0] * 19, "new connections a URL")


@behaviour(config=QUIET, compare=False)
def wrk_sees_no_errors(t):
    for path in ("/plaintext", "/style.css"):
        expect_no_errors(run(t, "wrk", "-t1", "-c32", "-d1s", url(t, path)).decode())


@behaviour(config=QUIET, compare=False)
def wrk_sees_no_errors_when_requests_wait_and_block(t):
    for path in ("/sleep?ms=5", "/block?ms=1", "/offload?ms=1"):
        expect_no_errors(run(t, "wrk", "-t1", "-c64", "-d1s", url(t, path)).decode())


@behaviour(config=QUIET, compare=False)
def wrk_pipelining_sees_no_errors(t):
    script = t.bench.folder / f"pipeline_{t.variant.backend}_{t.variant.workers}.lua"
    script.write_text(
        "init = function(args)\n  local r = {}\n"
        "  for i = 1, 16 do r[i] = wrk.format(nil, '/plaintext') end\n"
        "  batch = table.concat(r)\nend\nrequest = function() return batch end\n"
    )
    expect_no_errors(run(t, "wrk", "-t1", "-c16", "-d1s", "-s", str(script), url(t, "/")).decode())


def expect_no_errors(report: str) -> None:
    requests = re.search(r"(\d+) requests in", report)
    assert requests and int(requests[1]) > 0, f"no requests: {report!r}"
    for bad in ("Socket errors", "Non-2xx"):
        assert bad not in report, next(line.strip() for line in report.splitlines() if bad in line)
