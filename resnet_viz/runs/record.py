"""A run as charts and pages see it, whether it is live, finished or ships with the app; to a file and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from resnet_viz.language import N_
from resnet_viz.runs.layout import Layout, layout_of
from resnet_viz.spec.run import RunSpec, from_json, to_json

# Steps (N,) int64 and values (N,) or (N, K) float32 of one metric.
Series = tuple[np.ndarray, np.ndarray]

# A run is queued, running or paused while a worker has it or will take it by itself; after that it is finished, diverged,
# stopped, failed, or lost: its worker fell silent.
LIVE = (N_("queued"), N_("running"), N_("paused"))
# Came to its own end: nobody goes on with it.
ENDED = (N_("finished"), N_("diverged"))
OTHERWISE = (N_("stopped"), N_("failed"), N_("lost"))

EMPTY: Series = (np.zeros(0, np.int64), np.zeros(0, np.float32))


@dataclass(frozen=True)
class Record:
    """One run: what it is (spec), how far it is, and what was measured (series, by metric of `events.METRICS`).

    ``step`` of ``steps`` planned; ``result`` is what the job ended with; ``info`` says when, where and with what it was made.
    ``own_layout`` is what the run kept of its network, None where it was recorded before runs did so: ask `layout`.
    """

    id: str
    spec: RunSpec
    status: str
    name: str = ""
    step: int = 0
    steps: int = 0
    message: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    own_layout: Layout | None = None

    @property
    def layout(self) -> Layout:
        """The network's blocks and layers; of a lab of several networks, the first one's."""
        return self.own_layout or layout_of(self.spec.model)

    def get(self, metric: str) -> Series:
        """The series of a metric, empty where nothing was recorded."""
        return self.series.get(metric, EMPTY)

    def last(self, metric: str) -> float | None:
        """The latest value of a scalar metric, None where there is none yet."""
        values = self.get(metric)[1]
        return float(values[-1]) if len(values) else None


def save(path: Path | BinaryIO, records: Sequence[Record]) -> None:
    """Write records to one compressed .npz: arrays, and their description as JSON. Nothing in it is pickled."""
    arrays: dict[str, np.ndarray] = {}
    heads = []
    for number, record in enumerate(records):
        head = {
            name: getattr(record, name)
            for name in ("id", "status", "name", "step", "steps", "message", "result", "info")
        }
        described = {"spec": json.loads(to_json(record.spec)), "layout": asdict(record.layout)}
        heads.append(head | described | {"metrics": sorted(record.series)})
        for metric, (steps, values) in record.series.items():
            arrays[f"{number}.{metric}.steps"] = steps.astype(np.int32)
            arrays[f"{number}.{metric}.values"] = values.astype(np.float32)
    arrays["head"] = np.frombuffer(json.dumps(heads).encode(), np.uint8)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def load(path: Path | BinaryIO) -> list[Record]:
    """The records that `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        heads = json.loads(file["head"].tobytes())
        return [
            Record(
                spec=from_json(json.dumps(head.pop("spec"))),
                own_layout=Layout.of_json(head.pop("layout")) if "layout" in head else None,
                series={
                    metric: (
                        file[f"{number}.{metric}.steps"].astype(np.int64),
                        file[f"{number}.{metric}.values"],
                    )
                    for metric in head.pop("metrics")
                },
                **head,
            )
            for number, head in enumerate(heads)
        ]
