"""Images on the device as uint8, augmented there in batches: no loader processes, and a batch is a function of the step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from resnet_viz.data import catalogue
from resnet_viz.data.splits import Splits
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import seed_from


def generator(*parts: object) -> torch.Generator:
    """A generator seeded by all of its parts, such as (seed, purpose, step), and by nothing else."""
    return torch.Generator().manual_seed(seed_from(*parts))


class Batches:
    """The splits of a run's data, on its device.

    Normalised by mean and std of the training split, per channel. Twins get the same batches: they follow from seed and step.
    """

    def __init__(self, splits: Splits, spec: RunSpec) -> None:
        train, self.spec = spec.train, spec
        self.device = torch.device("cpu" if train.device == "auto" else train.device)
        self.memory_format = torch.channels_last if train.channels_last else torch.contiguous_format
        # (N, H, W, C) on the host, (N, C, H, W) here; permuted, not copied, so channels stay last in memory.
        self.x = {
            k: torch.from_numpy(np.ascontiguousarray(v)).to(self.device).permute(0, 3, 1, 2)
            for k, v in splits.images.items()
        }
        self.y = {k: torch.from_numpy(v).to(self.device) for k, v in splits.labels.items()}
        self.mean, self.std = (m.to(self.device) for m in moments(splits.images["train"]))
        self.classes = list(splits.classes)
        self.per_epoch = catalogue.steps_per_epoch(spec)
        self._order: tuple[int, Tensor] | None = None

    def _rows(self, step: int) -> Tensor:
        epoch, place = divmod(step - 1, self.per_epoch)
        if self._order is None or self._order[0] != epoch:
            order = torch.randperm(len(self.y["train"]), generator=generator(self.spec.train.seed, "order", epoch))
            self._order = epoch, order.to(self.device)
        batch = self.spec.train.batch_size
        return self._order[1][place * batch : (place + 1) * batch]

    def normalise(self, x: Tensor) -> Tensor:
        """uint8 (B, C, H, W) → float32 of mean 0 and std 1 over the training split."""
        x = x.float().sub_(self.mean[:, None, None]).div_(self.std[:, None, None])
        return x.contiguous(memory_format=self.memory_format)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The training batch of a step (from 1), augmented: float32 (B, C, H, W), labels (B,)."""
        rows = self._rows(step)
        x = self.x["train"][rows]
        return self.normalise(self._vary(x, self.spec.train.seed, "augment", step)), self.y["train"][rows]

    def _vary(self, x: Tensor, *seed: object) -> Tensor:
        names = self.spec.data.augment or ()
        return augment(x, names, generator(*seed)) if names else x

    def evaluation_batches(self, split: str, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image of a split once, in order, not augmented."""
        for x, y in zip(self.x[split].split(batch), self.y[split].split(batch), strict=True):
            yield self.normalise(x), y

    def training_batches(self, count: int, batch: int, *, augmented: bool) -> Iterator[tuple[Tensor, Tensor]]:
        """The same ``count`` training images (all, if there are fewer) at each call, ``augmented`` in the same way each time."""
        seed = self.spec.data.split_seed
        rows = torch.randperm(len(self.y["train"]), generator=generator(seed, "statistics"))
        for number, part in enumerate(rows[:count].to(self.device).split(batch)):
            if len(part) > 1:
                x = self.x["train"][part]
                yield (
                    self.normalise(self._vary(x, seed, "statistics", number) if augmented else x),
                    self.y["train"][part],
                )


def moments(images: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean and std per channel of (N, H, W, C) uint8, in grey levels 0 to 255, exact; a constant channel gets std 1."""
    counts = np.zeros((images.shape[-1], 256), np.int64)
    for first in range(0, len(images), 512):  # a part at a time: bincount makes 64-bit copies
        for channel, count in enumerate(counts):
            count += np.bincount(images[first : first + 512, ..., channel].ravel(), minlength=256)
    levels, total = np.arange(256.0), counts.sum(1)
    mean = counts @ levels / total
    std = np.sqrt(np.maximum(counts @ levels**2 / total - mean**2, 0))
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(np.where(std > 0, std, 1), dtype=torch.float32)


def augment(x: Tensor, names: tuple[str, ...], generator: torch.Generator) -> Tensor:
    """Vary a batch (B, C, H, W) uint8; each image by draws of its own, in a fixed order.

    "flip": mirrored with chance 1/2; "crop": shifted by up to an eighth of the size, black outside (He 2015, section 4.2: 4 of 32
    pixels); "cutout": a square of half the size, centred anywhere, set to black (DeVries 2017).
    """
    count, _, height, width = x.shape
    device = x.device

    def draw(low: int, high: int) -> Tensor:  # low to high, both included
        return torch.randint(low, high + 1, (count, 1), generator=generator).to(device)

    rows, columns = (
        torch.arange(height, device=device)[None],
        torch.arange(width, device=device)[None],
    )  # (1, H), (1, W)
    y, z = rows.expand(count, -1), columns.expand(count, -1)
    outside = torch.zeros((count, height, width), dtype=torch.bool, device=device)
    if "flip" in names:
        z = torch.where(draw(0, 1) == 1, width - 1 - z, z)
    if "crop" in names:
        pad = max(1, height // 8)
        y, shifted = y + draw(-pad, pad), draw(-pad, pad)
        z = z + shifted
        outside |= ((y < 0) | (y >= height))[:, :, None] | ((z < 0) | (z >= width))[:, None, :]
    if "cutout" in names:
        half = height // 4
        down, right = rows - draw(0, height - 1), columns - draw(0, width - 1)  # from the square's centre
        outside |= ((-half <= down) & (down < half))[:, :, None] & ((-half <= right) & (right < half))[:, None, :]
    image = torch.arange(count, device=device)[:, None, None]
    # Indexing with the channels last copies whole pixels.
    taken = x.permute(0, 2, 3, 1)[image, y.clamp(0, height - 1)[:, :, None], z.clamp(0, width - 1)[:, None, :]]
    return taken.masked_fill_(outside[..., None], 0).permute(0, 3, 1, 2)
