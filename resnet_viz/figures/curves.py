"""Charts B and C: training loss and accuracy against the step, on axes fixed from the planned run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resnet_viz.figures.numbers import apart, finite, smooth, thin
from resnet_viz.figures.style import QUIET, Drawing, Net, faint, literal, nets
from resnet_viz.language import tr
from resnet_viz.runs.record import Record
from resnet_viz.words.numbers import percent
from resnet_viz.words.twins import in_common
from resnet_viz.words.why import ACCURACY, LOSS

Curve = tuple[np.ndarray, np.ndarray]  # steps (N,) and values (N,)


def planned(records: Sequence[Record]) -> int:
    """The steps that the x axis shows: the longest plan among the records, or what was reached beyond it."""
    return max((max(r.steps, r.step) for r in records), default=1) or 1


def steps_per_epoch(record: Record) -> int:
    """Steps of one epoch, from the validations or else the plan; 0 where neither says."""
    validated = record.get("val_accuracy")[0]
    if len(validated):
        return int(validated[0])
    train = record.spec.train
    return 0 if train.steps or record.spec.watched else record.steps // train.epochs


def divergence(
    records: Sequence[Record],
    ghost: Sequence[Record] = (),
    bet: float | None = None,
    lecture: bool = False,
) -> Drawing:
    """Training loss: raw faint, smoothed on top, "guessing" at ln(classes), and the step from which two nets are apart.

    ``ghost``: recorded runs drawn behind, faint. ``bet``: the final loss of the plain net someone bet on, in nats, drawn where a
    plain net trains, and answered where it has finished.
    Several seeds of a net become a band with thin lines. Traces that the scrubber reads carry ``meta`` {"role", "net"}.
    """
    drawn, end = nets(records), planned(records)
    drawing = Drawing(tr(LOSS), tr("nats; thick: smoothed"), lecture)
    guesses = {count: math.log(count) for count in (_classes(records) if records else [10])}
    drawing.axis("xaxis", tr("step"), range=[0, end], showgrid=False, nticks=6)
    drawing.axis("yaxis", range=[0, max([7.0, *(2 * guess for guess in guesses.values())])], nticks=5)
    drawing.layout["margin"] = {"l": 44, "r": 112, "t": 10, "b": 34}
    _levels(drawing, {count: (guess, tr("guessing {loss:.2f}", loss=guess)) for count, guess in guesses.items()}, end)
    for net in nets(ghost):
        x, y = thin(*_smoothed(net.first), 200)
        line = {"color": faint(net.colour, 0.15), "width": drawing.line, "dash": net.dash}
        _quiet(drawing, x, y, line, meta={"role": "ghost"})
    plain = next((net for net in drawn if not net.skips), None)
    if bet is not None and plain:
        _bet(drawing, bet, end, _answer(bet, plain))
    for number, net in enumerate(drawn):
        if len(net.records) == 1:
            line = {"color": faint(net.colour, 0.25), "width": 1.2}
            _quiet(drawing, *thin(*finite(net.first.get("loss"))), line, meta={"role": "raw", "net": number})
        if curve := _band(drawing, net, [thin(*_smoothed(record)) for record in net.records]):
            diverged = net.first.status == "diverged"
            state = tr("diverged<br>at step {step:,}", step=net.first.step) if diverged else _loss(curve[1][-1])
            _main(drawing, net, number, curve, f"<b>{net.short}</b> {state}", hover=tr("%{y:.3g} nats at step %{x}"))
    _mark_apart(drawing, drawn)
    return drawing


def accuracy(records: Sequence[Record], lecture: bool = False, still: bool = False) -> Drawing:
    """Validation accuracy in % at every epoch, chance as a dotted line, and a star at the end for the test accuracy.

    Of networks in loops of the user's, which validate elsewhere or not at all: the accuracy of the training batches, smoothed.

    x counts steps, labelled as epochs. Where the runs' epochs have different numbers of steps it says steps; or, in a chart that
    stands ``still``, without a slider that counts steps, it counts each run's own epochs.
    """
    drawn, end = nets(records), planned(records)
    lengths = {n for r in records if (n := steps_per_epoch(r))}
    watched = bool(records) and all(r.spec.watched for r in records)
    metric, kind = ("accuracy", tr("training")) if watched else ("val_accuracy", tr("validation"))
    hint = tr("of the training batches, smoothed") if watched else tr("validation, after each epoch")
    hint += tr("; ★ test, at the end") * any(_tested(r) is not None for r in records)
    drawing = Drawing(tr(ACCURACY), hint, lecture)
    drawing.axis("yaxis", range=[0, 103], tickvals=[0, 50, 100], ticktext=["0 %", "50 %", "100 %"])
    drawing.layout["margin"] = {"l": 50, "r": 112, "t": 10, "b": 34}
    own = still and len(lengths) > 1
    if own:
        end = max(-(-max(r.steps, r.step) // n) for r in records if (n := steps_per_epoch(r)))
        drawing.axis("xaxis", tr("epoch"), range=[0, end], showgrid=False, nticks=6)
    elif len(lengths) == 1:
        (per_epoch,) = lengths
        epochs = max(1, end // per_epoch)
        ticks = range(0, epochs + 1, _round_step(epochs))
        places, names = [t * per_epoch for t in ticks], [f"{t:,}" for t in ticks]
        drawing.axis("xaxis", tr("epoch"), range=[0, end], showgrid=False, tickvals=places, ticktext=names)
    else:
        drawing.axis("xaxis", tr("step"), range=[0, end], showgrid=False, nticks=6)
    _levels(drawing, {n: (100 / n, tr("chance {percent:.2g} %", percent=100 / n)) for n in _classes(records)}, end)
    for number, net in enumerate(drawn):
        curves = []
        for record in net.records:
            steps, share = finite(record.get(metric))
            share = smooth(share, record.steps) if watched else share
            x = steps / steps_per_epoch(record) if own and len(steps) else steps
            curves.append(thin(x, 100 * share.astype(np.float32), 200))
        if curve := _band(drawing, net, curves):
            # Steps on an axis of epochs are said as epochs.
            said = curve[0] / next(iter(lengths)) if len(lengths) == 1 else curve[0]
            unit = tr("epoch") if own or len(lengths) == 1 else tr("step")
            hover = tr("{kind} %{{y:.3g}} % at {unit} %{{customdata:.4g}}", kind=kind, unit=unit)
            text = f"<b>{net.short}</b><br>{literal(percent(float(curve[1][-1]) / 100))}"
            _main(drawing, net, number, curve, text, dots=len(curve[0]) <= 40, hover=hover, customdata=_small(said))
            _test(drawing, net, number, curve[0][-1].item())
    return drawing


def _tested(record: Record) -> float | None:
    """A run's test accuracy, a share; None where it was not measured."""
    return record.result.get("test_accuracy", record.last("test_accuracy"))


