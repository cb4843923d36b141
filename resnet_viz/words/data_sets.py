"""What was made of images that somebody brought: the page and the command line say the same."""

from __future__ import annotations

from resnet_viz.data.catalogue import Facts

NAMED = 20  # classes that are named


def summary(facts: Facts) -> str:
    """Classes by name with their counts in each split, size, and what was left out or changed and why: one paragraph."""
    kind = "grey" if facts.channels == 1 else "colour"
    total = facts.train + facts.test
    splits = "training + test" if facts.test else "no test split, so some are held back for it"
    counts = [
        f"{label} {train:,}{f' + {test:,}' if facts.test else ''}"
        for label, (train, test) in zip(facts.classes, facts.counts, strict=False)
    ]
    more = f" and {len(counts) - NAMED:,} more" if len(counts) > NAMED else ""
    by_class = f": {', '.join(counts[:NAMED])}{more}" if counts else ""
    size = f"{facts.size}×{facts.size}"
    head = f"{facts.label}: {total:,} {kind} images of {size}, {len(facts.classes):,} classes{by_class} ({splits})."
    return " ".join([head, *(f"{note[0].upper()}{note[1:]}." for note in facts.notes)])
