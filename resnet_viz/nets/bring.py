"""Bringing trained networks: a checkpoint file, of this project's or anybody's.

`reading` takes the weights out of an untrusted file, `inferring` tells which network they are of; what fits is kept in the format
that ships (`weights.save`), where `refs` finds it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from resnet_viz import settings
from resnet_viz.data import catalogue
from resnet_viz.data.layout import few
from resnet_viz.files import taken
from resnet_viz.nets import heads, models, names, reading, refs, weights
from resnet_viz.nets.inferring import head_weights, infer
from resnet_viz.nets.reading import FEW
from resnet_viz.nets.refs import NetworkError, Source
from resnet_viz.spec import arch
from resnet_viz.spec.checks import SpecError, quote
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec, is_bottleneck, stage_lengths

# Mean and std per channel, of images from 0 to 1, as they are usual; each set's own are its training images'.
MOMENTS = {
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "CIFAR-10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "CIFAR-100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "MNIST": ((0.1307,), (0.3081,)),
    "none": ((0.0,), (1.0,)),
}


class NeedsMoments(NetworkError):
    """A checkpoint that does not say how its images were normalised: ask for mean and std, and bring it again.

    ``spec``: the network that its names and shapes tell; ``convention``: whose names these are; ``copies``: the networks in the
    file, where there are several.
    """

    def __init__(self, sentence: str, spec: ModelSpec, convention: str, copies: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.spec, self.convention, self.copies = spec, convention, copies

    @property
    def data(self) -> str:
        """The built-in data set whose images and classes fit, where one alone does; "" for ImageNet's family, too."""
        shape = self.spec.channels, self.spec.classes
        fits = [name for name, facts in catalogue.BUILT_IN.items() if (facts.channels, len(facts.classes)) == shape]
        return fits[0] if len(fits) == 1 and self.spec.family == "cifar" else ""

    @property
    def usual(self) -> str:
        """Of MOMENTS the mean and std that such a network usually has."""
        if self.spec.channels == 1:
            return "MNIST"
        # The author of pytorch_resnet_cifar10 normalises CIFAR-10 by ImageNet's.
        own = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}.get(self.data, "ImageNet")
        return "ImageNet" if self.convention == "pytorch_resnet_cifar10" else own

    @property
    def recognised(self) -> str:
        """What was recognised, and what is assumed: a sentence."""
        known = "ImageNet's" if self.spec.family == "imagenet" and self.spec.classes == 1000 else "numbered"
        whose = f"{catalogue.BUILT_IN[self.data].label}'s" if self.data else known
        return (
            f"{self.spec.called} for {self.spec.classes:,} classes, names as in {self.convention}; {whose} classes and "
            f"{self.usual}'s mean and std are assumed: change what is not so."
        )


