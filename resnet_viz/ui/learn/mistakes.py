"""Three confusions that the page Learn sets right, each by a small experiment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from resnet_viz.figures import learn as figures
from resnet_viz.figures import log_ratio
from resnet_viz.figures.numbers import factor, smooth
from resnet_viz.language import tr
from resnet_viz.spec import arch
from resnet_viz.ui import live
from resnet_viz.ui.frame import chart
from resnet_viz.ui.inside import view as inside
from resnet_viz.ui.learn.asking import answers, ask
from resnet_viz.ui.learn.steps import Walk
from resnet_viz.ui.say import plain
from resnet_viz.words import learn as words


def back(walk: Walk) -> None:
    """Does the addition send data back? What changes when one block's is taken away."""
    from resnet_viz.attribution import steps

    blocks = len(walk.view.blocks)
    number = int(
        st.slider(tr("The block whose addition is taken away"), 1, blocks, 1 + blocks // 2, key="learn_back_block")
    )
    changes = steps.reach(walk.model, walk.x, number).tolist()
    if "back" in answers():
        chart(figures.reach(changes, number), "learn_reach", 240)

    def measure() -> tuple[int, str]:
        earlier, later = max(changes[: number - 1], default=0.0), min(changes[number - 1 :])
        true = 1 if earlier == 0 else 2 if later > 0 else 0
        return true, words.reached(number, earlier, later)

    ask("back", measure)


def concat(walk: Walk) -> None:
    """Is adding the same as concatenating?"""
    import torch

    number = walk.blocks[1]
    pieces = inside.triptych(walk.view, number)

    def measure() -> tuple[int, str]:
        both = len(torch.cat([pieces.x, pieces.branch]))
        spec = replace(walk.network.spec, depth=20)
        joined = arch.parameters(replace(spec, shortcut="concat"))
        return both // len(pieces.total) - 1, words.joined(len(pieces.total), both, arch.parameters(spec), joined)

    ask("concat", measure, count=len(pieces.total))
    if st.button(tr("Compare both on Twins"), key="learn_concat_go"):
        st.switch_page("pages/twins.py", query_params={"shortcut": "concat", "depth": "20"})


def trap(_walk: Walk) -> None:
    """Is it all about vanishing gradients? Gradient and loss of the recorded twins, at any step."""
    residual, plain_ = live.recorded()[:2]
    steps, ratios = log_ratio(plain_)
    losses = [smooth(r.get("loss")[1], r.steps) for r in (plain_, residual)]

    def at(index: int) -> str:
        place = int(np.searchsorted(plain_.get("loss")[0], steps[index], "right")) - 1
        return words.trap(int(steps[index]), factor(ratios[index, 0]), *(float(loss[place]) for loss in losses))

    chosen = st.select_slider(tr("Step"), [int(s) for s in steps], int(steps[0]), key="learn_trap_step")
    st.markdown(f"**{plain(at([int(s) for s in steps].index(chosen)))}**")

    def measure() -> tuple[int, str]:
        far = losses[0][-1] > 2 * losses[1][-1]
        return int(far), at(-1)

    ask("trap", measure)


MISTAKES = {"back": back, "concat": concat, "trap": trap}
