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


def parquet(records: Sequence[Record]) -> bytes:
    """Every value of the records as a tidy Parquet table, columns COLUMNS; ``index`` as in `csv`, null for a scalar."""
    import pyarrow
    from pyarrow import parquet

    tables = []
    for record in records:
        for metric, (steps, values) in sorted(record.series.items()):
            width = values.shape[1] if values.ndim == 2 else 1
            count = len(steps) * width
            places = pyarrow.array(np.tile(np.arange(1, width + 1), len(steps)), pyarrow.int32())
            columns = (
                pyarrow.repeat(record.id, count),
                pyarrow.repeat(record.name, count),
                pyarrow.repeat(metric, count),
                pyarrow.array(np.repeat(steps, width), pyarrow.int64()),
                places if values.ndim == 2 else pyarrow.nulls(count, pyarrow.int32()),
                pyarrow.array(values.astype(np.float32).ravel()),
            )
            tables.append(pyarrow.table(dict(zip(COLUMNS, columns, strict=True))))
    held = io.BytesIO()
    empty = pyarrow.table({name: pyarrow.nulls(0) for name in COLUMNS})
    parquet.write_table(pyarrow.concat_tables(tables) if tables else empty, held)
    return held.getvalue()


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
    parts = asdict(spec)
    if spec.own:
        parts["model"] = {"depth": spec.model.depth, "shortcut": spec.model.shortcut}
    if spec.watched:
        parts |= {"data": None, "train": {"lr": spec.train.lr, "batch_size": spec.train.batch_size}}
    return {f"{part}.{name}": value for part, values in parts.items() if values for name, value in values.items()}
