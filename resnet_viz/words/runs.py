"""What is said of the runs that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from resnet_viz.language import tr, trn
from resnet_viz.runs.record import Record
from resnet_viz.words.numbers import loss, percent, spread
from resnet_viz.words.twins import have_ended, losses


def count(statuses: Sequence[str]) -> str:
    """How many runs there are and how they stand: of each its status."""
    if not statuses:
        return tr("Nothing trained here yet.")
    standing = tr(", ").join(f"{number} {tr(status)}" for status, number in Counter(statuses).most_common())
    return trn("{n:,} run: {standing}.", "{n:,} runs: {standing}.", len(statuses), standing=standing)


def compared(nets: Sequence[tuple[str, Sequence[Record]]]) -> str:
    """What runs that were picked came to: of each network its label and its runs, which differ in their seed alone."""
    said, ended = [], have_ended([record for _, records in nets for record in records])
    for label, records in nets:
        found = losses(records, ended)
        tests = [v for r in records if (v := r.result.get("test_accuracy")) is not None]
        others = {r.status for r in records} - {"finished"}
        parts = [
            tr("training loss {loss}", loss=spread(found, loss)) if found else "",
            tr("test {accuracy}", accuracy=spread(tests, percent)) if tests else "",
        ]
        said.append(f"{tr(label)}: {tr(', ').join(filter(None, [*parts, *map(tr, sorted(others))]))}")
    return tr("{said}.", said=tr("; ").join(said))
