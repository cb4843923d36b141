"""`python -m resnet_viz`: train, look at runs, export, and check the machine, without a browser."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from resnet_viz import __version__
from resnet_viz.cli import labs
from resnet_viz.cli.options import add_spec_options, spec_of
from resnet_viz.data import catalogue, download
from resnet_viz.errors import UserError
from resnet_viz.runs.record import LIVE
from resnet_viz.runs.store import RESUMABLE, Run, Store, StoreError, disk_cap
from resnet_viz.spec.run import RunSpec
from resnet_viz.workers import engine


def _train(options: argparse.Namespace) -> int:
    store = Store()
    if options.resume:
        ids = [options.resume]
        status = store.run(options.resume).status
        if status not in (*LIVE, *RESUMABLE):
            raise StoreError(f"Run {options.resume} has {status}: there is nothing to go on with; train a new one.")
        store.want(options.resume, "run")
    else:
        spec = spec_of(options)
        ids = engine.start(store, [spec, spec.twin()] if options.twins else [spec])
    engine.supervise(store, spares=0)
    try:
        _follow(store, ids, options.json)
    except KeyboardInterrupt:
        _stop(store, ids)
        return 130
    ended = [store.run(run) for run in ids]
    if options.json:
        for run in ended:
            _say(result_line(run))
    for run in ended:
        if run.message and not options.json:
            print(f"{run.name}: {run.message}", file=sys.stderr)
    return int(any(run.status in ("failed", "lost") for run in ended))


def _say(values: dict[str, Any], indent: int | None = None) -> None:
    """Print a JSON object, on one line unless indented; JSON has no NaN or infinity, so those become null."""
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
    print(json.dumps(finite, allow_nan=False, indent=indent), flush=True)


def result_line(run: Run) -> dict[str, Any]:
    """The last line of a net in --json."""
    keys = ("train_loss", "test_accuracy", "test_loss", "train_accuracy", "seconds")
    return {
        "event": "result",
        "run": run.id,
        "depth": run.spec.model.depth,
        "shortcut": run.spec.model.shortcut,
        "status": run.status,
        "steps": run.step,
        "message": run.message,
        **{key: run.result.get(key) for key in keys},
    }


def _follow(store: Store, ids: Sequence[str], as_json: bool) -> None:
    """Show how far the runs are until all have ended: bars, or a JSON line an epoch."""
    seen = dict.fromkeys(ids, 0)
    runs = {run: store.run(run) for run in ids}
    bars = {r: tqdm(total=row.steps, desc=row.name, unit="step", disable=as_json) for r, row in runs.items()}
    waiting = set(ids)
    while waiting:
        time.sleep(0.2)
        for run in sorted(waiting):
            row = store.run(run)
            bar = bars[run]
            bar.total = row.steps
            if row.step:
                speed = store.series(run, "speed", row.step - 1)[1]
                bar.set_postfix_str(f"{float(speed[-1]):.0f} images/s" if len(speed) else "", refresh=False)
            bar.update(row.step - bar.n)
            steps, losses = store.series(run, "val_loss", seen[run])
            accuracies = store.series(run, "val_accuracy", seen[run])[1]
            for step, loss, accuracy in zip(steps.tolist(), losses.tolist(), accuracies.tolist(), strict=False):
                seen[run] = step
                if as_json:
                    line = {"event": "epoch", "run": run, "step": step, "val_loss": loss, "val_accuracy": accuracy}
                    _say(line)
            if row.status not in LIVE:
                waiting.discard(run)
    for bar in bars.values():
        bar.close()


def _stop(store: Store, ids: Sequence[str]) -> None:
    for run in ids:
        store.want(run, "stop")
    deadline = time.monotonic() + 10
    while any(store.run(run).live for run in ids) and time.monotonic() < deadline:
        time.sleep(0.1)
    for run in ids:
        print(
            f"{run} is {store.run(run).status}; go on with: python -m resnet_viz train --resume {run}", file=sys.stderr
        )


def _runs(options: argparse.Namespace) -> int:
    store = Store()
    if options.delete:
        store.run(options.delete)
        store.delete(options.delete)
        return 0
    for run in [store.run(options.run)] if options.run else store.runs():
        about = {"event": "run", "name": run.name, "group": run.group, "created": run.created}
        if options.run:
            about |= {"note": run.note, "versions": run.versions, "spec": asdict(run.spec)}
        if options.json or options.run:
            _say(result_line(run) | about, indent=None if options.json else 2)
        else:
            accuracy = run.result.get("test_accuracy")
            tail = f"{100 * accuracy:5.1f} %" if accuracy is not None else "      –"
            print(
                f"{run.id}  {run.status:9} {run.step:>6}/{run.steps:<6} {tail}  {run.bytes / 1e6:6.1f} MB  {run.name}"
            )
    return 0


def _prune(options: argparse.Namespace) -> int:
    store = Store()
    freed = store.prune(options.cap * 1e9)
    print(f"{freed / 1e6:.1f} MB freed; {store.disk_use() / 1e6:.1f} MB in use below {store.home}.")
    return 0


def _export(options: argparse.Namespace) -> int:
    from resnet_viz.publish import (
        export,  # plotly takes a second to import
        handout,
    )

    store = Store()
    records = [store.record(run) for run in options.runs]
    text = handout.handout(records) if options.html else export.csv(records)
    target = options.html or options.csv
    target.write_text(text, encoding="utf-8") if target else sys.stdout.write(text)
    return 0


def _work(options: argparse.Namespace) -> int:
    from resnet_viz.workers import worker

    return worker.main(Store(), options.parent)


def _reference(options: argparse.Namespace) -> int:
    """Train what ships with the app, on this machine, and write it into assets/."""
    from resnet_viz.cli import reference

    store = Store()
    for what in options.what or reference.SETS:
        ids = reference.train(store, what, lambda ids: _follow(store, ids, as_json=False))
        for path in reference.write(store, what, ids, options.to or reference.ASSETS):
            print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    """Say what this machine has, and whether a run would start."""
    store = Store()
    print(f"ResNet Viz {__version__}, Python {platform.python_version()}, {platform.platform()}")
    import torch

    from resnet_viz.train import job

    spec = job.resolve(catalogue.fill(RunSpec()))
    print(f"torch {torch.__version__}; {engine.cores()} cores, at most {engine.cap()} runs at once")
    print(f"device {spec.train.device}, precision {spec.train.dtype}")
    started = time.perf_counter()
    job.warm()
    print(f"a first run warms up in {time.perf_counter() - started:.1f} s; after it, clicks start at once")
    probe = store.home / f".probe-{os.getpid()}"
    probe.write_text("")
    probe.unlink()
    print(f"runs are kept in {store.home} ({store.disk_use() / 1e6:.1f} MB), data in {catalogue.home()}")
    for name in catalogue.BUILT_IN:
        print(f"  {catalogue.BUILT_IN[name].label}: {'ready' if download.available(name) else 'to be downloaded'}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    main = argparse.ArgumentParser("resnet_viz", description="See why residual networks work.")
    main.add_argument("--version", action="version", version=__version__)
    commands = main.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("train", help="train a network, or a residual one and its plain twin")
    command.add_argument("--twins", action="store_true", help="train the plain twin beside it")
    command.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, lost or failed")
    command.add_argument("--json", action="store_true", help="one JSON object a line; for each net, last, its result")
    add_spec_options(command)
    command.set_defaults(call=_train)

    command = commands.add_parser("runs", help="list the runs, show one, or delete one")
    command.add_argument("run", nargs="?", metavar="RUN", help="show all that is known of this one")
    command.add_argument("--json", action="store_true")
    command.add_argument("--delete", metavar="RUN")
    command.set_defaults(call=_runs)

    command = commands.add_parser("export", help="write runs as CSV, or as one offline HTML page")
    command.add_argument("runs", nargs="+", metavar="RUN")
    command.add_argument("--csv", type=Path, metavar="FILE", help="the default, to standard output")
    command.add_argument("--html", type=Path, metavar="FILE")
    command.set_defaults(call=_export)

    command = commands.add_parser("prune", help="delete old checkpoints until they fit")
    command.add_argument("--cap", type=float, default=disk_cap() / 1e9, metavar="GB", help="default: %(default)g GB")
    command.set_defaults(call=_prune)

    command = commands.add_parser("reference", help="train the twins that ship with the app again")
    command.add_argument("what", nargs="*", help="digits-56, digits-20, cifar10-20, cifar10-56; default: all")
    command.add_argument("--to", type=Path, metavar="FOLDER", help="default: assets/twins")
    command.set_defaults(call=_reference)

    labs.add_parsers(commands)

    commands.add_parser("doctor", help="what this machine has, and whether a run would start").set_defaults(
        call=_doctor
    )
    command = commands.add_parser("work", help="be a worker (the app starts these itself)")
    command.add_argument("--parent", type=int, metavar="PID", help="leave when this process is gone; default: its own")
    command.set_defaults(call=_work)
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user's is one sentence on standard error and exit code 2."""
    options = parser().parse_args(arguments)
    try:
        return options.call(options)
    except UserError as error:
        print(f"resnet_viz: {error}", file=sys.stderr)
        return 2
