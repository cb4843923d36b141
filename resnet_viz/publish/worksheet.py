"""A worksheet of a run, to print: predict, read the measured curves, explain; the answers on a page of their own."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from resnet_viz.figures.numbers import apart, finite, log_ratio, loudness, smooth, thin
from resnet_viz.figures.style import Net, ink, nets
from resnet_viz.language import current, tr
from resnet_viz.runs.record import Record
from resnet_viz.words import twins

WIDTH, HEIGHT = 640, 250  # of a figure's plot, in SVG's units
POINTS = 200  # of a printed curve
LINE = '<div class="line"></div>'

CSS = """
body { margin: 0 auto; max-width: 46rem; padding: 1.5rem; font: 11pt/1.45 system-ui, sans-serif; color: #111; background: #fff; }
h1 { font-size: 1.4rem; margin: 0 0 0.4rem; }
h2 { font-size: 1.1rem; margin: 1.2rem 0 0.3rem; }
.line { border-bottom: 1px solid #888; height: 2.1rem; }
section + section { break-before: page; margin-top: 3rem; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
@page { margin: 16mm; }
"""


def worksheet(records: Sequence[Record]) -> str:
    """One HTML file of three printed pages: a prediction, the measured curves with questions, the answers."""
    shown = nets(records)
    steps, top = max(record.steps for record in records), _top(shown)
    names = tr(" and ").join(f"<b>{net.text}</b>" for net in shown)
    about = f"{twins.subject(records)}, {twins.conditions(records[0])}. {twins.aside(records)}"
    part = apart(records[0], records[1]) if len(records) > 1 else None
    parted = tr("They are apart from step {step} on.", step=part) if part else tr("They never part for good.")
    ratios = {net.text: log_ratio(net.first)[1] for net in shown}
    said = {name: loudness(of_net[0, 0]) for name, of_net in ratios.items() if len(of_net)}
    first = "; ".join(f"{name}: {words}" for name, words in said.items()) or tr("was not measured")
    title, name, answers = tr("Worksheet"), tr("Name"), tr("Answers")
    passes = tr("Whatever F does, the gradient also passes unchanged.")
    pages = [
        f"<h1>{title}</h1><p>{html.escape(about)}</p><p>{name}: ______________________</p>"
        + _task(tr("1. Predict"), tr("Draw how the training loss of {nets} will go, before you see it.", nets=names))
        + _figure([], steps, top)
        + _room(tr("Why do you expect that?"), 4),
        _task(tr("2. Read"), tr("This is what was measured."))
        + _figure(shown, steps, top)
        + _room(tr("From which step on are the curves apart? What is each net's loss at the end?"), 2)
        + _room(tr("Does the worse net overfit? Say what in this chart decides it."), 3)
        + _task(
            tr("3. Explain"), tr("Gradient at block 1 against the last block's, at the first step: {said}.", said=first)
        )
        + _room(
            tr("A block with a skip gives y = F(x) + x. Work out ∂y/∂x, and say what the skip does for the gradient."),
            4,
        ),
        f"<h1>{answers}</h1><p>{html.escape(twins.verdict(records))} {html.escape(parted)}</p><p>"
        + tr(
            "Overfitting is a low training loss beside a bad test. What stays high in this chart is no overfitting "
            "(He et al. 2015)."
        )
        + f"</p><p>∂y/∂x = ∂F/∂x + 1. {passes}</p>",
    ]
    body = "".join(f"<section>{page}</section>" for page in pages)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{CSS}</style>'
    return f'<!DOCTYPE html><html lang="{current()}"><head>{head}</head><body>{body}</body></html>'


def _task(title: str, text: str) -> str:
    return f"<h2>{title}</h2><p>{text}</p>"


def _room(question: str, lines: int) -> str:
    """A question, and lines to write on."""
    return f"<p>{question}</p>{LINE * lines}"


def _curve(net: Net) -> tuple[np.ndarray, np.ndarray]:
    """Steps and smoothed training loss of a net's first run."""
    steps, loss = finite(net.first.get("loss"))
    return thin(steps, smooth(loss, net.first.steps), POINTS) if len(steps) else (steps, loss)


def _top(shown: Sequence[Net]) -> int:
    """The loss at the axis's upper end, nats."""
    highest = max((float(loss.max()) for net in shown if len(loss := _curve(net)[1])), default=1.0)
    return max(1, int(np.ceil(highest)))


def _figure(shown: Sequence[Net], steps: int, top: int) -> str:
    """Axes from 0 to ``steps`` and from 0 to ``top`` nats, and the nets' curves, plain ones dashed."""
    place = lambda x, y: (50 + WIDTH * x / max(1, steps), 10 + HEIGHT * (1 - y / top))  # noqa: E731
    parts = [f'<rect x="50" y="10" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#888"/>']
    for tick in np.linspace(0, top, 5):
        y = place(0, tick)[1]
        parts.append(
            f'<path d="M50 {y:.1f}h{WIDTH}" stroke="#ccc"/><text x="44" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for tick in np.linspace(0, steps, 5).round().astype(int):
        x = place(tick, 0)[0]
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT + 26}" text-anchor="middle">{tick}</text>')
    across, up = tr("step"), tr("training loss, nats")
    parts.append(f'<text x="50" y="{HEIGHT + 44}">{across}</text><text x="8" y="-8">{up}</text>')
    for net in shown:
        points = [place(x, y) for x, y in zip(*_curve(net), strict=True)]
        if points:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            dash = ' stroke-dasharray="7 5"' if net.dash == "dash" else ""
            parts.append(f'<polyline points="{path}" fill="none" stroke="{net.colour}" stroke-width="2.5"{dash}/>')
            x, y = points[-1]
            parts.append(f'<text x="{x + 6:.1f}" y="{y + 4:.1f}" fill="{ink(net.colour)}">{net.text}</text>')
    return f'<svg viewBox="0 -20 {WIDTH + 150} {HEIGHT + 72}" role="img">{"".join(parts)}</svg>'
