"""Landscape: the loss around a trained network and its twin (Li et al. 2018), coarse first, refined while one watches."""

import streamlit as st

from resnet_viz.files import ROOT
from resnet_viz.ui import live
from resnet_viz.ui.frame import frame
from resnet_viz.ui.labs import landscape
from resnet_viz.ui.labs import shown as lab

frame("Landscape")
NOTHING = "Nothing measured yet: choose a network and measure the loss around it."


def say(sentence: str, aside: str = "") -> None:
    """The page's answer, first and large."""
    st.html(f'<h1 role="status">{sentence} <small>{aside}</small></h1>')


def answer() -> None:
    """The sentence, how far it is, and the chart. Called again at every tick while a landscape is measured."""
    run = lab.shown("landscape")
    what = landscape.shown(run, st.session_state.get("landscape_recorded"))
    if what is None:
        say(NOTHING)
        return
    say(what.sentence(), what.conditions())
    if run:
        lab.progress(run)
        if left := landscape.how_long(run):
            st.caption(f"{left}. The grid is refined in passes; stop when you have seen enough.")
    view = st.segmented_control(
        "View",
        landscape.VIEWS,
        default="Contours",
        required=True,
        key="landscape_view",
        bind="query-params",
        label_visibility="collapsed",
    )
    landscape.draw(view, what)
    for label, about in zip(what.labels, what.about, strict=True):
        st.caption(f"**{label}**: {about}")
    if (run is not None and run.live) != st.session_state["landscape_going"]:
        st.rerun()  # the whole page, so that it ticks from now on, or no longer


def back() -> None:
    """Show what ships with the app again."""
    st.session_state["landscape"] = ""


run = lab.shown("landscape")
going = run is not None and run.live
st.session_state["landscape_going"] = going
left, right = st.columns([0.77, 0.23], gap="medium")
with right, st.container(key="controls"):
    landscape.form()
    if run:
        st.button("Back to the recorded ones", width="stretch", on_click=back, key="back")
    elif len(landscape.recorded()) > 1:
        st.selectbox("Recorded", list(landscape.recorded()), key="landscape_recorded", bind="query-params")
    with st.popover("What does this show?", width="stretch"):
        st.markdown((ROOT / "resnet_viz" / "ui" / "labs" / "landscape.md").read_text(encoding="utf-8"))
with left:
    st.fragment(run_every=live.TICK if going else None)(answer)()
