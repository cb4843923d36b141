"""The seven steps of the page Learn: each a picture of its tensor, its formula in live numbers, a control, and a question."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from resnet_viz.data import images
from resnet_viz.figures import learn as figures
from resnet_viz.figures import maps
from resnet_viz.figures.triptych import triptych as draw_triptych
from resnet_viz.language import tr
from resnet_viz.nets import refs
from resnet_viz.spec import arch
from resnet_viz.ui import choose
from resnet_viz.ui.frame import chart
from resnet_viz.ui.inside import view as inside
from resnet_viz.ui.learn.asking import ask
from resnet_viz.ui.say import plain
from resnet_viz.ui.seen import fitted
from resnet_viz.words import learn as words

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE = "cat"
RATES = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def photo(name: str) -> choose.Chosen:
    """A photo that ships."""
    return choose.Chosen(images.read(images.SAMPLES[name].read_bytes(), name), name)


class Walk:
    """A shipped residual net in front of one image: what all steps look at."""

    def __init__(self) -> None:
        self.network = choose.network(refs.shipped()[0])
        self.view = inside.look(self.network, photo(SAMPLE))
        self.model = self.network.model
        self.target = self.network.classes.index(SAMPLE)

    @cached_property
    def x(self) -> Tensor:
        """What the net takes, (1, C, H, W)."""
        return self.network.prepare(self.view.seen[None])

    @property
    def blocks(self) -> list[int]:
        """Numbers of the blocks whose input has the shape of their output."""
        return [b.number for b in self.view.blocks if b.stride == 1 and b.cin == b.cout]


def _place(size: int, key: str) -> tuple[int, int]:
    left, right = st.columns(2)
    row = left.number_input(tr("Row"), 0, size - 1, size // 2, 1, key=f"{key}_row")
    column = right.number_input(tr("Column"), 0, size - 1, size // 2, 1, key=f"{key}_column")
    return int(row), int(column)


def _formula(text: str) -> None:
    st.markdown(f"**{plain(text)}**")


def step_1(walk: Walk) -> None:
    """Input."""
    seen, x = walk.view.seen, walk.x[0].numpy()
    mean, std = float(walk.network.mean[0]), float(walk.network.std[0])
    left, right = st.columns([0.3, 0.7])
    left.image(
        inside.pixels(walk.view),
        width=190,
        alt=tr("The {name} as the net sees it, {size}×{size} pixels", name=SAMPLE, size=len(seen)),
    )
    with right:
        chart(
            maps.row(list(x), [tr("red"), tr("green"), tr("blue")], tr("The tensor, a map a channel")),
            "learn_input",
            190,
        )
    row, column = _place(len(seen), "input")
    _formula(tr("Red there: {pixel}", pixel=words.pixel(seen[row, column, 0], mean, std, x[0, row, column])))

    def measure() -> tuple[int, str]:
        free = seen.max(2) <= 225
        brighter = np.where(free[..., None], seen + np.uint8(30), seen)
        rise = (walk.network.prepare(brighter[None])[0, 0].numpy() - x[0])[free]
        alike = bool(rise.max() - rise.min() < 1e-4)
        return (1 if alike else 2), words.brighter(30 / std, rise.min(), rise.max(), std)

    ask("1", measure)


def step_2(walk: Walk) -> None:
    """Convolution."""
    from resnet_viz.attribution import steps

    made = steps.convolved(walk.model, walk.x).numpy()
    channel = int(st.slider(tr("Kernel"), 0, len(made) - 1, 0, key="learn_kernel"))
    row, column = _place(made.shape[1], "conv")
    cell = steps.cell(walk.model, walk.x, channel, row, column)
    pieces = {tr("window (red)"): cell.window[0], tr("kernel (red)"): cell.kernel[0]}
    left, right = st.columns(2)
    with left:
        chart(maps.row([p.numpy() for p in pieces.values()], list(pieces), tr("Under the kernel")), "learn_window", 190)
    with right:
        drawing = maps.enlarged(made[channel], tr("The map it makes, of {maps}", maps=len(made)))
        maps.outline(drawing, row - 0.5, column - 0.5, 1, 1, {"color": "#e6007e", "width": 2})
        chart(drawing, "learn_conv", 260)
    _formula(words.window(cell.kernel.numel(), cell.value, float(made[channel, row, column])))

    def measure() -> tuple[int, str]:
        difference = steps.moved(walk.model, walk.x)
        return (0 if difference < 1e-3 else 1), words.moved(difference)

    ask("2", measure)


def step_3(walk: Walk) -> None:
    """ReLU."""
    from resnet_viz.attribution import steps

    shift = st.slider(tr("Raise all numbers by"), -2.0, 2.0, 0.0, 0.1, key="learn_shift")
    before, after = (part.numpy() for part in steps.rectified(walk.model, walk.x, shift))
    channel = int(after.mean((1, 2)).argmax())
    drawing = maps.row(
        [before[channel], after[channel]], [tr("before"), tr("after")], tr("ReLU on map {channel}", channel=channel)
    )
    chart(drawing, "learn_relu", 260)
    lowest = float(before[channel].min())
    zeros = float((after == 0).mean())
    _formula(
        tr(
            "max(0, {lowest}) = {result:.2f}; zero now: {zeros} of all cells",
            lowest=words.signed(lowest),
            result=max(0.0, lowest),
            zeros=words.percent(zeros),
        )
    )

    def measure() -> tuple[int, str]:
        share = float((steps.rectified(walk.model, walk.x)[1] == 0).float().mean())
        return (0 if share < 0.25 else 1 if share <= 0.75 else 2), tr(
            "{share}, nothing being raised.", share=words.percent(share)
        )

    ask("3", measure)


def step_4(walk: Walk) -> None:
    """Residual connection."""
    from resnet_viz.attribution import steps

    left, right = st.columns(2)
    number = left.selectbox(tr("Block"), walk.blocks, 1, key="learn_block")
    alpha = right.slider("α: y = x + α·F(x)", 0.0, 2.0, 1.0, 0.05, key="learn_alpha")
    pieces = inside.triptych(walk.view, number, alpha)
    x, branch, total, out = (p.numpy() for p in (pieces.x, pieces.branch, pieces.total, pieces.out))
    channel = inside.ranked(out)[0][0]
    title = tr("Block {number}, channel {channel} of {channels}", number=number, channel=channel, channels=len(x))
    panes = (p[channel] for p in (x, branch, total, out))
    chart(draw_triptych(*panes, alpha=alpha, title=title), "learn_triptych", 210, wide=True)
    row, column = (int(n) for n in np.unravel_index(np.abs(branch[channel]).argmax(), branch[channel].shape))
    at = (channel, row, column)
    _formula(
        tr(
            "Row {row}, column {column}: {sum}",
            row=row,
            column=column,
            sum=words.added(x[at], branch[at], alpha, total[at]),
        )
    )
    slope = steps.slopes(walk.model, walk.x, number, *at)
    _formula(words.slopes(slope.branch, slope.total))

    def measure() -> tuple[int, str]:
        after = walk.view.says(inside.triptych(walk.view, number, 0.0).logits)
        same = after.split(", ")[0] == walk.view.says().split(", ")[0]
        return (0 if same else 1), tr(
            "Block {number}. {said}", number=number, said=words.then_says(walk.view.says(), after)
        )

    ask("4", measure)


def step_5(walk: Walk) -> None:
    """Shortcut."""
    from resnet_viz.attribution import steps

    changing = [b.number for b in walk.view.blocks if b.stride > 1]
    number = st.selectbox(tr("Block, where a stage begins"), changing, key="learn_changing")
    before = steps.entering(walk.model, walk.x, number)[0].numpy()
    after = inside.triptych(walk.view, number).x.numpy()
    channel = int(np.abs(before).mean((1, 2)).argmax())
    pad = (len(after) - len(before)) // 2
    shown = [before[channel], np.repeat(np.repeat(after[channel + pad], 2, 0), 2, 1), np.zeros_like(before[channel])]
    captions = [
        f"x, {before.shape[1]}×{before.shape[1]}",
        tr("halved, {size}×{size}", size=after.shape[1]),
        tr("a new map: zeros"),
    ]
    chart(maps.row(shown, captions, tr("Channel {channel} along the shortcut", channel=channel)), "learn_shortcut", 230)
    _formula(
        f"({len(before)}, {before.shape[1]}, {before.shape[1]}) → ({len(after)}, {after.shape[1]}, {after.shape[1]})"
    )

    def measure() -> tuple[int, str]:
        spec = walk.network.spec
        residual, plain_ = arch.parameters(spec), arch.parameters(spec.twin())
        more = residual / plain_ - 1
        return (0 if more == 0 else 1 if more < 0.5 else 2), words.parameters(spec.depth, residual, plain_)

    ask("5", measure)


def step_6(walk: Walk) -> None:
    """Pooling and classifier."""
    from resnet_viz.attribution import steps

    end = steps.ending(walk.model, walk.x)
    classes = walk.network.classes
    name = st.selectbox(tr("Score of"), classes, walk.target, key="learn_class")
    number = classes.index(name)
    parts = (end.weights[number] * end.means).numpy()
    most = np.argsort(-np.abs(parts))[:4]
    captions = [tr("map {number}: {value}", number=n, value=words.signed(parts[n])) for n in most.tolist()]
    title = tr("The four of {maps} maps that count most for {name}", maps=len(parts), name=name)
    chart(maps.row([end.maps[n].numpy() for n in most], captions, title), "learn_pool", 230)
    own = float(walk.view.survey.logits[number])
    _formula(words.logit(name, len(parts), float(end.logits[number]), own))

    def measure() -> tuple[int, str]:
        after = walk.view.says(steps.ending(walk.model, walk.x, shuffled=True).logits)
        same = after.split(", ")[0] == walk.view.says().split(", ")[0]
        return (0 if same else 1), tr(
            "{said} A mean does not know where things were.", said=words.then_says(walk.view.says(), after)
        )

    ask("6", measure)


def step_7(walk: Walk) -> None:
    """Loss, gradient, step."""
    from resnet_viz.attribution import steps

    lr = st.select_slider(tr("Learning rate η"), RATES, 0.01, key="learn_lr")
    found: Any = steps.descent(walk.model, walk.x, walk.target, RATES)
    after = found.after.tolist()
    chart(figures.descent(RATES, after, found.before, RATES.index(lr)), "learn_descent", 260)
    _formula(words.step(float(np.exp(-found.before)), found.before, lr, after[RATES.index(lr)]))

    def measure() -> tuple[int, str]:
        photos = [photo(name) for name in images.SAMPLES if name != SAMPLE]
        others = walk.network.prepare(np.stack([fitted(walk.network, one) for one in photos]))
        now = steps.after_step(walk.model, walk.x, walk.target, RATES[-1], others).tolist()
        before = steps.after_step(walk.model, walk.x, walk.target, 0.0, others).tolist()
        names = walk.network.classes
        true = int(set(now) == {walk.target})
        return true, words.others([names[n] for n in before], [names[n] for n in now])

    ask("7", measure)


STEPS = {"1": step_1, "2": step_2, "3": step_3, "4": step_4, "5": step_5, "6": step_6, "7": step_7}
