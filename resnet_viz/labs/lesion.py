"""Lesions (Veit 2016, section 4): what is left of a trained network's accuracy when blocks are dropped or change places.

A block that is dropped loses its branch: the shortcut stays. A plain network has none, so there the whole block goes and its
input is handed on, in option A's form where the shape changes (`models.Block.without_branch`). Weights and BatchNorm's
statistics stay as they were trained. Beside that, how far each block already is at its stage's end (Greff 2017, section 4.1).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_viz.data.splits import load_splits
from resnet_viz.nets import models, probes
from resnet_viz.nets.weights import Network
from resnet_viz.runs.events import Event, Point, Result, Status
from resnet_viz.runs.store import Store
from resnet_viz.spec import arch
from resnet_viz.spec.lab import LesionSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import seed_from
from resnet_viz.train.evaluate import EVALUATION_BATCH
from resnet_viz.words import lesions as lesion_words

# So many images are shown with what the net guesses.
SHOWN = 10
# Pairs of blocks that change places, one after the other.
SWAPS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Cut:
    """A network cut at its blocks: what comes before them, they in order, and what makes logits of what they give."""

    before: nn.Module
    blocks: tuple[models.Block, ...]
    after: nn.Module

    def route(
        self, dropped: Collection[int] = (), order: Sequence[int] | None = None
    ) -> list[Callable[[Tensor], Tensor]]:
        """The blocks in this order (their numbers, from 1), those ``dropped`` without their branch."""
        numbers = order or range(1, len(self.blocks) + 1)
        return [b.without_branch if n in dropped else b for n in numbers for b in (self.blocks[n - 1],)]

    def __call__(self, x: Tensor, dropped: Collection[int] = (), order: Sequence[int] | None = None) -> Tensor:
        """(B, C, H, W) → logits (B, classes); with nothing dropped and the usual order, those of the network, exactly."""
        return self.after(_through(self.route(dropped, order), self.before(x)))


def _through(route: Sequence[Callable[[Tensor], Tensor]], h: Tensor) -> Tensor:
    for block in route:
        h = block(h)
    return h


def cut(model: nn.Module) -> Cut:
    """The parts of a network that `models.build` made; they share its weights."""
    path: Any = model.path
    stages = [n for n, name in enumerate(path) if name.startswith("layer")]
    parts = [model.get_submodule(name) for name in path]
    before, after = parts[: stages[0]], parts[stages[-1] + 1 :]
    return Cut(
        nn.Sequential(*before), tuple(models.blocks(model)), nn.Sequential(*after, nn.Flatten(), model.get_submodule("fc"))
    )  # fmt: skip


def draws(count: int, lab: LesionSpec) -> list[tuple[int, ...]]:
    """The sets of blocks (of ``count``) that are dropped together: for about ten sizes, up to all, as many as ``repeats``.

    They depend on seed and count alone, so twins lose the same blocks.
    """
    sizes = (
        range(1, count + 1) if count <= SHOWN else np.unique(np.geomspace(1, count, SHOWN).round().astype(int)).tolist()
    )
    sets: dict[tuple[int, ...], None] = {}  # in order, each once
    for size in sizes:
        for repeat in range(lab.repeats):
            draw = np.random.default_rng(seed_from(lab.seed, "drop", count, size, repeat))
            sets[tuple(sorted((draw.choice(count, size, replace=False) + 1).tolist()))] = None
    return list(sets)


def shuffles(blocks: Sequence[arch.Block], lab: LesionSpec) -> list[tuple[int, tuple[int, ...]]]:
    """Orders of the blocks after a number of swaps: (swaps, block numbers), for each of SWAPS as many as ``repeats``.

    Only blocks of one stage that keep their input's shape change places (Veit 2016, section 4.3).
    """
    pairs = [
        (a.number - 1, b.number - 1)
        for a in blocks
        for b in blocks
        if a.number < b.number and a.stage == b.stage and _keeps_shape(a) and _keeps_shape(b)
    ]
    usual = tuple(b.number for b in blocks)
    orders: dict[tuple[int, tuple[int, ...]], None] = {}  # in order, each once
    for swaps in SWAPS if pairs else ():
        for repeat in range(lab.repeats):
            draw = np.random.default_rng(seed_from(lab.seed, "shuffle", len(blocks), swaps, repeat))
            order = list(usual)
            for a, b in draw.choice(pairs, swaps):
                order[a], order[b] = order[b], order[a]
            if tuple(order) != usual:
                orders[swaps, tuple(order)] = None
    return list(orders)


def _keeps_shape(block: arch.Block) -> bool:
    return block.cin == block.cout and block.stride == 1


def kendall(order: Sequence[int]) -> float:
    """Kendall's rank correlation of an order of blocks with the usual one: 1 as trained, 0 at random (Veit 2016, fig. 5b)."""
    from scipy.stats import kendalltau

    return float(kendalltau(sorted(order), order).statistic)


