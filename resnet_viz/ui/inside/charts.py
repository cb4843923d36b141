"""The charts of the page Inside, of a net in front of an image."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import streamlit as st

from resnet_viz.figures import maps
from resnet_viz.figures import triptych as figures
from resnet_viz.figures.style import shortened
from resnet_viz.language import N_, tr
from resnet_viz.nets import refs
from resnet_viz.nets.refs import NetworkError
from resnet_viz.spec import arch
from resnet_viz.ui import choose, live
from resnet_viz.ui.choose import Chosen
from resnet_viz.ui.frame import chart
from resnet_viz.ui.inside import view as inside
from resnet_viz.ui.inside.view import View, layer, parts, ranked, triptych
from resnet_viz.words import inside as words
from resnet_viz.words.terms import tip

TOP = 9  # images that excite a channel most
MOMENTS = 6  # checkpoints side by side: as many networks as `choose` keeps, less the net and its twin
SHOWN = 64  # channels of a layer at once

# Terms, for who points at the sign behind a chart's title.
TERMS = {
    "triptych": N_(
        "**x**: what the block was given. **F(x)**: what its convolutions make of it. Where a stage begins, x "
        "is *halved* (every second row and column) and *padded* (zeros for the new channels): option A of He "
        "et al. 2015. **ReLU** sets what is below zero to zero."
    ),
    "channels": N_(
        "A layer answers with a stack of images, its **feature maps**, one a *channel*. **Strength**: the mean "
        "of |a| over the map's cells."
    ),
    "top": N_("The image whose largest activation in this channel is highest comes first."),
    "kernels": N_(
        "The weights of the first convolution: each kernel slides over the image and makes one map of the stem."
    ),
}


def term(chart: str) -> str:
    """What the terms of a chart mean."""
    return tr(TERMS[chart]) if chart in TERMS else tip("branch share")


def sentence(view: View, number: int, alpha: float) -> str:
    """What was measured on this image, of block ``number`` (0: the stem) whose F(x) counts ``alpha`` times."""
    if number == 0:
        return words.stem(len(layer(view, 0, "out")), view.says())
    if alpha != 1:
        return words.weighted(number, alpha, view.says(triptych(view, number, alpha).logits), view.says())
    share = float(view.survey.shares[number - 1]) if view.blocks[number - 1].has_skip else None
    return words.branch(number, share, view.says())


def before_addition(block: arch.Block) -> str:
    """Under x: what was done to it before the addition."""
    halved = tr("halved") if block.stride > 1 else ""
    if block.shortcut == "projection":
        return ", ".join(filter(None, [halved, tr("projected")]))
    padded = tr("padded") if block.cout > block.cin and block.has_skip and block.shortcut != "concat" else ""
    done = ", ".join(filter(None, [halved, padded]))
    return f"x {done}" if done and block.has_skip else ""


def draw_guesses(view: View, number: int, alpha: float) -> None:
    """The likeliest classes, with F(x) counted ``alpha`` times."""
    now = view.guesses(triptych(view, number, alpha).logits if number else None)
    before = dict(zip(view.classes, view.survey.logits.softmax(0).tolist(), strict=True))
    chart(figures.guesses(now, [before[name] for name, _ in now], figures.colour(view.source.spec)), "guesses", 128)


def draw_triptych(
    view: View, number: int, channel: int | None, alpha: float, scale: str, key: str = "triptych", height: int = 196
) -> None:
    """Chart D for a channel of a block; None: the strongest that leaves it."""
    block, pieces = view.blocks[number - 1], triptych(view, number, alpha)
    if channel is None:
        channel = ranked(layer(view, number, "out"))[0][0]
    fits = pieces.x.shape == pieces.branch.shape
    x = pieces.x[channel].numpy() if fits else None
    after: Any = view.network.model.get_submodule(block.name).after
    last = {"bn": "BN, ReLU", "re": "ReLU"}.get(after[0][:2], "") if after else ""
    title = tr("Block {number}, channel {channel} of {channels}", number=number, channel=channel, channels=block.cout)
    drawing = figures.triptych(
        x, *(p[channel].numpy() for p in (pieces.branch, pieces.total, pieces.out)), alpha=alpha, kind=block.shortcut,
        note=before_addition(block), last=last, scale=scale, title=title,
    )  # fmt: skip
    chart(drawing, key, height, term("triptych"))


def draw_channels(
    view: View,
    number: int,
    part: str,
    scale: str,
    own: bool,
    key: str,
    marked: int | None = None,
    columns: int = 0,
    **options: Any,
) -> None:
    """The channels of a layer, strongest first, in so many columns (0: as fits the page)."""
    stack = layer(view, number, part)
    order, strengths = ranked(stack)
    shown = order[:SHOWN]
    where = (
        tr("Stem")
        if number == 0
        else tr("Block {number}, {layer}", number=number, layer=parts(view, number).get(part, part))
    )
    count = (
        tr("{n} channels", n=len(order))
        if len(shown) == len(order)
        else tr("{shown} of {channels} channels", shown=len(shown), channels=len(order))
    )
    title, click = where + tr(": ") + count, marked is not None
    columns = columns or (8 if click and len(shown) <= 16 else maps.COLUMNS)
    drawing = maps.channels(stack, shown, strengths, marked, scale, own, title, columns, click)
    tall = 122 if columns == 8 and click else 78
    chart(drawing, key, 8 + tall * -(-len(shown) // columns), term("channels"), **options)


def draw_kernels(view: View, scale: str, key: str = "kernels") -> None:
    """The first convolution's kernels."""
    from resnet_viz.attribution import features

    weights = features.kernels(view.network.model).numpy()
    chart(maps.kernels(weights, scale), key, 170, term("kernels"))


