"""Runs as TensorBoard reads them: a folder a run, a scalar a metric, and one a block or layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from resnet_viz.errors import UserError
from resnet_viz.runs.events import METRICS
from resnet_viz.runs.record import Record
from resnet_viz.spec.run import to_json


class TensorBoardError(UserError):
    """Why nothing can be written for TensorBoard."""


def write(folder: Path, records: Sequence[Record]) -> list[Path]:
    """Write records below a folder, which is made; returns each one's own folder, whose older events are replaced.

    Tags are the metrics, such as "loss"; of vectors "grad_block/03 layer1.2", with the place from 1 in forward order; the run's
    description is the text "spec". Raises TensorBoardError without the package, OSError where nothing can be written.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TensorBoardError("This needs TensorBoard; say pip install 'resnet-viz[tensorboard]'.") from error
    written = []
    for record in records:
        own = folder / f"{re.sub(r'[^A-Za-z0-9.]+', '-', record.name).strip('-')}-{record.id}"
        for old in own.glob("events.out.tfevents.*"):
            old.unlink()
        with SummaryWriter(own) as writer:
            writer.add_text("spec", f"```\n{to_json(record.spec)}\n```")
            for metric, (steps, values) in record.series.items():
                tags = _tags(record, metric, values.shape[1]) if values.ndim == 2 else [metric]
                for step, row in zip(steps.tolist(), values.reshape(len(steps), -1).tolist(), strict=True):
                    for tag, value in zip(tags, row, strict=True):
                        writer.add_scalar(tag, value, step)
        written.append(own)
    return written


def _tags(record: Record, metric: str, width: int) -> list[str]:
    layout = record.layout
    axis = METRICS[metric].axis if metric in METRICS else None
    names = [block.name for block in layout.blocks] if axis == "block" else [*layout.layers]
    if len(names) != width:  # responses are those of the branches' layers alone
        names = [""] * width
    return [f"{metric}/{place:02} {name}".strip().removesuffix(".weight") for place, name in enumerate(names, 1)]
