"""Chart E: what is left of networks when blocks are dropped, one, some or shuffled; and what their blocks refine."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from resnet_viz.figures.lesion_record import Lesions
from resnet_viz.figures.style import GRID, QUIET, Drawing, faint, literal
from resnet_viz.language import tr
from resnet_viz.words.numbers import percent

# Drops of more points than this are labelled, where there is room.
LABELLED = 5
# Above 100 %, where the strip of blocks is drawn.
STRIP, TOP = 115, 152
HEIGHT = 540  # px of the charts of several blocks


def singles(nets: Sequence[Lesions], classes: int, dropped: Collection[int] = (), click: bool = True) -> Drawing:
    """A row a network: its strip of blocks, and under each block a lollipop that hangs from the undisturbed accuracy.

    x: blocks; y: accuracy in per cent. ``dropped`` blocks are crossed out on the strips. Every box and every lollipop is a point
    that can be clicked; ``click``: say so.
    """
    hint = tr("Lollipops hang from the undisturbed accuracy; numbers: points lost.") + tr(" Click a block.") * click
    drawing = Drawing(tr("Accuracy without each block"), hint)
    count, rows = max((net.count for net in nets), default=1), max(1, len(nets))
    for row, net in enumerate(nets):
        axis = {"xaxis": "x", "yaxis": f"y{row + 1 if row else ''}"}
        top = 1 - row / rows
        drawing.axis(
            f"yaxis{row + 1 if row else ''}", range=[-4, TOP], domain=[top - 1 / rows + (0.03 if row < rows - 1 else 0), top],
            tickvals=[0, 50, 100], ticktext=["0 %", "50 %", "100 %"], anchor="x", fixedrange=True,
        )  # fmt: skip
        _borders(drawing, net, axis)
        _level(drawing, count, 100 / classes, "dot", axis)
        edge = {"x": 1, "xref": "x domain", "xanchor": "left", "yref": axis["yaxis"], "xshift": 6, "yanchor": "middle"}
        drawing.note(tr("guessing, {percent:.0f} %", percent=100 / classes), y=100 / classes, **edge)
        at = 100 * net.undisturbed if net.measured else 100
        known = (
            tr("{accuracy} undisturbed", accuracy=_percent(net.undisturbed)) if net.measured else tr("not measured yet")
        )
        drawing.note(f"<b>{net.text}</b><br>{known}", y=at, align="left", **(edge | {"font": {"color": net.colour}}))
        if net.measured:
            _level(drawing, count, at, "solid", axis)
        _strip(drawing, net, dropped, axis, click)
        _lollipops(drawing, net, axis)
    drawing.axis(
        "xaxis", range=[0.3, count + 0.5], showgrid=False, anchor=f"y{rows if rows > 1 else ''}", fixedrange=True,
        tickvals=_ticks(count), ticktext=[tr("block 1") if t == 1 else str(t) for t in _ticks(count)],
    )  # fmt: skip
    drawing.layout["margin"] = {"l": 52, "r": 150, "t": 10, "b": 40}
    return drawing


def random(nets: Sequence[Lesions], classes: int) -> Drawing:
    """Accuracy against how many blocks are dropped at random: the median of the draws, and a band from worst to best."""
    drawing = Drawing(tr("Some blocks dropped at random"), tr("Line: median of the draws; band: worst to best."))
    count = max((net.count for net in nets), default=1)
    begun = _begun(drawing, [net for net in nets if len(net.random)])
    for number, net in enumerate(begun):
        sizes = np.unique(net.random[:, 0])
        groups = [100 * net.random[net.random[:, 0] == size, 1] for size in sizes]
        x = np.concatenate([[0], sizes])
        low, middle, high = (
            np.array([100 * net.undisturbed, *(f(g) for g in groups)]) for f in (np.min, np.median, np.max)
        )
        _band(drawing, net, x, low, high)
        _line(drawing, net, number, x, middle, tr("%{x} dropped: median %{y:.1f} %"))
    _chance(drawing, classes)
    drawing.axis("xaxis", tr("blocks dropped"), range=[-0.3, count + 0.2], tickvals=[0, *_ticks(count)], showgrid=False)
    return _per_cent(drawing)


def shuffled(nets: Sequence[Lesions], classes: int) -> Drawing:
    """Accuracy against Kendall's rank correlation of the blocks' order with the trained one (Veit 2016, fig. 5b)."""
    hint = tr(
        "Each dot is one order after 1 to 16 swaps; lines: medians. Numbers: medians after the fewest and the most."
    )
    drawing = Drawing(tr("Blocks shuffled inside their stages"), hint)
    begun = _begun(drawing, [net for net in nets if len(net.shuffled)])
    lowest = min([0.9, *(float(net.shuffled[:, 1].min()) for net in begun)])
    for number, net in enumerate(begun):
        drawing.trace(
            x=net.shuffled[:, 1], y=100 * net.shuffled[:, 2], mode="markers", customdata=net.shuffled[:, 0], name=net.text,
            marker={"symbol": net.symbol, "size": 7, "color": faint(net.colour, 0.45)},
            hovertemplate="%{customdata} swaps, τ = %{x:.2f}: %{y:.1f} %<extra>" + net.text + "</extra>",
        )  # fmt: skip
        bins = np.round(20 * net.shuffled[:, 1])
        groups = [net.shuffled[bins == near] for near in np.unique(bins)]
        medians = np.array([[1, net.undisturbed], *(np.median(g[:, 1:], axis=0) for g in groups)])
        medians = medians[np.argsort(-medians[:, 0])]
        _line(drawing, net, number, medians[:, 0], 100 * medians[:, 1], "median: %{y:.1f} %")
        _medians(drawing, net, medians)
    _chance(drawing, classes)
    wide = 1 - lowest
    title = tr("Kendall's τ of the order (1: as trained)")
    drawing.axis("xaxis", title, range=[1 + 0.04 * wide, lowest - 0.04 * wide], showgrid=False, nticks=8)
    return _per_cent(drawing)


def _medians(drawing: Drawing, net: Lesions, line: np.ndarray) -> None:
    """The medians that the headline says, after the fewest and the most swaps: large marks, their numbers off the net's line.

    ``line`` (M, 2): its points, order and accuracy, from order 1 downwards.
    """
    swaps = net.shuffled[:, 0]
    for count in sorted({int(swaps.min()), int(swaps.max())}):
        order, accuracy = np.median(net.shuffled[swaps == count, 1:], axis=0).tolist()
        drawing.trace(
            x=[order], y=[100 * accuracy], mode="markers", name=net.text, cliponaxis=False, meta={"role": "said"},
            marker={"symbol": net.symbol, "size": 13, "color": net.colour, "line": {"width": 2, "color": net.colour}},
            hovertemplate=f"{count} swap{'s' * (count != 1)}: median %{{y:.1f}} %<extra>{net.text}</extra>",
        )  # fmt: skip
        above = accuracy > np.interp(order, *line[::-1].T)
        side = {"yanchor": "bottom", "yshift": 8} if above else {"yanchor": "top", "yshift": -8}
        text = f"<b>{literal(percent(accuracy))}</b>"
        drawing.note(text, name="median", x=order, y=100 * accuracy, font={"color": net.colour}, **side)


def cosine(nets: Sequence[Lesions]) -> Drawing:
    """Mean over images of the cosine between each block's output and its stage's last (Greff 2017): 1 at each stage's end."""
    hint = tr("Near 1 within a stage: its blocks refine one estimate.")
    drawing = Drawing(tr("Cosine of each block's output with its stage's end"), hint)
    count = max((net.count for net in nets), default=1)
    begun = _begun(drawing, [net for net in nets if net.measured])
    for number, net in enumerate(begun):
        breaks = np.flatnonzero(np.diff(net.stage)) + 1  # a stage's end is no neighbour of the next one's first
        x = np.insert(np.arange(1, net.count + 1, dtype=float), breaks, np.nan)
        y = np.insert(net.cosine.astype(float), breaks, np.nan)
        last = y[-2] if net.count > 1 and np.isfinite(y[-2]) else y[-1]  # all end at 1, where their names would collide
        _line(drawing, net, number, x, y, "block %{x}: %{y:.2f}", at=float(last))
    if nets:
        _borders(drawing, nets[0], {"xaxis": "x", "yaxis": "y"}, at=1.1)
    ticks = _ticks(count)
    drawing.axis("xaxis", "block", range=[0.5, count + 0.5], showgrid=False, tickvals=ticks)
    low = min([0.0, *(float(np.nanmin(net.cosine)) for net in begun)])
    drawing.axis("yaxis", range=[low, 1.15], tickvals=[0, 0.25, 0.5, 0.75, 1])
    drawing.layout["margin"] = {"l": 52, "r": 12, "t": 6, "b": 40}
    drawing.part_labels(HEIGHT)
    return drawing


