# SPDX-License-Identifier: Apache-2.0
"""Which backend for what was measured, by how much, why, and what would change the answer.

What counts, in this order (GRAVITY): requests that fail; requests that wait because others hold the loop; CPU time a
request; memory a connection; throughput. A difference counts only if all rounds have it. What is graver in one scenario
outweighs what is less so in any number of others; among equals the sum of what is saved decides, not how many they are.
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
GRAVITY = {  # what decides, by its key in the result
    "errors": "requests that fail",
    "freezes": "requests that wait for others",
    "cpu": "CPU time a request",
    "memory": "memory a connection",
    "throughput": "time for as many requests",
}
SEEN = ("errors", "freezes")  # by users, whom no saving makes up for it
ROUNDS_MIN = 5  # with fewer, it is likely that all agree by chance

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


def advice(
    verdict: str, margin: str, reasons: list[str], would_change: list[str], by: str = "", saved: float = 0.0
) -> Advice:
    """`by`: what decides, of GRAVITY; `saved`: which share of it."""
    return {
        "verdict": verdict,
        "margin": margin,
        "reasons": reasons,
        "would_change": would_change,
        "by": by,
        "saved": saved,
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
            return advice(name, margin, [], ["The cause of these failures."], by="errors", saved=1.0)
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
    margin = f"{percentile} is {times:.3g} times shorter under {quick}."
    return advice(quick, margin, reasons, changes, by="freezes", saved=1 - 1 / times)


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
    for ratio, noise, by, figure in (
        (cost, NOISE, "cpu", "cpu_us_per_request"),
        (memory, MEMORY_NOISE, "memory", "bytes_per_connection"),
        (inverse(rate), NOISE, "throughput", None),
    ):
        better = "event_loop" if above(ratio, noise) else "fiber" if below(ratio, noise) else None
        if ratio is None or better is None:
            continue
        saved = 1 - 1 / ratio["median"] if better == "event_loop" else 1 - ratio["median"]
        what = GRAVITY[by]
        margin = f"{saved:.1%} less {what} under {better}."
        reasons = [f"fiber/event_loop {ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f}) in {what}."]
        if figure:
            both = (f"{servers[name]['summary'][figure]['median']:.4g} under {name}" for name in BACKENDS)
            reasons.append(f"{figure}: {', '.join(both)}.")
        p99 = [servers[name]["summary"]["p99_ms"] for name in BACKENDS]
        if all(one is not None and one["high"] < FROZEN_MS for one in p99):
            reasons.append("p99 is short under both.")
        would_change = changes if better == "event_loop" else ["Handlers that do less."]
        return advice(better, margin, reasons, would_change, by, saved)
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
    """As one scenario is judged: by the gravest of what differs in any of them."""
    speaking = [one for one in scenarios if one["advice"]["by"]]
    reasons = [f"{one['title']}: {one['advice']['verdict']}. {one['advice']['margin']}" for one in scenarios]
    own = ["Scenarios that are your own workload."]
    if not speaking:
        return {**advice("either", "No scenario differs by more than noise.", reasons, own), "toml": ""}
    by = min((one["advice"]["by"] for one in speaking), key=list(GRAVITY).index)
    deciding = [one for one in speaking if one["advice"]["by"] == by]
    saved = {
        name: sum(one["advice"]["saved"] for one in deciding if one["advice"]["verdict"] == name) for name in BACKENDS
    }
    chosen = max(BACKENDS, key=lambda name: saved[name])
    against = [one for one in speaking if one["advice"]["verdict"] != chosen]
    voices = "; ".join(f"{name} for {titles(speaking, name)}" for name in BACKENDS)
    disagree = f"The scenarios disagree: {voices}. " if against else ""
    if saved[OTHER[chosen]] > 0 and (by in SEEN or saved[chosen] - saved[OTHER[chosen]] <= NOISE):
        margin = f"{disagree}By {GRAVITY[by]} there is as much for either."
        return {**advice("depends", margin, reasons, own), "toml": ""}
    reasons.insert(0, f"{disagree}Decided by {GRAVITY[by]}{', which outweigh any saving' if by in SEEN else ''}.")
    first = max((one for one in deciding if one not in against), key=lambda one: one["advice"]["saved"])
    margin = f"{first['title']}: {first['advice']['margin']}"
    changes = first["advice"]["would_change"] + [
        f"If {one['title']!r} is what you mostly serve: {one['advice']['margin']}" for one in against
    ]
    toml = f'[concurrency]\nbackend = "{chosen}"'
    return {**advice(chosen, margin, reasons, changes, by, first["advice"]["saved"]), "toml": toml}


def titles(scenarios: list[dict[str, Any]], verdict: str) -> str:
    return ", ".join(repr(one["title"]) for one in scenarios if one["advice"]["verdict"] == verdict)
