"""What was made of images that somebody brought: the page and the command line say the same."""

from __future__ import annotations

from resnet_viz.data.catalogue import Facts
from resnet_viz.language import tr

NAMED = 20  # classes that are named


def summary(facts: Facts) -> str:
    """Classes by name with their counts in each split, size, and what was left out or changed and why: one paragraph."""
    kind = tr("grey") if facts.channels == 1 else tr("colour")
    total = facts.train + facts.test
    splits = tr("training + test") if facts.test else tr("no test split, so some are held back for it")
    counts = [
        f"{label} {train:,}{f' + {test:,}' if facts.test else ''}"
        for label, (train, test) in zip(facts.classes, facts.counts, strict=False)
    ]
    more = tr(" and {more:,} more", more=len(counts) - NAMED) if len(counts) > NAMED else ""
    by_class = tr(": ") + tr(", ").join(counts[:NAMED]) + more if counts else ""
    size = f"{facts.size}×{facts.size}"
    head = tr(
        "{label}: {total:,} {kind} images of {size}, {classes:,} classes{by_class} ({splits}).",
        label=facts.label,
        total=total,
        kind=kind,
        size=size,
        classes=len(facts.classes),
        by_class=by_class,
        splits=splits,
    )
    return tr(" ").join([head, *(f"{note[0].upper()}{note[1:]}." for note in facts.notes)])
