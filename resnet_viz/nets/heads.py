"""What stands in the head of a .safetensors beside the weights, each field checked, for anybody may have written it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resnet_viz.spec.checks import SpecError, quote, require
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.fields import WHOLE, encodable
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import part_from_json


@dataclass(frozen=True)
class Head:
    """What `refs.describe` wrote. ``mean`` and ``std``: a number a channel, in grey levels; ``data``: None where unknown."""

    spec: ModelSpec
    data: DataSpec | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    label: str
    step: int
    about: str
    unlike: float


def parse(kept: Mapping[str, str]) -> Head:
    """The head of a file, from its field → JSON. Raises SpecError for the first field that is missing or can't be."""
    spec = part_from_json(ModelSpec, _text_of(kept, "model"))
    spec.validate()
    data = None
    if (text := _text_of(kept, "data")) != "null":
        data = part_from_json(DataSpec, text)
        data.validate()
    mean, std = (_numbers(kept, name, spec.channels) for name in ("mean", "std"))
    require(all(0 <= value <= 255 for value in mean), f"Its mean {quote(mean)} is outside 0 to 255.")
    require(all(1e-6 <= value <= 255 for value in std), f"Its std {quote(std)} is not above 0 and up to 255.")
    step, classes = _value(kept, "step"), _value(kept, "classes")
    require(type(step) is int and 0 <= step <= WHOLE, f"Its step {quote(step)} is no whole number from 0 up.")
    require(isinstance(classes, list) and all(map(_is_text, classes)), f"Its classes {quote(classes)} are no texts.")
    require(
        len(classes) == spec.classes,
        f"It names {len(classes):,} classes, and its network tells {spec.classes:,} apart.",
    )
    label, about = _value(kept, "label"), _value(kept, "about")
    for name, text in (("label", label), ("about", about)):
        require(_is_text(text), f"Its {name} {quote(text)} is no text.")
    unlike = _value({"unlike": "0", **kept}, "unlike")  # files of earlier versions have none
    fine = type(unlike) in (int, float) and 0 <= unlike <= 1e6
    require(fine, f"Its limit of strangeness {quote(unlike)} is no number from 0 up.")
    return Head(spec, data, mean, std, tuple(classes), label, step, about, unlike)


def _text_of(kept: Mapping[str, str], name: str) -> str:
    require(name in kept, f"It does not say its {name}.")
    return kept[name]


def _value(kept: Mapping[str, str], name: str) -> Any:
    try:
        return json.loads(_text_of(kept, name))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"Its {name} {quote(kept[name])} is no JSON.") from error


def _numbers(kept: Mapping[str, str], name: str, count: int) -> tuple[float, ...]:
    values = _value(kept, name)
    fine = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    require(fine and len(values) == count, f"Its {name} {quote(values)} is not a number for each of {count} channels.")
    return tuple(values)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and encodable(value)
