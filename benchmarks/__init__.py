"""Benchmarks: `python -m benchmarks NAME` prints a table and, last, one line `ratio: X`.

Speeds are compared in turn, in one run, for the machine is never quiet.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def times(work: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds on the processor, the thread's own, of each piece of work in each round, all of a round in turn."""
    for call in work.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, call in work.items():
            start = time.thread_time()
            call()
            found[name].append(time.thread_time() - start)
    return found


def ratio(found: Mapping[str, list[float]], one: str, other: str) -> float:
    """Median over rounds of one ÷ other."""
    return statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))
