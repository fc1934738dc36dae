# SPDX-License-Identifier: Apache-2.0
"""Results with given figures, for what judges them."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "loadtest"))

from workload import result  # noqa: E402

SPREAD = (0.99, 1.0, 1.01)  # of the rounds


def server(name: str, *, rate: float = 100_000, p99: float = 1.0, cpu: float | None = 7.0, **more: Any) -> dict[str, Any]:
    """`more`: connection_bytes, errors, limited, spread, scheduler."""
    rounds = [
        {
            "requests": int(rate),
            "seconds": 1.0,
            "requests_per_s": rate / factor,
            "latency_ms": {"p50": p99 / 2, "p90": p99 / 1.5, "p99": p99 * factor, "p999": p99 * 2, "max": p99 * 3},
            "distribution": [],
            "errors": {"connect": 0, "read": 0, "write": 0, "timeout": 0, "status": more.get("errors", 0)},
            "cpu_us_per_request": None if cpu is None else cpu * factor,
            "user_us_per_request": None if cpu is None else cpu / 10,
            "client_cpu_share": 0.5,
            "client_limited": more.get("limited", False),
            "memory": {"rss_bytes": 1e7, "pss_bytes": 1e7, "bytes_per_connection": more.get("connection_bytes")},
            "scheduler": more.get("scheduler"),
            "timeline": [],
            "warnings": [],
        }
        for factor in more.get("spread", SPREAD)
    ]
    return {"name": name, "command": "", "rounds": rounds, "summary": result.summarise(rounds)}


def scenario(name: str, *servers: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "title": name, "servers": list(servers), "ratios": result.ratios(list(servers))}


def results(*scenarios: dict[str, Any]) -> dict[str, Any]:
    return {"format": 1, "complete": True, "command": "x", "machine": {}, "versions": {}, "scenarios": list(scenarios)}
