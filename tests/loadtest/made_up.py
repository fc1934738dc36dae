# SPDX-License-Identifier: Apache-2.0
"""Results of load tests that nobody ran, as like real ones as the report needs.

    python3 tests/loadtest/made_up.py result.json && loadtest/report result.json
"""

import json
import random
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROUNDS = 5
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999)
WARNING = "event loop of worker 1 is frozen: the handler of route /cpu has been running for 100 ms"


class Costs(NamedTuple):
    """What a server is like. Latency grows by a factor every other step of SHARES."""

    requests_per_s: float
    p50_ms: float
    growth: float
    cpu_us: float
    user_us: float
    resident_mib: float


PLAINTEXT = {
    "event_loop": Costs(139252, 0.22, 1.8, 6.32, 0.55, 6.1),
    "fiber": Costs(137928, 0.23, 2.0, 7.05, 0.59, 9.4),
    "nginx": Costs(130668, 0.23, 2.1, 7.21, 1.25, 5.2),
    "go": Costs(78208, 0.83, 1.9, 12.65, 5.49, 17.8),
    "node": Costs(64921, 0.89, 2.0, 15.14, 8.10, 71.0),
    "limit": Costs(158000, 0.19, 1.7, 5.79, 0.10, 1.4),
}
HOG = {
    "event_loop": Costs(1998, 104.0, 1.25, 10.2, 1.4, 7.0),
    "fiber": Costs(2000, 0.62, 2.1, 14.1, 2.0, 11.7),
    "go": Costs(1999, 58.0, 1.9, 31.0, 12.0, 24.0),
    "node": Costs(1990, 100.0, 1.7, 40.0, 21.0, 140.0),
}


def result(seed: int = 1, complete: bool = True) -> dict[str, Any]:
    chance = random.Random(seed)
    scenarios = [
        scenario(chance, "plaintext", "What one small request costs", PLAINTEXT, {"rate_per_s": None}),
        scenario(
            chance,
            "hog",
            "Light requests beside sixteen that compute",
            HOG,
            {"rate_per_s": 2000, "background": [{"kind": "cpu", "connections": 16, "path": "/cpu?us=20000"}]},
        ),
    ]
    scenarios[0]["advice"] = {
        "verdict": "event_loop",
        "margin": "10 % less CPU per request (8 to 13 %).",
        "reasons": ["Nothing here computes or blocks: the shortest way through the server wins."],
        "would_change": [],
    }
    return {
        "format": 1,
        "started": "2026-11-25T21:20:00Z",
        "finished": "2026-11-25T21:26:41Z",
        "complete": complete,
        "command": "./dev loadtest --quick plaintext hog",
        "machine": {
            "kernel": "Linux 6.18.44",
            "cpu": "AMD EPYC",
            "cpus": 2,
            "memory_bytes": 24 * 2**30,
            "load_average": 0.4,
        },
        "versions": {"spindle": "0.9.0", "commit": "41e5dcb", "wrk": "4.1.0", "nginx": "1.22.1", "go": "1.19.8"},
        "rounds": ROUNDS,
        "warmup_s": 1,
        "duration_s": 5,
        "scenarios": scenarios,
        "advice": {
            "verdict": "fiber",
            "toml": '[concurrency]\nbackend = "fiber"',
            "margin": "Beside requests that compute, p99 is 3.0 ms instead of 170 ms (56 times lower, 48 to 61).",
            "reasons": [
                "/cpu held a loop for 20 ms at a time; every request behind it waited.",
                "What fiber costs is small beside that: 12 % more CPU per request (8 to 15 %), 48 bytes a connection.",
            ],
            "would_change": ["If no handler computes for more than 1 ms, event_loop costs less CPU per request."],
        },
    }


