# SPDX-License-Identifier: Apache-2.0
"""Which backend for what was measured, by how much, why, and what would change the answer.

What counts, in this order: requests that fail; requests that wait because others hold the loop; CPU time a request;
memory a connection; throughput. A difference counts only if all rounds have it.
"""

import statistics
from typing import Any

BACKENDS = ("event_loop", "fiber")
OTHER = {"event_loop": "fiber", "fiber": "event_loop"}
FROZEN_MS = 5.0  # a p99 beneath it hurts nobody, whatever the ratio
RARELY_FROZEN_MS = 20.0  # of a p99.9
FROZEN_RATIO = 3.0
NOISE = 0.02  # a ratio that comes nearer to 1 in any round is none
MEMORY_NOISE = 0.05
ROUNDS_MIN = 3  # with fewer, it is likely that all agree by chance

Advice = dict[str, Any]


def advise(result: dict[str, Any]) -> None:
    """Adds `advice` to each scenario and to the result."""
    for scenario in result["scenarios"]:
        scenario["advice"] = of_scenario(scenario)
    result["advice"] = overall(result["scenarios"])
    if not result.get("complete", False):
        result["advice"]["reasons"].append("The run was interrupted: what is missing may say something else.")


def of_scenario(scenario: dict[str, Any]) -> Advice:
    servers = {server["name"]: server for server in scenario["servers"] if server["name"] in BACKENDS}
    if len(servers) < 2:
        what = "Only one backend was measured." if servers else "No backend was measured."
        return advice("either", what, [], ["A measurement of both."])
    found = by_errors(servers) or by_freezing(servers) or by_cost(scenario, servers)
    if found is None:
        reasons = ["CPU time a request, memory and throughput differ by less than the rounds among themselves."]
        changes = ["More or longer rounds, on a quiet machine."]
        found = advice("either", "The difference is within noise.", reasons, changes)
    return add_doubts(found, servers)


def advice(verdict: str, margin: str, reasons: list[str], would_change: list[str], decides: bool = False) -> Advice:
    """`decides`: no saving in another scenario makes up for it."""
    return {
        "verdict": verdict,
        "margin": margin,
        "reasons": reasons,
        "would_change": would_change,
        "decides": decides,
    }


# ---- one scenario


def by_errors(servers: dict[str, Any]) -> Advice | None:
    """Whoever fails requests that the other one answers is not judged by how fast it does that."""
    failed = {name: server["summary"]["errors"]["median"] for name, server in servers.items()}
    for name in BACKENDS:
        other = OTHER[name]
        asked = statistics.median(one["requests"] for one in servers[other]["rounds"])
        if failed[name] == 0 and failed[other] > 0.01 * asked:
            margin = f"{failed[other]:.0f} requests of a round failed under {other}, none under {name}."
            return advice(name, margin, [], ["The cause of these failures."], decides=True)
    return None


def by_freezing(servers: dict[str, Any]) -> Advice | None:
    """Whether under one backend, in every round, requests waited for what other requests did."""
    for percentile, hurts_ms in (("p99", FROZEN_MS), ("p999", RARELY_FROZEN_MS)):
        found = {name: server["summary"][f"{percentile}_ms"] for name, server in servers.items()}
        if None in found.values():
            return None
        for slow in BACKENDS:
            quick = OTHER[slow]
            if found[slow]["low"] >= max(hurts_ms, FROZEN_RATIO * found[quick]["high"]) and froze(servers[slow]):
                return frozen(servers[slow], slow, percentile.replace("p999", "p99.9"), found)
    return None


def froze(server: dict[str, Any]) -> bool:
    """By the server's own figures, where it has them: a slow client makes no freeze."""
    known = any(one.get("scheduler") for one in server["rounds"])
    return not known or longest_run(server)[0] * 1000 >= FROZEN_MS or most(server, "stalls") > 0


def frozen(server: dict[str, Any], slow: str, percentile: str, found: dict[str, dict[str, float]]) -> Advice:
    quick = OTHER[slow]
    reasons = [f"{percentile} {ms(found[slow])} under {slow}, {ms(found[quick])} under {quick}."]
    seconds, route = longest_run(server)
    if seconds * 1000 >= FROZEN_MS:
        where = f" of {route}" if route else ""
        alone = ": the loop answered nothing else meanwhile." if slow == "event_loop" else "."
        reasons.append(f"The longest run{where} without a pause took {seconds * 1000:.3g} ms{alone}")
    stalls = most(server, "stalls")
    if stalls:
        reasons.append(f"{stalls:.0f} stalls were counted in a round.")
    changes = ["Without those routes, or with that work declared as blocking, what a request costs would decide."]
    times = found[slow]["median"] / max(found[quick]["median"], 1e-9)
    return advice(quick, f"{percentile} is {times:.3g} times shorter under {quick}.", reasons, changes, decides=True)


def longest_run(server: dict[str, Any]) -> tuple[float, str]:
    """-> seconds, route."""
    figures = [one["scheduler"] for one in server["rounds"] if one.get("scheduler")]
    found: dict[str, Any] = max(figures, key=lambda one: float(one.get("run_seconds_max", 0)), default={})
    return float(found.get("run_seconds_max", 0)), str(found.get("run_max_route") or "")


