"""What the stage in the browser gets: figures as JSON, once, and compact vectors to scrub through, in one run of bytes.

`src/data.js` reads it back.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from resnet_viz.figures.curves import accuracy, divergence, planned, steps_per_epoch
from resnet_viz.figures.depth import ENGINEER, ENGINEER_MOMENTS, engineer, history
from resnet_viz.figures.fan import fan
from resnet_viz.figures.numbers import arrivals, log_ratio, log_values
from resnet_viz.figures.style import LIFTED, QUIET, SCALE_DARK, Drawing, Net, nets
from resnet_viz.language import N_, current, tr
from resnet_viz.runs.record import Record

TABS = {"twins": N_("Twins"), "history": N_("History"), "engineer": N_("Engineer")}
# What the script itself says; {step} and {epoch} are filled in there.
WORDS = {
    "log": N_("log"),
    "slider": N_("Step"),
    "step": N_("step {step}"),
    "epoch": N_(" · epoch {epoch}"),
    "none": N_("not started"),
    "live": N_("● live"),
    "follow": N_("Follow the newest step"),
    "first": N_("To the first step"),
    "play": N_("Play"),
    "newest": N_("To the newest step"),
    "speed": N_("Speed"),
    "bet": N_("your bet"),
    "over": N_("over 100"),
    "loss": N_("loss"),
    "large": N_("too large"),
    "infinite": N_("not finite"),
}
NOT_A_NUMBER = -32768


class _Vectors:
    """Vectors as int16 thousandths of a decade, one behind the other: 0.1 % exact, half the size of float32."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.size = 0

    def add(self, steps: np.ndarray, logs: np.ndarray) -> dict[str, Any]:
        """Add log10 values (N, K) of steps (N,), clipped to ±32. Returns the steps, K, and the index of the first value."""
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
    pending: Collection[int] = (),
    click: bool = True,
) -> bytes:
    """Everything the stage shows of the records: length of the JSON (uint32), the JSON in UTF-8, the vectors (int16).

    The JSON holds the figures and, for each net, where its vectors lie. Little endian; the vectors begin at an even byte.

    ``tabs``: the keys of TABS whose figures to send. ``live``: the slider reaches to the planned end. ``lecture``: thick lines,
    large letters, keys that move the slider. ``ghost``, ``bet`` (nats): see `curves.divergence`. ``replay``: play once by itself.
    ``pending`` and ``click``: see `fan.fan`.
    """
    figures: dict[str, Drawing] = {}
    if "twins" in tabs:
        figures["fan"] = fan(records, lecture, pending, click)
        figures["loss"] = divergence(records, ghost, bet, lecture)
        figures["accuracy"] = accuracy(records, lecture)
    if "history" in tabs:
        figures["history"] = history(records, lecture)
        for heat in figures["history"].data:
            del heat["z"], heat["text"]  # the page has the same numbers: the fan's vectors
    if "engineer" in tabs:
        figures["engineer"] = engineer(records, lecture)
    vectors = _Vectors()
    head = {
        "runs": [r.id for r in records],
        "figures": {name: {"data": drawing.data, "layout": drawing.layout} for name, drawing in figures.items()},
        "nets": [_net(net, vectors, tabs) for net in nets(records)],
        "tabs": {name: tr(label) for name, label in TABS.items()},
        "language": current(),
        "words": {name: tr(text) for name, text in WORDS.items()},
        "end": planned(records),
        "newest": max((r.step for r in records), default=0),
        "perEpoch": per_epoch.pop() if len(per_epoch := {steps_per_epoch(r) for r in records}) == 1 else 0,
        "live": live,
        "lecture": lecture,
        "replay": replay,
        "bet": bet is not None,
        "lifted": LIFTED,
        "scaleDark": SCALE_DARK,
        "quiet": QUIET,
    }
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"), default=_jsonable).encode()
    text += b" " * (len(text) % 2)
    return np.array(len(text), "<u4").tobytes() + text + b"".join(part.tobytes() for part in vectors.parts)


def _jsonable(value: Any) -> Any:
    """An array as Plotly takes it in JSON, its type and its bytes in base 64; a NumPy number as a plain one."""
    if isinstance(value, np.ndarray):
        return {"dtype": f"{value.dtype.kind}{value.itemsize}", "bdata": base64.b64encode(value.tobytes()).decode()}
    return value.item()


def _net(net: Net, vectors: _Vectors, tabs: Collection[str]) -> dict[str, Any]:
    """A net's label at its line's end, in Plotly's markup; where its vectors lie; what that end says at each step of the fan."""
    places, words = {}, []
    if "twins" in tabs or "history" in tabs:
        steps, ratios = log_ratio(net.first, kept=True)
        if len(steps):
            places["grad_block"] = vectors.add(steps, ratios)
            words = arrivals(net.first, kept=True)
    for metric in ENGINEER if "engineer" in tabs else ():
        steps, logs = log_values(net.first, metric, ENGINEER_MOMENTS)
        if len(steps):
            places[metric] = vectors.add(steps, logs)
    return {"label": net.short, "words": words, "vectors": places}
