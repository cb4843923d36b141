"""Landscape: the loss around a trained network and its twin (Li et al. 2018), coarse first, refined while one watches."""

import streamlit as st

from resnet_viz.language import document, tr
from resnet_viz.ui import live
from resnet_viz.ui.frame import fragment, frame
from resnet_viz.ui.labs import landscape
from resnet_viz.ui.labs import shown as lab
from resnet_viz.ui.say import check_link, plain, say


def answer(called: str, name: str) -> None:
    """The sentence, how far it is, and the chart. Called again at every tick while a landscape is measured.

    ``called``: the chosen network's label. ``name``: of the recording that is shown where no run is.
    """
    run = lab.shown("landscape")
    what = landscape.shown(run, name)
    if what is None:
        say(tr("The loss around {called} is not measured yet.", called=called))
        return
    head = st.empty()
    if run:
        lab.progress(run)
        if left := landscape.how_long(run):
            st.caption(tr("{left}. The grid is refined in passes; stop when you have seen enough.", left=left))
    check_link("landscape_view", landscape.VIEWS, landscape.VIEWS[0])
    view = st.segmented_control(
        tr("View"),
        landscape.VIEWS,
        format_func=tr,
        default="Contours",
        required=True,
        key="landscape_view",
        bind="query-params",
        label_visibility="collapsed",
    )
    say(what.sentence(view), what.conditions(), head)
    landscape.draw(view, what)
    for label, facts in zip(what.labels, what.facts, strict=True):
        st.caption(f"**{plain(label)}**: {plain(facts)}")
    if (run is not None and run.live) != st.session_state["landscape_going"]:
        st.rerun()  # the whole page, so that it ticks from now on, or no longer


with frame("Landscape"):
    left, right = st.columns([0.77, 0.23], gap="medium")
    with right, st.container(key="controls"):
        network, run, name = landscape.choose_shown()
        landscape.form(network)
        with st.popover(tr("What does this show?"), width="stretch"):
            st.markdown(document("landscape.md"))
    going = run is not None and run.live
    st.session_state["landscape_going"] = going
    with left:
        fragment(answer, live.TICK if going else None)(network.label, name)
