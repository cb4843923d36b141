"""`python -m resnet_viz lab NAME`: the labs without a browser, in this process; each event a line of JSON."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from resnet_viz import labs
from resnet_viz.cli import quick, sweep
from resnet_viz.cli.options import add_fields, fields_of
from resnet_viz.cli.output import print_json, writable
from resnet_viz.runs import record
from resnet_viz.runs.events import Event, Point, Result, Status
from resnet_viz.runs.record import Record, Series
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LABS as SPECS
from resnet_viz.spec.lab import LabSpec
from resnet_viz.spec.train import DEVICES, TrainSpec


@dataclass(frozen=True)
class Lab:
    """A lab of the command line: what it does, its own options, and its events, of which the last is a Result."""

    help: str
    options: Callable[[argparse.ArgumentParser], None]
    events: Callable[[argparse.Namespace], Iterable[Event]]


def network_options(parser: argparse.ArgumentParser, cls: type[LabSpec]) -> None:
    """An option for every field of a lab's spec, and which trained networks; one device and number of threads for all."""
    parser.add_argument(
        "--networks", nargs="+", metavar="REF", default=["shipped:digits-residual-20", "shipped:digits-plain-20"],
        help="as `networks` lists them; default: the digits twins that ship",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--device", default="auto", choices=DEVICES, help="default: auto")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what was measured, as pages read it (.npz)")
    add_fields(parser, cls, leave_out=("networks",))


def on_networks(options: argparse.Namespace, cls: type[Any]) -> Iterator[Event]:
    """The events of a lab of trained networks, as a worker would have them."""
    import torch

    from resnet_viz.train import job

    store = Store()
    lab = cls(**fields_of(cls, options))
    spec = job.resolve(labs.run_of(lab, store, TrainSpec(threads=options.threads, device=options.device)))
    total, events = labs.begin(spec, store)
    yield Status(lab.title, 0, total)
    points: list[Point] = []
    for event in events:
        if isinstance(event, Point):
            points.append(event)
        elif isinstance(event, Result) and options.save:
            measured = Record(
                lab.kind, spec, event.status, lab.title, points[-1].step, total, event.message, event.values,
                {"created": time.time(), "torch": torch.__version__}, _series(points),
            )  # fmt: skip
            record.save(options.save, [measured])
        yield event


def _series(points: Iterable[Point]) -> dict[str, Series]:
    """The points' values by metric."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for point in points:
        for name, value in point.values.items():
            found.setdefault(name, []).append((point.step, value))
    return {
        name: (np.array([s for s, _ in rows], np.int64), np.array([v for _, v in rows], np.float32))
        for name, rows in found.items()
    }


# Labs that are no lab of trained networks, by their names on the command line. A quick one yields one Result.
LABS: dict[str, Lab] = {
    "lr-range": Lab(
        "the learning rate at which a net's loss falls fastest (Smith 2017)", sweep.range_options, sweep.lr_range
    ),
    "sweep": Lab(
        "train a grid of depths, shortcuts or remedies against overfitting, and seeds",
        sweep.sweep_options,
        sweep.sweep,
    ),
    "gradients": Lab(
        "gradient and activation norms of a network and its plain twin before the first step",
        quick.network_options,
        quick.gradients,
    ),
    "shattering": Lab(
        "correlation of gradients between inputs in deep fully connected nets (Balduzzi 2017)",
        quick.seed_option,
        quick.shattering,
    ),
    "paths": Lab(
        "the gradient that paths of each length carry before the first step (Veit 2016)",
        quick.network_options,
        quick.paths,
    ),
}


def _of_spec(cls: type[LabSpec]) -> Lab:
    """A lab of trained networks: its spec says all that the command line needs; its help is the first line of the docstring."""
    line = (cls.__doc__ or "").partition("\n")[0].replace("``", "").replace("%", "%%")
    return Lab(line, partial(network_options, cls=cls), partial(on_networks, cls=cls))


def add_parsers(commands: Any) -> None:
    """Add the command ``lab`` and, below it, one for each lab: of `spec.lab` and of LABS, which goes first where both have it."""
    command = commands.add_parser("lab", help="run a lab: why residual connections work, as an experiment")
    names = command.add_subparsers(required=True, metavar="NAME")
    of_specs = {kind.replace("_", "-"): _of_spec(cls) for kind, cls in SPECS.items()}
    for name, lab in (of_specs | LABS).items():
        parser = names.add_parser(name, help=lab.help, description=lab.help)
        lab.options(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object an event; the last is the result")
        parser.set_defaults(call=_call, lab=lab)


def _call(options: argparse.Namespace) -> int:
    writable(getattr(options, "save", None))
    status = "failed"
    with tqdm(disable=options.json, delay=0.5, unit="step") as bar:
        for event in options.lab.events(options):
            if options.json:
                if line := _line(event):
                    print_json(line)
            elif isinstance(event, Status):
                bar.set_description_str(event.text, refresh=False)
                bar.total = bar.total or event.total  # the lab's own comes first; what is inside a step counts apart
            elif isinstance(event, Point):
                bar.update(event.step - bar.n)
            elif isinstance(event, Result):
                bar.close()
                print(event.values.get("sentence", event.status), event.message)
            if isinstance(event, Result):
                status = event.status
    return int(status != "finished")


def _line(event: Event) -> dict[str, Any] | None:
    """What an event says in --json; nothing of a checkpoint."""
    match event:
        case Point():
            return {"event": "point", "step": event.step, **event.values}
        case Status():
            return {"event": "status", "text": event.text, "done": event.done, "total": event.total}
        case Result():
            return {"event": "result", "status": event.status, "message": event.message, **event.values}
    return None
