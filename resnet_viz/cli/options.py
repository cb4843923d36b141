"""The options of the command line that describe a run: one for every field of its specs."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from resnet_viz.data import catalogue
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import FAMILIES, INITS, NORMS, ORDERS, SHORTCUTS, ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import DEVICES, DTYPES, OPTIMIZERS, SCHEDULES, TrainSpec

_CHOICES: dict[str, Any] = {
    "family": FAMILIES,
    "shortcut": SHORTCUTS,
    "order": ORDERS,
    "norm": NORMS,
    "init": INITS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "device": DEVICES,
    "dtype": DTYPES,
}
# Set from the data, or said by --data.
_NOT_OPTIONS = {"channels", "classes", "size", "name", "hash", "label"}


def add_spec_options(parser: argparse.ArgumentParser) -> None:
    """--data, and an option for every field of the specs, its default the field's."""
    parser.add_argument(
        "--data", default="digits", help=f"{', '.join(catalogue.BUILT_IN)}, or a .npz, a .zip or a folder of yours"
    )
    for cls in (ModelSpec, DataSpec, TrainSpec):
        group = parser.add_argument_group(cls.__name__.removesuffix("Spec").lower())
        for field in fields(cls):
            if field.name in _NOT_OPTIONS:
                continue
            option = f"--{field.name.replace('_', '-')}"
            default = field.default if field.default is not MISSING else None
            shown = f"default: {default}"
            if isinstance(default, bool):
                group.add_argument(option, action=argparse.BooleanOptionalAction, default=default)
            elif isinstance(default, tuple) or field.name == "augment":
                kind = {"no_skip": int, "milestones": float}.get(field.name, str)
                group.add_argument(option, nargs="*", type=kind, default=default, help=shown)
            else:
                group.add_argument(
                    option, type=type(default), default=default, choices=_CHOICES.get(field.name), help=shown
                )


def spec_of(options: argparse.Namespace) -> RunSpec:
    """The run that the options describe. Raises DataError where --data names nothing."""
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(options).items()}

    def part(cls: type) -> dict[str, Any]:
        return {f.name: given[f.name] for f in fields(cls) if f.name in given}

    data = DataSpec(options.data) if options.data in catalogue.BUILT_IN else _own(options.data)
    return RunSpec(ModelSpec(**part(ModelSpec)), replace(data, **part(DataSpec)), TrainSpec(**part(TrainSpec)))


def _own(path: str) -> DataSpec:
    from resnet_viz.data import own

    if not Path(path).exists():
        raise catalogue.DataError(
            f"{path!r} is neither a data set ({', '.join(catalogue.BUILT_IN)}) nor a file or folder on this machine."
        )
    return own.import_own(Path(path))
