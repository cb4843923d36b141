"""How a network is trained; and seeds that depend on what they are for."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from resnet_viz.spec.checks import choice as _choice
from resnet_viz.spec.checks import require as _require

OPTIMIZERS = {"sgd": "SGD with momentum", "adam": "Adam", "adamw": "AdamW"}


SCHEDULES = {"constant": "constant", "multistep": "multi-step", "cosine": "cosine", "onecycle": "one-cycle"}


DEVICES = ("auto", "cpu", "cuda", "mps")


DTYPES = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainSpec:
    """How a network is trained. ``steps`` > 0 ends training there, whatever ``epochs`` says.

    ``milestones`` are shares of the run at which "multistep" divides the rate by 10 (He 2015: 0.5 and 0.75).
    ``device``, ``dtype`` "auto" and ``threads`` 0 are resolved once, when the run is created.
    """

    optimizer: str = "sgd"
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    milestones: tuple[float, ...] = (0.5, 0.75)
    warmup_steps: int = 0
    batch_size: int = 128
    epochs: int = 12
    steps: int = 0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    seed: int = 0
    reestimate_bn: bool = True
    device: str = "auto"
    dtype: str = "auto"
    channels_last: bool = True
    threads: int = 0

    def validate(self) -> None:
        _choice(self.optimizer, OPTIMIZERS, "Optimizer")
        _choice(self.schedule, SCHEDULES, "Schedule")
        _choice(self.device, DEVICES, "Device")
        _choice(self.dtype, DTYPES, "Precision")
        _require(
            math.isfinite(self.lr) and self.lr > 0,
            f"A learning rate of {self.lr:g} does not train; set one above 0, such as 0.05.",
        )
        _require(0 <= self.momentum < 1, f"Momentum {self.momentum} is outside 0 to 1; 0.9 is usual.")
        _require(
            math.isfinite(self.weight_decay) and self.weight_decay >= 0,
            f"Weight decay {self.weight_decay} is below 0; 1e-4 is usual.",
        )
        _require(
            all(0 < m < 1 for m in self.milestones) and list(self.milestones) == sorted(self.milestones),
            f"Milestones {self.milestones} are shares of the run between 0 and 1, in rising order, such as 0.5 and 0.75.",
        )
        _require(self.warmup_steps >= 0, f"A warm-up of {self.warmup_steps} steps is below 0.")
        _require(self.batch_size >= 2, f"A batch of {self.batch_size} is too small: BatchNorm needs 2 images or more.")
        _require(1 <= self.epochs <= 10_000, f"{self.epochs} epochs are outside 1 to 10,000.")
        _require(self.steps >= 0, f"{self.steps} steps are below 0 (0 means: as many as the epochs take).")
        _require(
            0 <= self.label_smoothing < 1,
            f"Label smoothing {self.label_smoothing} is outside 0 to 1; 0.1 is usual.",
        )
        _require(0 <= self.mixup <= 10, f"Mixup's alpha {self.mixup} is outside 0 to 10; 0.2 is usual.")
        _require(0 <= self.seed < 2**63, f"Seed {self.seed} is not a whole number from 0 up.")
        _require(0 <= self.threads <= 1024, f"{self.threads} threads are outside 0 (chosen for you) to 1024.")


def seed_from(*parts: object) -> int:
    """A seed, 0 to 2^63 − 1, that depends on every part and on nothing else: randomness is counted, not carried along."""
    text = ":".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
