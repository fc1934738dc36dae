# SPDX-License-Identifier: Apache-2.0
"""A user's own configuration as a load test runs it: on a free port, and without a line into the user's files.

What it costs stays as it is. The access log too is written if it is on, to standard output, which goes nowhere: at a
disk it would only cost more, and a load test's would fill one.
"""

import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LISTEN = "127.0.0.1:0"
TOO_QUIET = ("warning", "error", "off")  # for the line that says which port it is


class Mistake(Exception):
    """The configuration is none; the text says why."""


@dataclass(frozen=True)
class Configuration:
    path: Path
    sets: tuple[str, ...]  # what spindle's --set is given
    changes: tuple[str, ...]  # the same as the report says it
    status_path: str | None  # where it serves the scheduler's figures


def load(spindle: Path, path: Path) -> Configuration:
    told = subprocess.run([str(spindle), "-T", "-c", str(path)], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise Mistake(f"--config {path}: {told.stderr.strip()}")
    effective = tomllib.loads(told.stdout)
    changed = overrides(effective)
    return Configuration(
        path=path,
        sets=tuple(f"{key}={value}" for key, (_, value) in changed.items()),
        changes=tuple(f"{key} is {value}, not {configured}" for key, (configured, value) in changed.items()),
        status_path=next((one["path"] for one in effective.get("route", []) if one["handler"] == "status"), None),
    )


def overrides(effective: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """-> by key what is configured and what goes instead; an address of `listen` replaces all of its tables."""
    listeners, log = effective["listen"], effective["log"]
    changed = {"listen.address": (" and ".join(one["address"] for one in listeners), LISTEN)}
    if any(one["proxy_protocol"] for one in listeners):
        changed["listen.proxy_protocol"] = ("true", "false")
    if log["access"] and log["access_path"] != "stdout":
        changed["log.access_path"] = (log["access_path"], "stdout")
    if log["error_path"] != "stderr":
        changed["log.error_path"] = (log["error_path"], "stderr")
    if log["level"] in TOO_QUIET:
        changed["log.level"] = (log["level"], "info")
    return changed
