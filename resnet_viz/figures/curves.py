"""Charts B and C: training loss and accuracy against the step, on axes fixed from the planned run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from resnet_viz.figures.numbers import apart, finite, smooth, thin
from resnet_viz.figures.style import QUIET, Net, end_label, faint, frame, nets, width
from resnet_viz.record import Record

Curve = tuple[np.ndarray, np.ndarray]


def planned(records: Sequence[Record]) -> int:
    """The steps that the x axis shows: the longest plan among the records, or what was reached beyond it."""
    return max((max(r.steps, r.step) for r in records), default=1) or 1


def steps_per_epoch(record: Record) -> int:
    """Steps of one epoch, from the validations or else the plan; 0 where neither says."""
    validated = record.get("val_accuracy")[0]
    if len(validated):
        return int(validated[0])
    train = record.spec.train
    return 0 if train.steps else record.steps // train.epochs


def divergence(
    records: Sequence[Record],
    ghost: Sequence[Record] = (),
    bet: float | None = None,
    lecture: bool = False,
) -> go.Figure:
    """Training loss: raw faint, smoothed on top, "guessing" at ln(classes), and the step from which two nets are apart.

    ``ghost``: recorded runs drawn behind, faint. ``bet``: the final loss of the plain net someone bet on, in nats.
    Several seeds of a net become a band with thin lines. Traces that the scrubber reads carry ``meta`` {"role", "net"}.
    """
    found, end = nets(records), planned(records)
    figure = frame("Training loss", "nats; thick: smoothed", lecture)
    classes = records[0].spec.model.classes if records else 10
    guess = math.log(classes)
    _time_axis(figure, end, max(7.0, 2 * guess), [])
    figure.update_xaxes(title_text="step", nticks=6)
    _level(figure, guess, f"guessing {guess:.2f}", end, upward=True)
    for net in nets(ghost):
        x, y = thin(*_smoothed(net.first))
        figure.add_scatter(
            x=_small(x), y=_small(y), mode="lines", line={"color": faint(net.colour, 0.25), "width": width(lecture), "dash": net.dash},
            hoverinfo="skip", meta={"role": "ghost"},
        )  # fmt: skip
    if bet is not None:
        figure.add_scatter(
            x=[0.72 * end, end], y=[bet, bet], mode="lines+markers+text", text=["your bet", ""], textposition="top center",
            line={"color": QUIET, "width": width(lecture), "dash": "dot"},
            marker={"symbol": "diamond", "size": [0, 9], "color": QUIET}, textfont_color=QUIET, hoverinfo="skip", cliponaxis=False,
        )  # fmt: skip
    for number, net in enumerate(found):
        if len(net.records) == 1:
            x, y = thin(*finite(net.first.get("loss")))
            figure.add_scatter(
                x=_small(x), y=_small(y), mode="lines", line={"color": faint(net.colour, 0.25), "width": 1.2}, hoverinfo="skip",
                meta={"role": "raw", "net": number},
            )  # fmt: skip
        curves = [thin(*_smoothed(record)) for record in net.records]
        if curve := _band(figure, net, curves):
            diverged = net.first.status == "diverged"
            words = f"diverged<br>at step {net.first.step:,}" if diverged else _loss(curve[1][-1])
            _main(figure, net, number, curve, lecture, f"<b>{net.label}</b> {words}")
    _mark_apart(figure, found)
    return figure


def accuracy(records: Sequence[Record], lecture: bool = False) -> go.Figure:
    """Validation accuracy in % at every epoch, chance as a dotted line, the test accuracy in the label at the end."""
    found, end = nets(records), planned(records)
    figure = frame("Accuracy", "validation, after each epoch", lecture)
    _time_axis(figure, end, 100, [0, 50, 100])
    figure.update_yaxes(range=[0, 103], ticktext=["0 %", "50 %", "100 %"])
    per_epoch = steps_per_epoch(records[0]) if records else 0
    if per_epoch:
        epochs = max(1, end // per_epoch)
        stride = max(1, math.ceil(epochs / 6))
        ticks = np.arange(0, epochs + 1, stride)
        figure.update_xaxes(tickvals=ticks * per_epoch, ticktext=[f"{t:,}" for t in ticks], title_text="epoch")
    else:
        figure.update_xaxes(title_text="step", nticks=6)
    if records:
        chance = 100 / records[0].spec.model.classes
        _level(figure, chance, f"chance {chance:.2g} %", end, upward=False)
    for number, net in enumerate(found):
        curves = []
        for record in net.records:
            steps, share = finite(record.get("val_accuracy"))
            curves.append(thin(steps, 100 * share.astype(np.float32), 200))
        if curve := _band(figure, net, curves):
            test = [v for r in net.records if (v := r.result.get("test_accuracy", r.last("test_accuracy"))) is not None]
            at_end = f"test {100 * np.mean(test):.0f} %" if test else f"{curve[1][-1]:.0f} %"
            _main(figure, net, number, curve, lecture, f"<b>{net.label}</b><br>{at_end}", dots=len(curve[0]) <= 40)
    return figure


def _loss(value: float) -> str:
    return "over 100" if value > 100 else f"{value:.2f}" if value >= 0.005 else "&lt;0.01"


def _small(values: np.ndarray) -> np.ndarray:
    """Half the bytes on the wire: float32, or int32."""
    return values.astype(np.int32 if np.issubdtype(values.dtype, np.integer) else np.float32)


def _smoothed(record: Record) -> Curve:
    steps, loss = finite(record.get("loss"))
    return steps, smooth(loss, record.steps)


def _time_axis(figure: go.Figure, end: int, top: float, ticks: list[float]) -> None:
    figure.update_layout(
        xaxis={"range": [0, end], "showgrid": False},
        yaxis={"range": [0, top], "rangemode": "tozero", **({"tickvals": ticks} if ticks else {"nticks": 5})},
        margin={"l": 44, "r": 112, "t": 10, "b": 34},
    )


def _level(figure: go.Figure, y: float, text: str, end: int, upward: bool) -> None:
    """A dotted level with its name in small letters at the right."""
    figure.add_scatter(
        x=[0, end],
        y=[y, y],
        mode="lines",
        line={"color": QUIET, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
        meta={"role": "level"},
    )
    figure.add_annotation(
        name="level", x=end, y=y, text=text, showarrow=False, xanchor="right", yanchor="bottom" if upward else "top",
        font_color=QUIET,
    )  # fmt: skip


def _band(figure: go.Figure, net: Net, curves: Sequence[Curve]) -> Curve | None:
    """The curve itself, or over several seeds their mean, with the band from least to most and a thin line for each."""
    curves = [c for c in curves if len(c[0])]
    if len(curves) < 2:
        return curves[0] if curves else None
    x = min((c[0] for c in curves), key=lambda steps: steps[-1])
    all_y = np.stack([np.interp(x, *c) for c in curves])
    quiet = {"x": _small(x), "mode": "lines", "hoverinfo": "skip"}
    figure.add_scatter(**quiet, y=_small(all_y.min(0)), line_width=0)
    figure.add_scatter(**quiet, y=_small(all_y.max(0)), line_width=0, fill="tonexty", fillcolor=faint(net.colour, 0.16))
    for y in all_y:
        figure.add_scatter(**quiet, y=_small(y), line={"color": faint(net.colour, 0.4), "width": 1})
    return x, all_y.mean(0)


def _main(figure: go.Figure, net: Net, number: int, curve: Curve, lecture: bool, text: str, dots: bool = False) -> None:
    """The net's main line, the marker where it is now, and its label there."""
    x, y = _small(curve[0]), _small(curve[1])
    at = min(float(y[-1]), figure.layout.yaxis.range[1])
    marker = {"symbol": net.symbol, "color": net.colour, "line": {"width": 2, "color": net.colour}}
    figure.add_scatter(
        x=x, y=y, mode="lines+markers" if dots else "lines", name=net.label,
        line={"color": net.colour, "width": width(lecture), "dash": net.dash}, marker={**marker, "size": 6},
        meta={"role": "line", "net": number}, hovertemplate="%{y:.3g} at step %{x}<extra>" + net.label + "</extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=x[-1:], y=[at], mode="markers", marker={**marker, "size": 13 if lecture else 10}, hoverinfo="skip", cliponaxis=False,
        meta={"role": "now", "net": number},
    )  # fmt: skip
    end_label(figure, net, number, float(x[-1]), at, text)


def _mark_apart(figure: go.Figure, found: Sequence[Net]) -> None:
    """Where the first residual and the first plain net part for good, if they do."""
    residual, plain = ([net for net in found if net.skips is skips] for skips in (True, False))
    step = apart(residual[0].first, plain[0].first) if residual and plain else None
    if step is not None:
        figure.add_shape(
            name="apart",
            type="line",
            x0=step,
            x1=step,
            yref="y domain",
            y0=0,
            y1=0.9,
            line={"color": QUIET, "width": 1, "dash": "dot"},
        )
        figure.add_annotation(
            name="apart", x=step, yref="y domain", y=1, yanchor="top", xanchor="left", xshift=3, text=f"apart from step {step}",
            showarrow=False, font_color=QUIET,
        )  # fmt: skip
