"""Reading a checkpoint file that somebody brings: untrusted, so weights alone are taken from it, never code."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from resnet_viz.errors import UserError
from resnet_viz.nets.refs import NetworkError
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import from_json, part_from_json

# Under what names people wrap a state dict.
WRAPPED = ("state_dict", "model", "model_state_dict", "net", "weights", "params")
FEW = 3  # names that a sentence lists


@dataclass(frozen=True)
class Weights:
    """The tensors in a file, and what it says of them; empty where it does not say it.

    ``mean`` and ``std``: one number a channel, in grey levels 0 to 255.
    """

    state: dict[str, Tensor]
    spec: ModelSpec | None = None
    data: DataSpec | None = None
    mean: Sequence[float] = ()
    std: Sequence[float] = ()
    classes: tuple[str, ...] = ()
    step: int = 0
    label: str = ""


def read(name: str, content: bytes) -> Weights:
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
    return Weights(_state(name, held))


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


def _read_safetensors(name: str, content: bytes) -> Weights:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        state = load(content)
        head = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]]).get("__metadata__", {})
        if "model" not in head:
            return Weights(state)
        about = {key: json.loads(value) for key, value in head.items()}
        data = part_from_json(DataSpec, head["data"]) if about["data"] else None
        spec = part_from_json(ModelSpec, head["model"])
        spec.validate()
        return Weights(
            state, spec, data, about["mean"], about["std"], tuple(about["classes"]), about["step"], about["label"]
        )
    except (SafetensorError, UserError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NetworkError(f"{name!r} was cut short or is no safetensors file ({error}); save it again.") from error


def _checkpoint(name: str, held: Mapping[str, Any]) -> Weights:
    """A run's checkpoint (`train.Trainer.checkpoint`)."""
    try:
        run = from_json(held["spec"])
        run.validate()
        mean, std = (tuple(map(float, held[key])) if key in held else () for key in ("mean", "std"))
        label = f"{run.model.called} from {name}"
        classes = tuple(map(str, held.get("classes", ())))
        return Weights(_state(name, held["model"]), run.model, run.data, mean, std, classes, int(held["step"]), label)
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
