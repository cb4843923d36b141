"""Gradients: networks before their first step. No training and no data: everything here is measured while one looks."""

import streamlit as st

from resnet_viz.figures.gradients import norms, start
from resnet_viz.figures.paths import paths
from resnet_viz.figures.shattering import correlation, curves
from resnet_viz.language import N_, tr
from resnet_viz.spec.model import ModelSpec
from resnet_viz.ui import controls
from resnet_viz.ui.frame import chart, fragment, frame
from resnet_viz.ui.labs import gradients
from resnet_viz.ui.link import follow_form, twins_query, write_form
from resnet_viz.ui.say import complain, misread, say
from resnet_viz.words import gradients as words


def clicked() -> None:
    """A click on a block or its arc switches that skip off, or on again."""
    for point in st.session_state["fan"]["selection"]["points"][:1]:
        controls.toggle_skip(round(point["x"]))


def draw_fan(spec: ModelSpec, seed: int, images: str) -> None:
    """How the gradient grows toward the image, block by block."""
    records = gradients.records(spec, seed, images)
    say(gradients.fan(records), gradients.conditions(spec, seed, images), headline)
    chart(start(records), key="fan", height=520, wide=True, on_select=clicked, selection_mode="points")


def draw_norms(spec: ModelSpec, seed: int, images: str) -> None:
    """Gradient and activation of every layer, with the law of wide nets."""
    records = gradients.records(spec, seed, images)
    say(gradients.growth(records), gradients.conditions(spec, seed, images), headline)
    chart(norms(records), key="norms", height=450, wide=True)
    st.button(
        tr("Healthy norms, dead net? On to Shattering"), on_click=st.session_state.update, kwargs={"view": "Shattering"}
    )


def draw_shattering(_spec: ModelSpec, seed: int, _images: str) -> None:
    """How far the gradients of two inputs agree (Balduzzi 2017)."""
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    kinds = ("residual_bn", "plain")
    with left:
        shown = {(kind, depth): gradients.curve(kind, depth, seed) for kind in kinds for depth in (2, 10)}
        chart(curves(shown), key="curves", height=190)
    with right:
        fragment(third_column)(seed)
    if st.session_state["kind"] == gradients.NETS[1]:
        draw_conv(seed)
        return
    with st.spinner(tr("Measuring the correlations…")):
        correlations = {kind: gradients.correlations(kind, seed) for kind in ("plain", "residual", "residual_bn")}
    from resnet_viz.labs import shattering

    say(
        words.says_shattering(correlations),
        words.shattering_conditions(shattering.NETS, shattering.INPUTS, seed),
        headline,
    )
    chart(correlation(correlations, shattering.noise()), key="correlation", height=275)


def third_column(seed: int) -> None:
    """The depth that one drags; it redraws itself alone."""
    depth = st.slider(tr("And at any depth"), 1, 50, 50, key="third")
    shown = {(kind, depth): gradients.curve(kind, depth, seed) for kind in ("residual_bn", "plain")}
    drawing = curves(shown)
    drawing.layout["meta"] = {"title": "", "hint": ""}
    chart(drawing, key="third_curves", height=190)


def draw_conv(seed: int) -> None:
    """The same, of this app's own networks."""
    from resnet_viz.labs import shattering

    norm = st.session_state["norm"]
    with st.spinner(tr("Measuring the correlations…")):
        kinds = {"plain": "none", "residual_bn" if norm == "batch" else "residual": "identity"}
        correlations = {kind: gradients.conv_correlations(shortcut, norm, seed) for kind, shortcut in kinds.items()}
    plain, residual = (values.mean(0)[0] for _, values in correlations.values())
    say(
        words.says_conv_shattering(residual, plain, gradients.CONV_DEPTHS[0]),
        words.conv_conditions(shattering.CONV_NETS, shattering.CONV_INPUTS, seed),
        headline,
    )
    noise = shattering.noise(shattering.CONV_NETS, shattering.CONV_INPUTS, 3 * 8 * 8)
    chart(correlation(correlations, noise, with_laws=False), key="correlation", height=275)


def draw_paths(spec: ModelSpec, seed: int, images: str) -> None:
    """Through how many branches the gradient comes (Veit 2016)."""
    with st.spinner(tr("Splitting the gradient by paths…")):
        split = gradients.paths(spec, seed, images)
    say(
        words.says_paths(len(split.count) - 1, split.carrying),
        gradients.conditions(spec, seed, images, 8) + " Veit 2016.",
        headline,
    )
    chart(paths(split.count, split.share), key="paths", height=480)


VIEWS = {N_("Fan"): draw_fan, N_("Norms"): draw_norms, N_("Shattering"): draw_shattering, N_("Paths"): draw_paths}

# What stands beside the form in session and URL, as it is until somebody chooses otherwise.
USUAL = {"view": "Fan", "images": "noise", "kind": gradients.NETS[0]}

with frame("Gradients"):
    for sentence in follow_form(**USUAL):
        complain(sentence)
    left, right = st.columns([0.77, 0.23], gap="medium")
    with left:
        headline = st.container()  # unlike an empty place, it keeps the old sentence until there is a new one
        if st.session_state["view"] not in VIEWS:
            misread("view", st.session_state["view"], USUAL["view"])
            st.session_state["view"] = USUAL["view"]
        view = st.segmented_control(
            tr("View"),
            list(VIEWS),
            format_func=tr,
            default=USUAL["view"],
            required=True,
            key="view",
            persist_state="session",
            label_visibility="collapsed",
        )
    with right, st.container(key="controls"):
        if view == "Shattering":
            gradients.draw_shattering_controls()
        else:
            gradients.draw_controls()
            controls.draw_skips()
            controls.draw_unusual("no_skip")
            if st.button(
                tr("Set these nets on Twins"), width="stretch", help=tr("Opens Twins with them set; train them there.")
            ):
                st.switch_page("pages/twins.py", query_params=twins_query())
    *setting, complaint = gradients.chosen()
    with left:
        if complaint:
            complain(complaint)
        VIEWS[view](*setting)
        gradients.explain(view)
    write_form(**{key: st.session_state.get(key, "") for key in USUAL if st.session_state.get(key) != USUAL[key]})
