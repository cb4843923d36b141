"""What recording costs: steps of ResNet-56 on the digits with recording on and off, in turn, one thread.

Beside it: a TensorBoard scalar, and a histogram, of each parameter's gradient, logged after such a step without recording.
ratio: time of a step with recording ÷ without (median over rounds). The spread of off against off stands beside it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable

import torch

from benchmarks import tensorboard
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

    def timed(record: bool, log: Callable[[int, float], None] | None = None) -> float:
        start = time.perf_counter()
        for _ in range(STEPS):
            point = trainer.advance(record)
            if log:
                log(point.step, point.values["loss"])
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
    with tempfile.TemporaryDirectory() as folder:
        for name, log in tensorboard(trainer.model, folder).items():
            beside = [2 * timed(False, log) / (timed(False) + timed(False)) for _ in range(ROUNDS)]
            print(f"{name} ÷ off: median {statistics.median(beside):.3f}, from {min(beside):.3f} to {max(beside):.3f}")
    return statistics.median(on)
