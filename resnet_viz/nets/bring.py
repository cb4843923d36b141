"""Bringing trained networks: a checkpoint file, of this project's or anybody's.

A file is untrusted: weights alone are read from it, never code, and what is wrong is said in one sentence. What is taken is kept
in the format that ships (`weights.save`), where `networks` finds it.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.nets import models, refs, weights
from resnet_viz.nets.refs import NetworkError, Source
from resnet_viz.spec import arch
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import IMAGENET_DEPTHS, ModelSpec, stage_lengths
from resnet_viz.spec.run import SpecError, from_json, part_from_json

# Mean and std per channel, of images from 0 to 1, as they are usual; each set's own are its training images'.
MOMENTS = {
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "CIFAR-10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "CIFAR-100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "MNIST": ((0.1307,), (0.3081,)),
    "none": ((0.0,), (1.0,)),
}
# Under what names people wrap a state dict.
WRAPPED = ("state_dict", "model", "model_state_dict", "net", "weights", "params")
FEW = 3  # differences that a sentence names


class NeedsMoments(NetworkError):
    """A checkpoint that does not say how its images were normalised: ask for mean and std, and bring it again.

    ``spec``: the network that its names and shapes tell.
    """

    def __init__(self, sentence: str, spec: ModelSpec) -> None:
        super().__init__(sentence)
        self.spec = spec


@dataclass(frozen=True)
class _Found:
    """What a file holds: its tensors, and what it says of them (``mean`` and ``std`` in grey levels)."""

    state: dict[str, Tensor]
    spec: ModelSpec | None = None
    data: DataSpec | None = None
    mean: Sequence[float] = ()
    std: Sequence[float] = ()
    classes: tuple[str, ...] = ()
    step: int = 0
    label: str = ""


def import_checkpoint(
    name: str,
    content: bytes,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    classes: Sequence[str] = (),
    data: DataSpec | None = None,
    shortcut: str = "identity",
) -> Source:
    """Bring the weights in a file: a state dict (.pth, .safetensors), a checkpoint of a run, or what `weights.save` wrote.

    The network is told from names and shapes where the file does not say it; where no tensor can tell (a plain net has those of
    option A), ``shortcut`` does. ``mean`` and ``std``: per channel, of images from 0 to 1. ``data``: what it was trained on.
    ``classes``: their names, else those of ``data``, else numbers. Raises NetworkError; NeedsMoments where the file needs mean
    and std.
    """
    found = _read(name, content)
    state = _in_our_names(found.state)
    spec = found.spec or infer(state, name, shortcut)
    if data and not found.spec:
        spec = replace(spec, size=catalogue.facts(data).size)
    model = fitted(name, spec, state, len(content))
    if not found.mean and (mean is None or std is None):
        raise NeedsMoments(
            f"{name!r} is a {spec.called} net that does not say how its images were normalised; give the mean and "
            "std of its training.",
            spec,
        )
    levels = found.mean or _moments(mean or (), spec, "mean"), found.std or _moments(std or (), spec, "std")
    if min(levels[1]) <= 0:
        raise NetworkError(f"A std of {min(levels[1]) / 255:g} can't be divided by; give one above 0, such as 0.25.")
    data = found.data or data
    words = tuple(classes) or found.classes or _class_names(spec, data)
    if len(words) != spec.classes:
        raise NetworkError(f"{name!r} tells {spec.classes:,} classes apart, but {len(words):,} names were given.")
    kept = json.dumps([spec.called, levels, words, data.name if data else ""], default=list)
    ref = hashlib.sha256(content + kept.encode()).hexdigest()[:16]
    path = refs.weights_home() / f"{ref}.safetensors"
    label = found.label or f"{spec.called} from {name}"
    source = Source(f"file:{ref}", label[:60], spec, path, data, found.step, f"Weights from the file {name!r}.")
    middle, spread = (torch.tensor(values, dtype=torch.float32) for values in levels)
    try:
        weights.save(path, weights.Network(source, model, middle, spread, words))
    except OSError as error:
        raise NetworkError(f"{name!r} could not be kept ({error}); look at the free disk space.") from error
    return source


def _moments(values: Sequence[float], spec: ModelSpec, what: str) -> tuple[float, ...]:
    """Given in 0 to 1, one for all channels or one for each; in grey levels."""
    many = tuple(values) * (spec.channels if len(values) == 1 else 1)
    if len(many) != spec.channels or not all(math.isfinite(v) and 0 <= v <= 1 for v in many):
        raise NetworkError(
            f"The {what} {', '.join(f'{v:g}' for v in values)} is not {spec.channels} numbers from 0 to 1, one a channel; "
            f"usual ones are {', '.join(map(str, MOMENTS['ImageNet'][what == 'std']))}."
        )
    return tuple(255 * v for v in many)


def _class_names(spec: ModelSpec, data: DataSpec | None) -> tuple[str, ...]:
    if data:
        return catalogue.facts(data).classes
    if spec.family == "imagenet" and spec.classes == 1000:
        from torchvision.models import ResNet18_Weights

        return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
    return tuple(map(str, range(spec.classes)))


# --- reading a file --------------------------------------------------------------------------------------------------


def _read(name: str, content: bytes) -> _Found:
    """What a file holds, by its content and not its name. Raises NetworkError."""
    if len(content) > 8 and content[8:9] == b"{" and struct.unpack("<Q", content[:8])[0] < 100_000_000:
        return _read_safetensors(name, content)
    _check_archive(name, content)
    try:
        held = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch and pickle raise of every kind for a broken file
        raise NetworkError(_refusal(name, str(error))) from error
    if isinstance(held, Mapping) and {"spec", "step", "model"} <= set(held) and isinstance(held["spec"], str):
        return _checkpoint(name, held)
    return _Found(_state(name, held))


def _check_archive(name: str, content: bytes) -> None:
    """Refuse an archive that would unpack to more than it is: torch never packs, so whoever did wants memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            total = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # torch will say what is wrong with it; or an old file, a plain pickle
    if total > len(content):
        raise NetworkError(
            f"{name!r} would unpack to {total / 1e6:,.0f} MB, which no checkpoint of torch's does; save it with torch.save."
        )


