"""From a `refs.Source` to a network one can look into; and to the file format that ships."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_viz.data import batches
from resnet_viz.data.splits import load_splits
from resnet_viz.errors import UserError
from resnet_viz.nets import models
from resnet_viz.nets.refs import NetworkError, Source, describe, head
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec, to_json


@dataclass(frozen=True)
class Network:
    """A trained network, ready to be asked: evaluation mode, float32, no parameter requires a gradient.

    ``mean`` and ``std``, (C,), are in grey levels 0 to 255. ``model`` may be shared: hook it inside `probes.alone`.
    """

    source: Source
    model: nn.Module
    mean: Tensor
    std: Tensor
    classes: tuple[str, ...]

    @property
    def spec(self) -> ModelSpec:
        """Which network it is."""
        return self.source.spec

    def prepare(self, images: np.ndarray) -> Tensor:
        """uint8 (B, H, W, C) → what the network takes: float32 (B, C, H, W), normalised as in its training.

        Raises NetworkError for images of another size, or with other channels.
        """
        size, channels, shape = self.spec.size, self.spec.channels, images.shape[1:]
        if shape != (size, size, channels):
            raise NetworkError(
                f"{self.source.label} takes images of {size}×{size} with {channels} channel{'s' * (channels > 1)}; these are "
                f"{shape[0]}×{shape[1]} with {shape[2]}: choose another network."
            )
        x = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float()
        return ((x - self.mean[:, None, None]) / self.std[:, None, None]).contiguous()


def load(source: Source) -> Network:
    """The network of a source. Raises NetworkError where its weights are not there, not whole, not finite, or of another net."""
    if source.path is None:
        raise NetworkError(f"The weights of {source.label} are not on this machine yet; fetch them first.")
    try:
        read = _safetensors if source.path.suffix == ".safetensors" else _checkpoint
        state, mean, std, classes = read(source)
        model = models.build(source.spec)
        model.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
        )
    except UserError as error:
        raise NetworkError(str(error)) from error
    except (OSError, EOFError, KeyError, RuntimeError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        first = str(error).strip().splitlines()[0]
        raise NetworkError(f"The weights of {source.label} can't be read ({first}); choose other ones.") from error
    if not all(value.isfinite().all() for value in model.state_dict().values()):
        raise NetworkError(
            f"The weights of {source.label} are not finite, for it diverged; choose an earlier checkpoint."
        )
    model.eval().requires_grad_(False)
    return Network(source, model, torch.as_tensor(mean), torch.as_tensor(std), tuple(classes))


_Read = tuple[dict[str, Tensor], Any, Any, Sequence[str]]


def _safetensors(source: Source) -> _Read:
    from safetensors.torch import load_file

    assert source.path
    said = head(source.path)
    return load_file(source.path), said.mean, said.std, said.classes


def _checkpoint(source: Source) -> _Read:
    """Of a run's checkpoint (`train.trainer.Trainer.checkpoint`); one from before they said how to feed the net asks its data."""
    assert source.path
    saved = torch.load(source.path, map_location="cpu", weights_only=True)
    if "mean" not in saved:
        assert source.data
        splits = load_splits(source.data)
        mean, std = batches.moments(splits.images["train"])
        return saved["model"], mean, std, splits.classes
    return saved["model"], saved["mean"], saved["std"], saved["classes"]


def save(path: Path, network: Network, half: bool = False) -> None:
    """Write a network to a .safetensors with its description; ``half`` as `as_safetensors` has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(as_safetensors(network, half))
    part.replace(path)  # whole or not at all


def as_safetensors(network: Network, half: bool = False) -> bytes:
    """A .safetensors: the weights, its head their description. ``half``: parameters, not BatchNorm's statistics, as float16."""
    from safetensors.torch import save

    learned = {name for name, _ in network.model.named_parameters()}
    state = {
        name: (value.half() if half and name in learned else value).contiguous()
        for name, value in network.model.state_dict().items()
    }
    return save(state, describe(network.source, network.mean.tolist(), network.std.tolist(), network.classes))


def packed(network: Network, kind: str, spec: RunSpec) -> bytes:
    """The weights of a run as a file of a kind, ".safetensors" or ".pth"; both can be brought again (`bring`).

    The .pth holds tensors and texts alone, so that `torch.load(..., weights_only=True)` opens it: "model" is the state dict;
    beside it stand mean and std (C,), in grey levels 0 to 255, and the run's description, as in the checkpoints of runs.
    """
    if kind == ".safetensors":
        return as_safetensors(network)
    held = {"spec": to_json(spec), "step": network.source.step, "mean": network.mean, "std": network.std}
    buffer = io.BytesIO()
    torch.save(held | {"classes": network.classes, "model": network.model.state_dict()}, buffer)
    return buffer.getvalue()
