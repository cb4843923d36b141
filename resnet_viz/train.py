"""Training: `run(spec)` is a generator of events, and everything it does follows from the spec.

Every draw is made by a generator seeded from (seed, what for, step), never from a random state that goes along: so twins see
the same pictures in the same order, and a snapshot is weights, optimiser and position. Imports torch and numpy alone
(scikit-learn for the digits, torchvision where it is used), so it runs headless.
"""

from __future__ import annotations

import io
import math
import os
import queue
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_viz import arch, data, datasets, models, probes
from resnet_viz.events import Event, Point, Result, Snapshot, Status
from resnet_viz.schedules import rate_at, snapshot_epochs
from resnet_viz.spec import ModelSpec, RunSpec, TrainSpec, seed_from, to_json

# Activations are looked at every so many steps: at every step it would cost 8 % of a step.
ACTIVATIONS_EVERY = 8
# Pictures over which BatchNorm's statistics are estimated again, and the batch in which nets are evaluated.
BN_PICTURES = 1024
EVALUATION_BATCH = 256
# Training pictures over which a finished run is asked how well it fits them, as they are: the other side of the validation gap.
FIT_PICTURES = 1024


def resolve(spec: RunSpec) -> RunSpec:
    """The spec with device, precision and threads decided for this machine. Done once, when a run is created."""
    train = spec.train
    device = train.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    precision = train.precision
    if precision == "auto":
        precision = "bfloat16" if _fast_bfloat16(device) else "float32"
    return replace(
        spec,
        train=replace(train, device=device, precision=precision, threads=train.threads or torch.get_num_threads()),
    )


def _fast_bfloat16(device: str) -> bool:
    """Whether the processor multiplies bfloat16 in hardware; where it does not, it is slower than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return device == "cpu" and any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def optimiser(train: TrainSpec, model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of the spec over all parameters of the model."""
    parameters = model.parameters()
    if train.optimiser == "sgd":
        return torch.optim.SGD(parameters, train.rate, train.momentum, weight_decay=train.weight_decay, foreach=True)
    kind = torch.optim.Adam if train.optimiser == "adam" else torch.optim.AdamW
    return kind(parameters, train.rate, weight_decay=train.weight_decay, foreach=True)


@dataclass
class _Epoch:
    """What the steps of the current epoch add up to: sums over pictures, so that means are over pictures."""

    loss: float = 0.0
    right: float = 0.0
    pictures: int = 0


