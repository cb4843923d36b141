"""What a job says while it runs, and the metrics it may name.

A job is a generator of these events. They are plain data (numpy, bytes): a worker writes them to the store, a test
reads them, and a remote task can stream them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resnet_viz.language import N_


@dataclass(frozen=True)
class Point:
    """Values of metrics at one step (from 1; step 0 is before training). A scalar is a float, a vector float32 (N,)."""

    step: int
    values: dict[str, float | np.ndarray]


@dataclass(frozen=True)
class Checkpoint:
    """Weights at a step, serialised. ``full``: with optimizer and position, so that a run can go on from it."""

    step: int
    epoch: int
    full: bool
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Status:
    """What is going on before or between the steps, such as a download: ``done`` of ``total`` (0: unknown)."""

    text: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Result:
    """The job's last event. ``status``: "finished" or "diverged"; ``values``: what is shown and stored as the outcome."""

    status: str
    values: dict[str, Any]
    message: str = ""


Event = Point | Checkpoint | Status | Result


@dataclass(frozen=True)
class Metric:
    """How a metric is called and drawn. ``per``: "step" or "epoch"; ``axis``: None, "block" or "layer" (a vector over those)."""

    label: str
    unit: str = ""
    log: bool = False
    per: str = "step"
    axis: str | None = None


METRICS: dict[str, Metric] = {
    "loss": Metric("training loss", "nats", per="step"),
    "accuracy": Metric("training accuracy", "share"),
    "lr": Metric("learning rate", log=True),
    "speed": Metric("speed", "images/s"),
    "grad_block": Metric("gradient at the block's output ‖∂L/∂h‖", log=True, axis=N_("block")),
    "grad_weight": Metric("weight gradient ‖∂L/∂w‖", log=True, axis=N_("layer")),
    "update_ratio": Metric("update ÷ weight ‖Δw‖/‖w‖", log=True, axis=N_("layer")),
    "activation_std": Metric("std of activations before ReLU", log=True, axis=N_("layer")),
    "branch_share": Metric("branch share ‖F(x)‖/‖x‖", log=True, axis=N_("block")),
    "val_loss": Metric("validation loss", "nats", per="epoch"),
    "val_accuracy": Metric("validation accuracy", "share", per="epoch"),
    "test_loss": Metric("test loss", "nats", per="epoch"),
    "test_accuracy": Metric("test accuracy", "share", per="epoch"),
}
