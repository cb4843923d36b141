"""Grids of training runs that answer one question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resnet_viz.data import catalogue
from resnet_viz.runs.sweeps import MORE
from resnet_viz.spec.run import RunSpec, SpecError

# A sweep of more runs than this is refused: it would hold the queue for hours.
CAP = 60


def depth_grid(base: RunSpec, depths: Sequence[int], shortcuts: Sequence[str], seeds: int) -> list[RunSpec]:
    """Runs of every depth with every shortcut (of `spec.model.SHORTCUTS`), for seeds 0 to ``seeds`` − 1; all else is the base's.

    Seed by seed, so that a half-finished sweep has every depth; deepest first within a seed, so that the last runs are short
    and no worker idles at the end. Raises SpecError where that makes no run.
    """
    if not depths or not shortcuts or seeds < 1:
        raise SpecError("A sweep needs at least one depth, one shortcut and one seed.")
    runs = []
    for seed in range(seeds):
        for depth in sorted(set(depths), reverse=True):
            for shortcut in dict.fromkeys(shortcuts):
                model = replace(base.model, depth=depth)
                model = model.twin() if shortcut == "none" else replace(model, shortcut=shortcut)
                runs.append(replace(base, model=model, train=replace(base.train, seed=seed)))
    return runs


def remedy_grid(base: RunSpec, remedies: Sequence[str], seeds: int) -> list[RunSpec]:
    """The base without any remedy, and with each of these alone (of REMEDIES), for seeds 0 to ``seeds`` − 1.

    Raises SpecError where the base has no limit on its images, for then there are no more of them to add.
    """
    if seeds < 1:
        raise SpecError("A sweep needs at least one seed.")
    limit = base.data.limit
    most = limit * max([MORE.get(name, 1) for name in remedies], default=1)
    if not limit or split_limit(base) < most:
        raise SpecError(
            f"With {most or 'all'} of the {split_limit(base):,} training images there are no more to add: start from fewer."
        )
    bare = replace(
        base,
        model=replace(base.model, stochastic_depth=0.0),
        data=replace(base.data, augment=()),
        train=replace(base.train, weight_decay=0.0, label_smoothing=0.0, mixup=0.0, steps=catalogue.total_steps(base)),
    )
    usual = catalogue.facts(base.data).augment or ("crop",)
    changed = {
        "augment": replace(bare, data=replace(bare.data, augment=usual)),
        "decay": replace(bare, train=replace(bare.train, weight_decay=5e-3)),
        "smoothing": replace(bare, train=replace(bare.train, label_smoothing=0.1)),
        "mixup": replace(bare, train=replace(bare.train, mixup=1.0)),
        "stochastic_depth": replace(bare, model=replace(bare.model, stochastic_depth=0.5)),
        **{name: replace(bare, data=replace(bare.data, limit=limit * times)) for name, times in MORE.items()},
    }
    cells = [bare, *(changed[name] for name in dict.fromkeys(remedies))]
    return [replace(spec, train=replace(spec.train, seed=seed)) for seed in range(seeds) for spec in cells]


def split_limit(spec: RunSpec) -> int:
    """Training images that there are, whatever the spec's limit."""
    return catalogue.split_sizes(replace(spec.data, limit=0))[0]


def check(specs: Sequence[RunSpec], duration: str = "") -> None:
    """Raise SpecError for a sweep of more runs than CAP, or for a run that can't be; ``duration`` is said where it is known."""
    if len(specs) > CAP:
        time = f" and would take {duration}" if duration else ""
        raise SpecError(
            f"This sweep has {len(specs)} runs{time}; at most {CAP} go at once: take fewer depths, shortcuts, remedies or seeds."
        )
    for spec in specs:
        catalogue.fill(spec)
