"""`watch`: any network, in anybody's loop, recorded as our trainer records ours, live on the same pages."""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_viz.nets.probes import ACTIVATIONS_EVERY, Updates, to_host
from resnet_viz.own.blocks import parts, plain_model
from resnet_viz.own.sight import Sight
from resnet_viz.own.writing import FIRST_AXIS, Writer
from resnet_viz.runs.claim import Claim, Superseded, versions
from resnet_viz.runs.events import Point
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.own import OwnSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec

log = logging.getLogger("resnet_viz.watch")


def watch(
    model: nn.Module,
    name: str = "",
    *,
    beside: Watch | None = None,
    blocks: str | Sequence[str] | None = None,
    steps: int = 0,
    home: Path | None = None,
) -> Watch:
    """Watch a network while a loop of yours trains it; the run appears on the app's pages at its first `Watch.step`.

        with rv.watch(model, name="mine") as watch:
            for x, y in loader:
                logits = model(x)
                loss = F.cross_entropy(logits, y)
                optimizer.zero_grad()
                loss.backward()
                watch.step(loss, optimizer, logits=logits, target=y)
                optimizer.step()

    ``beside``: another watch, such as that of the plain twin, to stand with on Twins. ``blocks``: names of the modules that are
    its blocks, or patterns such as "layer*.*"; None finds them (`own.blocks.parts`). ``steps``: how many the loop takes, where
    that is known. ``home``: where runs are kept, else RESNET_VIZ_HOME, else ./runs: that of the app that is to show them.

    An error in watching never ends the training: it is said once, on the logger "resnet_viz.watch", and watching stops. Hooks
    are gone when the block is left. Of several processes of one training (DDP) the first alone records. Inside a network that
    torch.compile has compiled nothing can be seen but gradients and updates of its weights. Raises SkipError for a name that fits
    no module.
    """
    return Watch(model, name, beside, blocks, steps, home)