def import_checkpoint(
    name: str,
    content: bytes,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    classes: Sequence[str] = (),
    data: DataSpec | None = None,
    shortcut: str = "identity",
    copy: str = "",
    size: int = 0,
    stride_in_1x1: bool = False,
    raw_projection: bool = False,
    norm_groups: int = 0,
) -> Source:
    """Bring the weights in a file: a state dict (.pth, .safetensors), a checkpoint of a run, or what `weights.save` wrote.

    The network is told from names and shapes where the file does not say it; where no tensor can tell (a plain net has those of
    option A), ``shortcut`` does. ``mean`` and ``std``: per channel, of images from 0 to 1. ``data``: what it was trained on.
    ``classes``: their names, else those of ``data``, else numbers. ``copy``: which of several networks in the file, as
    `reading.read` has it. ``size``: pixels a side of the images, which no tensor tells; 0: those of ``data``, else 224 or 32.
    ``stride_in_1x1``, ``raw_projection``, ``norm_groups`` (0: 32, or 8 in narrow nets): as `ModelSpec` has them, not told either.
    Raises NetworkError; NeedsMoments where the file needs mean and std.
    """
    given = reading.read(name, content, copy)
    state, notes = _one_logit(given.state), _notes(given)
    spec = given.spec or infer(state, name, shortcut)
    if not given.spec:
        size = size or (catalogue.facts(data).size if data else spec.size)
        spec = replace(spec, size=size, stride_in_1x1=stride_in_1x1, raw_projection=raw_projection)
        spec = replace(spec, norm_groups=norm_groups or spec.norm_groups)
        spec.validate()
    model = fitted(name, spec, state, len(content), given.theirs)
    if not given.mean and (mean is None or std is None):
        raise NeedsMoments(
            f"{name!r} is a {spec.called} net that does not say how its images were normalised; give the mean and "
            "std of its training.",
            spec,
            _convention(given.theirs, spec),
            given.copies,
        )
    levels = given.mean or _moments(mean or (), spec, "mean"), given.std or _moments(std or (), spec, "std")
    if min(levels[1]) <= 0:
        raise NetworkError(f"A std of {min(levels[1]) / 255:g} can't be divided by; give one above 0, such as 0.25.")
    data = given.data or data
    called = tuple(classes) or given.classes or _class_names(spec, data)
    if len(called) != spec.classes:
        raise NetworkError(f"{name!r} tells {spec.classes:,} classes apart, but {len(called):,} names were given.")
    kept = json.dumps([asdict(spec), levels, called, data.name if data else ""], default=list)
    ref = hashlib.sha256(content + kept.encode()).hexdigest()[:16]
    path = refs.weights_home() / f"{ref}.safetensors"
    label = given.label or f"{spec.called} from {name}"
    facts = " ".join([f"Weights from the file {name!r}.", *notes, *_unsaid(spec, given)])
    source = Source(f"file:{ref}", label[:60], spec, path, data, given.step, facts)
    middle, spread = (torch.tensor(values, dtype=torch.float32) for values in levels)
    network = weights.Network(source, model, middle, spread, called)
    _try(name, network)
    if taken(path.parent) + len(content) > settings.own_cap():
        raise NetworkError(
            f"The networks that were brought here would take more than {settings.own_cap() / 1e9:g} GB; delete some in "
            f"{path.parent}, or set RESNET_VIZ_OWN_GB higher."
        )
    try:
        weights.save(path, network)
    except OSError as error:
        raise NetworkError(f"{name!r} could not be kept ({error}); look at the free disk space.") from error
    return source


def _try(name: str, network: weights.Network) -> None:
    """Check all that is kept of a network, and ask it about a grey ramp. Raises NetworkError where no page could show it."""
    size, channels = network.spec.size, network.spec.channels
    try:
        heads.parse(refs.describe(network.source, network.mean.tolist(), network.std.tolist(), network.classes))
    except SpecError as error:
        raise NetworkError(f"The network in {quote(name)} can't be kept: {error}") from error
    # From black to white: an image of the mean grey alone is 0 everywhere for the network, and hides what overflows.
    ramp = np.broadcast_to(np.linspace(0, 255, size).astype(np.uint8)[:, None], (1, size, size, channels))
    with torch.no_grad():
        logits = network.model(network.prepare(ramp))  # (1, classes)
    if not logits.isfinite().all():
        raise NetworkError(
            f"The network in {quote(name)} answers a grey ramp with no finite numbers; bring other weights."
        )


def _convention(theirs: Mapping[str, str], spec: ModelSpec) -> str:
    """Whose names a file's tensors have, told by those of the stem and the head."""
    stem, head = theirs.get("conv1.weight", ""), theirs.get("fc.weight", "")
    if head.endswith("linear.weight"):  # of two public CIFAR trainers; the first has option A
        return "pytorch_resnet_cifar10" if spec.shortcut == "identity" else "pytorch-cifar"
    ends = {"convolution.weight": "transformers", "conv1.0.weight": "pytorch-cifar100", "conv1.weight": "torchvision"}
    return next((whose for end, whose in ends.items() if stem.endswith(end)), "a Sequential of torchvision's parts")


def described(name: str, content: bytes) -> weights.Network:
    """The network in a .safetensors that says all of itself, as `weights.save` writes it, checked. Raises NetworkError."""
    given = reading.read(name, content)
    if given.spec is None or not given.mean:
        raise NetworkError(f"{quote(name)} does not say which network it holds; export it again.")
    model = fitted(name, given.spec, given.state, len(content))
    source = Source("", given.label, given.spec, None, given.data, given.step)
    middle, spread = (torch.tensor(values, dtype=torch.float32) for values in (given.mean, given.std))
    network = weights.Network(source, model, middle, spread, given.classes)
    _try(name, network)
    return network


