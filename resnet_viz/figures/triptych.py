"""Chart D: the net to click in, x + F(x) of one channel of a block, and what the net then guesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from resnet_viz.figures.maps import CLEAR, STAY, limit, outline, pane, square
from resnet_viz.figures.overlay import SCALES
from resnet_viz.figures.strip import block_text, box_width, draw_boundaries, strip, ticks
from resnet_viz.figures.style import PLAIN, QUIET, RESIDUAL, Drawing, faint, literal, shortened
from resnet_viz.language import tr
from resnet_viz.runs.layout import layout_of
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from resnet_viz.words.numbers import percent

# Shortcuts that add, and what stands over the sum of the others.
ADDED = ("identity", "projection", "maxpool")
JOINED = {
    "scaling": "0.5·x + 0.5·F(x)",
    "gate_exclusive": "(1−g)·x + g·F(x)",
    "gate_shortcut": "(1−g)·x + F(x)",
    "concat": "[x, F(x)], 1×1",
}


def colour(spec: ModelSpec) -> str:
    """A net's colour: residual blue, plain vermilion."""
    return RESIDUAL if spec.residual else PLAIN


def network(spec: ModelSpec, shares: np.ndarray, chosen: int, guess: tuple[str, float]) -> Drawing:
    """The net, its stem at 0, and ‖F(x)‖ ÷ ‖x‖ (blocks,) as a bar under each block; a click's customdata is the number.

    ``chosen``: the block to mark, 0 for the stem. ``guess``: the likeliest class and its probability, behind the last block.
    """
    layout, tint = layout_of(spec), colour(spec)
    count = len(layout.blocks)
    hint = tr("Click a block to look into it.") + tr(" Bars: branch share ‖F(x)‖ ÷ ‖x‖.") * spec.residual
    drawing = Drawing(tr("The network"), hint)
    named = ticks(layout)
    drawing.axis(
        "xaxis", range=[-0.6, count + 0.7], showgrid=False, anchor="y", fixedrange=True,
        tickvals=[0, *named], tickangle=0,
        ticktext=[tr("stem"), *(tr("block 1") if t == 1 and count < 16 else str(t) for t in named)],
    )  # fmt: skip
    drawing.axis("yaxis2", range=[-0.45, 0.75], domain=[0.56, 1], visible=False, fixedrange=True, anchor="x")
    drawing.layout |= {"barmode": "overlay", "margin": {"l": 64, "r": 124, "t": 4, "b": 34}}
    draw_boundaries(drawing, layout)
    fills = [faint(tint, 0.85) if n == chosen else "rgba(128,128,128,0.25)" for n in range(count + 1)]
    hover: dict[str, Any] = {
        "hovertext": [block_text(n, block) for n, block in enumerate(layout.blocks, 1)],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    strip(
        drawing, layout, tint, fill={"color": fills[1:]}, meta={}, customdata=list(range(1, count + 1)), **STAY, **hover
    )  # fmt: skip
    drawing.trace(
        "bar", x=[0], y=[0.44], base=-0.22, width=box_width(count), yaxis="y2", customdata=[0], meta={"role": "box"},
        marker={"color": fills[:1], "line": {"color": tint, "width": 1.4}, "cornerradius": 2},
        hovertemplate=f"stem: {arch.stem(spec).cout} channels<extra></extra>", **STAY,
    )  # fmt: skip
    drawing.note(tr("image"), x=-0.35, xanchor="right", xshift=-4, y=0, yref="y2")
    name, p = guess
    answer = f"<b>{literal(shortened(name, 12))} {percent(p)}</b>"
    drawing.note(answer, x=count + 0.65, xanchor="left", xshift=4, y=0, yref="y2", font={"color": tint})
    _shares(drawing, spec, shares, chosen)
    return drawing


def _shares(drawing: Drawing, spec: ModelSpec, shares: np.ndarray, chosen: int) -> None:
    """The bars, a mark at 1, and a clear bar over the whole height of each column to click on."""
    tint, number = colour(spec), np.arange(1, len(shares) + 1)
    known = np.where(np.isfinite(shares), shares, 0)
    top = max(1.15, 1.2 * float(known.max(initial=0)))
    drawing.axis("yaxis", range=[0, top], domain=[0, 0.5], nticks=3, fixedrange=True, visible=spec.residual)
    wide = box_width(len(shares))
    shade = [tint if n == chosen else faint(tint, 0.45) for n in number]
    drawing.trace(
        "bar", x=number, y=known, width=wide, marker={"color": shade}, hoverinfo="skip", meta={"role": "share"}
    )
    hovers = [
        tr("block {number}: ‖F(x)‖ ÷ ‖x‖ = {share:.2f}", number=n, share=s)
        if np.isfinite(s)
        else tr("block {number}: no skip", number=n)
        for n, s in enumerate(shares, 1)
    ]
    drawing.trace(
        "bar", x=np.append(0, number), y=np.full(len(shares) + 1, top), width=1, marker={"color": CLEAR}, meta={"role": "click"},
        customdata=np.append(0, number), hovertext=[tr("stem"), *hovers], hovertemplate="%{hovertext}<extra></extra>", **STAY,
    )  # fmt: skip
    if spec.residual:
        line = {"color": QUIET, "width": 1, "dash": "dot"}
        drawing.shape(type="line", x0=0.5, x1=len(shares) + 0.5, y0=1, y1=1, line=line)
        drawing.note(tr("as large as x"), x=len(shares) + 0.65, xanchor="left", xshift=4, y=1)
        if chosen and np.isfinite(shares[chosen - 1]):
            drawing.note(
                f"<b>{shares[chosen - 1]:.2f}</b>",
                x=chosen,
                y=known[chosen - 1],
                yanchor="bottom",
                font={"color": tint},
            )
    else:
        drawing.note(
            tr("no skips, no branch shares: all that leaves a block is F(x)"), x=(1 + len(shares)) / 2, y=top / 2
        )


def triptych(
    x: np.ndarray | None,
    branch: np.ndarray,
    total: np.ndarray,
    out: np.ndarray,
    *,
    alpha: float = 1.0,
    kind: str = "identity",
    note: str = "",
    last: str = "ReLU",
    scale: str = next(iter(SCALES)),
    title: str = "",
) -> Drawing:
    """Chart D for one channel, each (H, W): [x] + [F(x)] = [sum] → ReLU → [out], one symmetric scale, the sum spelt out on hover.

    ``kind``: the block's shortcut. Without one x is crossed out (None where its shape does not fit), and the sum is F(x).
    ``note`` stands under x. ``last``: what comes behind the sum, "" for nothing.
    """
    panes = [x, branch, total, out]
    end = limit(np.concatenate([p.ravel() for p in panes if p is not None]))
    drawing = Drawing(title, tr("±{end:.2g}, purple below zero. Point at a cell for its sum.", end=end))
    height, width = branch.shape
    step = 1.42 * width
    skip, added = kind != "none", kind in ADDED
    factor = "" if alpha == 1 else f"{alpha:g}·"
    joined = f"x + {factor}F(x)" if added else JOINED.get(kind, f"{factor}F(x)")
    names = ["x" if skip else tr("no skip"), "F(x)", joined, tr("out")]
    known = np.zeros_like(branch) if x is None else x
    sums = np.stack([known, branch, total, out], -1).astype(np.float32)  # (H, W, 4)
    times = f"{alpha:g} × " if alpha != 1 else ""
    hover = f"{times}(%{{customdata[1]:.2f}}) = %{{customdata[2]:.2f}}"
    if skip:
        hover = (
            f"%{{customdata[0]:.2f}} + {hover}"
            if added
            else "x %{customdata[0]:.2f}, F(x) %{customdata[1]:.2f}: %{customdata[2]:.2f}"
        )
    hover += "<br>leaves as %{customdata[3]:.2f}<extra></extra>"
    for number, (values, name) in enumerate(zip(panes, names, strict=True)):
        if values is not None:
            pane(drawing, values, number * step, end, scale, customdata=sums, hovertemplate=hover, meta={"role": name})
        middle = number * step + (width - 1) / 2
        drawing.note(f"<b>{name}</b>", x=middle, y=-0.5, yanchor="bottom", font={"size": drawing.size + 1})
    signs = [
        f"+ {factor}" if added else "," if skip else factor,
        "=" if added or not skip else "→",
        "→<br>" + last.replace(", ", "<br>") if last else "=",
    ]
    for number, sign in enumerate(signs):
        at = (number + 1) * step - 0.21 * width - 0.5
        drawing.note(sign, x=at, y=(height - 1) / 2, font={"size": 20 if "<" not in sign else 13})
    if not skip:
        for a, b in ((0, height - 1), (height - 1, 0)):
            drawing.shape(type="line", x0=0, x1=width - 1, y0=a, y1=b, line={"color": PLAIN, "width": 3})
        if x is None:
            outline(drawing, 0, 0, height, width, {"color": QUIET, "width": 1, "dash": "dot"})
    if note:
        drawing.note(note, x=-0.5, y=height - 0.5, xanchor="left", yanchor="top", font={"size": 12, "color": QUIET})
    square(drawing, 3 * step + width, height, 430)
    drawing.layout["margin"] |= {"t": 24, "b": 20}
    return drawing


def guesses(now: Sequence[tuple[str, float]], untouched: Sequence[float], tint: str) -> Drawing:
    """The likeliest classes and their probabilities, likeliest on top; a grey mark where each was in the untouched net."""
    moved = [abs(p - before) > 0.005 for (_, p), before in zip(now, untouched, strict=True)]
    drawing = Drawing(tr("Guesses"), tr("Grey marks: without your α.") if any(moved) else "")
    drawing.trace(
        "bar", x=[p for _, p in now], y=list(range(len(now))), orientation="h", width=0.62, marker={"color": tint},
        hoverinfo="skip", meta={"role": "guesses"},
    )  # fmt: skip
    for place, ((name, p), before) in enumerate(zip(now, untouched, strict=True)):
        drawing.note(literal(shortened(name, 12)), x=0, xanchor="right", xshift=-6, y=place)
        drawing.note(f"<b>{percent(p)}</b>", x=max(p, before), xanchor="left", xshift=5, y=place)
        if moved[place]:
            line = {"color": QUIET, "width": 3}
            drawing.shape(name="before", type="line", x0=before, x1=before, y0=place - 0.42, y1=place + 0.42, line=line)
    hidden: dict[str, Any] = {"visible": False, "fixedrange": True}
    drawing.axis("xaxis", range=[0, 1], **hidden)
    drawing.axis("yaxis", range=[len(now) - 0.4, -0.6], **hidden)
    drawing.layout["margin"] = {"l": 92, "r": 56, "t": 0, "b": 0}  # for names and per cent
    return drawing
