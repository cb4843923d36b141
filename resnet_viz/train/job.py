"""Training: `run(spec)` is a generator of events, and everything it does follows from the spec.

Every draw is made by a generator seeded from (seed, what for, step), never from a random state that goes along: so twins see
the same images in the same order, and a checkpoint is weights, optimizer and position. Imports torch and numpy alone
(scikit-learn for the digits, torchvision where it is used), so it runs headless.
"""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import torch

from resnet_viz import settings
from resnet_viz.data import batches, catalogue
from resnet_viz.data.splits import load_splits
from resnet_viz.runs.events import Event, Point, Result, Status
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.schedules import checkpoint_epochs
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.diverged import not_finite
from resnet_viz.train.trainer import Trainer


def resolve(spec: RunSpec) -> RunSpec:
    """The spec with device, dtype and threads decided for this machine. Done once, by the worker that carries the run out."""
    train = spec.train
    device = train.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    dtype = train.dtype
    if dtype == "auto":
        # On CPUs torch 2.14's gradient of grouped convolutions in bfloat16 is not finite for maps of a few pixels.
        grouped = device == "cpu" and (spec.own is not None or spec.model.groups > 1)
        dtype = "bfloat16" if _fast_bfloat16(device) and not grouped else "float32"
    # A lab of trained networks has the machine to itself; what trains computes alike alone and beside others.
    trained = spec.lab is not None and bool(spec.lab.networks)
    threads = train.threads or (settings.cores() if trained else settings.threads())
    return replace(spec, train=replace(train, device=device, dtype=dtype, threads=threads))


def _fast_bfloat16(device: str) -> bool:
    """Whether the processor multiplies bfloat16 in hardware; where it does not, it is slower than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return device == "cpu" and any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def load(spec: RunSpec) -> Generator[Status, None, batches.Batches]:
    """The images on the device; while they are downloaded, how far that is. Raises DataError where they can't be had."""
    progress: queue.SimpleQueue[Status | None] = queue.SimpleQueue()
    outcome: list[Any] = []

    def load() -> None:
        try:
            outcome.append(load_splits(spec.data, lambda *status: progress.put(Status(*status))))
        except Exception as error:
            outcome.append(error)
        progress.put(None)

    threading.Thread(target=load, daemon=True).start()
    while (status := progress.get()) is not None:
        yield status
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return batches.Batches(outcome[0], spec)


def run(spec: RunSpec, resume: bytes | None = None) -> Generator[Event, str | None, None]:
    """Train as the spec says, from the start or from a full checkpoint.

    Yields Status while data is fetched and images are evaluated; a Point a step, an epoch's last one with the validation;
    Checkpoints; last, a Result.
    After a Point the consumer may send("checkpoint"): the next event is then a full Checkpoint of that step.
    Raises UserError, whose text is for the user: of the spec, or of the data.
    """
    spec = resolve(catalogue.fill(spec))
    torch.set_num_threads(spec.train.threads)
    if spec.train.device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
    started = time.perf_counter()
    trainer = Trainer(spec, (yield from load(spec)))
    keep = checkpoint_epochs(max(1, trainer.total // trainer.per_epoch))
    if resume:
        trainer.restore(resume)
    else:
        yield trainer.checkpoint(full=False)

    first = trainer.step
    while trainer.step < trainer.total:
        point = trainer.advance()
        if message := not_finite(trainer, point):
            yield point
            yield Result("diverged", _values(trainer, started, first), message)
            return
        if trainer.step % trainer.per_epoch == 0 or trainer.step == trainer.total:
            # Before the step's Point, so that a checkpoint asked for there has the epoch's validation behind it.
            trainer.estimate_statistics()
            loss, accuracy = yield from trainer.evaluate("validation")
            point = replace(point, values=point.values | {"val_loss": loss, "val_accuracy": accuracy})
            if trainer.step // trainer.per_epoch in keep:
                yield trainer.checkpoint(full=False)
        if (yield point) == "checkpoint":
            yield trainer.checkpoint(full=True)
    fit_loss, fit_accuracy = yield from trainer.evaluate("train")
    loss, accuracy = yield from trainer.evaluate("test")
    yield Point(trainer.step, {"test_loss": loss, "test_accuracy": accuracy})
    yield trainer.checkpoint(full=True)
    outcome = {"fit_loss": fit_loss, "fit_accuracy": fit_accuracy, "test_loss": loss, "test_accuracy": accuracy}
    yield Result("finished", _values(trainer, started, first) | outcome)


def _values(trainer: Trainer, started: float, first: int) -> dict[str, Any]:
    """What a run came to: means over the images of the last epoch, and how long the steps of this attempt took."""
    seen = max(1, trainer.epoch.images)
    loss = trainer.epoch.loss / seen
    return {
        "train_loss": loss if math.isfinite(loss) else None,
        "train_accuracy": trainer.epoch.correct / seen,
        "steps": trainer.step,
        "seconds": round(time.perf_counter() - started, 3),
        "from_step": first,
    }


def warm() -> None:
    """Import and run everything once (a step on the digits), so that the next run starts at once."""
    job = run(RunSpec(model=ModelSpec(depth=8), train=TrainSpec(batch_size=8, steps=1, threads=1)))
    next(event for event in job if isinstance(event, Point))
    job.close()