def _test(drawing: Drawing, net: Net, number: int, x: float) -> None:
    """Add a star for the test accuracy, where it was measured: of several seeds their mean."""
    shares = [share for r in net.records if (share := _tested(r)) is not None]
    if not shares:
        return
    mean = float(np.mean(shares))
    drawing.trace(
        x=[x], y=[100 * mean], mode="markers", cliponaxis=False, meta={"role": "test", "net": number},
        marker={"symbol": "star-open", "size": drawing.size + 1, "color": net.colour, "line": {"width": 2, "color": net.colour}},
        hovertemplate=tr("test {accuracy}, at the end", accuracy=literal(percent(mean))) + f"<extra>{net.text}</extra>",
    )  # fmt: skip


def _round_step(length: int) -> int:
    """The least of 1, 2, 5, 10, 20, 50 ... that divides a length into at most six parts."""
    return next(step for power in range(20) for step in (10**power, 2 * 10**power, 5 * 10**power) if length <= 6 * step)


def _loss(value: float) -> str:
    return tr("over 100") if value > 100 else f"{value:.2f}" if value >= 0.005 else "&lt;0.01"


def _small(values: np.ndarray) -> np.ndarray:
    """Fewer bytes on the wire: float32, or int32 (int16 where that holds them)."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.int16 if values[-1:].max(initial=0) < 2**15 else np.int32)
    return values.astype(np.float32)


def _smoothed(record: Record) -> Curve:
    steps, loss = finite(record.get("loss"))
    return steps, smooth(loss, record.steps)


def _quiet(drawing: Drawing, x: np.ndarray, y: np.ndarray, line: dict[str, Any], **more: Any) -> None:
    """Add a line that says nothing when pointed at."""
    drawing.trace(x=_small(x), y=_small(y), mode="lines", line=line, hoverinfo="skip", **more)


def _classes(records: Sequence[Record]) -> list[int]:
    """How many classes the runs tell apart, each number once, where it is known."""
    return sorted({r.spec.model.classes for r in records if r.spec.model.classes > 1})


def _levels(drawing: Drawing, levels: Mapping[int, tuple[float, str]], end: int) -> None:
    """Add a dotted level, with its name in small letters at its end, for each number of classes."""
    line = {"color": QUIET, "width": 1.5, "dash": "dot"}
    for classes, (y, text) in levels.items():
        drawing.trace(x=[0, end], y=[y, y], mode="lines", line=line, hoverinfo="skip", meta={"role": "level"})
        which = tr(", {classes} classes", classes=classes) if len(levels) > 1 else ""
        drawing.note(text + which, name="level", x=end, y=y, xanchor="right", yanchor="bottom")


def _answer(bet: float, plain: Net) -> str:
    """How far a bet was off the plain net's training loss, of several seeds their mean; empty while that is open."""
    if plain.first.status == "diverged":
        return tr("it diverged")
    ends = [loss for r in plain.records if (loss := r.result.get("train_loss")) is not None]
    if len(ends) < len(plain.records):
        return ""
    off = abs(float(np.mean(ends)) - bet)
    return tr("{off:.1f} off", off=off) if off >= 0.05 else tr("right")


