"""A network before its first step: norms by layer with batch norm's law, and the gradient carried by paths of each length."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from resnet_viz.figures.fan import fan
from resnet_viz.figures.numbers import amount, factor, log_ratio, log_values, superscript
from resnet_viz.figures.style import QUIET, Drawing, Net, nets
from resnet_viz.language import tr
from resnet_viz.runs.record import Record
from resnet_viz.spec.laws import BN_GROWTH


def law(record: Record) -> tuple[float, str] | None:
    """The factor by which theory lets the gradient grow at each layer (`laws.BN_GROWTH`), and its name; None without a law."""
    model = record.spec.model
    if not model.residual and model.norm == "batch":
        return BN_GROWTH, tr("law: ×{factor:.3f} a layer", factor=BN_GROWTH)
    return None


def at_block_1(records: Sequence[Record]) -> dict[str, str]:
    """How large the gradient is at block 1 of each net at its latest step: label → such as "×12"."""
    return {net.label: factor(log_ratio(net.first)[1][-1, 0]) for net in nets(records)}


def start(records: Sequence[Record], click: bool = True) -> Drawing:
    """`fan` of networks before their first step, with room for three, whose labels may lie close together."""
    drawing = fan(records, click=click)
    drawing.layout["margin"].update(l=64, r=56)
    drawing.layout["yaxis"]["side"] = "right"  # the labels of the lines stand on the left
    limit = drawing.layout["yaxis"]["range"][1]
    below = -math.inf
    labels = [note for note in drawing.layout["annotations"] if note.get("name", "").startswith("net-")]
    for note in sorted(labels, key=lambda note: note["y"]):
        below = note["y"] = max(note["y"], below + 0.36 * limit)
    for note in drawing.layout["annotations"]:
        if note.get("name") == "strip-left":
            note["text"] = note["text"].replace("residual, ", "")
    return drawing


def norms(records: Sequence[Record]) -> Drawing:
    """Left: log10 of the gradient's norm at every layer's response, over the last layer's; right: log10 of that response's std.

    Laws are dotted and named. Traces carry ``meta`` {"role": "gradient", "std" or "law", "net": n}.
    """
    drawn = nets(records)
    hint = tr("From the stem, layer 1, to the last convolution (Fan: from block 1 to the last block).") + tr(
        " Dotted: the law."
    ) * any(law(net.first) for net in drawn)
    drawing = Drawing(tr("Every layer, before the first step"), hint)
    drawing.layout["margin"] = {"l": 52, "r": 8, "t": 34, "b": 40}
    count = max((r.get("grad_layer")[1].shape[1] for r in records if len(r.get("grad_layer")[0])), default=1)
    panels = (("grad_layer", "gradient", "", [0, 0.53]), ("activation_std", "std", "2", [0.6, 1]))
    titles = (tr("gradient at a layer, against the last layer's"), tr("std before ReLU"))
    for (metric, role, axis, domain), title in zip(panels, titles, strict=True):
        seen = [np.array([-1.0, 1.0])]
        ends = []
        for number, net in enumerate(drawn):
            logs = log_values(net.first, metric)[1]
            if not len(logs):
                continue
            y = logs[-1] - logs[-1, -1] if role == "gradient" else logs[-1]
            _line(drawing, net, number, y, axis, role)
            seen.append(y[np.isfinite(y) & (y > -29)])
            ends.append((net, number, y))
            if role == "gradient" and (known := law(net.first)):
                seen.append(_law(drawing, number, len(y), *known))
        values = np.concatenate(seen)
        low, high = math.floor(values.min()), math.ceil(values.max() + 0.2)
        step = max(1, math.ceil((high - low) / 5))
        ticks = [t for t in range(low, high + 1) if t % step == 0]
        room = [0.5 - 0.34 * count, count + 1] if role == "gradient" else [0.5, 1 + 1.42 * count]
        every = 10 * math.ceil(count / 60)
        places = [1, *range(every, count - 4, every), count] if role == "gradient" else [1, count]
        drawing.axis(
            f"xaxis{axis}", domain=domain, anchor=f"y{axis}", range=room, showgrid=False, tickvals=places, tickangle=0,
            ticktext=[tr("layer 1") if t == 1 else str(t) for t in places],
        )  # fmt: skip
        sign = "×" if role == "gradient" else ""
        drawing.axis(
            f"yaxis{axis}", anchor=f"x{axis}", range=[low, high], tickvals=ticks,
            ticktext=[f"{sign}10{superscript(t)}" if t else f"{sign}1" for t in ticks],
        )  # fmt: skip
        at = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "yshift": 6}
        drawing.note(title, x=domain[0], y=1, **at)
        _labels(drawing, ends, role, axis, (high - low) * 0.14)
    return drawing


def _line(drawing: Drawing, net: Net, number: int, y: np.ndarray, axis: str, role: str) -> None:
    say = factor if role == "gradient" else amount
    drawing.trace(
        x=np.arange(1, len(y) + 1, dtype=np.int16), y=y.astype(np.float32), mode="lines", name=net.text,
        line={"color": net.colour, "width": drawing.line, "dash": net.dash}, xaxis=f"x{axis}", yaxis=f"y{axis}",
        meta={"role": role, "net": number}, customdata=[say(value) for value in y.tolist()],
        hovertemplate=tr("layer %{x}: %{customdata}") + "<extra>" + net.text + "</extra>",
    )  # fmt: skip


def _law(drawing: Drawing, number: int, count: int, growth: float, name: str) -> np.ndarray:
    """The law's line, from 1 at the last layer; returns its values (count,)."""
    y = np.arange(count - 1, -1, -1) * math.log10(growth)
    drawing.trace(
        x=np.arange(1, count + 1, dtype=np.int16), y=y.astype(np.float32), mode="lines", name=name,
        line={"color": QUIET, "width": 2, "dash": "dot"}, meta={"role": "law", "net": number},
        hovertemplate=name + "<extra></extra>",
    )  # fmt: skip
    middle = count // 2
    drawing.note(
        name, name="law", x=middle, y=float(y[middle - 1]), xanchor="left", yanchor="bottom", xshift=6, yshift=4
    )
    return y


def _labels(drawing: Drawing, ends: Sequence[tuple[Net, int, np.ndarray]], role: str, axis: str, apart: float) -> None:
    """Labels at the lines' ends (the first layer's for gradients, the last's for stds), moved apart where they would meet."""
    left = role == "gradient"
    placed: list[tuple[Net, int, float, float]] = []
    for net, number, y in sorted(ends, key=lambda e: _end(e[2], left)):
        at = _end(y, left)
        placed.append((net, number, at, max(at, placed[-1][3] + apart) if placed else at))
    for net, number, at, height in placed:
        x = 1 if left else len(ends[0][2])
        value = f"×{_short(at)}" if left else _short(at)
        drawing.end_label(net, number, x, height, f"<b>{net.text}</b> {value}", side="right" if left else "left")
        drawing.layout["annotations"][-1].update(xref=f"x{axis}", yref=f"y{axis}")


def _end(y: np.ndarray, left: bool) -> float:
    return float(y[0] if left else y[-1])


def _short(log10: float) -> str:
    """10^log10 in two digits, or as a power of ten."""
    if not math.isfinite(log10):
        return tr("not finite")
    return f"{float(f'{10**log10:.2g}'):,g}" if -2 < log10 < 5 else f"10{superscript(round(log10))}"