def _refusal(name: str, words: str) -> str:
    """What to say of a pickle that torch did not load as weights."""
    found = re.search(r"GLOBAL ([\w.]+)", words)
    what = f"holds more than weights ({found[1]})" if found else "is no checkpoint of weights, or was cut short"
    return f"{name!r} {what}; nothing else is opened, as it could run code: save model.state_dict() with torch.save."


def _read_safetensors(name: str, content: bytes) -> _Found:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        state = load(content)
        head = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]]).get("__metadata__", {})
        if "model" not in head:
            return _Found(state)
        about = {key: json.loads(value) for key, value in head.items()}
        data = part_from_json(DataSpec, head["data"]) if about["data"] else None
        spec = part_from_json(ModelSpec, head["model"])
        spec.validate()
        return _Found(
            state, spec, data, about["mean"], about["std"], tuple(about["classes"]), about["step"], about["label"]
        )
    except (SafetensorError, UserError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NetworkError(f"{name!r} was cut short or is no safetensors file ({error}); save it again.") from error


def _checkpoint(name: str, held: Mapping[str, Any]) -> _Found:
    """A run's checkpoint (`train.Trainer.checkpoint`)."""
    try:
        run = from_json(held["spec"])
        run.validate()
        mean, std = (tuple(map(float, held[key])) if key in held else () for key in ("mean", "std"))
        label = f"{run.model.called} from {name}"
        classes = tuple(map(str, held.get("classes", ())))
        return _Found(_state(name, held["model"]), run.model, run.data, mean, std, classes, int(held["step"]), label)
    except (UserError, ValueError, TypeError) as error:
        raise NetworkError(f"{name!r} is no checkpoint of a run that this version knows ({error}).") from error


def _state(name: str, held: Any) -> dict[str, Tensor]:
    """The state dict in what was loaded, unwrapped. Raises NetworkError."""
    for _ in range(3):
        if isinstance(held, Mapping):
            tensors = {k: v for k, v in held.items() if isinstance(k, str) and isinstance(v, Tensor)}
            if any(k.endswith("weight") for k in tensors):
                return tensors
            inner = [held[key] for key in WRAPPED if isinstance(held.get(key), Mapping)]
            held = inner[0] if inner else held
    keys = ", ".join(map(str, list(held)[:FEW])) if isinstance(held, Mapping) else type(held).__name__
    raise NetworkError(f"{name!r} holds no weights ({keys or 'nothing'}); save model.state_dict() with torch.save.")


def _in_our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict without what wraps a network (module., model., _orig_mod. ...), in torchvision's names."""
    stems = [name.removesuffix("conv1.weight") for name in state if name.endswith("conv1.weight")]
    around = min(stems, key=len, default="")
    inner = {name.removeprefix(around): value for name, value in state.items()}
    return {name.replace(".shortcut.", ".downsample."): v for name, v in models.normalise_keys(inner).items()}


# --- which network it is ---------------------------------------------------------------------------------------------


def infer(state: Mapping[str, Tensor], name: str = "the file", shortcut: str = "identity") -> ModelSpec:
    """The network that names and shapes of a state dict tell. ``shortcut``: that of nets whose shortcuts have no tensors.

    Raises NetworkError where it is of no family here.
    """
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    stem, head = shapes.get("conv1.weight", ()), shapes.get("fc.weight", ())
    stages: dict[int, set[int]] = {}
    for key in shapes:
        if found := re.match(r"layer(\d+)\.(\d+)\.", key):
            stages.setdefault(int(found[1]), set()).add(int(found[2]))
    lengths = tuple(len(stages[stage]) for stage in sorted(stages))
    if len(stem) != 4 or len(head) != 2 or not lengths:
        first = ", ".join(f"{key} {shape}" for key, shape in list(shapes.items())[:FEW])
        raise NetworkError(
            f"{name!r} is no residual network in torchvision's or the CIFAR nets' names: it has {first} ..., and not all of "
            "conv1.weight, layer1.0.conv1.weight and fc.weight."
        )
    imagenet = stem[2] == 7
    depths = IMAGENET_DEPTHS if imagenet else (6 * lengths[0] + 2,)
    bottleneck = "layer1.0.conv3.weight" in shapes
    fits = [
        d for d in depths if stage_lengths(_bare(imagenet, d)) == lengths and (not imagenet or (d >= 50) == bottleneck)
    ]
    if not fits or (bottleneck and not imagenet):
        blocks = "bottleneck" if bottleneck else "basic"
        raise NetworkError(
            f"{name!r} has a stem of {stem[2]}×{stem[3]} and stages of {', '.join(map(str, lengths))} {blocks} blocks; the nets "
            "here have 3×3 and three equal stages of basic blocks (CIFAR), or 7×7 and those of ResNet-18, 34, 50, 101 or 152."
        )
    count, projected = sum(lengths), sum(key.endswith("downsample.0.weight") for key in shapes)
    preact = shapes.get("layer2.0.bn1.weight", ())[:1] == shapes["layer2.0.conv1.weight"][1:2]
    kind = "batch" if "layer1.0.bn1.running_mean" in shapes else "group" if "layer1.0.bn1.weight" in shapes else "none"
    spec = replace(
        _bare(imagenet, fits[0]),
        shortcut=("projection_all" if projected == count else "projection") if projected
        else "concat" if "layer1.0.joint.weight" in shapes else shortcut,
        order="preact" if preact else "original",
        norm=kind,
        width=stem[0] / (64 if imagenet else 16),
        channels=stem[1],
        classes=head[0],
        size=224 if imagenet else 32,
    )  # fmt: skip
    try:
        spec.validate()
    except SpecError as error:
        raise NetworkError(f"{name!r} is of no network here: {error}") from error
    return spec


def _bare(imagenet: bool, depth: int) -> ModelSpec:
    return ModelSpec("imagenet" if imagenet else "cifar", depth)


def fitted(name: str, spec: ModelSpec, state: Mapping[str, Tensor], size: int) -> torch.nn.Module:
    """The spec's network with the weights of a file of ``size`` bytes, ready to be asked.

    Raises NetworkError that names the first tensors that do not fit.
    """
    if arch.parameters(spec) > size:  # before memory is asked for: it takes a byte or more for each
        raise NetworkError(f"{name!r} says it is a {spec.called} net, but is too short for its weights.")
    model = models.build(spec)
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    counters = {key for key in expected if key.endswith("num_batches_tracked")}  # which older files lack
    wrong = [
        f"{key} is {given[key]} and should be {shape}" if key in given else f"{key} {shape} is missing"
        for key, shape in expected.items()
        if given.get(key) != shape and key not in counters
    ] + [f"{key} {shape} is not of it" for key, shape in given.items() if key not in expected]
    if wrong:
        more = f" and {len(wrong) - FEW:,} more" if len(wrong) > FEW else ""
        raise NetworkError(f"{name!r} does not fit a {spec.called} net: {'; '.join(wrong[:FEW])}{more}.")
    model.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    if not all(value.isfinite().all() for value in model.state_dict().values()):
        raise NetworkError(f"The weights in {name!r} are not finite, for the net diverged; bring earlier ones.")
    return model.eval().requires_grad_(False)
