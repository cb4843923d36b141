"""Why a run left the finite numbers, and what to try."""

from __future__ import annotations

import math

import numpy as np

from resnet_viz.nets import probes
from resnet_viz.runs.events import Point
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.trainer import Trainer


def not_finite(trainer: Trainer, point: Point) -> str | None:
    """Where a run left the finite numbers, the likely cause and what to try, in words; None while all is finite."""
    gradients = point.values["grad_weight"]
    assert isinstance(gradients, np.ndarray)
    spec, sight = trainer.spec, trainer.sight
    bad = ~np.isfinite(gradients) & [w.grad is not None for w in trainer.weights]
    if not math.isfinite(point.values["loss"]):  # type: ignore[arg-type]
        x, _ = trainer.images.batch(point.step)
        with trainer.autocast():
            layer = sight.first_not_finite() if sight else probes.first_not_finite(trainer.model, x)
        where = f"the loss was not a finite number; the first layer with such an output is {layer or 'the loss'}"
    elif bad.any():
        # The gradient runs from the last layer to the first.
        where = f"the gradient was not finite from layer {trainer.layers[np.flatnonzero(bad)[-1]]} down"
    else:
        return None
    cause = f"Try a learning rate of {spec.train.lr / 10:g}." if spec.own else _likely_cause(spec.model, spec.train)
    return f"Diverged at step {point.step}: {where}. {cause}"


def _likely_cause(model: ModelSpec, train: TrainSpec) -> str:
    doubling = model.norm == "none" and model.residual and model.init in ("he", "zero_gamma")
    # What trains digits at 8 to 56 layers: with a norm; where branches start at zero, as advised; with neither.
    usual = 0.05 if model.norm != "none" else 0.03 if doubling or model.init == "skipinit" else 0.01
    if train.optimizer != "sgd":
        usual = 0.001
    if train.lr > 2 * usual:
        start = ", and SkipInit or Fixup, for without a norm the signal doubles block by block" if doubling else ""
        return f"Likely cause: a learning rate of {train.lr:g} is too high here; try {usual:g}{start}."
    if doubling:
        return (
            "Likely cause: without a norm every block adds its branch's variance, so the signal doubles block by block; "
            "try BatchNorm, or SkipInit or Fixup, which start each branch at zero."
        )
    warmup = "" if train.warmup_steps else ", a longer warm-up"
    return (
        f"Likely cause: steps too large for this net; try a learning rate of {train.lr / 10:g}{warmup}, or a batch larger than "
        f"{train.batch_size}."
    )