class Watch:
    """What `watch` gives: a context manager whose `step` records. ``messages``: what was said of the network so far."""

    def __init__(
        self,
        model: nn.Module,
        name: str,
        beside: Watch | None,
        blocks: str | Sequence[str] | None,
        steps: int,
        home: Path | None,
    ) -> None:
        self.model, compiled = plain_model(model)
        self.name, self.steps, self.home = name, steps, home
        self.group: str = beside.group if beside else uuid.uuid4().hex[:8]
        self.count = 0
        self.messages: list[str] = []
        self.on = False
        self.parts = parts(self.model, blocks)
        self.seen = not compiled
        self.first = not (torch.distributed.is_available() and torch.distributed.is_initialized()) or (
            torch.distributed.get_rank() == 0
        )
        self.sight: Sight = None  # type: ignore[assignment]  # from __enter__ on
        self._writer: Writer | None = None
        self._pending: Point | None = None
        self._optimizers: dict[int, tuple[Any, ...]] = {}
        self._at = time.perf_counter()

    def __enter__(self) -> Watch:
        if self.first:
            self.on = True
            with self._guarded():
                self.sight = Sight(self.model, self.parts, self._fail, self.seen)
                self.updates = Updates(list(self.sight.layers.values()))
            if not self.seen:
                log.warning(
                    "%s is compiled: blocks and activations can't be seen, the rest is recorded.",
                    type(self.model).__name__,
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._close("diverged" if self.messages else "finished", " ".join(self.messages))
        elif issubclass(kind, KeyboardInterrupt):
            self._close("stopped", "The script was interrupted.")
        else:
            first = (str(error).splitlines() or [""])[0].rstrip(".")
            self._close("failed", f"The script ended with {kind.__name__}{': ' * bool(first)}{first}.")

    def step(
        self,
        loss: Tensor | float,
        optimizer: torch.optim.Optimizer | None = None,
        *,
        logits: Tensor | None = None,
        target: Tensor | None = None,
        scaler: Any = None,
    ) -> None:
        """Record one step, between its last backward pass and the optimizer's step.

        ``loss``: a number, unscaled. ``optimizer`` gives learning rate and updates; ``logits`` (N, classes, ...) and ``target``
        (N, ...) the accuracy; ``scaler``, the loop's GradScaler, the factor that gradients are too large by.
        """
        with self._guarded():
            if self.on:
                self._step(loss, optimizer, logits, target, scaler)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Nothing that goes wrong inside reaches the user's loop."""
        try:
            yield
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.on:
            gone = isinstance(error, Superseded)
            why = "its run was deleted" if gone else f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
            log.warning("Watching %s stops (%s); its training goes on.", self.name or type(self.model).__name__, why)
            self._close("failed", f"Watching stopped: {why}. The training went on.")

    def _close(self, status: str, message: str) -> None:
        if not self.on:
            return
        self.on = False
        try:
            if self.sight:
                self.sight.close()
            for handles in self._optimizers.values():
                for handle in handles:
                    handle.remove()
            if self._writer:
                self._flush()
                self._writer.end(status, message, self.count)
        except Exception as error:
            log.warning("The run of %s could not be ended: %s.", self.name or type(self.model).__name__, error)

    @torch.no_grad()
    def _step(
        self,
        loss: Tensor | float,
        optimizer: torch.optim.Optimizer | None,
        logits: Tensor | None,
        target: Tensor | None,
        scaler: Any,
    ) -> None:
        if self._writer and self._writer.error:
            raise self._writer.error
        self._flush()
        now = time.perf_counter()
        scaled = scaler is not None and scaler.is_enabled()
        measured = self.sight.take(scaler.get_scale() if scaled else 1.0, _unscaled(scaler, optimizer))
        images = len(target) if target is not None else 0
        value = torch.as_tensor(loss).detach().float().reshape(1)
        measured["loss"] = value
        if logits is not None and target is not None and logits[:, 0].shape == target.shape:  # not for mixed labels
            measured["accuracy"] = (logits.detach().argmax(1) == target).float().mean()[None]
        values: dict[str, Any] = to_host(measured)
        scalars: dict[str, Any] = {name: float(values.pop(name)[0]) for name in ("loss", "accuracy") if name in values}
        lr = float(optimizer.param_groups[0]["lr"]) if optimizer else 0.0
        if optimizer:
            scalars["lr"] = lr
            self._follow(optimizer)
        if self.count and images:
            scalars["speed"] = images / (now - self._at)
        self.count += 1
        if not self._writer:
            classes = logits.shape[1] if logits is not None and logits.ndim > 1 else 1
            self._writer = Writer(self._begin(lr, images, classes, optimizer), self.steps)
        if not self.messages and (message := self._broken(scalars["loss"], values, scaled)):
            self.messages.append(message)
            log.warning("%s", message)
        self._pending = Point(self.count, values | scalars)
        self.sight.look = self.count % ACTIVATIONS_EVERY == 0
        self.sight.inputs = None
        self._at = time.perf_counter() if not images else now

    def _begin(self, lr: float, images: int, classes: int, optimizer: torch.optim.Optimizer | None) -> Claim:
        layout = self.sight.layout()
        model = ModelSpec(
            depth=len(layout.layers), shortcut="identity" if layout.residual else "none", classes=max(1, classes)
        )
        own = OwnSpec(self.name, type(self.model).__name__, type(optimizer).__name__ if optimizer else "")
        train = TrainSpec(lr=lr, batch_size=images, epochs=1, steps=self.steps)
        spec = RunSpec(model, train=train, own=own)
        device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        store = Store(self.home)
        try:
            return store.begin(
                spec,
                layout,
                name=self.name,
                group=self.group,
                steps=self.steps or FIRST_AXIS,
                versions=versions(device),
            )
        finally:
            store.close()

    def _follow(self, optimizer: torch.optim.Optimizer) -> None:
        """See this optimizer's steps, from now on: how far each moves the weights."""
        if id(optimizer) in self._optimizers:
            return

        def before(*_: Any) -> None:
            with self._guarded():
                if self.on:
                    self.updates.start()

        def after(*_: Any) -> None:
            with self._guarded():
                if self.on and self._pending:
                    ratios = self.updates.ratios().cpu().numpy()
                    ratios[[w.grad is None for w in self.updates.weights]] = math.nan  # frozen
                    self._pending.values["update_ratio"] = ratios

        self._optimizers[id(optimizer)] = (
            optimizer.register_step_pre_hook(before),
            optimizer.register_step_post_hook(after),
        )

    def _flush(self) -> None:
        if self._pending and self._writer:
            self._writer.add(self._pending, " ".join(self.messages))
        self._pending = None

    def _broken(self, loss: float, values: dict[str, np.ndarray], scaled: bool) -> str:
        """Where the network left the finite numbers in this step, in a sentence; "" where it did not.

        A gradient ``scaled`` too high is a GradScaler's daily work: it leaves the step out.
        """
        if not math.isfinite(loss):
            layer = self.sight.first_not_finite()
            where = f"; the first layer with such an output is {layer}" if layer else ""
            return f"Step {self.count}: the loss was not a finite number{where}. Try a tenth of the learning rate, or a warm-up."
        seen = [w.grad is not None for w in self.sight.layers.values()]
        bad = np.flatnonzero(~np.isfinite(values["grad_weight"]) & seen) if any(seen) else np.zeros(0, int)
        if scaled or not len(bad):
            return ""
        name = [*self.sight.layers][bad[-1]].removesuffix(".weight")
        where = f"the gradient was not finite from layer {name} down"
        return f"Step {self.count}: {where}. Clip it, or try a tenth of the learning rate."


def _unscaled(scaler: Any, optimizer: torch.optim.Optimizer | None) -> bool:
    """Whether the loop has divided the weights' gradients by its scaler's factor for this step already."""
    states = getattr(scaler, "_per_optimizer_states", {})
    stage = states[id(optimizer)].get("stage") if id(optimizer) in states else None
    return getattr(stage, "name", "READY") != "READY"
