"""Everything that can be said about a run, as frozen dataclasses: to JSON, from JSON, validated.

A spec is the whole truth about a run: two runs of equal specs on one machine give equal curves. A field that still
says "auto" is resolved once, when the run is created (`train.resolve`), and stored resolved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from types import NoneType
from typing import Any

import cattrs

from resnet_viz.language import N_
from resnet_viz.spec.checks import SpecError, choice, quote, require
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.fields import KINDS, default_of, types
from resnet_viz.spec.lab import LABS, LabSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.own import OwnSpec
from resnet_viz.spec.train import MACHINE, TrainSpec
from resnet_viz.spec.upgrade import SPEC_VERSION, upgraded


@dataclass(frozen=True)
class RunSpec:
    """A training run: model, data and training. `datasets.fill` sets the model's channels, classes and size from the data.

    With ``lab`` set it is that lab instead: of trained networks, which then stand in it (model and data are the first one's), or
    of the network that model, data and training describe. With ``own`` set the network isn't one of ours.
    """

    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataSpec = field(default_factory=DataSpec)
    train: TrainSpec = field(default_factory=TrainSpec)
    lab: LabSpec | None = None
    own: OwnSpec | None = None

    def __post_init__(self) -> None:
        cls: Any = type(self)
        for part, kind in (types(cls) | {"lab": (*LABS.values(), NoneType)}).items():
            value = getattr(self, part)
            require(
                isinstance(value, kind), N_("The part {part!r} of a run is no {value}."), part=part, value=quote(value)
            )

    def validate(self) -> None:
        """Raise SpecError with one sentence for the first thing that is wrong."""
        if not self.own:
            self.model.validate()
        self.data.validate()
        self.train.validate()
        if self.lab:
            self.lab.validate()

    @property
    def kind(self) -> str:
        """What is carried out: "train", the kind of its lab, or "watch"."""
        return self.lab.kind if self.lab else "watch" if self.watched else "train"

    @property
    def watched(self) -> bool:
        """Whether a loop of the user's carries it out."""
        return self.own is not None and not self.own.factory

    @property
    def trains(self) -> bool:
        """Whether it is a training, ours or a loop of the user's."""
        return self.lab is None

    def settled(self) -> RunSpec:
        """Without the seed, and without what a machine decides for itself: equal for runs that say the same of a network."""
        usual = {name: default_of(TrainSpec, name) for name in (*MACHINE, "seed")}
        return replace(self, train=replace(self.train, **usual))

    def twin(self) -> RunSpec:
        """The run of the plain twin: everything else, seed and data order included, is the same."""
        return replace(self, model=self.model.twin())


def to_json(spec: Any) -> str:
    """A spec as one line of JSON, keys sorted: equal specs give equal text. A whole run's says its version."""
    version = {"version": SPEC_VERSION} if isinstance(spec, RunSpec) else {}
    return json.dumps(asdict(spec) | version, sort_keys=True)


def _strict(value: Any, kind: type) -> Any:
    """A number, text, yes or no as it stands: nothing is turned into something else, but a whole number is a number too."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise SpecError(N_("{value} stands where {kind} is wanted"), value=quote(value), kind=KINDS[kind])
    return value


_CONVERTER = cattrs.Converter(detailed_validation=False)
for _kind in (int, float, str, bool):
    _CONVERTER.register_structure_hook(_kind, _strict)


def _part(part: str, cls: type, values: Mapping[str, Any]) -> Any:
    values = upgraded(part, values)
    unknown = sorted(set(values) - {f.name for f in fields(cls)})
    require(
        not unknown,
        N_("{name} has no field {unknown}; this file may be from a newer version."),
        name=cls.__name__,
        unknown=quote(unknown[0]) if unknown else "",
    )
    converted = {}
    for name, value in values.items():
        try:
            converted[name] = _CONVERTER.structure(value, types(cls)[name])
        except (SpecError, TypeError, ValueError, OverflowError) as error:
            raise SpecError(f"{cls.__name__}.{name}: {error}") from error
    return cls(**converted)


def part_from_json(cls: type, text: str) -> Any:
    """The ModelSpec, DataSpec or TrainSpec (``cls``) that ``to_json`` wrote. Raises SpecError for text that is not one."""
    with _said(f"This is not a {cls.__name__}"):
        return _part(cls.__name__.removesuffix("Spec").lower(), cls, json.loads(text))


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Whatever a text that is no description raises, as a sentence."""
    try:
        yield
    except (
        json.JSONDecodeError,
        RecursionError,
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        SpecError,
    ) as error:
        raise SpecError(f"{what}: {str(error)[:200].rstrip('.')}.") from error


def _lab(values: Mapping[str, Any] | None) -> LabSpec | None:
    if values is None:
        return None
    choice(values["kind"], LABS, "Lab")
    return _part("lab", LABS[values["kind"]], {name: value for name, value in values.items() if name != "kind"})


def from_json(text: str) -> RunSpec:
    """The RunSpec that ``to_json`` wrote, today or in an older version. Raises SpecError for text that is not one."""
    with _said("This is not the description of a run"):
        values = json.loads(text)
        version = values.get("version", 1)
        require(
            type(version) is int and version <= SPEC_VERSION,
            N_("its version is {version}, and this app knows up to {newest}; update it"),
            version=quote(version),
            newest=SPEC_VERSION,
        )
        return RunSpec(
            model=_part("model", ModelSpec, values["model"]),
            data=_part("data", DataSpec, values["data"]),
            train=_part("train", TrainSpec, values["train"]),
            lab=_lab(values.get("lab")),
            own=_part("own", OwnSpec, own) if (own := values.get("own")) else None,
        )
