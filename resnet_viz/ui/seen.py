"""An image as a network sees it: what the views of Inside and Explain have in common."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from resnet_viz.data import images
from resnet_viz.nets.refs import Source
from resnet_viz.ui.choose import Chosen

if TYPE_CHECKING:
    from resnet_viz.nets.weights import Network


@dataclass(frozen=True)
class Seen:
    """A network in front of an image: what it sees of it, (S, S, C) uint8 at its own size."""

    network: Network
    seen: np.ndarray

    @cached_property
    def digest(self) -> str:
        """Names the pixels, wherever something is kept for them."""
        return hashlib.sha256(self.seen.tobytes()).hexdigest()[:16]

    @property
    def source(self) -> Source:
        """Where the network's weights are from."""
        return self.network.source

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes."""
        return self.network.classes


def fitted(network: Network, chosen: Chosen) -> np.ndarray:
    """An image as a network sees it, (S, S, C) uint8. Raises ImageError."""
    spec = network.spec
    return images.fit(chosen.image, spec.size, spec.channels, network.source.resize, chosen.place)