def _begun(drawing: Drawing, nets: list[Lesions]) -> list[Lesions]:
    """The nets, of which something is measured; a word where there are none."""
    if not nets:
        drawing.note(tr("not measured yet"), xref="paper", yref="paper", x=0.5, y=0.5)
    return nets


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _at(axis: dict[str, str]) -> dict[str, str]:
    return {"xref": axis["xaxis"], "yref": axis["yaxis"]}


def _ticks(count: int) -> list[int]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if count / s <= 14)
    return sorted({1, *range(step, count + 1, step)})


def _level(drawing: Drawing, count: int, y: float, dash: str, axis: dict[str, str]) -> None:
    line = {"color": QUIET, "width": 1.5, "dash": dash}
    drawing.shape(type="line", x0=0.3, x1=count + 0.5, y0=y, y1=y, line=line, layer="below", **_at(axis))


def _borders(drawing: Drawing, net: Lesions, axis: dict[str, str], at: float = TOP - 4) -> None:
    """Dotted lines between stages, and each one's name."""
    for stage in np.unique(net.stage).astype(int):
        numbers = np.flatnonzero(net.stage == stage) + 1
        if numbers[0] > 1:
            x = float(numbers[0]) - 0.5
            line = {"color": GRID, "width": 1.5, "dash": "dot"}
            drawing.shape(type="line", x0=x, x1=x, y0=0, y1=at, line=line, layer="below", **_at(axis))
        if net.stage.max() > 1:
            drawing.note(tr("stage {stage}", stage=stage), x=float(numbers.mean()), y=at, yanchor="middle", **_at(axis))


