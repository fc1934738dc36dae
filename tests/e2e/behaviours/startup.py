# SPDX-License-Identifier: Apache-2.0
"""The command line: exit codes, configuration errors, start-up failures that name cause and fix."""

import errno
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

from harness import check
from harness.configuration import BASE, configuration
from harness.registry import behaviour
from harness.seccomp import without_ring
from harness.server import StartFailed
from harness.variants import VARIANTS

RUNTIME_FAILURE, USAGE, CONFIGURATION = 1, 2, 78
# As root, rights count only without these capabilities.
_DROPPED = "-dac_override,-dac_read_search,-net_bind_service"
ORDINARY = (
    ("setpriv", f"--bounding-set={_DROPPED}", f"--inh-caps={_DROPPED}")
    if os.geteuid() == 0
    else ()
)
UNPRIVILEGED_PORTS = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def config_file(t, text: str) -> Path:
    path = t.bench.folder / f"text_{t.variant.backend}_{t.variant.workers}.toml"
    path.write_text(text)
    return path


def expect_no_start(t, config, code: int, *words: str, **options) -> str:
    """It ends by itself with that code, and says all these words."""
    try:
        t.start(config, **options)
    except StartFailed as failed:
        check.equal(failed.code, code, f"exit code ({failed.output[-300:]})")
        for word in words:
            assert (
                word.lower() in failed.output.lower()
            ), f"{word!r} is not in: {failed.output[-400:]}"
        return failed.output
    raise AssertionError("it started")


@behaviour(own_server=True, compare=False)
def a_port_in_use_is_one_clear_line(t):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = "127.0.0.1:%d" % holder.getsockname()[1]
        output = expect_no_start(
            t, configuration(listen=(address,)), RUNTIME_FAILURE, address, "in use"
        )
        lines = [line for line in output.splitlines() if "in use" in line.lower()]
        check.equal(len(lines), 1, f"lines about the port in {output!r}")


@behaviour(own_server=True, compare=False)
def a_second_server_on_the_same_port_does_not_start(t):
    address = "127.0.0.1:%d" % t.start().address.port
    expect_no_start(t, configuration(listen=(address,)), RUNTIME_FAILURE, address, "in use")


@behaviour(own_server=True, compare=False)
def a_port_is_free_again_right_after_the_end(t):
    server = t.start()
    check.status(t.get("/plaintext"), 200)
    server.stop(t.limit(10))
    t.start(configuration(listen=("127.0.0.1:%d" % server.address.port,)))
    check.status(t.get("/plaintext"), 200)


@behaviour(own_server=True, compare=False)
def a_missing_root_is_named(t):
    expect_no_start(t, configuration(root="no_such_folder"), CONFIGURATION, "no_such_folder")


@behaviour(own_server=True, compare=False)
def a_root_that_is_a_file_is_named(t):
    expect_no_start(t, configuration(root="secret.txt"), CONFIGURATION, "secret.txt")


@behaviour(own_server=True, compare=False)
def an_address_of_another_machine_does_not_start(t):
    expect_no_start(t, configuration(listen=("192.0.2.1:0",)), RUNTIME_FAILURE, "192.0.2.1")


@behaviour(own_server=True, compare=False)
def a_root_that_may_not_be_entered_is_named(t):
    folder = t.bench.folder / f"closed_{t.variant.backend}_{t.variant.workers}"
    (folder / "site").mkdir(mode=0o755, parents=True)
    folder.chmod(0)
    config = configuration(root=f"{folder.name}/site")
    words = ("cannot be entered", "permission")
    try:
        expect_no_start(t, config, CONFIGURATION, *words, launcher=ORDINARY)
    finally:
        folder.chmod(0o700)


@behaviour(own_server=True, compare=False)
def a_log_that_cannot_be_opened_is_named_with_its_place(t):
    folder = t.bench.folder / f"logs_{t.variant.name.replace('/', '_')}"
    folder.mkdir(mode=0o555)
    for key in ("log.access_path", "log.error_path"):
        for path, why in (
            (folder / "a.log", "cannot be made in its folder: Permission denied"),
            (folder / "none" / "a.log", "is in a folder that is not there"),
            (folder, "cannot be opened: Is a directory"),
        ):
            config = configuration({key: str(path)}, root=None)
            output = expect_no_start(
                t, config, CONFIGURATION, f"{key} must", f"{path} {why}", launcher=ORDINARY
            )
            assert re.search(r"\.toml:\d+:\d+: error: ", output), output


