"""Lesions: what is left of a trained network when blocks are dropped, one, some or shuffled (Veit 2016)."""

import streamlit as st

from resnet_viz.figures import lesion as figures
from resnet_viz.figures import lesion_record
from resnet_viz.language import document, tr
from resnet_viz.runs.layout import layout_of
from resnet_viz.ui import live
from resnet_viz.ui.frame import chart, fragment, frame
from resnet_viz.ui.labs import lesions
from resnet_viz.ui.labs import shown as lab
from resnet_viz.ui.link import by_link, link
from resnet_viz.ui.say import say


def clicked() -> None:
    """A click on a block or its lollipop drops the block, or puts it back."""
    for point in st.session_state["lesion_chart"]["selection"]["points"][:1]:
        lesions.toggle(round(point["x"]))


def draw(view: str, nets, classes: int) -> None:
    """The chart of a view."""
    if view == lesions.VIEWS[1]:
        chart(figures.random(nets, classes), key="lesion_random", height=figures.HEIGHT, wide=True)
    elif view == lesions.VIEWS[2]:
        chart(figures.shuffled(nets, classes), key="lesion_shuffled", height=figures.HEIGHT, wide=True)
    elif view == lesions.VIEWS[3]:
        chart(figures.cosine(nets), key="lesion_cosine", height=figures.HEIGHT, wide=True)
    else:
        dropped = st.session_state.get("lesion_dropped", ())
        chart(
            figures.singles(nets, classes, dropped), key="lesion_chart", height=410, wide=True, on_select=clicked,
            selection_mode="points",
        )  # fmt: skip


def answer(sources) -> None:
    """The sentence, how far the lab is, chart and images. Called again at every tick while it runs."""
    run = lab.shown("lesion")
    record, origin = lesions.known(sources, run)
    nets = lesion_record.read(record, [(s.spec.called, layout_of(s.spec)) for s in sources])
    by_link("view", "lesion_view", {view: view for view in lesions.VIEWS}, tr(lesions.VIEWS[0]))
    view = st.session_state.get("lesion_view") or lesions.VIEWS[0]
    link("view", view, lesions.VIEWS[0])
    images = lesions.counted(record)
    say(lesions.sentence(view, nets, images), origin if record else "")
    if run:
        lab.progress(run)
    st.segmented_control(
        tr("View"), lesions.VIEWS, format_func=tr, default=view, key="lesion_view", label_visibility="collapsed"
    )
    draw(view, nets, sources[0].spec.classes)
    if view == lesions.VIEWS[0]:
        lesions.ten_images(sources, nets, images)
    if (run is not None and run.live) != st.session_state["lesion_going"]:
        st.rerun()  # the whole page, so that it ticks from now on, or no longer


with frame("Lesions"):
    run = lab.shown("lesion")
    if run:
        lesions.choose_those_of(run)
    left, right = st.columns([0.77, 0.23], gap="medium")
    with right, st.container(key="controls"):
        sources, run = lesions.follow(run, lesions.chosen())
        lesions.form(sources, lesions.known(sources, run)[0])
        with st.popover(tr("What does this show?"), width="stretch"):
            st.markdown(document("lesions.md"))
    going = run is not None and run.live
    st.session_state["lesion_going"] = going
    with left:
        fragment(answer, live.TICK if going else None)(sources)