def most(server: dict[str, Any], figure: str) -> float:
    return max((float(one["scheduler"].get(figure, 0)) for one in server["rounds"] if one.get("scheduler")), default=0)


def by_cost(scenario: dict[str, Any], servers: dict[str, Any]) -> Advice | None:
    ratios = scenario["ratios"]
    cost = ratios.get("cpu_us_per_request", {}).get("fiber/event_loop")
    rate = ratios.get("requests_per_s", {}).get("fiber/event_loop")
    memory = ratio_of(servers, "bytes_per_connection")
    changes = ["A handler that computes or blocks for milliseconds: under event_loop all others wait for it."]
    limited = any(one["client_limited"] for server in servers.values() for one in server["rounds"])
    if cost is not None or limited:
        rate = None  # what answers more at the same cost, or is held back by the client, was not the limit itself
    for ratio, noise, what, figure in (
        (cost, NOISE, "CPU time a request", "cpu_us_per_request"),
        (memory, MEMORY_NOISE, "memory a connection", "bytes_per_connection"),
        (inverse(rate), NOISE, "time for as many requests", None),
    ):
        better = "event_loop" if above(ratio, noise) else "fiber" if below(ratio, noise) else None
        if ratio is None or better is None:
            continue
        saved = 1 - 1 / ratio["median"] if better == "event_loop" else 1 - ratio["median"]
        margin = f"{saved:.1%} less {what} under {better}."
        reasons = [f"fiber/event_loop {ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f}) in {what}."]
        if figure:
            both = (f"{servers[name]['summary'][figure]['median']:.4g} under {name}" for name in BACKENDS)
            reasons.append(f"{figure}: {', '.join(both)}.")
        p99 = [servers[name]["summary"]["p99_ms"] for name in BACKENDS]
        if all(one is not None and one["high"] < FROZEN_MS for one in p99):
            reasons.append("p99 is short under both.")
        return advice(better, margin, reasons, changes if better == "event_loop" else ["Handlers that do less."])
    return None


def ratio_of(servers: dict[str, Any], figure: str) -> dict[str, float] | None:
    """Of summaries: the rounds' extremes against each other."""
    mine, other = (servers[name]["summary"].get(figure) for name in ("fiber", "event_loop"))
    if not mine or not other or min(other["low"], mine["low"]) <= 0:
        return None
    return {
        "median": mine["median"] / other["median"],
        "low": mine["low"] / other["high"],
        "high": mine["high"] / other["low"],
    }


def inverse(ratio: dict[str, float] | None) -> dict[str, float] | None:
    if ratio is None or ratio["low"] <= 0:
        return None
    return {"median": 1 / ratio["median"], "low": 1 / ratio["high"], "high": 1 / ratio["low"]}


def above(ratio: dict[str, float] | None, noise: float) -> bool:
    return ratio is not None and ratio["low"] > 1 + noise


def below(ratio: dict[str, float] | None, noise: float) -> bool:
    return ratio is not None and ratio["high"] < 1 - noise


def add_doubts(found: Advice, servers: dict[str, Any]) -> Advice:
    for name, server in servers.items():
        if any(one["client_limited"] for one in server["rounds"]):
            found["reasons"].append(f"The client was at its limit with {name}, which may be faster than this.")
        errors = server["summary"]["errors"]
        if errors["high"]:
            found["reasons"].append(f"{errors['high']:.0f} requests failed in a round under {name}.")
    if min(len(server["rounds"]) for server in servers.values()) < ROUNDS_MIN:
        found["reasons"].append(f"There are fewer than {ROUNDS_MIN} rounds: chance may say the same.")
    return found


def ms(spread: dict[str, float]) -> str:
    return f"{spread['median']:.3g} ms"


# ---- all of them


def overall(scenarios: list[dict[str, Any]]) -> Advice:
    """A freeze decides, since no saved CPU time makes up for it; else what most scenarios say."""
    verdicts = {name: [one for one in scenarios if one["advice"]["verdict"] == name] for name in BACKENDS}
    deciding = {name: [one for one in found if one["advice"]["decides"]] for name, found in verdicts.items()}
    chosen = next((name for name in BACKENDS if deciding[name] and not deciding[OTHER[name]]), None)
    if chosen is None and not any(deciding.values()):
        chosen = next((name for name in BACKENDS if len(verdicts[name]) > len(verdicts[OTHER[name]])), None)
    reasons = [f"{one['title']}: {one['advice']['verdict']}. {one['advice']['margin']}" for one in scenarios]
    if chosen is None:
        differ = any(verdicts.values())
        margin = "The scenarios disagree." if differ else "No scenario differs by more than noise."
        return {**advice("either", margin, reasons, ["Scenarios that are your own workload."]), "toml": ""}
    first = (deciding[chosen] or verdicts[chosen])[0]["advice"]
    against = [one for one in scenarios if one["advice"]["verdict"] == OTHER[chosen]]
    changes = first["would_change"] + [
        f"If {one['title']!r} is what you mostly serve: {one['advice']['margin']}" for one in against
    ]
    return {**advice(chosen, first["margin"], reasons, changes), "toml": f'[concurrency]\nbackend = "{chosen}"'}
