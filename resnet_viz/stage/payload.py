"""What the stage in the browser gets: figures as JSON, once, and compact vectors to scrub through, in one run of bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from resnet_viz.figures.curves import accuracy, divergence, planned, steps_per_epoch
from resnet_viz.figures.depth import ENGINEER, ENGINEER_MOMENTS, engineer, history
from resnet_viz.figures.fan import fan
from resnet_viz.figures.numbers import log_ratio, log_values, loudness
from resnet_viz.figures.style import LIFTED, QUIET, SCALE_DARK, Drawing, Net, nets
from resnet_viz.runs.record import Record

TABS = {"twins": "Twins", "history": "History", "engineer": "Engineer"}
NOT_A_NUMBER = -32768


class _Blob:
    """Vectors as int16 thousandths of a decade, one behind the other: 0.1 % exact, half the size of float32."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.size = 0

    def add(self, steps: np.ndarray, logs: np.ndarray) -> dict[str, Any]:
        """Add logarithms (N, K) of these steps (N,). Returns where they are."""
        thousandths = np.round(np.clip(logs * 1000, -32000, 32000))
        values = np.where(np.isnan(thousandths), NOT_A_NUMBER, thousandths).astype("<i2")
        place = {"steps": steps.tolist(), "width": logs.shape[1], "at": self.size}
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
    replay: bool = False,
) -> bytes:
    """Everything the stage shows, for the tabs named (of TABS): length of the JSON (uint32), the JSON, the int16 vectors.

    The JSON holds the figures and, for each net, where its vectors lie. Little endian; the vectors begin at an even byte.
    """
    figures: dict[str, Drawing] = {}
    if "twins" in tabs:
        figures["fan"] = fan(records, lecture)
        figures["loss"] = divergence(records, ghost, bet, lecture)
        figures["accuracy"] = accuracy(records, lecture)
    if "history" in tabs:
        figures["history"] = history(records, lecture)
        for heat in figures["history"].data:
            del heat["z"]  # the page has the same numbers: the fan's vectors
    if "engineer" in tabs:
        figures["engineer"] = engineer(records, lecture)
    blob = _Blob()
    head = {
        "runs": [r.id for r in records],
        "figures": {name: {"data": drawing.data, "layout": drawing.layout} for name, drawing in figures.items()},
        "nets": [_net(net, blob, tabs) for net in nets(records)],
        "tabs": TABS,
        "end": planned(records),
        "newest": max((r.step for r in records), default=0),
        "perEpoch": steps_per_epoch(records[0]) if records else 0,
        "live": live,
        "lecture": lecture,
        "replay": replay,
        "lifted": LIFTED,
        "scaleDark": SCALE_DARK,
        "quiet": QUIET,
    }
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()
    text += b" " * (len(text) % 2)
    return np.uint32(len(text)).tobytes() + text + b"".join(part.tobytes() for part in blob.parts)


def _plain(value: Any) -> Any:
    """Arrays as Plotly takes them in JSON: their type, their bytes in base 64."""
    if isinstance(value, np.ndarray):
        return {"dtype": f"{value.dtype.kind}{value.itemsize}", "bdata": base64.b64encode(value.tobytes()).decode()}
    return value.item()


def _net(net: Net, blob: _Blob, tabs: Collection[str]) -> dict[str, Any]:
    """A net's label, where its vectors lie, and the words at its line's end, made where they are tested."""
    vectors, words = {}, []
    if "twins" in tabs or "history" in tabs:
        steps, ratios = log_ratio(net.first, kept=True)
        if len(steps):
            vectors["grad_block"] = blob.add(steps, ratios)
            words = [loudness(v) for v in ratios[:, 0]]
    for metric in ENGINEER if "engineer" in tabs else ():
        steps, logs = log_values(net.first, metric, ENGINEER_MOMENTS)
        if len(steps):
            vectors[metric] = blob.add(steps, logs)
    return {"label": net.text, "words": words, "vectors": vectors}
