"""A run as flat values, one a control: what a form and a link hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.fields import Row, default_of, from_value, rows, to_value
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec

PARTS: dict[str, type] = {"model": ModelSpec, "data": DataSpec, "train": TrainSpec}
# Taken from the data, or said by the control "data".
FROM_DATA = ("channels", "classes", "size", "name", "hash", "label")

# Every control but "data", by its field: part and row. No two parts have a field of one name.
CONTROLS: dict[str, tuple[str, Row]] = {
    name: (part, entry) for part, cls in PARTS.items() for name, entry in rows(cls).items() if name not in FROM_DATA
}
NETS = {"both": "Both", "residual": "Residual", "plain": "Plain"}


def _default(name: str) -> Any:
    cls = PARTS[CONTROLS[name][0]]
    return to_value(cls, name, default_of(cls, name))


DEFAULTS: dict[str, Any] = {"data": "digits", "nets": "both", **{name: _default(name) for name in CONTROLS}}


def usual_shortcut(family: str) -> str:
    """The shortcut that the residual networks of a family have."""
    return {"article": "maxpool", "imagenet": "projection"}.get(family, "identity")


def data_of(value: str) -> DataSpec:
    """The data set that the control "data" names: a built-in one, or "own:HASH"."""
    name, _, hash_ = value.partition(":")
    return DataSpec(name=name, hash=hash_)


def residual_spec(values: Mapping[str, Any]) -> RunSpec:
    """The residual run that values describe, those that are missing at their defaults; its `twin()` is the plain one.

    Channels, classes and size are not filled in from the data, and nothing but the form of lists is checked. Raises SpecError.
    """
    values = DEFAULTS | dict(values)
    data = data_of(values["data"])
    parts: dict[str, dict[str, Any]] = {"model": {}, "data": {"name": data.name, "hash": data.hash}, "train": {}}
    for name, (part, _) in CONTROLS.items():
        parts[part][name] = from_value(PARTS[part], name, values[name])
    return RunSpec(**{part: PARTS[part](**given) for part, given in parts.items()})


def values_of(spec: RunSpec) -> dict[str, Any]:
    """The values that describe a run, and that start it again: the inverse of `residual_spec`.

    A plain run has no shortcut to show; the family's usual one stands in its place, and "nets" says plain.
    """
    model, data = spec.model, spec.data
    values = {
        name: to_value(PARTS[part], name, getattr(getattr(spec, part), name)) for name, (part, _) in CONTROLS.items()
    }
    return {
        "data": f"own:{data.hash}" if data.name == "own" else data.name,
        "nets": "both" if model.residual else "plain",
        **values,
        "shortcut": model.shortcut if model.residual else usual_shortcut(model.family),
    }
