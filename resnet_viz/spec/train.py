"""How a network is trained; and seeds that depend on what they are for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from resnet_viz.spec.checks import quote, require
from resnet_viz.spec.fields import WHOLE, check, row

OPTIMIZERS = {"sgd": "SGD with momentum", "adam": "Adam", "adamw": "AdamW"}
SCHEDULES = {"constant": "constant", "multistep": "multi-step", "cosine": "cosine", "onecycle": "one-cycle"}
DEVICES = {name: name for name in ("auto", "cpu", "cuda", "mps")}
DTYPES = {name: name for name in ("auto", "float32", "bfloat16")}
# What a machine decides for itself: equal runs may differ in it.
MACHINE = ("device", "dtype", "threads")


@dataclass(frozen=True)
class TrainSpec:
    """How a network is trained. ``steps`` > 0 ends training there, whatever ``epochs`` says.

    ``milestones`` are shares of the run at which "multistep" divides the rate by 10 (He 2015: 0.5 and 0.75).
    ``device``, ``dtype`` "auto" and ``threads`` 0 are resolved once, by the worker that runs it.
    """

    optimizer: str = row("sgd", "Optimizer", choices=OPTIMIZERS, tab="training")
    lr: float = row(0.05, "Learning rate", above=0, step=0.01, tab="main")
    momentum: float = row(0.9, "Momentum", "Of SGD.", low=0, below=1, step=0.05, tab="training")
    weight_decay: float = row(0.0, "Weight decay", low=0, step=1e-4, usual="1e-4", tab="training")
    schedule: str = row("constant", "Schedule", "Of the learning rate.", choices=SCHEDULES, tab="training")
    milestones: tuple[float, ...] = row(
        (0.5, 0.75), "Milestones", "Shares of the run at which multi-step divides the learning rate by 10.", above=0, below=1,
        separator=",", usual="0.5,0.75", tab="training",
    )  # fmt: skip
    warmup_steps: int = row(
        0, "Warm-up steps", "The learning rate rises linearly over so many.", low=0, step=10, tab="training"
    )
    batch_size: int = row(128, "Batch size", "BatchNorm needs 2 images or more.", low=2, high=65_536, tab="training")
    epochs: int = row(12, "Epochs", low=1, high=10_000, tab="training")
    steps: int = row(0, "Steps", "0: as many as the epochs take.", low=0, high=10**9, step=10, tab="training")
    label_smoothing: float = row(0.0, "Label smoothing", low=0, below=1, step=0.05, usual="0.1", tab="training")
    mixup: float = row(0.0, "Mixup α", "0: none (Zhang 2018).", low=0, high=10, step=0.1, usual="0.2", tab="training")
    seed: int = row(0, "Seed", "Of the start, the batches and the augmentation.", low=0, high=WHOLE, tab="training")
    reestimate_bn: bool = row(
        True, "Estimate BatchNorm's statistics again before each test",
        "Running averages lag behind; a plain 56-layer net tests 20-30 points lower with them.", tab="machine",
    )  # fmt: skip
    device: str = row("auto", "Device", choices=DEVICES, tab="machine")
    dtype: str = row("auto", "dtype", "auto: bfloat16 where the processor has it.", choices=DTYPES, tab="machine")
    channels_last: bool = row(
        True, "channels_last", "The layout in memory that convolutions are fastest in.", tab="machine"
    )
    threads: int = row(
        0,
        "Threads",
        "0: the cores divided by the workers at most, the same alone and beside others.",
        low=0,
        high=1024,
        tab="machine",
    )

    def validate(self) -> None:
        """Raise SpecError with one sentence for the first thing that is wrong."""
        check(self)
        require(
            list(self.milestones) == sorted(self.milestones),
            f"Milestones {quote(self.milestones)} are not in rising order, such as 0.5 and 0.75.",
        )


def seed_from(*parts: object) -> int:
    """A seed, 0 to 2^63 − 1, that depends on every part and on nothing else: randomness is counted, not carried along."""
    text = ":".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
