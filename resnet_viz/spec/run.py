"""Everything that can be said about a run, as frozen dataclasses: to JSON, from JSON, validated.

A spec is the whole truth about a run: two runs of equal specs on one machine give equal curves. A field that still
says "auto" is resolved once, when the run is created (`train.resolve`), and stored resolved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from resnet_viz.spec.checks import SpecError
from resnet_viz.spec.checks import choice as _choice
from resnet_viz.spec.checks import require as _require
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.lab import LABS, LabSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.spec.upgrade import SPEC_VERSION, upgraded


@dataclass(frozen=True)
class RunSpec:
    """A training run: model, data and training. `datasets.fill` sets the model's channels, classes and size from the data.

    With ``lab`` set it is that lab instead: of trained networks, which then stand in it (model and data are the first one's), or
    of the network that model, data and training describe.
    """

    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataSpec = field(default_factory=DataSpec)
    train: TrainSpec = field(default_factory=TrainSpec)
    lab: LabSpec | None = None

    def validate(self) -> None:
        """Raise SpecError with one sentence for the first thing that is wrong."""
        self.model.validate()
        self.data.validate()
        self.train.validate()
        if self.lab:
            self.lab.validate()

    @property
    def kind(self) -> str:
        """What is carried out: "train", or the kind of its lab."""
        return self.lab.kind if self.lab else "train"

    def twin(self) -> RunSpec:
        """The run of the plain twin: everything else, seed and data order included, is the same."""
        return replace(self, model=self.model.twin())


def to_json(spec: Any) -> str:
    """A spec as one line of JSON, keys sorted: equal specs give equal text. A whole run's says its version."""
    version = {"version": SPEC_VERSION} if isinstance(spec, RunSpec) else {}
    return json.dumps(asdict(spec) | version, sort_keys=True)


def _part(part: str, cls: type, values: Mapping[str, Any]) -> Any:
    values = upgraded(part, values)
    known = {f.name for f in fields(cls)}
    unknown = sorted(set(values) - known)
    _require(
        not unknown,
        f"{cls.__name__} has no field {unknown[0] if unknown else ''!r}; this file may be from a newer version.",
    )
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def part_from_json(cls: type, text: str) -> Any:
    """The ModelSpec, DataSpec or TrainSpec (``cls``) that ``to_json`` wrote. Raises SpecError for text that is not one."""
    try:
        return _part(cls.__name__.removesuffix("Spec").lower(), cls, json.loads(text))
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise SpecError(f"This is not a {cls.__name__}: {error}.") from error


def _lab(values: Mapping[str, Any] | None) -> LabSpec | None:
    if values is None:
        return None
    _choice(values["kind"], LABS, "Lab")
    return _part("lab", LABS[values["kind"]], {name: value for name, value in values.items() if name != "kind"})


def from_json(text: str) -> RunSpec:
    """The RunSpec that ``to_json`` wrote, today or in an older version. Raises SpecError for text that is not one."""
    try:
        values = json.loads(text)
        return RunSpec(
            model=_part("model", ModelSpec, values["model"]),
            data=_part("data", DataSpec, values["data"]),
            train=_part("train", TrainSpec, values["train"]),
            lab=_lab(values.get("lab")),
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"This is not the description of a run: {error}.") from error
