"""Everything that can be said about a run, as frozen dataclasses: to JSON, from JSON, validated.

A spec is the whole truth about a run: two runs of equal specs on one machine give equal curves. A field that still
says "auto" is resolved once, when the run is created (`train.resolve`), and stored resolved.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from resnet_viz.checks import SpecError
from resnet_viz.checks import choice as _choice
from resnet_viz.checks import require as _require
from resnet_viz.lab_specs import LABS, LabSpec

SPEC_VERSION = 1

FAMILIES = ("cifar", "imagenet", "article")
IMAGENET_DEPTHS = (18, 34, 50, 101, 152)

# Label of every shortcut, and what it does to (x, F(x)).
SHORTCUTS = {
    "none": "none (plain)",
    "identity": "identity, zero-padded (option A)",
    "projection": "projection where the shape changes (option B)",
    "projection_all": "projection everywhere (option C)",
    "scaling": "constant scaling 0.5·x + 0.5·F (He 2016)",
    "gate_exclusive": "exclusive gating (1−g)·x + g·F (He 2016)",
    "gate_shortcut": "shortcut-only gating (1−g)·x + F (He 2016)",
    "concat": "concatenation, then 1×1 convolution",
    "maxpool": "identity, max-pooled where strided (the article)",
}
ORDERS = {
    "original": "original (2015)",
    "preact": "full pre-activation (2016)",
    "article": "the article's block",
}
NORMS = {"batch": "BatchNorm", "group": "GroupNorm", "none": "none"}
INITS = {
    "he": "He",
    "zero_gamma": "zero-gamma",
    "fixup": "Fixup",
    "skipinit": "SkipInit",
}


def nearest_cifar_depths(depth: int) -> tuple[int, int]:
    """The two depths of the form 6n+2 on either side of ``depth``, within 8 to 1202."""
    below = max(8, min(1196, (depth - 2) // 6 * 6 + 2))
    return below, below + 6


@dataclass(frozen=True)
class ModelSpec:
    """One network: family, depth and what its blocks are made of.

    ``family``: "cifar" (He 2015, section 4.2; depth 6n+2), "imagenet" (He 2015, table 1) or "article" (depth = blocks + 2).
    ``no_skip``: numbers (from 1) of the blocks whose skip is switched off. ``drop``: 1 − p_L of stochastic depth.
    ``init`` and ``drop`` act only on blocks that have a skip; plain blocks always start from He.
    """

    family: str = "cifar"
    depth: int = 56
    shortcut: str = "identity"
    order: str = "original"
    norm: str = "batch"
    init: str = "he"
    drop: float = 0.0
    width: float = 1.0
    gate_bias: float = -6.0
    no_skip: tuple[int, ...] = ()
    channels: int = 3
    classes: int = 10
    size: int = 32

    def validate(self) -> None:
        """Raise SpecError for a combination that means nothing."""
        _choice(self.family, FAMILIES, "Network family")
        _choice(self.shortcut, SHORTCUTS, "Shortcut")
        _choice(self.order, ORDERS, "Block order")
        _choice(self.norm, NORMS, "Norm")
        _choice(self.init, INITS, "Initialisation")
        if self.family == "cifar":
            below, above = nearest_cifar_depths(self.depth)
            _require(
                8 <= self.depth <= 1202 and self.depth % 6 == 2,
                f"Depth {self.depth} is not 6n+2 between 8 and 1202; the nearest are {below} and {above}.",
            )
        elif self.family == "imagenet":
            _require(
                self.depth in IMAGENET_DEPTHS,
                f"Depth {self.depth} is not an ImageNet depth; choose one of {', '.join(map(str, IMAGENET_DEPTHS))}.",
            )
        else:
            _require(3 <= self.depth <= 102, f"Depth {self.depth} is outside 3 to 102 for the article's network.")
        article = self.family == "article"
        _require(
            (self.order == "article") == article,
            f"Block order {self.order!r} does not fit family {self.family!r}: the article's block and its network go together.",
        )
        _require(
            self.shortcut in ("none", "maxpool") if article else self.shortcut != "maxpool",
            f"Shortcut {self.shortcut!r} does not fit family {self.family!r}: max-pooling belongs to the article's network, "
            "which knows only it and none.",
        )
        _require(
            self.family != "imagenet" or self.order == "original",
            f"Block order {self.order!r} is for the CIFAR family; the ImageNet family is torchvision's, order 'original'.",
        )
        _require(
            self.init != "zero_gamma" or (self.norm != "none" and self.order == "original"),
            "Zero-gamma needs a norm at the end of the branch: order 'original' with norm 'batch' or 'group'.",
        )
        _require(
            self.init != "fixup" or (self.norm == "none" and not article),
            f"Fixup replaces the norm: set norm to 'none', not {self.norm!r} (and not in the article's block).",
        )
        skipless = self.shortcut == "none"
        _require(
            not skipless or (self.init == "he" and self.drop == 0),
            "A plain network starts from He without stochastic depth: other starts act only on blocks that have a skip.",
        )
        _require(
            self.shortcut not in ("concat", "scaling", "gate_exclusive") or self.init != "fixup",
            f"Fixup is defined for an added branch, not for shortcut {self.shortcut!r}.",
        )
        _require(
            self.drop == 0 or self.shortcut != "concat",
            "Stochastic depth drops an added branch; a concatenating shortcut has none.",
        )
        _require(
            0 <= self.drop < 1,
            f"Stochastic depth {self.drop} is outside 0 to 1 (it is 1 − p_L; 0.5 is usual).",
        )
        _require(0.125 <= self.width <= 16, f"Width factor {self.width} is outside 0.125 to 16.")
        _require(math.isfinite(self.gate_bias), f"Gate bias {self.gate_bias} is not a number.")
        _require(1 <= self.channels <= 64, f"{self.channels} input channels are outside 1 to 64.")
        _require(2 <= self.classes <= 10_000, f"{self.classes} classes are outside 2 to 10,000.")
        _require(4 <= self.size <= 1024, f"Input size {self.size} is outside 4 to 1024 pixels.")
        count = block_count(self)
        bad = [b for b in self.no_skip if not 1 <= b <= count]
        _require(
            not bad,
            f"Block {bad[0] if bad else 0} has no skip to switch off: this network has blocks 1 to {count}.",
        )
        _require(
            not skipless or not self.no_skip,
            "A plain network has no skips to switch off; leave the mask of skips empty.",
        )

    def twin(self) -> ModelSpec:
        """The plain twin: the same network with every shortcut taken away (and so started from He)."""
        return replace(self, shortcut="none", init="he", drop=0.0, no_skip=())

    @property
    def residual(self) -> bool:
        """Whether any block has a skip."""
        return self.shortcut != "none"

    @property
    def called(self) -> str:
        """Kind and depth, such as "residual-20"; of torchvision's own networks the usual name, "ResNet-18"."""
        if (self.family, self.shortcut) == ("imagenet", "projection"):
            return f"ResNet-{self.depth}"
        kind = {"none": "plain", "identity": "residual"}.get(self.shortcut, self.shortcut.replace("_", " "))
        return f"{kind}-{self.depth}"


