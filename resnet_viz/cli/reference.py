"""`reference`: the twins that ship with the app, trained by this project's own trainer and written into assets/."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from resnet_viz.cli.output import FileError
from resnet_viz.cli.train import follow
from resnet_viz.data.splits import load_splits
from resnet_viz.figures.numbers import moments
from resnet_viz.files import INSTALLED
from resnet_viz.nets import refs
from resnet_viz.runs import record
from resnet_viz.runs.record import Record, Series
from resnet_viz.runs.rows import Run
from resnet_viz.runs.store import Store
from resnet_viz.spec.checks import choice
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.workers import engine

ASSETS = refs.SHIPPED

# Sets of runs, by data and depth.
SETS = ("digits-56", "digits-20", "cifar10-20", "cifar10-56")
# Curves of so many seeds of the first screen's pair; of the others, seed 0 alone.
SEEDS = 5
# He 2015's recipe (section 4.2), shortened from 164 epochs to what two CPU cores do in an hour or so, under a one-cycle schedule.
CIFAR = TrainSpec(lr=0.1, weight_decay=5e-4, schedule="onecycle")
EPOCHS = {"20": 36, "56": 4}
# Epochs whose weights ship, of the shallow CIFAR twins: a map being learned.
LOOKS = (1, 3, 11)
TESTED = 1000  # test images by which the limit of strangeness is measured
# What bands need.
CURVES = {"loss", "accuracy", "val_accuracy", "val_loss", "test_accuracy", "test_loss"}


def specs(what: str) -> list[RunSpec]:
    """The runs of one of SETS, seed after seed, residual before plain."""
    data, depth = what.rsplit("-", 1)
    settings = replace(CIFAR, epochs=EPOCHS[depth]) if data == "cifar10" else TrainSpec()
    seeds = range(SEEDS if what == "digits-56" else 1)
    pairs = [RunSpec(ModelSpec(depth=int(depth)), DataSpec(data), replace(settings, seed=seed)) for seed in seeds]
    return [spec for pair in pairs for spec in (pair, pair.twin())]


def add_parser(commands: Any) -> None:
    """Add the command ``reference``."""
    command = commands.add_parser("reference", help="train the twins that ship with the app again (hours)")
    command.add_argument("what", nargs="*", metavar="SET", help=f"{', '.join(SETS)}; default: all")
    command.add_argument(
        "--to",
        type=Path,
        default=Path() if INSTALLED else ASSETS,
        metavar="FOLDER",
        help="default: assets/twins of a checkout, else this folder",
    )
    command.set_defaults(call=reference)


def reference(options: argparse.Namespace) -> int:
    """Train what ships with the app, on this machine, and write it. Raises SpecError for a set that is none."""
    for what in options.what:
        choice(what, SETS, "Set of twins")
    if not options.to.is_dir():
        raise FileError(f"There is no folder {str(options.to)!r}; make it, or name another.")
    store = Store()
    for what in options.what or SETS:
        ids = train(store, what, lambda ids: follow(store, ids))
        for path in write(store, what, ids, options.to):
            print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
    return 0


def train(store: Store, what: str, follow: Callable[[Sequence[str]], None]) -> list[str]:
    """Train one of SETS, pair after pair; returns the runs' ids. ``follow`` waits for them, and shows how far they are."""
    runs = specs(what)
    ids = [run for at in range(0, len(runs), 2) for run in engine.start(store, runs[at : at + 2])]
    engine.supervise(store, spares=0)
    follow(ids)
    return ids


def write(store: Store, what: str, ids: Sequence[str], to: Path = ASSETS) -> list[Path]:
    """Write what ships of these finished runs: their curves as one .npz, weights in half precision. Returns the files.

    Raises RuntimeError where a run did not finish.
    """
    runs = [store.run(run) for run in ids]
    if failed := [run for run in runs if run.status != "finished"]:
        raise RuntimeError(f"{failed[0].name}: {failed[0].status}. {failed[0].message}")
    written = [to / f"{what}.npz"]
    record.save(written[0], [_slim(r, n) for n, r in enumerate(map(store.record, ids))])
    for run in runs[:2]:  # of more seeds, curves alone
        written += _weights(store, run, to)
    return written


def _slim(found: Record, number: int) -> Record:
    """A record with what is shown of it: of the first pair all, on CIFAR-10 its vectors at the moments that are drawn."""
    if number >= 2:
        return replace(found, series={name: series for name, series in found.series.items() if name in CURVES})
    if found.spec.data.name == "digits":
        return found
    return replace(found, series={name: _drawn(series) for name, series in found.series.items()})


def _drawn(series: Series) -> Series:
    steps, values = series
    keep = moments(len(steps)) if values.ndim > 1 else slice(None)
    return steps[keep], values[keep]


def _weights(store: Store, run: Run, to: Path) -> list[Path]:
    from resnet_viz.attribution.familiar import limit  # and torch with it
    from resnet_viz.nets import weights

    spec = run.spec
    tested = load_splits(spec.data).images["test"][:TESTED]
    name = f"{spec.data.name}-{spec.model.called}"
    per_epoch = run.steps // spec.train.epochs
    last = refs.find(f"run:{run.id}", store)
    looks = {epoch * per_epoch for epoch in LOOKS} if spec.data.name == "cifar10" and spec.model.depth == 20 else set()
    written = []
    for source in refs.checkpoints(last, store):
        if source.step not in {*looks, last.step}:
            continue
        label = f"{spec.model.called} on {'CIFAR-10' if spec.data.name == 'cifar10' else spec.data.name}"
        shown = replace(source, ref=f"shipped:{name}", label=label, about=about(run, source.step))
        path = to / f"{name}.{source.step}.safetensors"
        network = weights.load(source)
        shown = replace(shown, unlike=round(limit(network.model, network.prepare(tested)), 3))
        weights.save(path, replace(network, source=shown), half=True)
        written.append(path)
    return written


def about(run: Run, step: int) -> str:
    """What is stated beside a network that ships: data, epochs, accuracy, seed, when and on what it was made."""
    train = run.spec.train
    epochs = step * train.epochs // run.steps
    when = datetime.datetime.fromtimestamp(run.finished or run.created, datetime.UTC).date()
    made = f"Trained for {train.epochs} epochs" if step == run.steps else f"After {epochs} of {train.epochs} epochs"
    accuracy = f"; {100 * run.result['test_accuracy']:.1f} % test accuracy" if step == run.steps else ""
    short = " (He et al. train for 164)" if run.spec.data.name == "cifar10" else ""
    machine = ", ".join(str(run.versions.get(key)) for key in ("device", "machine"))
    return (
        f"{made}{short}, learning rate {train.lr:g}, {train.schedule}, seed {train.seed} alone{accuracy}. "
        f"{when}, torch {run.versions.get('torch')}, {train.dtype} on {machine}."
    )
