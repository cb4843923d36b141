"""Gradients: networks before their first step. No training and no data: everything here is measured while one looks."""

import streamlit as st

from resnet_viz.figures import fan
from resnet_viz.figures.gradients import norms
from resnet_viz.ui import controls
from resnet_viz.ui import gradients as lab
from resnet_viz.ui.frame import chart, frame

frame("Gradients")


def say(sentence: str, aside: str) -> None:
    """The page's answer, first and large."""
    answer.html(f'<h1 role="status">{sentence} <small>{aside}</small></h1>')


def clicked() -> None:
    """A click on a block or its arc switches that skip off, or on again."""
    for point in st.session_state["fan"]["selection"]["points"][:1]:
        controls.toggle_skip(round(point["x"]))


def draw_fan() -> None:
    spec, seed, pictures = setting
    found = lab.records(spec, seed, pictures)
    say(lab.says_fan(found), lab.conditions(spec, seed, pictures))
    drawing = fan(found)
    drawing.layout["margin"]["l"] = 56
    chart(drawing, key="fan", height=540, on_select=clicked, selection_mode="points")


def draw_norms() -> None:
    spec, seed, pictures = setting
    found = lab.records(spec, seed, pictures)
    say(lab.says_norms(found), lab.conditions(spec, seed, pictures))
    chart(norms(found), key="norms", height=520)


st.session_state.setdefault("off", st.query_params.get("off", ""))
left, right = st.columns([0.77, 0.23], gap="medium")
with left:
    answer = st.empty()
    view = st.segmented_control(
        "View", lab.VIEWS, default="Fan", required=True, key="view", bind="query-params", label_visibility="collapsed"
    )
with right, st.container(key="controls"):
    lab.draw_controls()
    controls.draw_skips()
*setting, complaint = lab.chosen()
with left:
    if complaint:
        st.error(complaint)
    {"Fan": draw_fan, "Norms": draw_norms}.get(view, draw_fan)()
