# SPDX-License-Identifier: Apache-2.0
"""Configurations as the behaviours state them: changes of a base, written out as TOML."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

_BASE = {
    "concurrency.event_loop.blocking_threads": 4,
    "limits.header_bytes": "16KiB",
    "limits.header_count": 100,
    "limits.target_bytes": "8KiB",
    "limits.body_bytes": "4MiB",
    "limits.connections": 4000,
    "limits.requests_per_connection": 100000,
    "timeouts.header": "20s",
    "timeouts.body": "20s",
    "timeouts.idle": "75s",
    "timeouts.write": "30s",
    "timeouts.drain": "20s",
    "log.level": "debug",
}

_WORKLOAD = ("plaintext", "json", "cpu", "sleep", "block", "offload", "echo", "backend", "status")


def toml(value: object) -> str:
    """JSON is TOML but for tables, whose inline form has equals signs."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


@dataclass(frozen=True)
class Configuration:
    """Immutable, so that behaviours with equal configurations share a server."""

    settings: tuple[tuple[str, object], ...] = ()
    listen: tuple = ("127.0.0.1:0",)  # addresses, or what listener() makes
    handlers: tuple[tuple, ...] = tuple(("/" + name, name) for name in _WORKLOAD)
    root: str | None = "site"  # relative to the site folder's parent; None mounts no static route
    static_path: str = "/"
    more: str = ""  # TOML behind all that; in it and in settings {folder} is where the site lies

    def __hash__(self):  # settings may hold tables
        return hash((repr(self.settings), self.listen, self.handlers, self.root, self.more))
    precompressed: tuple[str, ...] = ()  # of the static route

    def with_settings(self, settings: dict) -> "Configuration":
        return replace(self, settings=tuple({**dict(self.settings), **settings}.items()))

    def text(self, variant_settings: dict, folder: Path) -> str:
        """The TOML text; `folder` is where the site lies."""
        sections: dict[str, list[str]] = {}
        for key, value in {**_BASE, **variant_settings, **dict(self.settings)}.items():
            section, _, name = key.rpartition(".")
            sections.setdefault(section, []).append(f"{name} = {toml(value)}")
        parts = [f"[{section}]\n" + "\n".join(lines) for section, lines in sections.items()]
        for entry in self.listen:
            options = (("address", entry),) if isinstance(entry, str) else entry
            lines = [f"{name} = {json.dumps(value)}" for name, value in options]
            parts.append("\n".join(["[[listen]]", *lines]))
        parts += [
            "\n".join(
                [f"[[route]]\npath = {json.dumps(path)}\nhandler = {json.dumps(handler)}"]
                + [f"{name} = {json.dumps(value)}" for name, value in options]
            )
            for path, handler, *options in self.handlers  # options: ("deny", ("::1",))
        ]
        if self.root is not None:
            root = json.dumps(str(folder / self.root))
            precompressed = json.dumps(self.precompressed)
            parts.append(
                f'[[route]]\npath = "{self.static_path}"\nhandler = "static"\nroot = {root}\n'
                f"precompressed = {precompressed}"
            )
        parts.append(self.more)
        return ("\n\n".join(parts) + "\n").replace("{folder}", str(folder))


def configuration(settings: dict | None = None, **changes) -> Configuration:
    """The base with these settings ("limits.body_bytes": "64KiB") and other fields changed."""
    return Configuration(**changes).with_settings(settings or {})


def listener(address: str = "127.0.0.1:0", **options) -> tuple:
    """For Configuration.listen: an address with further options (mode="0660")."""
    return tuple({"address": address, **options}.items())


BASE = Configuration()
