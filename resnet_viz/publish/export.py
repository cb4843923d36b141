"""Runs to take along: a tidy CSV, and one offline HTML file with the interactive stage."""

from __future__ import annotations

import csv as csv_format
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from resnet_viz.runs.record import Record
from resnet_viz.spec.run import RunSpec

COLUMNS = ("run", "name", "metric", "step", "index", "value")


def csv(records: Sequence[Record]) -> str:
    """Every value of the records as tidy CSV, columns COLUMNS.

    A name that a spreadsheet would take for a formula stands behind an apostrophe. ``index`` is the place in a vector from 1
    (block or layer), empty for a scalar; ``value`` reads back as the same float32.
    """
    text = io.StringIO()
    writer = csv_format.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records:
        name = f"'{record.name}" if record.name.startswith(("=", "+", "-", "@", "\t", "\r")) else record.name
        for metric, (steps, values) in sorted(record.series.items()):
            vector = values.ndim == 2
            rows = values.astype(np.float32).reshape(len(steps), -1)
            for step, row in zip(steps.tolist(), rows, strict=True):
                for place, value in enumerate(row, 1):
                    writer.writerow((record.id, name, metric, step, place if vector else "", str(value)))
    return text.getvalue()


def spec_table(spec: RunSpec) -> dict[str, Any]:
    """Everything a spec says as one flat table: "model.depth" → 56; of a network that isn't ours what is known of it."""
    if spec.own:
        known = {"model.depth": spec.model.depth, "train.lr": spec.train.lr, "train.batch_size": spec.train.batch_size}
        return {f"own.{name}": value for name, value in asdict(spec.own).items()} | known
    return {
        f"{part}.{name}": value for part, values in asdict(spec).items() if values for name, value in values.items()
    }
