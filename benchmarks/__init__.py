"""Benchmarks: `python -m benchmarks NAME` prints a table and, last, one line `ratio: X`.

Speeds are compared in turn, in one run, for the machine is never quiet.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


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


def tensorboard(model: Any, folder: str) -> dict[str, Callable[[int, float], None]]:
    """What loops log of a step (its number, its loss) by TensorBoard: a scalar, or a histogram, of each parameter's gradient."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(folder)

    def scalars(step: int, loss: float) -> None:
        writer.add_scalar("loss", loss, step)
        for name, p in model.named_parameters():
            writer.add_scalar(f"gradient/{name}", p.grad.norm().item(), step)

    def histograms(step: int, loss: float) -> None:
        writer.add_scalar("loss", loss, step)
        for name, p in model.named_parameters():
            writer.add_histogram(f"gradient/{name}", p.grad, step)

    return {"TensorBoard scalars": scalars, "TensorBoard histograms": histograms}
