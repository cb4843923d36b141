"""Reading a checkpoint file that somebody brings: untrusted, so weights alone are taken from it, never code."""

from __future__ import annotations

import io
import json
import re
import struct
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from resnet_viz.data import images
from resnet_viz.errors import UserError
from resnet_viz.nets import heads, names
from resnet_viz.nets.refs import NetworkError
from resnet_viz.spec.checks import SpecError, quote, short
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import from_json

FEW = 3  # names that a sentence lists
UNREAD = 50  # classes of objects that are none of weights, at most
LONG = 20  # of a list, so many entries are looked through for weights
DEEP = 4  # mappings within mappings that are looked through for weights
NOT_WEIGHTS = (
    "optim",
    "scheduler",
    "scaler",
)  # what else is a mapping of tensors in a checkpoint, by the start of its name


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
    copies: tuple[str, ...] = ()  # where the file holds several networks: what they are called, the one taken first
    left_out: tuple[str, ...] = ()  # names of tensors that are none of the network's
    theirs: Mapping[str, str] = field(default_factory=dict)  # torchvision's name of a tensor → what the file calls it


def read(name: str, content: bytes, copy: str = "") -> Weights:
    """What a file holds, by its content and not its name, its tensors in torchvision's names. Raises NetworkError.

    ``copy``: which one, where it holds several networks, such as raw and averaged weights; "": the first of ``copies``.
    """
    what = images.kind(content[: images.HEAD])
    if "web page" in what or "pointer" in what:
        raise NetworkError(f"{name!r} is {what}: {_WAY_OUT['pointer' in what]}.")
    if len(content) > 8 and content[8:9] == b"{" and struct.unpack("<Q", content[:8])[0] < 100_000_000:
        return _read_safetensors(name, content, copy)
    _check_archive(name, content)
    held, unread = _load(name, content)
    if isinstance(held, Mapping) and {"spec", "step", "model"} <= set(held) and isinstance(held["spec"], str):
        return _checkpoint(name, held)
    return _chosen(name, held, copy, unread)


# What torch.compile, FSDP and activation checkpointing put into names, anywhere.
_WRAPPED = re.compile(r"(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_WAY_OUT = {
    False: "download the file itself, by its raw link",
    True: "fetch it with `git lfs pull`, or download it from its page",
}


class _Inert:
    """What stands for every object in a file that is no tensor: it is made of anything, keeps it, and does nothing."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _InertMapping:
    """The same for what is filled like a dictionary, such as a defaultdict or Lightning's hyperparameters: it becomes one."""

    def __new__(cls, *parts: Any) -> Any:
        return OrderedDict()


class _InertList:
    """The same for what is filled like a list, such as a deque."""

    def __new__(cls, *parts: Any) -> Any:
        return []


# Builtins that hold things and do nothing; a call of any other is refused, as nobody keeps one in a checkpoint who means well.
_HARMLESS = {
    f"builtins.{t.__name__}"
    for t in (bool, bytearray, complex, dict, float, frozenset, int, list, range, set, slice, str, tuple)
}
_alone = threading.Lock()  # torch keeps the table of what may be read for the whole process


def _load(name: str, content: bytes) -> tuple[Any, list[str]]:
    """What torch reads of a file without running code, and the names of the classes whose objects were read as `_Inert`.

    torch's own restricted unpickler refuses a file for one numpy scalar or argparse.Namespace beside the weights. It is told to
    make inert objects for such names, so nothing of theirs is imported or called; what kind of object a name wants comes out
    when one is filled. Raises NetworkError.
    """
    try:  # of a zip without reading any tensor; the loop below finds them in an old file, a plain pickle, one by one
        unread = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))[:UNREAD]
    except Exception:  # of every kind for a broken file, which is said below
        unread = []
    kinds: dict[str, type] = {unknown: _made(_Inert, number) for number, unknown in enumerate(unread)}
    with _alone:
        while True:
            try:
                with torch.serialization.safe_globals([(kind, unknown) for unknown, kind in kinds.items()]):  # type: ignore[misc]
                    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True), list(kinds)
            except Exception as error:
                unknown, kind = _wanted(str(error), list(kinds))
                if not kind or issubclass(kinds.get(unknown, object), kind) or len(kinds) >= UNREAD:
                    raise NetworkError(_refusal(name, [unknown] if unknown else list(kinds))) from error
                kinds[unknown] = _made(kind, [*kinds, unknown].index(unknown))


def _made(kind: type, number: int) -> type:
    """A class of its own for a name, by whose number torch's sentences tell it."""
    return type(f"Kind{number}", (kind,), {"__module__": "inert"})


def _wanted(complaint: str, known: Sequence[str]) -> tuple[str, type | None]:
    """From what torch's unpickler complains of, the name that it can't read and the kind of inert object to make for it."""
    if filled := re.search(r"Can only (SETITEM|append).* but got <class 'inert\.Kind(\d+)'>", complaint):
        return known[int(filled[2])], _InertMapping if filled[1] == "SETITEM" else _InertList
    unknown = re.search(r"(Unsupported global: )?GLOBAL ([\w.]+)", complaint)
    if unknown is None:
        return "", None
    builtin = f"builtins.{unknown[2]}"  # torch's sentence leaves the module out
    name = builtin if builtin in _HARMLESS else unknown[2]
    return name, _Inert if unknown[1] and (builtin in _HARMLESS or "." in name) else None


