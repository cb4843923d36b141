"""How a network is trained; and seeds that depend on what they are for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from resnet_viz.language import N_
from resnet_viz.spec.checks import quote, require
from resnet_viz.spec.fields import WHOLE, check, row

OPTIMIZERS = {"sgd": N_("SGD with momentum"), "adam": "Adam", "adamw": "AdamW"}
SCHEDULES = {
    "constant": N_("constant"),
    "multistep": N_("multi-step"),
    "cosine": N_("cosine"),
    "onecycle": N_("one-cycle"),
}
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

    optimizer: str = row("sgd", N_("Optimizer"), choices=OPTIMIZERS, tab="training")
    lr: float = row(0.05, N_("Learning rate"), above=0, step=0.01, tab="main")
    momentum: float = row(0.9, N_("Momentum"), N_("Of SGD."), low=0, below=1, step=0.05, tab="training")
    weight_decay: float = row(0.0, N_("Weight decay"), low=0, step=1e-4, usual="1e-4", tab="training")
    schedule: str = row("constant", N_("Schedule"), N_("Of the learning rate."), choices=SCHEDULES, tab="training")
    milestones: tuple[float, ...] = row(
        (0.5, 0.75), N_("Milestones"),
        N_("Shares of the run at which multi-step divides the learning rate by 10."), above=0, below=1,
        separator=",", usual="0.5,0.75", tab="training",
    )  # fmt: skip
    warmup_steps: int = row(
        0, N_("Warm-up steps"), N_("The learning rate rises linearly over so many."), low=0, step=10, tab="training"
    )
    batch_size: int = row(
        128, N_("Batch size"), N_("BatchNorm needs 2 images or more."), low=2, high=65_536, tab="training"
    )
    epochs: int = row(12, N_("Epochs"), low=1, high=10_000, tab="training")
    steps: int = row(0, N_("Steps"), N_("0: as many as the epochs take."), low=0, high=10**9, step=10, tab="training")
    label_smoothing: float = row(0.0, N_("Label smoothing"), low=0, below=1, step=0.05, usual="0.1", tab="training")
    mixup: float = row(
        0.0, N_("Mixup α"), N_("0: none (Zhang 2018)."), low=0, high=10, step=0.1, usual="0.2", tab="training"
    )
    seed: int = row(
        0, N_("Seed"), N_("Of the start, the batches and the augmentation."), low=0, high=WHOLE, tab="training"
    )
    reestimate_bn: bool = row(
        True, N_("Estimate BatchNorm's statistics again before each test"),
        N_("Running averages lag behind; a plain 56-layer net tests 20-30 points lower with them."), tab="machine",
    )  # fmt: skip
    device: str = row("auto", N_("Device"), choices=DEVICES, tab="machine")
    dtype: str = row("auto", "dtype", N_("auto: bfloat16 where the processor has it."), choices=DTYPES, tab="machine")
    channels_last: bool = row(
        True, "channels_last", N_("The layout in memory that convolutions are fastest in."), tab="machine"
    )
    threads: int = row(
        0,
        N_("Threads"),
        N_("0: the cores divided by the workers at most, the same alone and beside others."),
        low=0,
        high=1024,
        tab="machine",
    )

    def validate(self) -> None:
        """Raise SpecError with one sentence for the first thing that is wrong."""
        check(self)
        require(
            list(self.milestones) == sorted(self.milestones),
            N_("Milestones {milestones} are not in rising order, such as 0.5 and 0.75."),
            milestones=quote(self.milestones),
        )


def seed_from(*parts: object) -> int:
    """A seed, 0 to 2^63 − 1, that depends on every part and on nothing else: randomness is counted, not carried along."""
    text = ":".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
