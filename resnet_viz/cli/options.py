"""Command-line options that describe specs: one for every row of the table of controls (`spec.fields`)."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from resnet_viz.data import catalogue
from resnet_viz.spec.checks import quote
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.fields import Row, default_of, item_type, rows, types
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.values import FROM_DATA, PARTS


def add_spec_options(parser: argparse.ArgumentParser) -> None:
    """--data, and an option for every field of a run's specs, its default the field's."""
    parser.add_argument(
        "--data", default="digits", help=f"{', '.join(catalogue.BUILT_IN)}, or a .npz, a .zip or a folder of yours"
    )
    for part, cls in PARTS.items():
        add_fields(parser.add_argument_group(part), cls, leave_out=FROM_DATA)


def add_fields(parser: Any, cls: type, leave_out: tuple[str, ...] = ()) -> None:
    """An option for every row of a spec but those left out, with its label, help, default and choices."""
    for name, entry in rows(cls).items():
        if name in leave_out:
            continue
        option, default = f"--{name.replace('_', '-')}", default_of(cls, name)
        options: dict[str, Any] = {"default": default, "help": _help(entry, default)}
        item = item_type(types(cls)[name])
        if isinstance(default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, **options)
        elif item is not None:
            words = entry.label.split()[0].upper()
            parser.add_argument(option, nargs="*", type=item, choices=entry.choices, metavar=words, **options)
        else:
            metavar = None if entry.choices else type(default).__name__.upper()
            parser.add_argument(option, type=type(default), choices=entry.choices, metavar=metavar, **options)


def _help(entry: Row, default: Any) -> str:
    shown = " ".join(map(str, default)) or "none" if isinstance(default, tuple) else default
    usual = "the data set's usual" if default is None else shown
    return " ".join(filter(None, (f"{entry.label}.", entry.help, f"Default: {usual}"))).replace("%", "%%")


def fields_of(cls: type, options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a spec that the options name."""
    given = vars(options)
    return {
        f.name: tuple(given[f.name]) if isinstance(given[f.name], list) else given[f.name]
        for f in fields(cls)
        if f.init and f.name in given
    }


def spec_of(options: argparse.Namespace) -> RunSpec:
    """The run that the options describe. Raises DataError where --data names nothing."""
    data = DataSpec(options.data) if options.data in catalogue.BUILT_IN else _own(options.data)
    parts = {part: fields_of(cls, options) for part, cls in PARTS.items()}
    return RunSpec(
        model=PARTS["model"](**parts["model"]),
        data=replace(data, **parts["data"]),
        train=PARTS["train"](**parts["train"]),
    )


def _own(path: str) -> DataSpec:
    from resnet_viz.data import own

    if not os.path.exists(path):  # False, too, for what no path can be
        raise catalogue.DataError(
            f"{quote(path)} is neither a data set ({', '.join(catalogue.BUILT_IN)}) nor a file or folder on this machine."
        )
    return own.import_own(Path(path))