def stage_lengths(spec: ModelSpec) -> tuple[int, ...]:
    """Blocks in each stage (He 2015, section 4.2 and table 1; the article's network is one stage)."""
    if spec.family == "cifar":
        return ((spec.depth - 2) // 6,) * 3
    if spec.family == "imagenet":
        return {
            18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3),
        }[spec.depth]  # fmt: skip
    return (spec.depth - 2,)


def block_count(spec: ModelSpec) -> int:
    """Number of blocks in the network."""
    return sum(stage_lengths(spec))


DATASETS = ("digits", "mnist", "fashion", "cifar10", "cifar100", "own")
AUGMENTATIONS = ("flip", "crop", "cutout")


@dataclass(frozen=True)
class DataSpec:
    """Which pictures, how many of them, and how they are varied.

    ``hash`` names the content of the user's own data (name "own"); ``label`` is what the user calls it.
    ``limit``: at most so many training pictures (0: all), drawn by ``split_seed``. ``augment``: see AUGMENTATIONS;
    None asks for the data set's own default.
    """

    name: str = "digits"
    hash: str = ""
    label: str = ""
    limit: int = 0
    validation: float = 0.1
    split_seed: int = 0
    augment: tuple[str, ...] | None = None

    def validate(self) -> None:
        _choice(self.name, DATASETS, "Data set")
        _require(self.name != "own" or bool(self.hash), "Your own data needs its hash: import the file first.")
        _require(self.limit >= 0, f"A limit of {self.limit} training pictures is below 0 (0 means all).")
        _require(0 < self.validation <= 0.5, f"A validation share of {self.validation} is outside 0 to 0.5.")
        for name in self.augment or ():
            _choice(name, AUGMENTATIONS, "Augmentation")


