"""Does a step's time grow with depth as its arithmetic does? Nets of 20, 56 and 110 layers on the digits, in turn, one thread.

All is recorded, as in a run. Times are the thread's own, on the processor: what else the machine does is not counted.
ratio: time of a step at 110 layers ÷ what the straight line through 20 and 56 layers gives (1.05 are allowed).
"""

from __future__ import annotations

import statistics
import time

import torch

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


def seconds(trainer: Trainer) -> float:
    start = time.thread_time()
    for _ in range(STEPS):
        trainer.advance()
    return (time.thread_time() - start) / STEPS


def main() -> float:
    torch.set_num_threads(1)
    trainers = {depth: trainer(depth) for depth in DEPTHS}
    for each in trainers.values():
        seconds(each)
    rows = [[seconds(each) for each in trainers.values()] for _ in range(ROUNDS)]
    low, middle, high = DEPTHS
    ratios = [c / (b + (b - a) * (high - middle) / (middle - low)) for a, b, c in rows]
    for depth, times in zip(DEPTHS, zip(*rows, strict=True), strict=True):
        print(f"{depth} layers: {1000 * statistics.median(times):.1f} ms a step")
    print(f"110 layers ÷ the line: from {min(ratios):.3f} to {max(ratios):.3f} over {ROUNDS} rounds")
    return statistics.median(ratios)
