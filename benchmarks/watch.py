"""What `watch` adds to a step: ResNet-20 (batch 128, 32 px) and ResNet-18 (batch 8, 224 px), float32, one thread, in turn.

CPU time of the whole process, so that what else the machine does counts less; the watch's writing is in it. Beside it:
a TensorBoard scalar, and a histogram, of each parameter's gradient, as loops log them.
ratio: the larger of the two nets' CPU time of a step watched ÷ unwatched (median over rounds).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import resnet_viz as rv
from benchmarks import tensorboard

NETS: dict[str, tuple[Callable[[], nn.Module], int, int, int, int]] = {
    # How it is made, batch, pixels, steps a round, rounds.
    "ResNet-20": (lambda: rv.build(rv.ModelSpec(depth=20)), 128, 32, 8, 9),
    "ResNet-18": (lambda: torchvision.models.resnet18(num_classes=10), 8, 224, 8, 5),
}
Log = Callable[[int, torch.Tensor, torch.optim.Optimizer, torch.Tensor, torch.Tensor], None]


def _nothing(*_: Any) -> None:
    pass


def _net(label: str, home: Path) -> float:
    make, batch, size, steps, rounds = NETS[label]
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    x, y = torch.randn(batch, 3, size, size), torch.randint(0, 10, (batch,))
    number = 0

    def timed(log: Log, steps: int = steps) -> float:
        nonlocal number
        start = time.process_time()
        for _ in range(steps):
            number += 1
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            log(number, loss, optimizer, logits, y)
            optimizer.step()
        return (time.process_time() - start) / steps

    def watched() -> float:
        # The hooks are there while it watches, so each round watches anew; its first step, which begins the run, is not timed.
        with rv.watch(model, name=label, home=home) as watch:

            def step(
                _: int, loss: torch.Tensor, opt: torch.optim.Optimizer, logits: torch.Tensor, y: torch.Tensor
            ) -> None:
                watch.step(loss, opt, logits=logits, target=y)

            timed(step, 1)
            return timed(step)

    timed(_nothing)
    others: dict[str, Log] = {
        name: lambda step, loss, *_, log=log: log(step, loss.item())
        for name, log in tensorboard(model, str(home / "tensorboard")).items()
    }
    rows: dict[str, list[float]] = {"watch": [], "off": [], **{name: [] for name in others}}
    for _ in range(rounds):
        before = timed(_nothing)
        rows["watch"].append(watched())
        for name, log in others.items():
            rows[name].append(timed(log))
        after = timed(_nothing)
        rows["off"].append(after / before)
        for name in ("watch", *others):
            rows[name][-1] /= (before + after) / 2
    print(
        f"{label}, batch {batch}, {size} px: {1000 * before:.0f} ms of CPU a step unwatched; {rounds} rounds of {steps} steps"
    )
    for name, values in rows.items():
        print(f"  {name:24} ×{statistics.median(values):.3f}  ({min(values):.3f} to {max(values):.3f})")
    return statistics.median(rows["watch"])


def main() -> float:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        return max(_net(label, Path(folder)) for label in NETS)
