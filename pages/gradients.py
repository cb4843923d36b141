"""Gradients: networks before their first step. No training and no data: everything here is measured while one looks."""

import streamlit as st

from resnet_viz.figures.gradients import norms, start
from resnet_viz.figures.paths import paths
from resnet_viz.figures.shattering import correlation, curves
from resnet_viz.ui import controls
from resnet_viz.ui.frame import chart, frame
from resnet_viz.ui.labs import gradients
from resnet_viz.words.gradients import says_paths, says_shattering

frame("Gradients")


def say(sentence: str, aside: str) -> None:
    """The page's answer, first and large."""
    answer.html(f'<h1 role="status">{sentence} <small>{aside}</small></h1>')


def clicked() -> None:
    """A click on a block or its arc switches that skip off, or on again."""
    for point in st.session_state["fan"]["selection"]["points"][:1]:
        controls.toggle_skip(round(point["x"]))


def draw_fan(spec, seed: int, images: str) -> None:
    found = gradients.records(spec, seed, images)
    say(gradients.says_fan(found), gradients.conditions(spec, seed, images))
    chart(start(found), key="fan", height=520, wide=True, on_select=clicked, selection_mode="points")


def draw_norms(spec, seed: int, images: str) -> None:
    found = gradients.records(spec, seed, images)
    say(gradients.says_growth(found), gradients.conditions(spec, seed, images))
    chart(norms(found), key="norms", height=450, wide=True)
    st.button(
        "Healthy norms, dead net? On to Shattering", on_click=st.session_state.update, kwargs={"view": "Shattering"}
    )


def draw_shattering(_spec, seed: int, _images: str) -> None:
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    kinds = ("residual_bn", "plain")
    with left:
        shown = {(kind, depth): gradients.curve(kind, depth, seed) for kind in kinds for depth in (2, 10)}
        chart(curves(shown), key="curves", height=190)
    with right:
        third_column(seed)
    if st.session_state["kind"] == gradients.NETS[1]:
        draw_conv(seed)
        return
    with st.spinner("Measuring the correlations…"):
        found = {kind: gradients.correlations(kind, seed) for kind in ("plain", "residual", "residual_bn")}
    from resnet_viz.labs import shattering

    say(
        says_shattering(found),
        f"{shattering.NETS} fully connected nets a dot, {shattering.INPUTS} Gaussian inputs, seed {seed}. Balduzzi 2017.",
    )
    chart(correlation(found, shattering.noise()), key="correlation", height=275)


@st.fragment
def third_column(seed: int) -> None:
    """The depth that one drags; it redraws itself alone."""
    depth = st.slider("And at any depth", 1, 50, 50, key="third")
    shown = {(kind, depth): gradients.curve(kind, depth, seed) for kind in ("residual_bn", "plain")}
    drawing = curves(shown)
    drawing.layout["meta"] = {"title": "", "hint": ""}
    chart(drawing, key="third_curves", height=190)


def draw_conv(seed: int) -> None:
    from resnet_viz.labs import shattering

    norm = st.session_state["norm"]
    with st.spinner("Measuring the correlations…"):
        kinds = {"plain": "none", "residual_bn" if norm == "batch" else "residual": "identity"}
        found = {kind: gradients.conv_correlations(shortcut, norm, seed) for kind, shortcut in kinds.items()}
    plain, residual = (values.mean(0)[0] for _, values in found.values())
    say(
        f"In this app's nets gradients of two random images agree to {100 * residual:.1f}\u00a0% with skips and to "
        f"{100 * plain:.1f}\u00a0% without, at {gradients.CONV_DEPTHS[0]} layers.",
        f"Measured now: {shattering.CONV_NETS} nets a dot, {shattering.CONV_INPUTS} images of 8×8, seed {seed}.",
    )
    noise = shattering.noise(shattering.CONV_NETS, shattering.CONV_INPUTS, 3 * 8 * 8)
    chart(correlation(found, noise, with_laws=False), key="correlation", height=275)


def draw_paths(spec, seed: int, images: str) -> None:
    with st.spinner("Splitting the gradient by paths…"):
        found = gradients.paths(spec, seed, images)
    say(says_paths(len(found.count) - 1, found.carrying), gradients.conditions(spec, seed, images, 8) + " Veit 2016.")
    chart(paths(found.count, found.share), key="paths", height=480)


VIEWS = {"Fan": draw_fan, "Norms": draw_norms, "Shattering": draw_shattering, "Paths": draw_paths}

st.session_state.setdefault("no_skip", st.query_params.get("no_skip", ""))
left, right = st.columns([0.77, 0.23], gap="medium")
with left:
    answer = st.container()  # unlike an empty place, it keeps the old sentence until there is a new one
    view = st.segmented_control(
        "View", list(VIEWS), default="Fan", required=True, key="view", bind="query-params", label_visibility="collapsed"
    )
with right, st.container(key="controls"):
    if view == "Shattering":
        gradients.draw_shattering_controls()
    else:
        gradients.draw_controls()
        controls.draw_skips()
        if st.button("Train these nets", width="stretch", help="Takes depth, norm, start, seed and skips to Twins."):
            st.switch_page("pages/twins.py", query_params={})
*setting, complaint = gradients.chosen()
with left:
    if complaint:
        st.error(complaint)
    VIEWS[view](*setting)
    gradients.explain(view)