def draw_top(view: View, number: int, channel: int) -> None:
    """The images that excite a channel of the block's output most."""
    name = next(iter(view.survey.maps)) if number == 0 else view.blocks[number - 1].name
    excited, pool = inside.excitement(view.network, name), choose.pool(view.source)
    top = excited.top(channel, TOP)
    cells = [(int(excited.rows[n, channel]), int(excited.columns[n, channel])) for n in top]
    beneath = []
    for n in top.tolist():
        label = view.classes[pool.labels[n]] if pool.labels is not None else ""
        beneath.append(f"{shortened(label, 12)} {float(excited.values[n, channel]):.2f}".strip())
    where = tr("the stem") if number == 0 else tr("block {number}", number=number)
    title = tr("The images that excite channel {channel} of {layer} most", channel=channel, layer=where)
    hint = tr("Of {images}; the frame is the cell with the largest activation, written below.", images=pool.words)
    chart(
        maps.images(pool.images[top.numpy()], beneath, cells, excited.size, title, hint), "top", 170, term("top"), True
    )


def draw_over_training(view: View, chosen: Chosen, number: int, part: str, channel: int, scale: str, own: bool) -> None:
    """A channel's map at the net's checkpoints, and all channels at one of them."""
    checkpoints = refs.checkpoints(view.source, live.store())
    keep = np.unique(np.linspace(0, len(checkpoints) - 1, MOMENTS).round().astype(int))
    views = {}
    for n in keep:
        with contextlib.suppress(NetworkError):  # weights that are no longer there, or not finite
            views[checkpoints[n].step] = inside.look(choose.network(checkpoints[n]), chosen)
    beneath = [tr("step {step:,}\n{says}", step=step, says=v.says()) for step, v in views.items()]
    title = tr("Channel {channel} while {net} was trained", channel=channel, net=view.source.spec.called)
    chart(
        maps.row([layer(v, number, part)[channel] for v in views.values()], beneath, title, scale), "over training", 160
    )
    if len(views) == 1:
        st.caption(tr("This network kept only its last weights. Train one on Twins: every epoch leaves its own here."))
        return
    step = st.select_slider(
        tr("All channels at step"), list(views), format_func="{:,}".format, key="checkpoint", value=max(views)
    )
    draw_channels(views[step], number, part, scale, own, "checkpoint channels")
