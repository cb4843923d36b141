"""The sentence over the picture: what was measured, computed from the runs by rules, with its conditions named."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from resnet_viz.lab_specs import LandscapeSpec
from resnet_viz.record import LIVE, Record
from resnet_viz.spec import RunSpec


def _loss(value: float) -> str:
    if value < 0.005:
        return "<0.01"
    return f"{value:.2f}" if value < 0.995 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def percent(share: float) -> str:
    """Whole per cents, but 100 % is said of all alone, and 0 % of none."""
    if 0 < share < 0.005:
        return "<1 %"
    return f"{100 * share:.1f} %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _spread(values: Sequence[float], show: object) -> str:
    """One value, or the range over seeds."""
    texts = [show(v) for v in (min(values), max(values))]  # type: ignore[operator]
    return texts[0] if texts[0] == texts[1] else f"{texts[0].removesuffix(' %')}–{texts[1]}"


def called(spec: RunSpec) -> str:
    """How a net is called in a sentence and at the end of its line."""
    return "residual" if spec.model.residual else "plain"


def in_common(a: RunSpec, b: RunSpec) -> str:
    """What two runs share, as the sentence says it; empty where they differ in more than their shortcuts."""
    if a.data != b.data:
        return ""
    if replace(a.train, threads=0) != replace(b.train, threads=0):
        return "Same data."
    bare: dict[str, Any] = {"shortcut": "none", "init": "he", "drop": 0.0, "no_skip": ()}
    if replace(a.model, **bare) != replace(b.model, **bare):
        return "Same data and seed."
    # Identity shortcuts have no parameters of their own, so every weight is shared at the start.
    same = {"none", "identity", "scaling", "maxpool"} >= {a.model.shortcut, b.model.shortcut}
    return "Same data, seed and weights." if same and a.model.init == b.model.init else "Same data and seed."


def conditions(record: Record) -> str:
    """Under which conditions the figures hold: length of the run, and rate."""
    train = record.spec.train
    length = f"{train.steps} steps" if train.steps else f"{train.epochs} epoch{'s' * (train.epochs != 1)}"
    return f"{length} at rate {train.rate:g}"


def _losses(records: Sequence[Record]) -> str:
    """The training loss of some runs that have not diverged: at their end, else now."""
    values = [v for r in records if (v := r.result.get("train_loss", r.last("loss"))) is not None and math.isfinite(v)]
    return _spread(values, _loss) if values else "nothing yet"


def _diverged(records: Sequence[Record], name: str) -> str:
    """Which nets left the finite numbers, and when."""
    diverged = [r for r in records if r.status == "diverged"]
    if not diverged:
        return ""
    if len(records) > 1:
        return f"The {name} net diverged in {len(diverged)} of {len(records)} seeds."
    return f"The {name} net diverged at step {diverged[0].step:,}, at rate {diverged[0].spec.train.rate:g}."


def _when(records: Sequence[Record]) -> str:
    """Up to where the figures go: the whole run and its conditions, or a step."""
    first = records[0]
    if all(r.status == "finished" for r in records):
        return conditions(first)
    if any(r.status in LIVE for r in records):
        return f"Step {max(r.step for r in records):,} of {first.steps:,} at rate {first.spec.train.rate:g}"
    ends = " and ".join(dict.fromkeys(r.status for r in records if r.status != "finished"))
    step = max(r.step for r in records if r.status != "finished")
    return f"{ends.capitalize()} at step {step:,}, at rate {first.spec.train.rate:g}"


def verdict(records: Sequence[Record]) -> str:
    """What the runs measured, in a few plain sentences.

    Leads with training loss (He 2015, section 4.1: degradation is not overfitting), then test accuracy, residual first. Says how
    far a run is while it is not finished, which net diverged, and over how many seeds the figures range.
    """
    if not records:
        return "Nothing trained yet."
    groups = [([r for r in records if called(r.spec) == name], name) for name in ("residual", "plain")]
    groups = [(members, name) for members, name in groups if members]
    sentences = [in_common(groups[0][0][0].spec, groups[1][0][0].spec)] if len(groups) == 2 else []
    if not any(len(r.get("loss")[1]) for r in records):
        return " ".join([*filter(None, sentences), "Waiting for the first step."])

    sentences += [_diverged(members, name) for members, name in groups]
    sound = [([r for r in members if r.status != "diverged"], name) for members, name in groups]
    sound = [(members, name) for members, name in sound if members]
    if sound:
        how = {"residual": "with skips", "plain": "without" if len(groups) == 2 else "without skips"}
        losses = ", ".join(f"{_losses(members)} {how[name]}" for members, name in sound)
        sentences.append(f"{_when([r for members, _ in sound for r in members])}: training loss {losses}.")
    tests = [[v for r in members if (v := r.result.get("test_accuracy")) is not None] for members, _ in sound]
    if sound and all(tests):
        sentences.append(f"Test accuracy {' / '.join(_spread(t, percent) for t in tests)}.")
    seeds = {r.spec.train.seed for r in records}
    sentences.append(f"{len(seeds)} seeds." if len(seeds) > 1 else "")
    return " ".join(filter(None, sentences))


def lesions(nets: Sequence[tuple[str, float, Sequence[float]]], pictures: int) -> str:
    """What is left of networks without one of their blocks.

    Of each net its label, its accuracy undisturbed, and those without each block measured so far. Names their range and median.
    """
    said = []
    for label, undisturbed, without in nets:
        name = label.partition(" on ")[0]
        if not without:
            said.append(f"{name} {percent(undisturbed)} undisturbed")
            continue
        middle = statistics.median(without)
        said.append(
            f"{name} {_spread(without, percent)} right (median {percent(middle)}, undisturbed {percent(undisturbed)})"
        )
    if not any(without for _, _, without in nets):
        return f"No block dropped yet: {', '.join(said)}."
    return f"With one block dropped: {'; '.join(said)}. {pictures:,} test pictures."


def landscape(
    nets: Sequence[tuple[str, Sequence[float]]], classes: int, lab: LandscapeSpec, shares: Sequence[float] = ()
) -> str:
    """How the loss rises around networks: of each its label and the losses measured on the grid, the first at its own weights.

    Names the highest loss, and the share of the last whole grid that is better than guessing (ln classes); in the planes of paths
    instead the ``shares`` of the paths' variance that these planes hold.
    """
    where = f"Within ±{lab.reach:g} filter-normalised unit{'s' * (lab.reach != 1)}"
    if lab.directions == "path":
        where = "In that plane" if lab.dimensions == 2 else "Along the first"
    elif lab.dimensions == 1:
        where += " along one direction"
    rises, better = [], []
    for label, losses in nets:
        rises.append(f"from {_loss(losses[0])} to {_high(max(losses))} around {label.partition(' on ')[0]}")
        # Of the last whole grid: half a pass would count one side of it twice as much as the other.
        grids = [size**lab.dimensions for size in lab.SIZES if size**lab.dimensions <= len(losses)]
        grid = losses[: max(grids, default=1)]
        better.append(percent(sum(v < math.log(classes) for v in grid) / len(grid)))
    if lab.directions == "path":
        held = " / ".join(map(percent, shares))
        return f"Two axes hold {held} of the training path's variance. {where} the loss rises {', '.join(rises)}."
    return f"{where} the loss rises {', '.join(rises)}. Better than guessing: {' / '.join(better)} of the points."


def _high(loss: float) -> str:
    """A loss of any size in two digits, or as a power of ten."""
    if not math.isfinite(loss):
        return "past all numbers"
    if loss >= 1e7:
        return f"10{str(round(math.log10(loss))).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    return f"{float(f'{loss:.2g}'):,.0f}" if loss >= 10 else _loss(loss)


def landscape_conditions(lab: LandscapeSpec, points: int, pictures: int) -> str:
    """On what a landscape was measured."""
    kind = {"train": "training"}.get(lab.split, lab.split)
    draws = "" if lab.directions == "path" else f", 1 draw of directions (seed {lab.seed})"
    return f"{points:,} points, {pictures:,} {kind} pictures{draws}."


def random_lesions(nets: Sequence[tuple[str, int, np.ndarray]], pictures: int) -> str:
    """The median accuracy without about half of the blocks: of each net label, blocks, and (draws, 2) dropped, accuracy."""
    said = []
    for label, count, draws in nets:
        sizes = np.unique(draws[:, 0])
        half = sizes[np.abs(sizes - count / 2).argmin()]
        right = draws[draws[:, 0] == half, 1]
        said.append(f"{label} {percent(float(np.median(right)))} right ({half:.0f} of {count}, {len(right)} draws)")
    return f"With half of the blocks dropped at random: {', '.join(said)}. {pictures:,} test pictures."


def shuffled_blocks(nets: Sequence[tuple[str, np.ndarray]], pictures: int) -> str:
    """The median accuracy after one swap and after the most: of each net label and (draws, 3) swaps, Kendall's τ, accuracy."""
    said = []
    for label, draws in nets:
        few, most = draws[:, 0].min(), draws[:, 0].max()
        right = [percent(float(np.median(draws[draws[:, 0] == swaps, 2]))) for swaps in (few, most)]
        said.append(f"{label} {right[0]} right after one swap, {right[1]} after {most:.0f}")
    return f"Two blocks of a stage change places: {'; '.join(said)} (medians). {pictures:,} test pictures."


def refinement(nets: Sequence[tuple[str, np.ndarray, np.ndarray]], pictures: int) -> str:
    """How near a stage's first block is to its end: of each net label, cosines (blocks,) and stages (blocks,)."""
    said = []
    for label, cosines, stages in nets:
        first = np.array([cosines[stages == stage][0] for stage in np.unique(stages)])
        said.append(f"{label} {float(np.nanmean(first)):.2f}")
    return f"Cosine of a stage's first block with its last, mean over stages: {', '.join(said)}. {pictures:,} test pictures."