def _strip(drawing: Drawing, net: Lesions, dropped: Collection[int], axis: dict[str, str], click: bool) -> None:
    """The net's blocks as boxes on a line, an arc over each that has a skip; those that are dropped are crossed out."""
    blocks = np.arange(1, net.count + 1)
    drawing.trace(
        x=[0.4, net.count + 0.45], y=[STRIP, STRIP], mode="lines", hoverinfo="skip", line={"color": net.colour, "width": 1.5},
        **axis,
    )  # fmt: skip
    turn = np.linspace(0, np.pi, 9)
    with_skip = blocks[net.skip > 0]
    if len(with_skip):
        x = np.stack([b - 0.42 * np.cos(turn) for b in with_skip])
        y = np.tile(STRIP + 14 * np.sin(turn), (len(with_skip), 1))
        gap = np.full((len(with_skip), 1), np.nan)
        drawing.trace(
            x=np.hstack([x, gap]).ravel(), y=np.hstack([y, gap]).ravel(), mode="lines", hoverinfo="skip",
            line={"color": net.colour, "width": 1.5}, **axis,
        )  # fmt: skip
    out = np.isin(blocks, list(dropped))
    drawing.trace(
        x=blocks, y=np.full(net.count, STRIP), mode="markers", name="drop", customdata=np.where(out, tr("put back"), tr("drop")),
        marker={
            "symbol": np.where(out, "x-thin", "square").tolist(), "size": 15 if net.count <= 30 else 8,
            "color": np.where(out, QUIET, net.colour).tolist(), "line": {"width": np.where(out, 3, 0).tolist(), "color": QUIET},
        },
        hovertemplate="%{customdata} " * click + "block %{x}<extra>" + net.text + "</extra>", **axis,
    )  # fmt: skip