@behaviour(own_server=True, compare=False)
def the_check_of_a_configuration_makes_no_log(t):
    path = t.bench.folder / f"unmade_{t.variant.name.replace('/', '_')}.log"
    config = t.write_config(configuration({"log.access_path": str(path)}))
    check.equal(t.run_command("-t", "-c", str(config)).returncode, 0, "exit code")
    assert not path.exists(), "the log is there"


@behaviour(own_server=True, compare=False)
def a_port_that_is_not_allowed_names_the_privilege(t):
    if int(UNPRIVILEGED_PORTS.read_text()) <= 80:
        t.skip("every port is allowed here")
    config = configuration(listen=("127.0.0.1:80",), root=None)
    output = expect_no_start(t, config, RUNTIME_FAILURE, "127.0.0.1:80", launcher=ORDINARY)
    assert "CAP_NET_BIND_SERVICE" in output and "unix" not in output, output


@behaviour(own_server=True, compare=False)
def a_ring_that_seccomp_refuses_is_one_line_with_the_cause(t):
    for error in (errno.EPERM, errno.ENOSYS):
        output = expect_no_start(
            t, BASE, RUNTIME_FAILURE, os.strerror(error), "seccomp", launcher=without_ring(error)
        )
        lines = [line for line in output.splitlines() if "io_uring" in line]
        check.equal(len(lines), 1, f"lines about the ring in {output!r}")


@behaviour(own_server=True, compare=False)
def too_few_descriptors_to_start_with_are_named(t):
    """However far it comes: it serves, or ends at once and says what is short."""
    for descriptors in range(9, 24):
        try:
            t.start(BASE, descriptors_max=descriptors).stop(t.limit(10))
        except StartFailed as failed:
            check.equal(failed.code, RUNTIME_FAILURE, f"exit code with {descriptors} descriptors")
            assert "too many open files" in failed.output.lower(), failed.output


@behaviour(own_server=True, compare=False)
def connections_that_no_process_can_hold_are_warned_about(t):
    for connections, fit in ((500 * t.variant.processes, True), (600 * t.variant.processes, False)):
        config = configuration({"limits.connections": connections})
        server = t.start(config, descriptors_max=800)
        warned = "limits.connections" in server.output()
        check.equal(warned, not fit, f"a warning at {connections}")
        server.stop(t.limit(10))


@behaviour(own_server=True, compare=False)
def a_bad_configuration_is_78_with_all_errors(t):
    path = config_file(
        t,
        '[concurrency]\nbackend = "fibre"\n\n[limits]\nbody_bites = "1MiB"\n'
        'header_count = -1\n\n[[listen]]\naddress = "127.0.0.1:99999"\n',
    )
    for arguments in (("-t", "-c", str(path)), ("-c", str(path))):
        done = t.run_command(*arguments)
        check.equal(done.returncode, CONFIGURATION, f"exit code of {arguments[0]}")
        for place in (f"{path.name}:2:", f"{path.name}:5:", f"{path.name}:6:", f"{path.name}:9:"):
            assert place in done.stderr, f"no error at {place} in {done.stderr!r}"
        assert (
            "fiber" in done.stderr and "body_bytes" in done.stderr
        ), "no hint at the right spelling"
        assert "^" in done.stderr, "no caret"


@behaviour(own_server=True, compare=False)
def toml_that_does_not_parse_is_78_with_its_place(t):
    path = config_file(t, "[concurrency]\nbackend = \n")
    done = t.run_command("-t", "-c", str(path))
    check.equal(done.returncode, CONFIGURATION, "exit code")
    assert f"{path.name}:2" in done.stderr, done.stderr


