# SPDX-License-Identifier: Apache-2.0
"""Fibers beside goroutines and threads, without any server: fibers.cpp and peers/go/goroutines, in turns.

Nanoseconds are CPU time of the whole process; the wake-up alone is by the clock on the wall. Threads are of the kernel,
without a runtime: they wake each other by futex, on one CPU but for the row of two processors.
"""

import statistics
import subprocess
from pathlib import Path

import servers
from table import Report, row

FIGURES = {  # name: what it is
    "switch_2_ns": "bare switch between 2, ns",
    "switch_many_ns": "bare switch among 20,000, ns",
    "yield_2_ns": "give way between 2, ns",
    "yield_many_ns": "give way among 20,000, ns",
    "ping_pong_ns": "wake-up and switch by channel, ns",
    "ping_pong_2_ns": "the same with two processors, ns",
    "life_ns": "spawn + run + end, ns",
    "light_life_ns": "the same, runtime code, ns",
    "stack_life_ns": "stack taken, run upon, given back, ns",
    "wake_p50_us": "woken on the other processor, p50 us",
    "wake_p99_us": "woken on the other processor, p99 us",
    "park_with_stack_ns": "begun and parked with stack, ns",
    "parked_with_stack_bytes": "parked with stack, bytes",
    "resume_with_stack_ns": "resumed on its stack, ns",
    "park_without_stack_ns": "begun and parked without stack, ns",
    "parked_without_stack_bytes": "parked without stack, bytes",
    "resume_without_stack_ns": "resumed without stack, ns",
    "kernel_stack_bytes": "stack that the kernel keeps, bytes",
}
THREADS = "thread_"  # so the names of their figures begin, which are otherwise the fibers'


def figures(command: list[str]) -> dict[str, float]:
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name: float(value) for name, value in (line.split() for line in output.splitlines())}


def columns(programs: dict[str, Path], parked: int) -> dict[str, dict[str, float]]:
    """Of a round: what each program found, threads apart from fibers."""
    found = {name: figures([str(program), str(parked)]) for name, program in programs.items()}
    threads = {name.removeprefix(THREADS): value for name, value in found["fibers"].items() if name.startswith(THREADS)}
    return {**found, "threads": threads}


def run(report: Report, options) -> None:
    programs = {"fibers": options.spindle.parent.parent / "loadtest/spindle_fibers"}
    if binary := servers.build_go("goroutines"):
        programs["goroutines"] = binary
    rounds = [columns(programs, options.parked) for _ in range(options.rounds)]
    report.line(
        f"fibers and goroutines, {options.parked} of them parked, their ratio, and threads; {options.rounds} rounds"
    )
    row(report, "", [*programs, "ratio", "threads"])
    for figure, title in FIGURES.items():
        found = {
            name: statistics.median(one[name][figure] for one in rounds)
            for name in rounds[0]
            if figure in rounds[0][name]
        }
        ratio = found["fibers"] / found["goroutines"] if {"fibers", "goroutines"} <= found.keys() else ""
        if found:
            row(report, title, [*(found.get(name, "") for name in programs), ratio, found.get("threads", "")])