def _one_logit(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with two classes where it has one logit z: softmax of (0, z) is the sigmoid of z, exactly."""
    state = dict(state)
    for weight in head_weights(state)[-1:]:
        for name in (weight, weight.replace("weight", "bias")):
            if name in state and state[name].shape[:1] == (1,):
                state[name] = torch.cat([torch.zeros_like(state[name]), state[name]])
    return state


def _notes(given: reading.Weights) -> list[str]:
    """What was chosen among, and left out of, what a file holds."""
    notes = []
    if given.copies:
        taken, *others = given.copies
        notes.append(f"Of its networks {taken!r} was taken, not {few(others)}.")
    if given.left_out:
        notes.append(f"Left out, as it is no part of the network: {few(given.left_out)}.")
    if any(given.state[weight].shape[:1] == (1,) for weight in head_weights(given.state)[-1:]):
        notes.append("Its single logit z is that of class 1 against 0: softmax of (0, z) is its sigmoid.")
    return notes


def _unsaid(spec: ModelSpec, given: reading.Weights) -> list[str]:
    """What no tensor tells, and how it was taken."""
    if given.spec:
        return []
    taken = [f"images of {spec.size}×{spec.size}"]
    if spec.shortcut in ("identity", "none"):
        taken.append("with skips, not plain" if spec.residual else "plain, without skips")
    if is_bottleneck(spec):
        places = "in the 3×3 convolution (v1.5, torchvision's)", "in the first 1×1 (v1)"
        taken.append(f"stride {places[spec.stride_in_1x1]}, not {places[not spec.stride_in_1x1]}")
    if spec.order == "preact" and spec.shortcut.startswith("projection"):
        taken.append(
            f"projections of x {'as it is' if spec.raw_projection else 'behind its norm and ReLU (as in He 2016)'}"
        )
    if spec.norm == "group":
        taken.append(f"GroupNorm of {spec.norm_groups} groups")
    if spec.family == "cifar" and len(stage_lengths(spec)) == 4:
        taken.append("no max-pooling behind the stem")
    if spec.hidden:
        taken.append("ReLU between the linear layers of its head")
    return [f"Taken, as no tensor tells it: {'; '.join(taken)}."]


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
        with contextlib.suppress(catalogue.DataError):  # the user's own, and gone: then by number
            return catalogue.facts(data).classes
    if spec.family == "imagenet" and spec.classes == 1000:
        from torchvision.models import ResNet18_Weights

        return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
    return tuple(map(str, range(spec.classes)))


def fitted(
    name: str, spec: ModelSpec, state: Mapping[str, Tensor], size: int, theirs: Mapping[str, str] | None = None
) -> torch.nn.Module:
    """The spec's network with the weights of a file of ``size`` bytes, ready to be asked.

    Raises NetworkError that names the first tensors that do not fit, as the file names them (``theirs``, by torchvision's).
    """
    if arch.parameters(spec) > size:  # before memory is asked for: it takes a byte or more for each
        raise NetworkError(f"{name!r} says it is a {spec.called} net, but is too short for its weights.")
    model = models.build(spec)
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    counters = {key for key in expected if key.endswith("num_batches_tracked")}  # which older files lack
    called = partial(names.in_theirs, theirs=theirs or {})
    wrong = [
        f"{called(key)} is {given[key]} and should be {shape}" if key in given else f"{called(key)} {shape} is missing"
        for key, shape in expected.items()
        if given.get(key, shape if key in counters else None) != shape
    ] + [f"{called(key)} {shape} is not of it" for key, shape in given.items() if key not in expected]
    if wrong:
        more = f" and {len(wrong) - FEW:,} more" if len(wrong) > FEW else ""
        raise NetworkError(f"{name!r} does not fit a {spec.called} net: {'; '.join(wrong[:FEW])}{more}.")
    model.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    if not all(value.isfinite().all() for value in model.state_dict().values()):
        raise NetworkError(f"The weights in {name!r} are not finite, for the net diverged; bring earlier ones.")
    return model.eval().requires_grad_(False)
