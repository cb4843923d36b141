"""A step's batch: which images, how normalised, how varied. Compared with the images themselves, never with itself alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches, augment, moments
from resnet_viz.data.splits import Splits, load_splits
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec

RNG = np.random.default_rng(0)


def images(count: int = 50, size: int = 8, channels: int = 3, **data) -> Batches:
    """Made-up images, each with its own number in the corner and as its label, in batches of 16."""

    def part(n: int) -> tuple[np.ndarray, np.ndarray]:
        x = RNG.integers(0, 256, (n, size, size, channels), np.uint8)
        x[:, 0, 0, 0] = np.arange(n)
        return x, np.arange(n)

    parts = {"train": part(count), "validation": part(9), "test": part(33)}
    splits = Splits(
        {name: x for name, (x, _) in parts.items()},
        {name: y for name, (_, y) in parts.items()},
        tuple(map(str, range(count))),
    )
    spec = RunSpec(data=DataSpec(limit=count, **({"augment": ()} | data)), train=TrainSpec(batch_size=16, device="cpu"))
    return Batches(splits, spec)


def test_each_epoch_shows_every_image_once_in_an_order_of_its_own() -> None:
    shown = images()
    epochs = [torch.cat([shown.batch(step)[1] for step in range(1 + 4 * e, 5 + 4 * e)]) for e in range(3)]
    for epoch in epochs:
        assert epoch.sort().values.tolist() == list(range(50))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3
    assert [len(shown.batch(step)[1]) for step in (1, 4, 5, 8)] == [16, 2, 16, 2]


def test_a_last_batch_of_one_image_is_left_out() -> None:
    shown = images(count=49)
    assert [len(shown.batch(step)[1]) for step in range(1, 8)] == [16] * 7


def test_a_batch_is_its_images_normalised_by_the_training_split() -> None:
    shown = images()
    train = shown.x["train"].double()
    mean, std = train.mean((0, 2, 3), keepdim=True), train.std((0, 2, 3), keepdim=True, correction=0)
    x, y = shown.batch(2)
    torch.testing.assert_close(x, ((train[y] - mean) / std).float())
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_moments_are_exact_whatever_the_number_of_images() -> None:
    x = RNG.integers(0, 256, (1100, 5, 5, 3), np.uint8)
    x[..., 2] = 77
    mean, std = moments(x)
    torch.testing.assert_close(mean, torch.tensor(x.mean((0, 1, 2)), dtype=torch.float32))
    torch.testing.assert_close(std[:2], torch.tensor(x[..., :2].std((0, 1, 2)), dtype=torch.float32))
    assert std[2] == 1  # a constant channel becomes 0, not infinite


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    spec = catalogue.fill(RunSpec(data=DataSpec(augment=("flip", "crop", "cutout")), train=TrainSpec(device="cpu")))
    splits = load_splits(spec.data)
    forward, backward = (Batches(splits, spec) for _ in range(2))
    steps = range(1, 25)
    there = [forward.batch(step) for step in steps]
    back = [backward.batch(step) for step in reversed(steps)][::-1]
    for (x, y), (u, v) in zip(there, back, strict=True):
        assert torch.equal(x, u)
        assert torch.equal(y, v)
    other = Batches(splits, replace(spec, train=replace(spec.train, seed=1)))
    assert not torch.equal(there[0][1], other.batch(1)[1])


def test_memory_formats_hold_the_same_batch() -> None:
    spec = catalogue.fill(RunSpec(data=DataSpec(augment=("crop",)), train=TrainSpec(device="cpu", channels_last=False)))
    splits = load_splits(spec.data)
    last = Batches(splits, replace(spec, train=replace(spec.train, channels_last=True))).batch(3)[0]
    first = Batches(splits, spec).batch(3)[0]
    assert torch.equal(first, last)
    assert first.is_contiguous()


def test_evaluation_shows_every_image_once_in_order_as_it_is() -> None:
    shown = images(augment=("flip", "crop", "cutout"))
    for split, count in (("validation", 9), ("test", 33), ("train", 50)):
        batches = list(shown.evaluation_batches(split, 16))
        assert torch.cat([y for _, y in batches]).tolist() == list(range(count))
        x = torch.cat([x for x, _ in batches]) * shown.std[:, None, None] + shown.mean[:, None, None]
        torch.testing.assert_close(x.round().to(torch.uint8), shown.x[split], rtol=0, atol=0)


def test_images_for_statistics_are_the_same_each_time_and_not_augmented() -> None:
    shown = images(augment=("flip", "crop"))
    batches, again = (list(shown.training_batches(33, 16, augmented=False)) for _ in range(2))
    assert [len(y) for _, y in batches] == [16, 16]  # a batch of one is left out
    assert all(torch.equal(a, b) and torch.equal(c, d) for (a, c), (b, d) in zip(batches, again, strict=True))
    for x, y in batches:
        assert torch.equal(x, shown.normalise(shown.x["train"][y]))
    assert sum(len(y) for _, y in shown.training_batches(1000, 16, augmented=False)) == 50


def test_images_for_statistics_can_be_augmented_the_same_each_time() -> None:
    shown = images(augment=("flip",))
    plain = list(shown.training_batches(40, 16, augmented=False))
    varied, again = (list(shown.training_batches(40, 16, augmented=True)) for _ in range(2))
    mirrored = 0
    for (x, y), (z, of_z), (same, _) in zip(plain, varied, again, strict=True):
        assert torch.equal(y, of_z)
        assert torch.equal(z, same)
        for image, flipped in zip(x, z, strict=True):
            mirrored += torch.equal(flipped, image.flip(-1))
            assert torch.equal(flipped, image) or torch.equal(flipped, image.flip(-1))
    assert 10 <= mirrored <= 30


def shifted(x: torch.Tensor, down: int, right: int, pad: int) -> torch.Tensor:
    """Padded with black, then cut: the crop as it is written in He 2015, section 4.2."""
    size = x.shape[-1]
    padded = torch.nn.functional.pad(x, (pad, pad, pad, pad))
    return padded[..., pad + down : pad + down + size, pad + right : pad + right + size]


@pytest.mark.parametrize(("names", "size"), [(("flip",), 8), (("crop",), 8), (("flip", "crop"), 8), (("crop",), 32)])
def test_an_augmented_image_is_one_of_the_allowed_crops_and_flips(names, size) -> None:
    x = torch.randint(0, 256, (400, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    varied = augment(x, names, torch.Generator().manual_seed(1))
    pad = size // 8 if "crop" in names else 0
    allowed = [
        shifted(source, down, right, pad)
        for source in ([x, x.flip(3)] if "flip" in names else [x])
        for down in range(-pad, pad + 1)
        for right in range(-pad, pad + 1)
    ]
    hits = torch.stack([(varied == kind).flatten(1).all(1) for kind in allowed])  # (kinds, B)
    assert (hits.sum(0) == 1).all()
    expected = len(x) / len(allowed)
    # Each kind as often as the others: 6 standard deviations.
    assert (hits.sum(1) - expected).abs().max() < 6 * expected**0.5
    assert varied.dtype == torch.uint8


def test_cutout_blackens_one_square_of_at_most_half_the_side() -> None:
    x = torch.full((500, 1, 32, 32), 9, dtype=torch.uint8)
    black = augment(x, ("cutout",), torch.Generator().manual_seed(1))[:, 0] == 0
    rows, columns = black.any(2), black.any(1)
    assert torch.equal(black, rows[:, :, None] & columns[:, None, :])  # a rectangle
    for side in (rows, columns):
        edges = side.int().diff(dim=1).abs().sum(1)
        assert (edges <= 2).all()  # in one piece
        lengths = side.sum(1)
        assert lengths.max() == 16
        assert lengths.min() >= 8  # cut by the border, where its centre is the image's corner


def test_nothing_asked_for_changes_nothing() -> None:
    x = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(augment(x, (), torch.Generator()), x)


def test_digits_are_read_without_a_second_copy_on_the_cpu() -> None:
    spec = catalogue.fill(RunSpec(train=TrainSpec(device="cpu")))
    splits = load_splits(spec.data)
    assert np.shares_memory(Batches(splits, spec).x["train"].numpy(), splits.images["train"])
