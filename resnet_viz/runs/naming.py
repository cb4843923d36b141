"""What a run is called before somebody names it, and what tells it from others of its name."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence

from resnet_viz.runs.rows import Run
from resnet_viz.spec.run import RunSpec


def first_name(spec: RunSpec) -> str:
    """What the net is, on which data, such as "residual-20 on digits"; of a lab, what is done to which net.

    Of a net that isn't ours: what its user calls it, else its class.
    """
    model = spec.model
    data = spec.data.label or spec.data.name
    if spec.own:
        called = spec.own.name or spec.own.network
        return called if spec.watched else f"{'' if model.residual else 'plain '}{called} on {data}"
    lab = f"{spec.lab.title}: " if spec.lab else ""
    more = f" and {len(spec.lab.networks) - 1} more" if spec.lab and len(spec.lab.networks) > 1 else ""
    traits = [
        {"batch": "", "none": "no norm"}.get(model.norm, f"{model.norm} norm"),
        model.init if model.init != "he" else "",
        f"skips off: {', '.join(map(str, model.no_skip))}" if model.no_skip else "",
    ]
    tail = "".join(f", {trait}" for trait in traits if trait)
    family = "" if model.family == "cifar" else f" ({model.family})"
    return f"{lab}{model.called}{family}{tail} on {data}{more}"


def labels(runs: Sequence[Run]) -> dict[str, str]:
    """id → label, no two alike: the run's name, and where others bear it too, what differs among them.

    Seed, learning rate, length, test accuracy; the time; and at last the id, each only where it tells some apart.
    """
    alike = Counter(run.name for run in runs)
    called = {run.id: run.name for run in runs}
    for name in (name for name, count in alike.items() if count > 1):
        members = [run for run in runs if run.name == name]
        parts: dict[str, tuple[str, ...]] = {run.id: (name,) for run in members}
        for values in zip(*map(_traits, members), strict=True):
            if len(set(values)) > 1 and len(set(parts.values())) < len(members):
                parts = {run.id: (*parts[run.id], value) for run, value in zip(members, values, strict=True)}
        called |= {id_: ", ".join(words) for id_, words in parts.items()}
    return called


def _traits(run: Run) -> tuple[str, ...]:
    """What may tell a run from another of its name, what was asked before what came out."""
    train, accuracy = run.spec.train, run.result.get("test_accuracy")
    return (
        f"seed {train.seed}",
        f"lr {train.lr:g}",
        f"{train.steps} steps" if train.steps else f"{train.epochs} epochs",
        f"{100 * accuracy:.1f} %" if accuracy is not None else run.status,
        f"{datetime.datetime.fromtimestamp(run.created):%d %b, %H:%M}",
        run.id[:6],
    )
