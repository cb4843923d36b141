"""The same network by other names: what wraps a state dict and how others call its parts, brought to torchvision's names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

# A network's stem and the first convolution of its first block, as torchvision and as Hugging Face's transformers call them.
_MARKS = (
    ("conv1.weight", "layer1.0.conv1.weight"),
    ("embedder.embedder.convolution.weight", "encoder.stages.0.layers.0.layer.0.convolution.weight"),
)
# Pattern → torchvision's name; numbers in {} count from 0 there and from 1 here.
_RENAMED = (
    (r"embedder\.embedder\.convolution\.", "conv1."),
    (r"embedder\.embedder\.normalization\.", "bn1."),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.layer\.(\d+)\.convolution\.", "layer{0}.\\2.conv{2}."),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.layer\.(\d+)\.normalization\.", "layer{0}.\\2.bn{2}."),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.shortcut\.convolution\.", "layer{0}.\\2.downsample.0."),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.shortcut\.normalization\.", "layer{0}.\\2.downsample.1."),
    (r"(layer\d+\.\d+)\.shortcut\.", "\\1.downsample."),
)
# What profilers, averaged models and losses leave beside weights, and what names an averaged copy.
_BAGGAGE = re.compile(r"total_ops$|total_params$|n_averaged$|(^|[._])(loss|criterion|queue|queue_ptr|centers?)([._]|$)")
_BODY = re.compile(r"(conv1|bn1|layer\d+)\.")
_AVERAGED = re.compile(r"ema|avg|average|swa|teacher|momentum|encoder_k", re.IGNORECASE)


def networks(state: Mapping[str, Tensor]) -> list[str]:
    """What stands before the names of each residual network in a state dict ("module.", "model.net."); raw ones first."""
    roots = []
    for stem, block in _MARKS:
        before = [key.removesuffix(stem) for key in state if key.endswith(stem)]
        roots += [root for root in before if root + block in state]
    return sorted(dict.fromkeys(roots), key=is_average)


def is_average(name: str) -> bool:
    """Whether a name speaks of an averaged copy of the weights."""
    return bool(_AVERAGED.search(name))


def in_our_names(state: Mapping[str, Tensor], root: str) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of the network below ``root`` in torchvision's names; and the names of what was left out.

    The one linear layer there is, whatever it is called, is ``fc``: a dropout before it changes nothing in what is asked here.
    """
    inside = {key.removeprefix(root): value for key, value in state.items() if key.startswith(root)}
    others = [other for other in networks(state) if other != root]
    outside = {
        key: value for key, value in state.items()
        if not key.startswith(root) and not any(key.startswith(other) for other in others)
    }  # fmt: skip
    left_out = [key for key in inside if _BAGGAGE.search(key)]
    ours = {_renamed(key): value for key, value in inside.items() if key not in left_out}
    all_named = ours | outside
    heads = [k for k, value in all_named.items() if value.ndim == 2 and not _BODY.match(k) and not _BAGGAGE.search(k)]
    if "fc.weight" not in heads and len(heads) == 1:
        stem = heads[0].removesuffix("weight")
        parts = {key: value for key, value in all_named.items() if key.startswith(stem)}
        ours = {key: value for key, value in ours.items() if key not in parts}
        outside = {key: value for key, value in outside.items() if key not in parts}
        ours |= {"fc." + key.removeprefix(stem): value for key, value in parts.items()}
    return ours, [*left_out, *outside]


def _renamed(key: str) -> str:
    for pattern, ours in _RENAMED:
        if found := re.match(pattern, key):
            counted = [int(n) + 1 if n.isdecimal() else 0 for n in found.groups()]
            return found.expand(ours.format(*counted)) + key[found.end() :]
    return key
