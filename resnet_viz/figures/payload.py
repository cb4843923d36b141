"""What the stage in the browser gets: figures as JSON, once, and compact vectors to scrub through, in one run of bytes."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from resnet_viz.figures.curves import accuracy, divergence, planned, steps_per_epoch
from resnet_viz.figures.depth import ENGINEER, ENGINEER_MOMENTS, engineer, history
from resnet_viz.figures.fan import fan
from resnet_viz.figures.numbers import MOMENTS, log_ratio, log_values, loudness, moments
from resnet_viz.figures.style import LIFTED, SCALE_DARK, Net, nets
from resnet_viz.record import Record

TABS = {"twins": "Twins", "history": "History", "engineer": "Engineer"}
NOT_A_NUMBER = -32768


class _Blob:
    """Vectors as int16 thousandths of a decade, one behind the other: 0.1 % exact, half the size of float32."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.size = 0

    def add(self, steps: np.ndarray, logs: np.ndarray, limit: int) -> dict[str, Any]:
        """Keep at most ``limit`` of the rows of (N, K) logarithms. Returns where they are."""
        keep = moments(len(steps), limit)
        thousandths = np.round(np.clip(logs[keep] * 1000, -32000, 32000))
        values = np.where(np.isnan(thousandths), NOT_A_NUMBER, thousandths).astype("<i2")
        place = {"steps": steps[keep].tolist(), "width": logs.shape[1], "at": self.size}
        self.parts.append(values.ravel())
        self.size += values.size
        return place


def pack(
    records: Sequence[Record],
    *,
    tabs: Collection[str] = ("twins",),
    live: bool = False,
    lecture: bool = False,
    ghost: Sequence[Record] = (),
    bet: float | None = None,
) -> bytes:
    """Everything the stage shows, for the tabs named (of TABS): length of the JSON (uint32), the JSON, the int16 vectors.

    The JSON holds the figures and, for each net, where its vectors lie. Little endian; the vectors begin at an even byte.
    """
    figures = {
        "fan": fan(records, lecture),
        "loss": divergence(records, ghost, bet, lecture),
        "accuracy": accuracy(records, lecture),
    }
    if "history" in tabs:
        figures["history"] = history(records, lecture)
        for heat in figures["history"].data:
            heat.z = None  # the page has the same numbers: the fan's vectors
    if "engineer" in tabs:
        figures["engineer"] = engineer(records, lecture)
    blob = _Blob()
    head = {
        "runs": [r.id for r in records],
        "figures": {name: json.loads(figure.to_json(validate=False)) for name, figure in figures.items()},
        "nets": [_net(net, blob, "engineer" in tabs) for net in nets(records)],
        "tabs": TABS,
        "end": planned(records),
        "newest": max((r.step for r in records), default=0),
        "perEpoch": steps_per_epoch(records[0]) if records else 0,
        "live": live,
        "lecture": lecture,
        "lifted": LIFTED,
        "scaleDark": SCALE_DARK,
    }
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (len(text) % 2)
    return np.uint32(len(text)).tobytes() + text + b"".join(part.tobytes() for part in blob.parts)


def _net(net: Net, blob: _Blob, with_engineer: bool) -> dict[str, Any]:
    steps, ratios = log_ratio(net.first)
    vectors = {"grad_block": blob.add(steps, ratios, MOMENTS)} if len(steps) else {}
    # The words at the line's end, written where they are tested: the page only puts them in place.
    words = [loudness(v) for v in ratios[moments(len(steps)), 0]] if len(steps) else []
    for metric in ENGINEER if with_engineer else ():
        steps, logs = log_values(net.first, metric)
        if len(steps):
            vectors[metric] = blob.add(steps, logs, ENGINEER_MOMENTS)
    return {"label": net.label, "words": words, "vectors": vectors}
