# SPDX-License-Identifier: Apache-2.0
"""Results of load tests that nobody ran: with given figures, for what judges them; a whole one, for what shows them.

    python3 tests/loadtest/made_up.py result.json && loadtest/report result.json
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "loadtest"))

from workload import advice, result  # noqa: E402

SPREAD = (0.99, 0.995, 1.0, 1.005, 1.01)  # of the rounds: what is slower in one is so by this factor
CURVE = {0.5: 0.5, 0.9: 0.67, 0.95: 0.8, 0.99: 1.0, 0.999: 2.0, 0.9999: 2.5, 0.99999: 3.0}  # share: of p99
MIB = 2**20


def server(name: str, *, rate: float = 100_000, p99: float = 1.0, cpu: float | None = 7.0, **more: Any) -> dict[str, Any]:
    """`more`: spread, user, rss_mib, connection_bytes, errors, limited, scheduler, timed, warnings."""
    rounds = [
        {
            "requests": int(rate),
            "seconds": 1.0,
            "requests_per_s": rate / factor,
            "latency_ms": {
                name: p99 * factor * CURVE[share]
                for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 0.99999))
            },
            "distribution": [[share, p99 * factor * multiple] for share, multiple in CURVE.items()],
            "errors": {"connect": 0, "read": 0, "write": 0, "timeout": 0, "status": more.get("errors", 0)},
            "cpu_us_per_request": None if cpu is None else cpu * factor,
            "user_us_per_request": None if cpu is None else more.get("user", cpu / 10) * factor,
            "client_cpu_share": 0.5,
            "client_limited": more.get("limited", False),
            "memory": {
                "rss_bytes": more.get("rss_mib", 10) * MIB * factor,
                "pss_bytes": more.get("rss_mib", 10) * MIB,
                "bytes_per_connection": more.get("connection_bytes"),
                "by_connections": by_connections(more.get("connection_bytes"), factor),
            },
            "scheduler": more.get("scheduler"),
            "timeline": timeline(p99 * factor) if more.get("timed") else [],
            "warnings": more.get("warnings", []),
        }
        for factor in more.get("spread", SPREAD)
    ]
    return {"name": name, "command": f"wrk -t1 -c64  # {name}", "rounds": rounds, "summary": result.summarise(rounds)}


def timeline(p99_ms: float) -> list[dict[str, float]]:
    """Of 5 s: what is beside it computes from 1 s to 4 s."""
    return [
        {"second": place * 0.25, "requests": 500, "p99_ms": p99_ms if 4 <= place < 16 else 0.2} for place in range(20)
    ]


def by_connections(each: int | None, factor: float) -> list[list[float]]:
    return [[held, 5 * MIB + held * each * factor] for held in range(0, 5001, 1000)] if each else []


def scenario(name: str, *servers: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """`settings`: beside what any scenario has."""
    return {
        "name": name,
        "title": name,
        "file": f"loadtest/scenarios/{name}.toml",
        "settings": {
            "connections": 64,
            "pipelining": 1,
            "rate_per_s": None,
            "duration_s": 5,
            "new_connection": False,
            "routes": [{"method": "GET", "path": "/plaintext", "weight": 1, "body_bytes": 0}],
            "background": [],
            **settings,
        },
        "servers": list(servers),
        "ratios": result.ratios(list(servers)),
    }


def results(*scenarios: dict[str, Any], complete: bool = True) -> dict[str, Any]:
    return {
        "format": result.FORMAT,
        "started": "2026-11-25T21:20:00Z",
        "finished": "2026-11-25T21:26:41Z",
        "complete": complete,
        "command": "./dev loadtest --quick -s plaintext -s hog",
        "machine": {"kernel": "6.18.44", "cpu": "AMD EPYC", "cpus": 2, "memory_bytes": 24 * 2**30, "load_average": 0.4},
        "versions": {"spindle": "0.9.0", "commit": "41e5dcb", "wrk": "4.1.0", "nginx": "1.22.1", "go": "1.19.8"},
        "rounds": len(WIDE),
        "warmup_s": 1,
        "duration_s": 5,
        "scenarios": list(scenarios),
    }


# ---- a whole one, with every server, chart, note and table

WIDE = (0.93, 0.98, 1.0, 1.03, 1.08)
BEHAVED = {"handoffs": 812, "steals": 4021, "stacks": 17}
FROZEN = {"run_seconds_max": 0.02, "run_max_route": "/cpu", "stalls": 12}
WARNING = "event loop of worker 1 is frozen: the handler of route /cpu has been running for 100 ms"


def example(complete: bool = True) -> dict[str, Any]:
    found = results(plaintext(), hog(), idle(), complete=complete)
    advice.advise(found)
    return found


def plaintext() -> dict[str, Any]:
    return scenario(
        "plaintext",
        wide("event_loop", 139252, 0.49, 6.32, user=0.55, rss_mib=6.1, scheduler=BEHAVED),
        wide("fiber", 137928, 0.58, 7.85, user=0.59, rss_mib=9.4, scheduler=BEHAVED),
        wide("nginx", 130668, 0.66, 7.21, user=1.25, rss_mib=5.2),
        wide("go", 78208, 2.12, 12.65, user=5.49, rss_mib=17.8),
        wide("node", 64921, 2.3, 15.14, user=8.10, rss_mib=71),
        wide("limit", 158000, 0.4, 5.79, user=0.10, rss_mib=1.4, limited=True),
    )


def hog() -> dict[str, Any]:
    return scenario(
        "hog",
        wide("event_loop", 1998, 173, None, rss_mib=7, scheduler=FROZEN, timed=True, warnings=[WARNING]),
        wide("fiber", 2000, 2.91, None, rss_mib=11.7, scheduler=BEHAVED, timed=True),
        wide("go", 1999, 254, None, rss_mib=24, timed=True),
        wide("node", 1990, 315, None, rss_mib=140, timed=True, errors=2),
        rate_per_s=2000,
        background=[{"kind": "cpu", "connections": 16, "path": "/cpu?us=20000", "begin_s": 1, "end_s": 4}],
    )


def idle() -> dict[str, Any]:
    return scenario(
        "idle",
        wide("event_loop", 1000, 0.5, 9, connection_bytes=490, rss_mib=8, timed=True),
        wide("fiber", 1000, 0.6, 9.1, connection_bytes=640, rss_mib=12, timed=True),
        wide("nginx", 1000, 0.6, 9.3, connection_bytes=900, rss_mib=9, timed=True),
        rate_per_s=1000,
        background=[{"kind": "idle", "connections": 5000, "path": "/plaintext"}],
    )


def wide(name: str, rate: float, p99: float, cpu: float | None, **more: Any) -> dict[str, Any]:
    return server(name, rate=rate, p99=p99, cpu=cpu, spread=WIDE, **more)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(example(), indent=1))