@behaviour(own_server=True, compare=False)
def a_missing_configuration_file_is_named(t):
    done = t.run_command("-c", "/no/such/file.toml")
    check.equal(done.returncode, CONFIGURATION, "exit code")
    assert "/no/such/file.toml" in done.stderr, done.stderr


@behaviour(own_server=True, compare=False)
def wrong_usage_is_2(t):
    for arguments in (("--no-such-flag",), ("-c",), ("no_such_command",)):
        check.equal(t.run_command(*arguments).returncode, USAGE, f"exit code of {arguments}")


@behaviour(own_server=True, compare=False)
def a_wrong_override_is_refused(t):
    path = str(t.write_config(configuration()))
    for override in ("concurrency.backend=fibre", "no.such.key=1", "limits.body_bytes=many"):
        code = t.run_command("-t", "-c", path, "--set", override).returncode
        assert code in (USAGE, CONFIGURATION), f"--set {override} gives {code}"


@behaviour(own_server=True, compare=False)
def the_check_of_a_good_configuration_is_silent_success(t):
    done = t.run_command("-t", "-c", str(t.write_config(configuration())))
    check.equal(done.returncode, 0, f"exit code ({done.stderr[-300:]})")


@behaviour(own_server=True, compare=False)
def the_printed_configuration_can_be_loaded_again(t):
    path = str(t.write_config(configuration({"timeouts.idle": "77s"})))
    printed = t.run_command("-T", "-c", path, "--set", "limits.header_count=42")
    check.equal(printed.returncode, 0, f"exit code of -T ({printed.stderr[-300:]})")
    assert "77s" in printed.stdout and "42" in printed.stdout, "the effective values are not in it"
    again = t.run_command("-T", "-c", str(config_file(t, printed.stdout)))
    check.equal(again.returncode, 0, f"exit code of the second -T ({again.stderr[-300:]})")
    check.equal(again.stdout, printed.stdout, "the configuration printed again")


@behaviour(own_server=True, compare=False)
def version_help_and_options_print_and_succeed(t):
    for arguments, word in (
        (("-v",), "spindle"),
        (("--help",), "--config"),
        (("options",), "concurrency.backend"),
    ):
        done = t.run_command(*arguments)
        check.equal(done.returncode, 0, f"exit code of {arguments}")
        assert word in done.stdout.lower(), f"{arguments} prints {done.stdout[:200]!r}"


@behaviour(own_server=True, compare=False)
def set_switches_the_backend(t):
    other = next(v for v in VARIANTS if v.backend != t.variant.backend and v.workers == 1)
    overrides = [
        text for key, value in other.settings().items() for text in ("--set", f"{key}={value}")
    ]
    t.start(configuration(), *overrides, processes=other.processes)
    check.equal(t.identity()["backend"], other.backend)


@behaviour(own_server=True, compare=False)
def auto_respects_the_affinity_mask(t):
    cpu = min(os.sched_getaffinity(0))
    key = "fiber.processors" if t.variant.fiber else "event_loop.processes"
    path = str(t.write_config(configuration({f"concurrency.{key}": "auto"})))
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})  # inherited by the command
    try:
        printed = t.run_command("-T", "-c", path).stdout
    finally:
        os.sched_setaffinity(0, allowed)
    name = key.rpartition(".")[2]
    line = next((text for text in printed.splitlines() if text.strip().startswith(name)), "nothing")
    assert line.split("=")[-1].strip() == "1", f"on one CPU {name} is {json.dumps(line)}"


@behaviour(own_server=True, compare=False)
def a_signal_right_after_the_start_is_not_lost(t):
    for _ in range(5):
        server = t.start()
        server.signal(signal.SIGTERM)
        server.expect_clean_end(t.limit(10))


SIGNALLED = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
os.kill(os.getpid(), signal.SIGTERM)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@behaviour(own_server=True, compare=False)
def a_signal_before_the_start_is_not_lost(t):
    for _ in range(5):
        try:
            server = t.start(launcher=(sys.executable, "-c", SIGNALLED))
        except StartFailed as failed:
            check.equal(failed.code, 0, "exit code of a server that was to end before it began")
            continue
        server.expect_clean_end(t.limit(10))
