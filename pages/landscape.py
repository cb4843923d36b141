"""Landscape: the loss around a trained network and its twin (Li et al. 2018), coarse first, refined while one watches."""

import streamlit as st

from resnet_viz.files import ROOT
from resnet_viz.ui import live
from resnet_viz.ui.frame import fragment, frame
from resnet_viz.ui.labs import landscape
from resnet_viz.ui.labs import shown as lab
from resnet_viz.ui.say import check_link, plain, say

NOTHING = "Nothing measured yet: choose a network and measure the loss around it."


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
    check_link("landscape_view", landscape.VIEWS, landscape.VIEWS[0])
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
    for label, facts in zip(what.labels, what.facts, strict=True):
        st.caption(f"**{plain(label)}**: {plain(facts)}")
    if (run is not None and run.live) != st.session_state["landscape_going"]:
        st.rerun()  # the whole page, so that it ticks from now on, or no longer


def back() -> None:
    """Show what ships with the app again."""
    st.session_state["landscape"] = ""


with frame("Landscape"):
    run = lab.shown("landscape")
    going = run is not None and run.live
    st.session_state["landscape_going"] = going
    left, right = st.columns([0.77, 0.23], gap="medium")
    with right, st.container(key="controls"):
        landscape.form()
        if run:
            st.button("Back to the recorded ones", width="stretch", on_click=back, key="back")
        elif len(landscape.recorded()) > 1:
            check_link("landscape_recorded", landscape.recorded(), next(iter(landscape.recorded())))
            st.selectbox("Recorded", list(landscape.recorded()), key="landscape_recorded", bind="query-params")
        with st.popover("What does this show?", width="stretch"):
            st.markdown((ROOT / "resnet_viz" / "ui" / "labs" / "landscape.md").read_text(encoding="utf-8"))
    with left:
        fragment(answer, live.TICK if going else None)()