def scenario(
    chance: random.Random, name: str, title: str, servers: dict[str, Costs], settings: dict[str, Any]
) -> dict[str, Any]:
    made = [server(chance, one, costs, open_loop=bool(settings["rate_per_s"])) for one, costs in servers.items()]
    return {
        "name": name,
        "title": title,
        "file": f"loadtest/scenarios/{name}.toml",
        "settings": {
            "connections": 64,
            "pipelining": 1,
            "duration_s": 5,
            "new_connection": False,
            "routes": [{"method": "GET", "path": "/plaintext", "weight": 1, "body_bytes": 0}],
            "background": [],
            **settings,
        },
        "servers": made,
        "ratios": {
            key: {f"fiber/{other['name']}": ratio(made[1], other, key) for other in made if other is not made[1]}
            for key in ("cpu_us_per_request", "requests_per_s", "p99_ms")
        },
        "advice": {
            "verdict": "fiber",
            "margin": "p99 is 3.0 ms instead of 170 ms.",
            "reasons": ["The loop stood still for as long as each /cpu ran."],
            "would_change": [],
        },
    }


def server(chance: random.Random, name: str, costs: Costs, open_loop: bool) -> dict[str, Any]:
    rounds = [one_round(chance, name, costs, open_loop) for _ in range(ROUNDS)]
    for one in rounds[: 3 if name == "limit" else 0]:
        one["client_limited"] = True
    return {
        "name": name,
        "command": f"wrk -t1 -c64 -d5 --latency http://127.0.0.1:8080/plaintext  # {name}",
        "rounds": rounds,
        "summary": {
            "requests_per_s": summary(one["requests_per_s"] for one in rounds),
            "cpu_us_per_request": summary(one["cpu_us_per_request"] for one in rounds),
            "user_us_per_request": summary(one["user_us_per_request"] for one in rounds),
            **{f"{key}_ms": summary(one["latency_ms"][key] for one in rounds) for key in rounds[0]["latency_ms"]},
            "rss_bytes": summary(one["memory"]["rss_bytes"] for one in rounds),
            "bytes_per_connection": None,
            "errors": summary(sum(one["errors"].values()) for one in rounds),
        },
    }


def one_round(chance: random.Random, name: str, costs: Costs, timed: bool) -> dict[str, Any]:
    def about(value: float, share: float = 0.05) -> float:
        return value * max(0.5, chance.gauss(1, share))

    middle = about(costs.p50_ms)
    at: dict[float, float] = {}
    slowest = 0.0
    for place, share in enumerate(SHARES):
        slowest = max(slowest, middle * costs.growth ** (place / 2) * chance.uniform(0.97, 1.1))
        at[share] = slowest
    spindle = name in ("event_loop", "fiber")
    frozen = name == "event_loop" and timed
    return {
        "requests": round(costs.requests_per_s * 5),
        "seconds": 5.0,
        "requests_per_s": about(costs.requests_per_s, 0.001 if timed else 0.03),
        "latency_ms": {"p50": at[0.5], "p90": at[0.9], "p99": at[0.99], "p999": at[0.999], "max": at[0.99999] * 1.2},
        "distribution": [[share, ms] for share, ms in at.items()],
        "errors": {"connect": 0, "read": 0, "write": 0, "timeout": 2 if name == "node" and timed else 0, "status": 0},
        "cpu_us_per_request": about(costs.cpu_us, 0.03),
        "user_us_per_request": about(costs.user_us, 0.03),
        "client_cpu_share": 0.99 if name == "limit" else 0.83,
        "client_limited": False,
        "memory": {
            "rss_bytes": round(about(costs.resident_mib, 0.02) * 2**20),
            "pss_bytes": None,
            "bytes_per_connection": None,
        },
        "scheduler": {"handoffs": 812, "steals": 4021, "stacks": 17} if spindle else None,
        "timeline": [
            {"second": place * 0.25, "requests": 500, "p99_ms": hogged(place, about(at[0.99], 0.15))}
            for place in range(20 if timed else 0)
        ],
        "warnings": [WARNING] if frozen else [],
    }


def hogged(place: int, p99_ms: float) -> float:
    """The hog computes from 1 s to 4 s."""
    return p99_ms if 4 <= place < 16 else max(0.2, p99_ms**0.1 * 0.2)


def summary(values: Any) -> dict[str, float]:
    found = list(values)
    return {"median": statistics.median(found), "low": min(found), "high": max(found)}


def ratio(one: dict[str, Any], other: dict[str, Any], key: str) -> dict[str, float]:
    def figure(of: dict[str, Any]) -> float:
        return of["latency_ms"]["p99"] if key == "p99_ms" else of[key]

    return summary(figure(a) / figure(b) for a, b in zip(one["rounds"], other["rounds"], strict=True))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(result(), indent=1))