OPTIMISERS = {"sgd": "SGD with momentum", "adam": "Adam", "adamw": "AdamW"}
SCHEDULES = {"constant": "constant", "multistep": "multi-step", "cosine": "cosine", "onecycle": "one-cycle"}
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainSpec:
    """How a network is trained. ``steps`` > 0 ends training there, whatever ``epochs`` says.

    ``milestones`` are shares of the run at which "multistep" divides the rate by 10 (He 2015: 0.5 and 0.75).
    ``device``, ``precision`` "auto" and ``threads`` 0 are resolved once, when the run is created.
    """

    optimiser: str = "sgd"
    rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    milestones: tuple[float, ...] = (0.5, 0.75)
    warmup: int = 0
    batch: int = 128
    epochs: int = 12
    steps: int = 0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    seed: int = 0
    reestimate_bn: bool = True
    device: str = "auto"
    precision: str = "auto"
    channels_last: bool = True
    threads: int = 0

    def validate(self) -> None:
        _choice(self.optimiser, OPTIMISERS, "Optimiser")
        _choice(self.schedule, SCHEDULES, "Schedule")
        _choice(self.device, DEVICES, "Device")
        _choice(self.precision, PRECISIONS, "Precision")
        _require(
            math.isfinite(self.rate) and self.rate > 0,
            f"A learning rate of {self.rate:g} does not train; set one above 0, such as 0.05.",
        )
        _require(0 <= self.momentum < 1, f"Momentum {self.momentum} is outside 0 to 1; 0.9 is usual.")
        _require(
            math.isfinite(self.weight_decay) and self.weight_decay >= 0,
            f"Weight decay {self.weight_decay} is below 0; 1e-4 is usual.",
        )
        _require(
            all(0 < m < 1 for m in self.milestones) and list(self.milestones) == sorted(self.milestones),
            f"Milestones {self.milestones} are shares of the run between 0 and 1, in rising order, such as 0.5 and 0.75.",
        )
        _require(self.warmup >= 0, f"A warm-up of {self.warmup} steps is below 0.")
        _require(self.batch >= 2, f"A batch of {self.batch} is too small: BatchNorm needs 2 pictures or more.")
        _require(1 <= self.epochs <= 10_000, f"{self.epochs} epochs are outside 1 to 10,000.")
        _require(self.steps >= 0, f"{self.steps} steps are below 0 (0 means: as many as the epochs take).")
        _require(
            0 <= self.label_smoothing < 1,
            f"Label smoothing {self.label_smoothing} is outside 0 to 1; 0.1 is usual.",
        )
        _require(0 <= self.mixup <= 10, f"Mixup's alpha {self.mixup} is outside 0 to 10; 0.2 is usual.")
        _require(0 <= self.seed < 2**63, f"Seed {self.seed} is not a whole number from 0 up.")
        _require(0 <= self.threads <= 1024, f"{self.threads} threads are outside 0 (chosen for you) to 1024.")


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


def seed_from(*parts: object) -> int:
    """A seed, 0 to 2^63 − 1, that depends on every part and on nothing else: randomness is counted, not carried along."""
    text = ":".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def to_json(spec: Any) -> str:
    """A spec as one line of JSON, keys sorted: equal specs give equal text."""
    return json.dumps(asdict(spec), sort_keys=True)


def _from_dict(cls: type, values: Mapping[str, Any]) -> Any:
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
        return _from_dict(cls, json.loads(text))
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise SpecError(f"This is not a {cls.__name__}: {error}.") from error


def _lab(values: Mapping[str, Any] | None) -> LabSpec | None:
    if values is None:
        return None
    _choice(values["kind"], LABS, "Lab")
    return _from_dict(LABS[values["kind"]], {name: value for name, value in values.items() if name != "kind"})


def from_json(text: str) -> RunSpec:
    """The RunSpec that ``to_json`` wrote. Raises SpecError for text that is not one."""
    try:
        values = json.loads(text)
        return RunSpec(
            model=_from_dict(ModelSpec, values["model"]),
            data=_from_dict(DataSpec, values["data"]),
            train=_from_dict(TrainSpec, values["train"]),
            lab=_lab(values.get("lab")),
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"This is not the description of a run: {error}.") from error