@dataclass(frozen=True)
class Batches:
    """What lesions are measured on: test images (N, H, W, C) uint8, labels (N,), and which SHOWN of them are shown."""

    x: np.ndarray
    y: np.ndarray
    shown: np.ndarray


def images(x: np.ndarray, y: np.ndarray, count: int) -> Batches:
    """The first ``count`` (0: all) of a test split. Shown are the first of each class, then the next ones."""
    x, y = x[: count or None], y[: count or None]
    first = np.unique(y, return_index=True)[1]
    rest = np.setdiff1d(np.arange(len(y)), first)
    return Batches(x, y, np.concatenate([first, rest])[:SHOWN])


@torch.inference_mode()
def without(net: Network, seen: Batches, blocks: Collection[int]) -> tuple[float, np.ndarray]:
    """Accuracy, and probabilities (SHOWN, classes) of the images shown, with some blocks dropped (their numbers, from 1).

    Raises NetworkError where the network takes other images.
    """
    parts = cut(net.model)
    with probes.alone(net.model):
        logits = torch.cat([parts(x, blocks) for x in net.prepare(seen.x).split(EVALUATION_BATCH)])
    accuracy = (logits.argmax(1).numpy() == seen.y).mean()
    return float(accuracy), logits[torch.from_numpy(seen.shown)].softmax(1).numpy()


def steps(spec: RunSpec, nets: Sequence[Network]) -> int:
    """How many evaluations: each net undisturbed, without each of its blocks, and for each random draw."""
    assert isinstance(spec.lab, LesionSpec)
    counts = [[b.arch for b in models.blocks(net.model)] for net in nets]
    return sum(1 + len(b) + len(draws(len(b), spec.lab)) + len(shuffles(b, spec.lab)) for b in counts)


class _Bench:
    """One network on the device, its images there once, and what it gives them."""

    def __init__(self, number: int, net: Network, seen: Batches, device: torch.device) -> None:
        self.name, self.net, self.device = str(number), net, device
        self.cut = cut(net.model.to(device, memory_format=torch.channels_last))  # type: ignore[call-overload]
        x = net.prepare(seen.x).to(device).contiguous(memory_format=torch.channels_last)
        self.batches = list(x.split(EVALUATION_BATCH))
        self.y, self.shown = torch.from_numpy(seen.y).to(device), torch.from_numpy(seen.shown).to(device)
        self.baseline = 0.0
        self.single: list[float] = []

    def each(self, give: Callable[[Tensor], Tensor], batches: Sequence[Tensor]) -> Generator[Status, None, Tensor]:
        """Logits (N, classes) of all batches; a Status after each, so that a stop need not wait for the last."""
        logits = []
        for number, batch in enumerate(batches, 1):
            logits.append(give(batch))
            yield Status("Images", number, len(batches))
        return torch.cat(logits)

    def measured(self, logits: Tensor) -> tuple[float, dict[str, np.ndarray]]:
        """Accuracy; and of the images shown the class guessed and its probability, each (SHOWN,)."""
        sure, guess = logits[self.shown].softmax(1).max(1)
        accuracy = (logits.argmax(1) == self.y).float().mean().item()
        return accuracy, {"guess": guess.float().cpu().numpy(), "sure": sure.cpu().numpy()}

    def values(self, kind: str, vector: Sequence[float] | np.ndarray) -> dict[str, float | np.ndarray]:
        """A metric of this net, named by its place among the networks: "0.drop"."""
        return {f"{self.name}.{kind}": np.asarray(vector, np.float32)}


