"""Does a step's time grow with depth as its arithmetic does? Nets of 20, 56 and 110 layers on the digits, in turn, one thread.

All is recorded, as in a run. Times are the thread's own, on the processor: what else the machine does is not counted.
ratio: time of a step at 110 layers ÷ what the straight line through 20 and 56 layers gives (1.05 are allowed).
"""

from __future__ import annotations

import statistics
from functools import partial

import torch

from benchmarks import times
from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches
from resnet_viz.data.splits import load_splits
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.job import resolve
from resnet_viz.train.trainer import Trainer

DEPTHS, ROUNDS, STEPS = (20, 56, 110), 9, 8  # as many steps as one whose activations are recorded comes in


def trainer(depth: int) -> Trainer:
    spec = resolve(catalogue.fill(RunSpec(ModelSpec(depth=depth), train=TrainSpec(epochs=1000, threads=1))))
    return Trainer(spec, Batches(load_splits(spec.data), spec))


def train(trainer: Trainer) -> None:
    for _ in range(STEPS):
        trainer.advance()


def main() -> float:
    torch.set_num_threads(1)
    found = times({str(depth): partial(train, trainer(depth)) for depth in DEPTHS}, ROUNDS)
    for depth, taken in found.items():
        print(f"{depth} layers: {1000 * statistics.median(taken) / STEPS:.1f} ms a step")
    low, middle, high = DEPTHS
    beyond = (high - middle) / (middle - low)
    ratios = [c / (b + (b - a) * beyond) for a, b, c in zip(*found.values(), strict=True)]
    print(f"110 layers ÷ the line: from {min(ratios):.3f} to {max(ratios):.3f} over {ROUNDS} rounds")
    return statistics.median(ratios)
