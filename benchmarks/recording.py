"""What recording costs: steps of ResNet-56 on the digits with recording on and off, in turn, one thread.

ratio: time of a step with recording ÷ without (median over rounds). The spread of off against off stands beside it.
"""

from __future__ import annotations

import statistics
import time

import torch

from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches
from resnet_viz.data.splits import load_splits
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.job import resolve
from resnet_viz.train.trainer import Trainer

STEPS, ROUNDS = 16, 12


def main() -> float:
    torch.set_num_threads(1)
    spec = resolve(catalogue.fill(RunSpec(train=TrainSpec(epochs=1000, threads=1))))
    trainer = Trainer(spec, Batches(load_splits(spec.data), spec))

    def timed(record: bool) -> float:
        start = time.perf_counter()
        for _ in range(STEPS):
            trainer.advance(record)
        return (time.perf_counter() - start) / STEPS

    timed(True)
    rows = [(timed(False), timed(True), timed(False)) for _ in range(ROUNDS)]
    on = [2 * r / (a + b) for a, r, b in rows]
    off = sorted(b / a for a, _, b in rows)
    print(f"a step without recording: {1000 * statistics.median(a for a, _, _ in rows):.1f} ms, {spec.train.dtype}")
    print(
        f"on ÷ off: median {statistics.median(on):.3f}, from {min(on):.3f} to {max(on):.3f} over {ROUNDS} rounds of {STEPS} steps"
    )
    print(f"off ÷ off: median {statistics.median(off):.3f}, from {off[0]:.3f} to {off[-1]:.3f}")
    return statistics.median(on)
