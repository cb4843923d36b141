"""A small residual net as people write them, and a loop that trains it."""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_viz.runs.record import Record
from resnet_viz.runs.store import Store


class Block(nn.Module):
    """In-place ReLUs and an in-place sum."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.relu = nn.BatchNorm2d(4), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:  # (B, 4, H, W)
        identity = x
        out = self.norm(self.two(self.relu(self.one(x))))
        out += identity
        return self.relu(out)


class Net(nn.Module):
    """A stem, two blocks and a head for 3 classes; weights from a seed."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.stem, self.blocks, self.head = nn.Conv2d(3, 4, 1), nn.Sequential(Block(), Block()), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (6, 3, 8, 8) and labels (6,)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 3, 8, 8, generator=generator), torch.randint(0, 3, (6,), generator=generator)


def train(model: nn.Module, watch: Any, batches: Iterable[Any], optimizer: Any = None) -> Tensor:
    """The loop, watched or not; returns the last logits."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    for x, y in batches:
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        if watch:
            watch.step(loss, optimizer, logits=logits, target=y)
        optimizer.step()
    return logits.detach()


def record() -> Record:
    """The newest run."""
    store = Store()
    return store.record(store.runs()[0].id)
