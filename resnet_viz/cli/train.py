"""`train`: a network, or a residual one and its plain twin, in worker processes; a bar for each."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from resnet_viz.cli.options import add_spec_options, spec_of
from resnet_viz.cli.output import print_data, print_json, say_why_they_wait
from resnet_viz.data import catalogue
from resnet_viz.runs.record import LIVE
from resnet_viz.runs.rows import Run
from resnet_viz.runs.schema import StoreError
from resnet_viz.runs.store import RESUMABLE, Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.own import OwnSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.values import DEFAULTS, values_of
from resnet_viz.words.numbers import percent
from resnet_viz.workers import engine


def add_parser(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("train", help="train a network, or a residual one and its plain twin")
    command.add_argument(
        "--model",
        metavar="NAME",
        help="another network than ours, untrained: torchvision:resnext50_32x4d, timm:resnet26d, or package.module:function "
        "of your own, called with num_classes where it takes that",
    )
    command.add_argument("--twins", action="store_true", help="train the plain twin beside it")
    command.add_argument(
        "--resume", metavar="RUN", help="go on with a run that was stopped, lost or failed, with its own settings"
    )
    command.add_argument("--json", action="store_true", help="one JSON object a line; for each net, last, its result")
    add_spec_options(command)
    command.set_defaults(call=train)


def train(options: argparse.Namespace) -> int:
    """Queue the runs, follow them until all have ended, and say what they came to."""
    store = Store()
    ids = [_resumed(store, options)] if options.resume else _started(store, options)
    engine.supervise(store, spares=0)
    try:
        follow(store, ids, options.json)
    except KeyboardInterrupt:
        _stop(store, ids)
        return 130
    ended = [store.run(run) for run in ids]
    for run in ended:
        if options.json:
            print_json(result_line(run))
        elif run.message:
            print(f"{run.name}: {run.message}", file=sys.stderr)
        else:
            print(f"{run.name}: {_outcome(run)}. Run {run.id}.")
    if not options.json and any(run.status == "finished" for run in ended):
        print(f"Next: python -m resnet_viz export {' '.join(ids)} --html twins.html")
    return int(any(run.status in ("failed", "lost") for run in ended))


def _outcome(run: Run) -> str:
    accuracy = run.result.get("test_accuracy")
    return run.status if accuracy is None else f"{percent(accuracy)} test accuracy"


def _started(store: Store, options: argparse.Namespace) -> list[str]:
    spec = spec_of(options)
    print_data(spec)
    specs = [spec, spec.twin()] if options.twins else [spec]
    if not options.model:
        return engine.start(store, specs)
    from resnet_viz.own import factory  # and torch with it

    if spec.model != ModelSpec():
        raise StoreError("Depth, width and the like are of our own networks: leave them out with --model.")
    sys.path.append(os.getcwd())  # as `python -m` has it, and so the workers
    own = OwnSpec(factory=options.model)
    found = [factory.described(replace(catalogue.fill(one), own=own)) for one in specs]
    return engine.start(store, [one for one, _ in found], [layout for _, layout in found])


def _resumed(store: Store, options: argparse.Namespace) -> str:
    """The run to go on with, queued again. Raises StoreError where there is none, or where other settings are given."""
    given = [f"--{name.replace('_', '-')}" for name, value in _values(options).items() if value != DEFAULTS[name]]
    given += [f"--{name}" for name in ("model", "twins") if getattr(options, name)]
    if given:
        names = ", ".join(given)
        raise StoreError(
            f"A run that is resumed keeps its own settings: leave {names} out, or train a new run with them."
        )
    run = store.run(options.resume)
    status = run.status
    if not run.ours:
        raise StoreError(f"Run {run.id} is of a loop of your own, which alone can go on with it.")
    if status not in (*LIVE, *RESUMABLE):
        raise StoreError(f"Run {options.resume} has {status}: there is nothing to go on with; train a new one.")
    store.want(options.resume, "run")
    return options.resume


def _values(options: argparse.Namespace) -> dict[str, Any]:
    """What the options say, as flat values; of data only its name."""
    named = argparse.Namespace(**{**vars(options), "data": "digits"})
    return values_of(spec_of(named)) | {"data": options.data, "nets": "both"}


def result_line(run: Run) -> dict[str, Any]:
    """The last line of a net in --json."""
    keys = ("train_loss", "test_accuracy", "test_loss", "train_accuracy", "seconds")
    spec: RunSpec = run.spec
    return {
        "event": "result",
        "run": run.id,
        "depth": spec.model.depth,
        "shortcut": spec.model.shortcut,
        "status": run.status,
        "steps": run.step,
        "message": run.message,
        **{key: run.result.get(key) for key in keys},
    }


def follow(store: Store, ids: Sequence[str], as_json: bool = False) -> None:
    """Show how far the runs are until all have ended: bars, or a JSON line an epoch."""
    seen = dict.fromkeys(ids, 0)
    runs = {run: store.run(run) for run in ids}
    bars = {r: tqdm(total=row.steps, desc=row.name, unit="step", disable=as_json) for r, row in runs.items()}
    waiting, said = set(ids), ""
    while waiting:
        time.sleep(0.2)
        rows = {run: store.run(run) for run in sorted(waiting)}
        said = say_why_they_wait(store, rows.values(), said)
        for run, row in rows.items():
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
                    print_json(line)
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
