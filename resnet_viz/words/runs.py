"""What is said of the runs that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite

from resnet_viz.runs.record import Record
from resnet_viz.words.numbers import loss, percent, spread
from resnet_viz.words.twins import smoothed


def count(statuses: Sequence[str]) -> str:
    """How many runs there are and how they stand: of each its status."""
    if not statuses:
        return "Nothing trained here yet."
    standing = ", ".join(f"{number} {status}" for status, number in Counter(statuses).most_common())
    return f"{len(statuses):,} run{'s' * (len(statuses) > 1)}: {standing}."


def compared(nets: Sequence[tuple[str, Sequence[Record]]]) -> str:
    """What runs that were picked came to: of each network its label and its runs, which differ in their seed alone."""
    said = []
    for label, records in nets:
        losses = [v for r in records if (v := r.result.get("train_loss", smoothed(r))) is not None and isfinite(v)]
        tests = [v for r in records if (v := r.result.get("test_accuracy")) is not None]
        ended = {r.status for r in records} - {"finished"}
        parts = [
            f"training loss {spread(losses, loss)}" if losses else "",
            f"test {spread(tests, percent)}" if tests else "",
        ]
        said.append(f"{label}: {', '.join(filter(None, [*parts, *sorted(ended)]))}")
    return f"{'; '.join(said)}."