@torch.inference_mode()
def run(spec: RunSpec, nets: Sequence[Network], store: Store) -> Iterator[Event]:
    """Lesions of trained networks, all on the same images: the job of the lab "lesion".

    Points carry, for the network at place n of ``nets``: once "n.cosine" of each block's output with its stage's end, "n.shown"
    (rows of the test split) and "n.truth"; "n.drop" (block, accuracy; first 0, undisturbed) with "n.guess" and "n.sure" of the
    images shown; "n.random" (how many dropped, accuracy); "n.shuffle" (swaps, Kendall's correlation, accuracy). Accuracies are
    shares. Nothing else is read from the store. Raises DataError, NetworkError.
    """
    lab = spec.lab
    assert isinstance(lab, LesionSpec)
    started = time.perf_counter()
    yield Status("Loading the images")
    splits = load_splits(spec.data)
    seen = images(splits.images["test"], splits.labels["test"], lab.images)
    device = torch.device("cpu" if spec.train.device == "auto" else spec.train.device)
    benches = [_Bench(n, net, seen, device) for n, net in enumerate(nets)]
    step = 0

    for bench in benches:
        cosines: list[Tensor] = []
        logits = yield from bench.each(lambda x: _undisturbed(bench.cut, x, cosines), bench.batches)  # noqa: B023
        bench.baseline, guesses = bench.measured(logits)
        step += 1
        once = bench.values("cosine", (torch.stack(cosines).sum(0) / len(seen.y)).cpu().numpy())
        once |= bench.values("shown", seen.shown) | bench.values("truth", seen.y[seen.shown])
        yield Point(step, once | _drop(bench, 0, bench.baseline, guesses))

    for bench in benches:
        inputs = [bench.cut.before(x) for x in bench.batches]
        for number, block in enumerate(bench.cut.blocks, 1):
            # What comes before the block is not disturbed, so it is computed once for all of them.
            rest = bench.cut.route({number})[number - 1 :]
            logits = yield from bench.each(lambda h: bench.cut.after(_through(rest, h)), inputs)  # noqa: B023
            accuracy, guesses = bench.measured(logits)
            bench.single.append(accuracy)
            step += 1
            yield Point(step, _drop(bench, number, accuracy, guesses))
            inputs = [block(h) for h in inputs]

    for bench in benches:
        for dropped in draws(len(bench.cut.blocks), lab):
            logits = yield from bench.each(lambda x: bench.cut(x, dropped), bench.batches)  # noqa: B023
            step += 1
            yield Point(step, bench.values("random", [len(dropped), bench.measured(logits)[0]]))

    for bench in benches:
        for swaps, order in shuffles([b.arch for b in bench.cut.blocks], lab):
            logits = yield from bench.each(lambda x: bench.cut(x, (), order), bench.batches)  # noqa: B023
            step += 1
            yield Point(step, bench.values("shuffle", [swaps, kendall(order), bench.measured(logits)[0]]))

    yield Result("finished", _outcome(benches, len(seen.y)) | {"seconds": round(time.perf_counter() - started, 3)})


def _drop(bench: _Bench, number: int, accuracy: float, guesses: dict[str, np.ndarray]) -> dict[str, Any]:
    """What a point says of the net without block ``number`` (0: undisturbed)."""
    return bench.values("drop", [number, accuracy]) | {
        f"{bench.name}.{kind}": values for kind, values in guesses.items()
    }


def _undisturbed(parts: Cut, x: Tensor, cosines: list[Tensor]) -> Tensor:
    """Logits of the whole network; to ``cosines`` goes, (blocks,), the sum over images of cos(block's output, stage's end)."""
    h, outputs = parts.before(x), []
    for block in parts.blocks:
        h = block(h)
        outputs.append(h.flatten(1))
    ends = {
        block.arch.stage: out for block, out in zip(parts.blocks, outputs, strict=True)
    }  # the last of each stage stays
    similar = [
        F.cosine_similarity(out, end).sum() if out.shape == end.shape else out.new_tensor(torch.nan)
        for block, out in zip(parts.blocks, outputs, strict=True)
        for end in (ends[block.arch.stage],)
    ]
    cosines.append(torch.stack(similar))
    return parts.after(h)


def _outcome(benches: Sequence[_Bench], count: int) -> dict[str, Any]:
    """What is stored as the result: accuracies undisturbed and without each block, and the sentence about them."""
    outcome = [
        {"network": b.net.source.ref, "label": b.net.source.label, "accuracy": b.baseline, "without": b.single}
        for b in benches
    ]
    sentence = lesion_words.lesions([(b.net.spec.called, b.baseline, b.single) for b in benches], count)
    return {"sentence": sentence, "images": count, "nets": outcome}
