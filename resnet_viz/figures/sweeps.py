"""What sweeps measured: test error against depth and by kind of shortcut, beside the papers' figures; remedies by their gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from resnet_viz.figures.style import OTHERS, PLAIN, QUIET, RESIDUAL, Drawing, faint
from resnet_viz.language import tr
from resnet_viz.runs.record import Record
from resnet_viz.runs.sweeps import Cell, cells
from resnet_viz.spec.published import HE_2015, HE_2016, LI_2018_PLAIN
from resnet_viz.words.sweeps import number, remedy_label, shortcut_name

# Test errors reach from below 1 to 90 %, so their axis is logarithmic; an error of 0 is drawn at FLOOR.
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)
FLOOR = 0.3


def sweep(kind: str, records: Sequence[Record]) -> Drawing:
    """The drawing for ``kind``, a question of `runs.sweeps.QUESTIONS`, of the records of one sweep; test errors in %."""
    return {"depth": depth, "shortcut": shortcuts, "overfitting": overfitting}[kind](records)


def _log(error: float | np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(error, FLOOR))


def _error_axis(drawing: Drawing, name: str, errors: Sequence[float]) -> None:
    low, high = min([*errors, 5.0]), max([*errors, 20.0])
    ticks = [t for t in TICKS if low / 2.5 <= t <= high * 2.5]
    span = [float(_log(low)) - 0.12, min(2.0, float(_log(high)) + 0.15)]
    drawing.axis(
        name,
        tr("test error"),
        range=span,
        tickvals=[float(np.log10(t)) for t in ticks],
        ticktext=[f"{t:g} %" for t in ticks],
    )


def depth(records: Sequence[Record]) -> Drawing:
    """Test error (log) against depth: a line a shortcut, mean over the seeds that have finished, band from least to most.

    He et al. 2015's and Li et al. 2018's CIFAR-10 figures as crosses, up to the deepest net swept.
    """
    drawing = Drawing(
        tr("Test error against depth"), tr("band: least to most of the seeds; ×: the papers, on CIFAR-10")
    )
    deepest = max((r.spec.model.depth for r in records), default=56)
    measured = [cell for cell in cells(records) if len(cell.errors)]
    papers = [
        ({d: e for d, e in known.items() if d <= max(deepest, 56)}, colour, label)
        for known, colour, label in (
            (HE_2015, RESIDUAL, tr("residual, He 2015")),
            (LI_2018_PLAIN, PLAIN, tr("plain, Li 2018")),
        )
    ]
    every = [float(e) for cell in measured for e in cell.errors] + [e for known, _, _ in papers for e in known.values()]
    _error_axis(drawing, "yaxis", every)
    depths = sorted({r.spec.model.depth for r in records})
    drawing.axis(
        "xaxis", tr("layers"), range=[min(depths, default=8) - 4, max(deepest, 56) + 1], tickvals=depths, showgrid=False
    )
    drawing.layout["margin"] = {"l": 58, "r": 150, "t": 10, "b": 40}
    for known, colour, label in papers:
        _paper(drawing, known, colour, label)
    others = iter(OTHERS)
    for shortcut, line in groupby(measured, key=lambda cell: cell.key[0]):
        colour, symbol = {"identity": (RESIDUAL, "circle"), "none": (PLAIN, "square-open")}.get(shortcut) or next(
            others
        )
        _line(drawing, list(line), shortcut, colour, symbol)
    for cell in cells(records):
        if cell.diverged:
            top = drawing.layout["yaxis"]["range"][1]
            drawing.note(tr("{n} diverged", n=cell.diverged), x=cell.key[1], y=top, yanchor="top", name="diverged")
    return drawing


def _line(drawing: Drawing, line: Sequence[Cell], shortcut: str, colour: str, symbol: str) -> None:
    x = np.array([cell.key[1] for cell in line])
    mean = np.array([cell.errors.mean() for cell in line])
    label, dash = shortcut_name(shortcut), "dash" if shortcut == "none" else "solid"
    if any(len(cell.errors) > 1 for cell in line):
        low, high = (np.array([pick(cell.errors) for cell in line]) for pick in (np.min, np.max))
        drawing.trace(x=x, y=_log(low), mode="lines", line={"width": 0}, hoverinfo="skip")
        drawing.trace(
            x=x, y=_log(high), mode="lines", line={"width": 0}, fill="tonexty", fillcolor=faint(colour, 0.16), hoverinfo="skip"
        )  # fmt: skip
    points = np.array([(cell.key[1], e) for cell in line for e in cell.errors])
    drawing.trace(
        x=points[:, 0], y=_log(points[:, 1]), mode="markers", marker={"size": 5, "color": faint(colour, 0.5)}, hoverinfo="skip",
        meta={"role": "seeds"},
    )  # fmt: skip
    drawing.trace(
        x=x, y=_log(mean), mode="lines+markers", name=label, line={"color": colour, "width": drawing.line, "dash": dash},
        marker={"symbol": symbol, "size": 10, "color": colour, "line": {"width": 2, "color": colour}},
        customdata=np.stack([mean, [len(cell.errors) for cell in line]], 1), meta={"role": "line", "shortcut": shortcut},
        hovertemplate=f"{label}, %{{x}} layers: %{{customdata[0]:.2f}} %, mean of %{{customdata[1]}}<extra></extra>",
        cliponaxis=False,
    )  # fmt: skip
    drawing.note(
        f"<b>{label}</b> {number(mean[-1])} %", x=x[-1], y=float(_log(mean[-1])), xanchor="left", xshift=11, align="left",
        font={"color": colour}, name=f"end-{shortcut}",
    )  # fmt: skip


def _paper(drawing: Drawing, known: Mapping[int, float], colour: str, label: str) -> None:
    x, y = np.array(list(known)), np.array(list(known.values()))
    drawing.trace(
        x=x, y=_log(y), mode="lines+markers", line={"color": faint(colour, 0.6), "width": 1, "dash": "dot"}, name=label,
        marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": faint(colour, 0.8)}}, customdata=y,
        hovertemplate=f"{label}, CIFAR-10, %{{x}} layers: %{{customdata}} %<extra></extra>", meta={"role": "paper"},
    )  # fmt: skip
    drawing.note(label, x=x[-1], y=float(_log(y[-1])), xanchor="left", xshift=11, name=f"paper-{label}")


def shortcuts(records: Sequence[Record]) -> Drawing:
    """Test error (log) by kind of shortcut, best on top: mean over seeds, a small dot a seed; He et al. 2016's table 1 as ×."""
    drawing = Drawing(tr("Test error by kind of shortcut"), tr("small: each seed; ×: He 2016, ResNet-110 on CIFAR-10"))
    measured = sorted((cell for cell in cells(records) if len(cell.errors)), key=lambda cell: -cell.errors.mean())
    names = [shortcut_name(cell.key[0]) for cell in measured]
    known = [HE_2016.get(cell.key[0]) for cell in measured]
    _error_axis(drawing, "xaxis", [float(e) for cell in measured for e in cell.errors] + [k for k in known if k])
    _rows(drawing, names)
    for row, (cell, paper) in enumerate(zip(measured, known, strict=True)):
        colour = PLAIN if cell.key[0] == "none" else RESIDUAL
        symbol = "square-open" if cell.key[0] == "none" else "circle"
        mean = float(cell.errors.mean())
        drawing.trace(
            x=_log(cell.errors), y=[row] * len(cell.errors), mode="markers", hoverinfo="skip",
            marker={"size": 6, "color": faint(colour, 0.5)}, meta={"role": "seeds"},
        )  # fmt: skip
        drawing.trace(
            x=_log(np.array([mean])), y=[row], mode="markers+text", text=[f"{number(mean)} %"], textposition="top center",
            marker={"symbol": symbol, "size": 13, "color": colour, "line": {"width": 2, "color": colour}},
            hovertemplate=f"{names[row]}: {mean:.2f} %, mean of {len(cell.errors)}<extra></extra>", meta={"role": "mean"},
        )  # fmt: skip
        if paper:
            fails = cell.key[0] == "none"
            how = tr("fails, over") if fails else ""
            drawing.trace(
                x=_log(np.array([paper])), y=[row], mode="markers+text", text=["> 20 %" if fails else f"{paper:g} %"],
                textposition="bottom center", textfont={"color": QUIET},
                marker={"symbol": "x-thin", "size": 10, "line": {"width": 2, "color": QUIET}},
                hovertemplate=f"He 2016: {how} {paper:g} %<extra></extra>", meta={"role": "paper"},
            )  # fmt: skip
    return drawing