def _check_archive(name: str, content: bytes) -> None:
    """Refuse an archive that would unpack to more than it is: torch never packs, so whoever did wants memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            total = sum(info.file_size for info in archive.infolist())
            is_program = any(info.filename.endswith("/constants.pkl") for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # torch will say what is wrong with it; or an old file, a plain pickle
    if is_program:
        raise NetworkError(
            f"{name!r} is a TorchScript program; it is not opened, as it could run code: save model.state_dict() with torch.save."
        )
    if total > len(content):
        raise NetworkError(
            f"{name!r} would unpack to {total / 1e6:,.0f} MB, which no checkpoint of torch's does; save it with torch.save."
        )


def _refusal(name: str, unread: Sequence[str]) -> str:
    """What to say of a pickle that holds no weights that torch can read."""
    what = (
        f"holds more than weights ({', '.join(unread[:FEW])})"
        if unread
        else "is no checkpoint of weights, or was cut short"
    )
    return f"{name!r} {what}; nothing else is opened, as it could run code: save model.state_dict() with torch.save."


def _read_safetensors(name: str, content: bytes, copy: str) -> Weights:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        state = load(content)
        head = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]]).get("__metadata__", {})
        if "model" not in head:
            return _chosen(name, state, copy, [])
        said = heads.parse(head)
        return Weights(state, said.spec, said.data, said.mean, said.std, said.classes, said.step, said.label)
    except SpecError as error:
        raise NetworkError(f"{quote(name)} does not say what network it holds: {error}") from error
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NetworkError(
            f"{quote(name)} was cut short or is no safetensors file ({short(error)}); save it again."
        ) from error


def _checkpoint(name: str, held: Mapping[str, Any]) -> Weights:
    """A run's checkpoint (`train.Trainer.checkpoint`)."""
    try:
        run = from_json(held["spec"])
        run.validate()
        mean, std = (tuple(map(float, held[key])) if key in held else () for key in ("mean", "std"))
        label = f"{run.model.called} from {name}"
        classes = tuple(map(str, held.get("classes", ())))
        state = {key: value for key, value in held["model"].items() if isinstance(value, Tensor)}
        return Weights(state, run.model, run.data, mean, std, classes, int(held["step"]), label)
    except (UserError, ValueError, TypeError, AttributeError) as error:
        raise NetworkError(f"{name!r} is no checkpoint of a run that this version knows ({error}).") from error


def _chosen(name: str, held: Any, copy: str, unread: Sequence[str]) -> Weights:
    """The weights in what was loaded, unwrapped: the one residual network it holds, or the one that is asked for."""
    found = {label: (state, root) for label, state, root in _networks(held)}
    if not found:
        raise NetworkError(_nothing(name, held, unread))
    labels = sorted(found, key=names.is_average)
    if copy and copy not in found:
        raise NetworkError(f"{name!r} holds no network called {copy!r}; choose one of {', '.join(labels)}.")
    taken = copy or labels[0]
    named = names.in_our_names(*found[taken])
    copies = (taken, *(label for label in labels if label != taken)) if len(labels) > 1 else ()
    return Weights(named.state, copies=copies, left_out=named.left_out, theirs=named.theirs)


def _networks(held: Any) -> Iterator[tuple[str, dict[str, Tensor], str]]:
    """(what it is called, state dict, what stands before its names) of each residual network in nested mappings."""
    waiting, seen = [("", held, 0)], set()
    while waiting:
        path, mapping, depth = waiting.pop(0)
        if isinstance(mapping, list | tuple):
            mapping = {str(number): inner for number, inner in enumerate(mapping[:LONG])}
        if not isinstance(mapping, Mapping) or id(mapping) in seen or depth > DEEP:
            continue
        seen.add(id(mapping))  # a pickle may hold itself
        state = {_WRAPPED.sub("", k): v for k, v in mapping.items() if isinstance(k, str) and isinstance(v, Tensor)}
        for root in names.networks(state):
            yield ".".join(filter(None, (path, root.strip(".")))) or "weights", state, root
        for key, inner in mapping.items():
            if isinstance(key, str) and not key.startswith(NOT_WEIGHTS):
                waiting.append((".".join(filter(None, (path, key))), inner, depth + 1))


def _nothing(name: str, held: Any, unread: Sequence[str]) -> str:
    """What to say of a file without a residual network: what it holds instead."""
    for _ in range(DEEP):
        if not isinstance(held, Mapping) or any(isinstance(v, Tensor) for v in held.values()):
            break
        inner = [v for k, v in held.items() if isinstance(v, Mapping) and v and not str(k).startswith(NOT_WEIGHTS)]
        held = inner[0] if inner else held
    tensors = (
        [f"{k} {tuple(v.shape)}" for k, v in held.items() if isinstance(v, Tensor)] if isinstance(held, Mapping) else []
    )
    if tensors:
        return (
            f"{name!r} is no residual network in the names of torchvision, of the CIFAR nets or of transformers: it has "
            f"{', '.join(tensors[:FEW])} ..., {names.lacking([str(key) for key in held])}."
        )
    if unread:
        return _refusal(name, unread)
    keys = ", ".join(map(str, list(held)[:FEW])) if isinstance(held, Mapping) else type(held).__name__
    return f"{name!r} holds no weights ({keys or 'nothing'}); save model.state_dict() with torch.save."