class Trainer:
    """A network, its data and its optimiser at one step of a run. `run` drives it; tests may step it by hand."""

    def __init__(self, spec: RunSpec, pictures: data.Pictures) -> None:
        self.spec, self.pictures = spec, pictures
        train = spec.train
        self.device = torch.device(train.device)
        self.memory_format = torch.channels_last if train.channels_last else torch.contiguous_format
        self.model = models.build(spec.model, train.seed).to(self.device)
        self.model.to(memory_format=self.memory_format)  # type: ignore[call-overload]
        self.optimiser = optimiser(train, self.model)
        self.per_epoch, self.total = datasets.steps_per_epoch(spec), datasets.total_steps(spec)
        self.step = 0
        self.epoch = _Epoch()
        self.blocks = models.blocks(self.model)
        parameters = dict(self.model.named_parameters())
        self.weights = [parameters[name] for name in arch.layers(spec.model)]
        self.responses = models.response_modules(self.model)
        self.updates = probes.Updates(self.weights)

    def autocast(self) -> torch.autocast:
        """bfloat16 for the pass where the spec says so; weights, losses and statistics stay float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.spec.train.precision == "bfloat16")

    def advance(self, record: bool = True, rate: float | None = None) -> Point:
        """One step: forward, backward, update. Returns what was measured, the loss before the update.

        ``record`` off measures loss and accuracy alone: what recording costs is the difference. ``rate`` takes the place of the
        schedule's.
        """
        started = time.perf_counter()
        train, step = self.spec.train, self.step + 1
        if self.step % self.per_epoch == 0:
            self.epoch = _Epoch()
        x, y = self.pictures.batch(step)
        x, mixed, share = self._mixup(x, y, step)
        models.set_survival(self.model, data.generator(train.seed, "survival", step))
        rate = rate_at(train, step, self.total) if rate is None else rate
        for group in self.optimiser.param_groups:
            group["lr"] = rate

        self.model.train()
        self.optimiser.zero_grad(set_to_none=True)
        look = record and self.step % ACTIVATIONS_EVERY == 0
        with ExitStack() as stack:
            gradients = stack.enter_context(probes.block_gradients(self.blocks)) if record else []
            stds = stack.enter_context(probes.responses(self.responses)) if look else {}
            shares = stack.enter_context(probes.branch_shares(self.blocks)) if look else []
            with self.autocast():
                logits = self.model(x)
            logits = logits.float()
            loss = F.cross_entropy(logits, y, label_smoothing=train.label_smoothing)
            if mixed is not None:
                other = F.cross_entropy(logits, mixed, label_smoothing=train.label_smoothing)
                loss = share * loss + (1 - share) * other
            # Weights from before a loss that is not finite say which layer left the numbers first.
            finite = bool(loss.isfinite())
            loss.backward()

        measured = {"loss": loss.detach()[None], "accuracy": (logits.detach().argmax(1) == y).float().mean()[None]}
        if record:
            measured["grad_block"] = torch.stack([g.to(self.device) for g in gradients])
            measured["grad_weight"] = probes.weight_gradients(self.weights)
            self.updates.start()
        if look:
            measured["activation_std"] = torch.stack(list(stds.values()))
            measured["branch_share"] = torch.stack([s.to(self.device) for s in shares])
        if finite:
            self.optimiser.step()
        self.step = step
        if record:
            measured["update_ratio"] = self.updates.ratios()

        values = self._to_host(measured)
        loss_value, right = float(values["loss"][0]), float(values["accuracy"][0])
        self.epoch.loss += loss_value * len(y)
        self.epoch.right += right * len(y)
        self.epoch.pictures += len(y)
        speed = len(y) / (time.perf_counter() - started)
        return Point(step, {**values, "loss": loss_value, "accuracy": right, "rate": rate, "speed": speed})

    @staticmethod
    def _to_host(measured: dict[str, Tensor]) -> dict[str, np.ndarray]:
        """Vectors (N,) from the device as float32, in one transfer."""
        flat = torch.cat([v.float() for v in measured.values()]).cpu().numpy()
        ends = np.cumsum([len(v) for v in measured.values()])
        return dict(zip(measured, np.split(flat, ends[:-1]), strict=True))

    def _mixup(self, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor | None, float]:
        """Mixup (Zhang et al. 2018): x ← λx + (1−λ)x', with the labels of x' and λ ~ Beta(α, α), one λ a batch."""
        alpha, seed = self.spec.train.mixup, self.spec.train.seed
        if not alpha:
            return x, None, 1.0
        share = float(np.random.default_rng(seed_from(seed, "mixup", step)).beta(alpha, alpha))
        order = torch.randperm(len(y), generator=data.generator(seed, "mixup", step)).to(self.device)
        return torch.lerp(x[order], x, share), y[order], share

    @torch.no_grad()
    def evaluate(self, split: str) -> Generator[Status, None, tuple[float, float]]:
        """Mean loss and accuracy over a split's pictures, not varied, in evaluation mode; says how far it is after each batch.

        Of "train" at most FIT_PICTURES, the same each time; of the others all.
        """
        self.model.eval()
        total = len(self.pictures.y[split])
        batches = self.pictures.evaluation_batches(split, EVALUATION_BATCH)
        if split == "train":
            total = min(total, FIT_PICTURES)
            batches = self.pictures.training_batches(FIT_PICTURES, EVALUATION_BATCH)
        loss, right, count = torch.zeros((), device=self.device), torch.zeros((), device=self.device), 0
        for x, y in batches:
            with self.autocast():
                logits = self.model(x)
            loss += F.cross_entropy(logits.float(), y, reduction="sum")
            right += (logits.argmax(1) == y).sum()
            count += len(y)
            yield Status(f"{split} pictures", count, total)
        return loss.item() / count, right.item() / count

    @torch.no_grad()
    def estimate_statistics(self) -> None:
        """Estimate BatchNorm's statistics again, as the plain mean over training batches.

        The running averages lag behind weights that move fast: a plain 56-layer net tests at 10-32 % with them and at 40-49 %
        without the lag, a residual one the same with both.
        """
        norms = [m for m in self.model.modules() if isinstance(m, nn.BatchNorm2d)]
        if not norms or not self.spec.train.reestimate_bn:
            return
        self.model.eval()
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a cumulative mean
            norm.train()
        for x, _ in self.pictures.training_batches(BN_PICTURES, self.spec.train.batch):
            with self.autocast():
                self.model(x)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def snapshot(self, full: bool) -> Snapshot:
        """The state to go on from (full), or the weights alone in half precision, for looking back."""
        about = {"mean": self.pictures.mean.cpu(), "std": self.pictures.std.cpu(), "classes": self.pictures.classes}
        state: dict[str, Any] = {"spec": to_json(self.spec), "step": self.step, **about}
        weights = self.model.state_dict()
        if full:
            state |= {"model": weights, "optimiser": self.optimiser.state_dict(), "epoch": vars(self.epoch)}
        else:
            learned = {name for name, _ in self.model.named_parameters()}
            state["model"] = {name: t.half() if name in learned else t for name, t in weights.items()}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return Snapshot(self.step, self.step // self.per_epoch, full, buffer.getvalue())

    def restore(self, saved: bytes) -> None:
        """Go on from a full snapshot, exactly."""
        state = torch.load(io.BytesIO(saved), map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.epoch = state["step"], _Epoch(**state["epoch"])


def load(spec: RunSpec) -> Generator[Status, None, data.Pictures]:
    """The pictures on the device; while they are downloaded, how far that is."""
    told: queue.SimpleQueue[Status | None] = queue.SimpleQueue()
    outcome: list[Any] = []

    def load() -> None:
        try:
            outcome.append(datasets.load(spec.data, lambda *word: told.put(Status(*word))))
        except Exception as error:
            outcome.append(error)
        told.put(None)

    threading.Thread(target=load, daemon=True).start()
    while (word := told.get()) is not None:
        yield word
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return data.Pictures(outcome[0], spec)


def run(spec: RunSpec, resume: bytes | None = None) -> Generator[Event, str | None, None]:
    """Train as the spec says, from the start or from a full snapshot.

    Yields Status while data is fetched and pictures are evaluated; a Point a step, an epoch's last one with the validation;
    Snapshots; last, a Result.
    After a Point the consumer may send("snapshot"): the next event is then a full Snapshot of that step.
    Raises SpecError or DataError, whose text is for the user.
    """
    spec = resolve(datasets.fill(spec))
    torch.set_num_threads(spec.train.threads)
    if spec.train.device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
    started = time.perf_counter()
    trainer = Trainer(spec, (yield from load(spec)))
    keep = snapshot_epochs(max(1, trainer.total // trainer.per_epoch))
    if resume:
        trainer.restore(resume)
    else:
        yield trainer.snapshot(full=False)

    first = trainer.step
    while trainer.step < trainer.total:
        point = trainer.advance()
        if message := _not_finite(trainer, point):
            yield point
            yield Result("diverged", _values(trainer, started, first), message)
            return
        if trainer.step % trainer.per_epoch == 0 or trainer.step == trainer.total:
            # Before the step's Point, so that a snapshot asked for there has the epoch's validation behind it.
            trainer.estimate_statistics()
            loss, right = yield from trainer.evaluate("validation")
            point = replace(point, values=point.values | {"val_loss": loss, "val_accuracy": right})
            if trainer.step // trainer.per_epoch in keep:
                yield trainer.snapshot(full=False)
        if (yield point) == "snapshot":
            yield trainer.snapshot(full=True)
    fit_loss, fit = yield from trainer.evaluate("train")
    loss, right = yield from trainer.evaluate("test")
    yield Point(trainer.step, {"test_loss": loss, "test_accuracy": right})
    yield trainer.snapshot(full=True)
    outcome = {"fit_loss": fit_loss, "fit_accuracy": fit, "test_loss": loss, "test_accuracy": right}
    yield Result("finished", _values(trainer, started, first) | outcome)


def _values(trainer: Trainer, started: float, first: int) -> dict[str, Any]:
    """What a run came to: means over the pictures of the last epoch, and how long the steps of this attempt took."""
    seen = max(1, trainer.epoch.pictures)
    loss = trainer.epoch.loss / seen
    return {
        "train_loss": loss if math.isfinite(loss) else None,
        "train_accuracy": trainer.epoch.right / seen,
        "steps": trainer.step,
        "seconds": round(time.perf_counter() - started, 3),
        "from_step": first,
    }


def _not_finite(trainer: Trainer, point: Point) -> str | None:
    """Where a run left the finite numbers, the likely cause and what to try, in words; None while all is finite."""
    gradients = point.values["grad_weight"]
    assert isinstance(gradients, np.ndarray)
    layers, spec = arch.layers(trainer.spec.model), trainer.spec
    if not math.isfinite(point.values["loss"]):  # type: ignore[arg-type]
        x, _ = trainer.pictures.batch(point.step)
        with trainer.autocast():
            layer = probes.first_not_finite(trainer.model, x) or "the loss"
        where = f"the loss was not a finite number; the first layer with such an output is {layer}"
    elif not np.isfinite(gradients).all():
        # The gradient runs from the last layer to the first.
        where = f"the gradient was not finite from layer {layers[np.flatnonzero(~np.isfinite(gradients))[-1]]} down"
    else:
        return None
    return f"Diverged at step {point.step}: {where}. {_likely_cause(spec.model, spec.train)}"


def _likely_cause(model: ModelSpec, train: TrainSpec) -> str:
    if model.norm == "none" and model.residual and model.init in ("he", "zero_gamma"):
        return (
            "Likely cause: without a norm every block adds its branch's variance, so the signal doubles block by block; "
            "try BatchNorm, or SkipInit or Fixup, which start each branch at zero."
        )
    usual = 0.1 if train.optimiser == "sgd" else 0.001
    if train.rate > usual or not train.warmup:
        return f"Likely cause: a rate of {train.rate:g} is too high here; try {train.rate / 10:g}, or a longer warm-up."
    return f"Likely cause: steps too large for this net; try a rate of {train.rate / 10:g} or a batch larger than {train.batch}."


def warm() -> None:
    """Import and run everything once (a step on the digits), so that the next run starts at once."""
    job = run(RunSpec(model=ModelSpec(depth=8), train=TrainSpec(batch=8, steps=1, threads=1)))
    next(event for event in job if isinstance(event, Point))
    job.close()
