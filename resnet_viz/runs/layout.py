"""What a network is made of, as a run keeps it: its blocks and layers by name, so that a record can be drawn by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from resnet_viz.errors import UserError
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec


@dataclass(frozen=True)
class Block:
    """One block: its module's name, stage (from 1), whether anything bypasses it; its output's channels and pixels a side."""

    name: str
    stage: int
    has_skip: bool
    channels: int
    size: int


@dataclass(frozen=True)
class Layout:
    """The blocks in forward order, and the parameter names of all convolution and linear weights in forward order.

    ``residual``: whether the network is built with skips; one whose skips are all switched off still is.
    """

    blocks: tuple[Block, ...]
    layers: tuple[str, ...]
    residual: bool

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> Layout:
        """The layout whose fields `dataclasses.asdict` gave, as JSON keeps them. Raises UserError for what is none."""
        try:
            blocks = tuple(Block(**block) for block in values["blocks"])
            return Layout(blocks, tuple(values["layers"]), bool(values["residual"]))
        except (KeyError, TypeError) as error:
            raise UserError(f"This is not the layout of a network: {error}.") from error


@lru_cache(maxsize=128)
def layout_of(model: ModelSpec) -> Layout:
    """The layout of a network of ours; also for records from before runs kept their own."""
    blocks = tuple(Block(b.name, b.stage, b.has_skip, b.cout, b.size_out) for b in arch.blocks(model))
    return Layout(blocks, arch.layers(model), model.residual)