def _bet(drawing: Drawing, bet: float, end: int, answer: str) -> None:
    """Add a bet's level and its answer, which the stage leaves out until the slider is at the end."""
    text = tr("your bet: {answer}", answer=answer) if answer else tr("your bet")
    drawing.trace(
        x=[0.72 * end, end], y=[bet, bet], mode="lines+markers+text", text=[text, ""], textposition="top center",
        line={"color": QUIET, "width": drawing.line, "dash": "dot"}, textfont={"color": QUIET}, hoverinfo="skip",
        marker={"symbol": "diamond", "size": [0, 9], "color": QUIET}, cliponaxis=False, meta={"role": "bet"},
    )  # fmt: skip


def _band(drawing: Drawing, net: Net, curves: Sequence[Curve]) -> Curve | None:
    """The curve itself, or over several seeds their mean, with the band from least to most and a thin line for each."""
    curves = [c for c in curves if len(c[0])]
    if len(curves) < 2:
        return curves[0] if curves else None
    x = min((c[0] for c in curves), key=lambda steps: steps[-1])
    all_y = np.stack([np.interp(x, *c) for c in curves])
    _quiet(drawing, x, all_y.min(0), {"width": 0})
    _quiet(drawing, x, all_y.max(0), {"width": 0}, fill="tonexty", fillcolor=faint(net.colour, 0.16))
    for y in all_y:
        _quiet(drawing, x, y, {"color": faint(net.colour, 0.4), "width": 1})
    return x, all_y.mean(0)


def _main(
    drawing: Drawing, net: Net, number: int, curve: Curve, text: str, *, hover: str, dots: bool = False, **more: Any
) -> None:
    """Add the net's main line, the marker where it is now, and its label there. ``hover``: a template for a point's words."""
    x, y = _small(curve[0]), _small(curve[1])
    at = min(float(y[-1]), drawing.layout["yaxis"]["range"][1])
    marker = {"symbol": net.symbol, "color": net.colour, "line": {"width": 2, "color": net.colour}}
    drawing.trace(
        x=x, y=y, mode="lines+markers" if dots else "lines", name=net.text,
        line={"color": net.colour, "width": drawing.line, "dash": net.dash}, marker={**marker, "size": 6},
        meta={"role": "line", "net": number}, hovertemplate=f"{hover}<extra>{net.text}</extra>", **more,
    )  # fmt: skip
    drawing.trace(
        x=[x[-1].item()], y=[at], mode="markers", marker={**marker, "size": drawing.size - 3}, hoverinfo="skip",
        cliponaxis=False, meta={"role": "now", "net": number},
    )  # fmt: skip
    drawing.end_label(net, number, float(x[-1]), at, text)


def _mark_apart(drawing: Drawing, drawn: Sequence[Net]) -> None:
    """Mark where the first residual and the first plain net part for good, if they do, and saw the same data."""
    residual, plain = ([net for net in drawn if net.skips is skips] for skips in (True, False))
    pair = (residual[0].first, plain[0].first) if residual and plain else None
    step = apart(*pair) if pair and in_common(pair[0].spec, pair[1].spec) else None
    if step is None:
        return
    line = {"color": QUIET, "width": 1, "dash": "dot"}
    drawing.shape(name="apart", type="line", x0=step, x1=step, yref="y domain", y0=0, y1=0.9, line=line)
    where = {"x": step, "yref": "y domain", "y": 1, "yanchor": "top", "xanchor": "left", "xshift": 3}
    drawing.note(tr("apart from step {step}", step=step), name="apart", **where)