def _lollipops(drawing: Drawing, net: Lesions, axis: dict[str, str]) -> None:
    blocks, left = net.single[:, 0], 100 * net.single[:, 1]
    if not len(blocks):
        return
    base = np.full(len(blocks), 100 * net.undisturbed)
    gap = np.full(len(blocks), np.nan)
    drawing.trace(
        x=np.stack([blocks, blocks, gap], 1).ravel(), y=np.stack([base, left, gap], 1).ravel(), mode="lines", hoverinfo="skip",
        line={"color": net.colour, "width": drawing.line if net.count <= 30 else 1.5}, **axis,
    )  # fmt: skip
    cost = base - left
    room = np.sort(cost)[::-1][:30].min()
    labels = [f"−{c:.0f}" if c > LABELLED and c >= room else "" for c in cost]
    beside = ["bottom center" if y > 30 else "top right" for y in left]  # clear of the line at guessing
    head = {"size": 9 if net.count <= 30 else 6, "line": {"width": 2, "color": net.colour}}
    drawing.trace(
        x=blocks, y=left, mode="markers+text", text=labels, textposition=beside, cliponaxis=False, name="drop", customdata=cost,
        textfont={"size": drawing.size - 2, "color": QUIET}, marker={"symbol": net.symbol, "color": net.colour, **head},
        hovertemplate=tr("without block %{x}: %{y:.1f} %, %{customdata:.1f} points less") + "<extra>" + net.text + "</extra>",
        **axis,
    )  # fmt: skip


def _line(
    drawing: Drawing, net: Lesions, number: int, x: np.ndarray, y: np.ndarray, hover: str, at: float | None = None
) -> None:
    """A net's line, its name at its end, or beside it at height ``at``."""
    drawing.trace(
        x=x, y=y, mode="lines+markers", name=net.text, line={"color": net.colour, "width": drawing.line, "dash": net.dash},
        marker={"symbol": net.symbol, "size": 8, "color": net.colour, "line": {"width": 1.5, "color": net.colour}},
        hovertemplate=hover + "<extra>" + net.text + "</extra>",
    )  # fmt: skip
    drawing.end_label(net, number, float(x[-1]), float(y[-1]) if at is None else at, f"<b>{net.text}</b>")


def _band(drawing: Drawing, net: Lesions, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    drawing.trace(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([low, high[::-1]]), fill="toself", mode="lines", hoverinfo="skip",
        fillcolor=faint(net.colour, 0.16), line={"width": 0, "color": net.colour},
    )  # fmt: skip


def _chance(drawing: Drawing, classes: int) -> None:
    line = {"color": QUIET, "width": 1.5, "dash": "dot"}
    y = 100 / classes
    drawing.shape(type="line", xref="x domain", x0=0, x1=1, y0=y, y1=y, line=line, layer="below")
    text = tr("guessing, {percent:.0f} %", percent=y)
    drawing.note(text, name="net-chance", xref="x domain", x=1, y=y, xanchor="left", xshift=9)


def _per_cent(drawing: Drawing) -> Drawing:
    ticks = [0, 25, 50, 75, 100]
    drawing.axis("yaxis", "accuracy", range=[-2, 103], tickvals=ticks, ticktext=[f"{t} %" for t in ticks])
    drawing.layout["margin"] = {"l": 60, "r": 12, "t": 6, "b": 44}
    drawing.part_labels(HEIGHT)
    return drawing
