"""The same network by other names: what wraps a state dict and how others call its parts, brought to torchvision's names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from torch import Tensor

# Pattern of what a name begins with → torchvision's beginning, made of the pattern's numbers.
_Renames = tuple[tuple[str, Callable[..., str]], ...]
_HUGGING = r"encoder\.stages\.(\d+)\.layers\.(\d+)\."


def _numbered(first: int) -> _Renames:
    """Of a Sequential of torchvision's children whose stages begin at a number."""
    return (
        (r"0\.", lambda: "conv1."),
        (r"1\.", lambda: "bn1."),
        (r"(\d+)\.(?=\d+\.)", lambda s: f"layer{s - first + 1}."),
    )


# How networks are named: their stem, the first convolution of their first block, and what is called otherwise.
_STYLES: tuple[tuple[str, str, _Renames], ...] = (
    (  # torchvision and timm; the CIFAR nets, of which some say shortcut for downsample, and bn for the last norm
        "conv1.weight",
        "layer1.0.conv1.weight",
        ((r"layer(\d+)\.(\d+)\.shortcut\.", lambda s, b: f"layer{s}.{b}.downsample."), (r"bn\.", lambda: "bn1.")),
    ),
    (  # Hugging Face's transformers; its numbers count from 0
        "embedder.embedder.convolution.weight",
        "encoder.stages.0.layers.0.layer.0.convolution.weight",
        (
            (r"embedder\.embedder\.convolution\.", lambda: "conv1."),
            (r"embedder\.embedder\.normalization\.", lambda: "bn1."),
            (_HUGGING + r"layer\.(\d+)\.convolution\.", lambda s, b, n: f"layer{s + 1}.{b}.conv{n + 1}."),
            (_HUGGING + r"layer\.(\d+)\.normalization\.", lambda s, b, n: f"layer{s + 1}.{b}.bn{n + 1}."),
            (_HUGGING + r"shortcut\.convolution\.", lambda s, b: f"layer{s + 1}.{b}.downsample.0."),
            (_HUGGING + r"shortcut\.normalization\.", lambda s, b: f"layer{s + 1}.{b}.downsample.1."),
        ),
    ),
    (  # a stem and branches that are Sequentials, each ReLU of which takes a number; stages count as in the paper's table
        "conv1.0.weight",
        "conv2_x.0.residual_function.0.weight",
        (
            (r"conv1\.0\.", lambda: "conv1."),
            (r"conv1\.1\.", lambda: "bn1."),
            (
                r"conv(\d+)_x\.(\d+)\.residual_function\.(\d+)\.",
                lambda s, b, n: f"layer{s - 1}.{b}.{'bn' if n % 3 else 'conv'}{n // 3 + 1}.",
            ),
            (r"conv(\d+)_x\.(\d+)\.shortcut\.", lambda s, b: f"layer{s - 1}.{b}.downsample."),
        ),
    ),
    (  # CIFAR's Wide ResNets
        "conv1.weight",
        "block1.layer.0.conv1.weight",
        (
            (r"block(\d+)\.layer\.(\d+)\.convShortcut\.", lambda s, b: f"layer{s}.{b}.downsample.0."),
            (r"block(\d+)\.layer\.(\d+)\.", lambda s, b: f"layer{s}.{b}."),
        ),
    ),
    ("0.weight", "4.0.conv1.weight", _numbered(4)),  # convolution, norm, ReLU, max-pooling, stages
    ("0.weight", "3.0.conv1.weight", _numbered(3)),  # without max-pooling
)
# What profilers, averaged models and losses leave beside weights, and what names an averaged copy.
_BAGGAGE = re.compile(r"total_ops$|total_params$|n_averaged$|(^|[._])(loss|criterion|queue|queue_ptr|centers?)([._]|$)")
_BODY = re.compile(r"(conv1|bn1|layer\d+)\.")
_AVERAGED = re.compile(r"ema|avg|average|swa|teacher|momentum|encoder_k", re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """A network's tensors in torchvision's names; what was left out, by the file's; and what the file calls each."""

    state: dict[str, Tensor]
    left_out: tuple[str, ...] = ()
    theirs: Mapping[str, str] = field(default_factory=dict)


def networks(state: Mapping[str, Tensor]) -> list[str]:
    """What stands before the names of each residual network in a state dict ("module.", "model.net."); raw ones first."""
    roots = []
    for stem, block, _ in _STYLES:
        before = [key.removesuffix(stem) for key in state if key.endswith(stem)]
        roots += [root for root in before if root + block in state]
    return sorted(dict.fromkeys(roots), key=is_average)


def lacking(keys: Sequence[str]) -> str:
    """Of names among which no network was found, which one is lacking: "layer1.0.conv1.weight, but no conv1.weight", say."""
    for stem, block, _ in _STYLES[:2]:
        for has, wants in ((block, stem), (stem, block)):
            if here := next((key for key in keys if key.endswith(has)), ""):
                return f"{here}, but no {here.removesuffix(has)}{wants}"
    return "but neither conv1.weight nor layer1.0.conv1.weight"


def is_average(name: str) -> bool:
    """Whether a name speaks of an averaged copy of the weights."""
    return bool(_AVERAGED.search(name))


def in_our_names(state: Mapping[str, Tensor], root: str) -> Named:
    """The tensors of the network below ``root`` in torchvision's names.

    The one linear layer there is, whatever it is called, is ``fc``, for dropout before it changes nothing in what is asked here;
    several that follow each other are the layers of a head, ``fc.0``, ``fc.2`` and so on.
    """
    others = [other for other in networks(state) if other != root]
    renames = next(renames for stem, block, renames in _STYLES if root + stem in state and root + block in state)
    left_out = [key for key in state if _BAGGAGE.search(key.removeprefix(root))]
    deeper = tuple(other for other in others if other.startswith(root))
    own = [key for key in state if key.startswith(root) and not key.startswith(deeper) and key not in left_out]
    inside = {_renamed(key.removeprefix(root), renames): key for key in own}
    known = {k: k for k in state if not k.startswith((root, *others)) and k not in left_out} | inside
    layers = _chain({k.removesuffix("weight"): state[known[k]] for k in known if _is_linear(k, state[known[k]])})
    head = {stem: f"fc.{2 * number}." if len(layers) > 1 else "fc." for number, stem in enumerate(layers)}
    around = tuple(parent for stem in layers if (parent := stem.rstrip(".").rpartition(".")[0] + ".") != ".")
    theirs = {}
    for key, file_key in known.items():
        stem = next((stem for stem in layers if key.startswith(stem)), "")
        if stem:
            theirs[head[stem] + key.removeprefix(stem)] = file_key
        elif key in inside and (_BODY.match(key) or not layers):
            theirs[key] = file_key
        elif key in inside or key.startswith(around):
            # Of the head or the body, and nothing that is known: under no name of ours.
            theirs[f"other {file_key}"] = file_key
        else:
            left_out.append(file_key)
    return Named({ours: state[file_key] for ours, file_key in theirs.items()}, tuple(left_out), theirs)


def in_theirs(key: str, theirs: Mapping[str, str]) -> str:
    """What a file calls a tensor, or would, going by the other tensors of its layer."""
    if key in theirs:
        return theirs[key]
    layer, _, what = key.rpartition(".")
    beside = next((file_key for ours, file_key in theirs.items() if ours.rpartition(".")[0] == layer), key)
    return f"{beside.rpartition('.')[0]}.{what}"


def _is_linear(key: str, value: Tensor) -> bool:
    return value.ndim == 2 and key.endswith(".weight") and not _BODY.match(key)


def _chain(layers: Mapping[str, Tensor]) -> Sequence[str]:
    """The linear layers of a head by what stands before "weight", in forward order; none where they don't follow each other."""
    by_number = sorted(
        layers, key=lambda stem: [(not p.isdecimal(), int(p) if p.isdecimal() else p) for p in stem.split(".")]
    )
    for order in (list(layers), by_number):  # as it was saved; or, where that was sorted as text, by number
        if all(layers[b].shape[1] == layers[a].shape[0] for a, b in pairwise(order)):
            return order
    return ()


def _renamed(key: str, renames: _Renames) -> str:
    for pattern, ours in renames:
        if found := re.match(pattern, key):
            return ours(*map(int, found.groups())) + key[found.end() :]
    return key