def _rows(drawing: Drawing, names: Sequence[str]) -> None:
    ticks: dict[str, Any] = {"tickvals": list(range(len(names))), "ticktext": list(names), "showgrid": False}
    drawing.axis("yaxis", range=[-0.7, len(names) - 0.3], **ticks)
    drawing.layout["margin"] = {"l": 190, "r": 30, "t": 10, "b": 40}


def overfitting(records: Sequence[Record]) -> Drawing:
    """Accuracy on training and on validation images for each remedy, the gap between them a line; best validation on top."""
    drawing = Drawing(
        tr("Accuracy on the images trained on ○ and on new ones ●"), tr("mean over seeds; the line is the gap")
    )
    measured = [cell for cell in cells(records) if len(cell.values("fit_accuracy"))]
    measured.sort(key=lambda cell: cell.validation.mean())
    _rows(drawing, [remedy_label(cell.key[0]) for cell in measured])
    pairs = [(100 * cell.values("fit_accuracy"), 100 * cell.validation) for cell in measured]
    low = min([float(v.min()) for pair in pairs for v in pair] or [0.0])
    drawing.axis("xaxis", tr("accuracy"), range=[max(0, np.floor((low - 2) / 5) * 5), 100.8], ticksuffix=" %")
    for row, (cell, (fit, held)) in enumerate(zip(measured, pairs, strict=True)):
        colour = RESIDUAL if cell.key[0] else QUIET
        drawing.trace(
            x=[held.mean(), fit.mean()], y=[row, row], mode="lines", line={"color": QUIET, "width": 2}, hoverinfo="skip",
            meta={"role": "gap"},
        )  # fmt: skip
        drawing.trace(
            x=held, y=[row] * len(held), mode="markers", marker={"size": 6, "color": QUIET}, hoverinfo="skip",
            meta={"role": "seeds"},
        )  # fmt: skip
        for value, symbol, what in (
            (fit, "circle-open", tr("on training images")),
            (held, "circle", tr("on new images")),
        ):
            drawing.trace(
                x=[value.mean()], y=[row], mode="markers", cliponaxis=False, meta={"role": what},
                marker={"symbol": symbol, "size": 13, "color": colour, "line": {"width": 2, "color": colour}},
                hovertemplate=f"{value.mean():.1f} % {what}, mean of {len(value)}<extra></extra>",
            )  # fmt: skip
        middle = float(fit.mean() + held.mean()) / 2
        drawing.note(
            tr("gap {points}", points=number(fit.mean() - held.mean())),
            x=middle,
            y=row,
            yanchor="bottom",
            name=f"gap-{cell.key[0]}",
        )
    return drawing
