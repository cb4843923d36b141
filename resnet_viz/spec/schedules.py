"""What happens when in a run, as pure functions of the step: the learning rate, and which epochs leave weights behind.

torch's schedulers hold state, and a resumed run would have to restore it. A function of the step has none to lose.
"""

from __future__ import annotations

import math

from resnet_viz.spec.train import TrainSpec

# Training images over which a finished run is asked how well it fits them, as they are: the other side of the validation gap.
FIT_IMAGES = 1024
# Training images over which BatchNorm's statistics are estimated again, before each validation.
BN_IMAGES = 1024

# torch's OneCycleLR (Smith 2018): starts at rate / 25, peaks after 30 % of the run, ends at rate / 250,000.
_ONECYCLE_START, _ONECYCLE_PEAK, _ONECYCLE_END = 1 / 25, 0.3, 1 / 250_000


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def lr_at(train: TrainSpec, step: int, total: int) -> float:
    """The learning rate of a step (from 1) in a run of ``total`` steps.

    "multistep" divides by 10 at each milestone (He 2015, section 4.2), "cosine" falls to 0 (Loshchilov 2017),
    "onecycle" is torch's OneCycleLR with its defaults. A warm-up of n steps rises linearly to the rate at step n.
    """
    done = step - 1
    share = done / total
    factor = 1.0
    if train.schedule == "multistep":
        factor = 0.1 ** sum(done >= round(m * total) for m in train.milestones)
    elif train.schedule == "cosine":
        factor = _cosine(1, 0, share)
    elif train.schedule == "onecycle":
        peak = max(_ONECYCLE_PEAK * total - 1, 1e-9)
        if done <= peak:
            factor = _cosine(_ONECYCLE_START, 1, done / peak)
        else:
            factor = _cosine(1, _ONECYCLE_END, min(1, (done - peak) / max(total - 1 - peak, 1e-9)))
    if train.warmup_steps:
        factor *= min(1.0, step / train.warmup_steps)
    return train.lr * factor


def checkpoint_epochs(epochs: int, most: int = 20) -> frozenset[int]:
    """At most ``most`` epochs, evenly spaced on a log axis from 1 to the last, and epoch 0: most is learned early."""
    last = most - 2
    spaced = (round(epochs ** (i / last)) for i in range(last + 1))
    return frozenset({0, *spaced})
