"""The range test as a chart: the smoothed loss against the rate, and where it falls fastest."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from resnet_viz.figures.numbers import finite, superscript, thin
from resnet_viz.figures.style import QUIET, Drawing, Net, faint, nets
from resnet_viz.language import tr
from resnet_viz.runs.record import Record


def range_test(records: Sequence[Record]) -> Drawing:
    """Smoothed loss (thick) and loss (faint), in nats, against log10 of the learning rate for each net's range test (Smith 2017).

    The suggestion, where the loss falls fastest, is ringed and named.
    """
    drawing = Drawing(tr("Loss while the rate rises"), tr("nats; thick: smoothed; ringed: falls fastest"))
    drawn = nets(records)
    labs = [record.spec.lab for record in records if record.spec.lab]
    low, high = (math.log10(getattr(labs[0], end)) if labs else at for end, at in (("min_lr", -5.0), ("max_lr", 1.0)))
    ticks = range(math.ceil(low), math.floor(high) + 1)
    names = [f"{10.0**t:g}" if -3 <= t <= 2 else f"10{superscript(t)}" for t in ticks]
    drawing.axis("xaxis", tr("learning rate"), range=[low, high], tickvals=list(ticks), ticktext=names, showgrid=False)
    guess = math.log(records[0].spec.model.classes if records else 10)
    drawing.axis("yaxis", range=[0, 2 * guess], nticks=5)
    drawing.layout["margin"] = {"l": 40, "r": 20, "t": 22, "b": 40}
    level = {"color": QUIET, "width": 1.5, "dash": "dot"}
    drawing.trace(x=[low, high], y=[guess, guess], mode="lines", line=level, hoverinfo="skip", meta={"role": "level"})
    drawing.note(tr("guessing {loss:.2f}", loss=guess), x=high, y=guess, xanchor="right", yanchor="bottom")
    for number, net in enumerate(drawn):
        rates = np.log10(net.first.get("lr")[1].astype(float))
        for metric, width, colour in (
            ("loss", 1.2, faint(net.colour, 0.3)),
            ("smoothed_loss", drawing.line, net.colour),
        ):
            _, values = finite(net.first.get(metric))
            x, y = thin(rates[: len(values)], values.astype(float))
            line = {"color": colour, "width": width, "dash": net.dash if metric == "smoothed_loss" else "solid"}
            drawing.trace(x=x, y=y, mode="lines", line=line, hoverinfo="skip", meta={"role": metric, "net": number})
    # The lower rate's label stands left of its line and the higher one's on the other side: they never meet.
    suggested = sorted((rate, number) for number, net in enumerate(drawn) if (rate := net.first.result.get("lr")))
    for place, (rate, number) in enumerate(suggested):
        net, at = drawn[number], math.log10(rate)
        curve = np.log10(net.first.get("lr")[1].astype(float)), net.first.get("smoothed_loss")[1]
        side = "right" if place < len(suggested) - 1 else "left"
        _mark(drawing, net, at, float(np.interp(at, *curve)), f"<b>{net.text}</b> {rate:.2g}", side)
    return drawing


def _mark(drawing: Drawing, net: Net, x: float, y: float, text: str, side: str) -> None:
    """Ring the suggestion at log10 rate x and loss y, and name it above; ``side``: the side of the name that touches its line."""
    ring = net.symbol.removesuffix("-open") + "-open"
    drawing.trace(
        x=[x], y=[y], mode="markers", meta={"role": "suggestion"}, hoverinfo="skip",
        marker={"symbol": ring, "size": 15, "color": net.colour, "line": {"width": 3, "color": net.colour}},
    )  # fmt: skip
    line = {"color": net.colour, "width": 1, "dash": "dot"}
    drawing.shape(type="line", x0=x, x1=x, yref="y domain", y0=0, y1=1, line=line)
    drawing.note(text, x=x, yref="y domain", y=1, xanchor=side, yanchor="bottom", font={"color": net.colour})
