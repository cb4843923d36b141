"""A run as flat values, one a control: what a form and a link hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resnet_viz.language import N_
from resnet_viz.spec.checks import SpecError, quote, require
from resnet_viz.spec.data import DATASETS, DataSpec
from resnet_viz.spec.fields import KINDS, Row, default_of, from_value, item_type, rows, to_value, types
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import MACHINE, TrainSpec
from resnet_viz.spec.upgrade import upgraded_link

PARTS: dict[str, type] = {"model": ModelSpec, "data": DataSpec, "train": TrainSpec}
# Taken from the data, or said by the control "data".
FROM_DATA = ("channels", "classes", "size", "name", "hash", "label")

# Every control but "data", by its field: part and row. No two parts have a field of one name.
CONTROLS: dict[str, tuple[str, Row]] = {
    name: (part, entry) for part, cls in PARTS.items() for name, entry in rows(cls).items() if name not in FROM_DATA
}
NETS = {"both": N_("Both"), "residual": N_("Residual"), "plain": N_("Plain")}


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


# Links: one text a control, and only for what is not at its default.


def to_link(values: Mapping[str, Any]) -> dict[str, str]:
    """The query parameters that carry values: their keys and texts, without those at their defaults."""
    return {name: _text(values[name]) for name in DEFAULTS if name in values and values[name] != DEFAULTS[name]}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def from_link(query: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The values that query parameters carry, and a sentence for each that can't be taken; others' parameters are passed over.

    Links of older versions are read, too: their names, and labels in place of values.
    """
    values, refused = {}, []
    for name, text in upgraded_link(query).items():
        if name not in DEFAULTS:
            continue
        try:
            values[name] = _read(name, text)
        except SpecError as error:
            refused.append(f"Of the link: {error}")
    return values, refused


def _read(name: str, text: str) -> Any:
    if name in ("data", "nets"):
        choices: Mapping[Any, str] = NETS if name == "nets" else dict.fromkeys(DATASETS, "")
        return _choice(text.partition(":")[0], choices, name.capitalize()) and text
    part, entry = CONTROLS[name]
    cls = PARTS[part]
    kind = types(cls)[name]
    if item_type(kind) is not None:
        return to_value(cls, name, from_value(cls, name, text))
    if kind is bool:
        require(text in ("true", "false"), f"{entry.label} is true or false, not {quote(text)}.")
        return text == "true"
    if entry.choices:
        return _choice(text, entry.choices, entry.label)
    try:
        value = kind(text)
    except (ValueError, OverflowError):
        raise SpecError(f"{entry.label} takes {KINDS[kind]}, not {quote(text)}.") from None
    outside = entry.outside(value)
    require(not outside, f"{entry.label} {quote(text)} {outside}.")
    return value


def _choice(text: str, choices: Mapping[Any, str], label: str) -> Any:
    """The choice of this value, or of this label."""
    chosen = next((value for value, shown in choices.items() if text in (str(value), shown)), None)
    require(chosen is not None, f"{label} {quote(text)} is not known; choose one of {', '.join(map(str, choices))}.")
    return chosen


# What differs between what is shown and what is asked for.


def differences(shown: RunSpec, asked: RunSpec) -> list[tuple[str, str, str]]:
    """Label, value shown and value asked for, of each control in which two runs differ; what a machine decides is passed over."""
    theirs, ours = values_of(shown), values_of(asked)
    labels = {"data": "Data"} | {name: entry.label for name, (_, entry) in CONTROLS.items() if name not in MACHINE}
    return [
        (label, _shown(name, theirs[name]), _shown(name, ours[name]))
        for name, label in labels.items()
        if theirs[name] != ours[name]
    ]


def _shown(name: str, value: Any) -> str:
    choices = CONTROLS[name][1].choices if name in CONTROLS else None
    if choices and value in choices:
        return choices[value]
    return "none" if value == "" else f"{value:g}" if isinstance(value, float) else str(value)
