"""Sweeps: many runs that answer one question: depth, kind of shortcut, or what helps against overfitting."""

import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.figures.sweeps import sweep
from resnet_viz.language import document, tr
from resnet_viz.runs.sweeps import QUESTIONS
from resnet_viz.ui import live
from resnet_viz.ui.frame import chart, fragment, frame
from resnet_viz.ui.labs import sweeps as parts
from resnet_viz.ui.say import check_link, complain, say
from resnet_viz.words import sweeps as sweep_words
from resnet_viz.workers import engine


def start(kind: str, specs) -> None:
    """Queue the whole grid as one group, and show it."""
    try:
        ids = engine.start(store, specs)
        st.session_state[f"{kind}_shown"] = store.run(ids[0]).group
    except UserError as error:
        st.session_state["complaint"] = str(error)


def answer(kind: str, group: str) -> None:
    """The sentence, how far the sweep is, and its figure. Called again at every tick of a live sweep."""
    runs = store.runs(group) if group else []
    records = [live.record(run, ("val_accuracy",)) for run in runs] or parts.recorded(kind)
    recorded = "" if runs else tr(" Recorded.")
    say(sweep_words.verdict(records), sweep_words.aside(records) + recorded)
    parts.progress(store, runs)
    chart(sweep(kind, records), key=f"sweep {kind}", height=520, wide=True)
    if going and live.settled(runs):
        st.rerun()  # the whole page, which then no longer ticks


def controls(kind: str, shown: dict[str, str]) -> None:
    """The right column: which sweep is shown, and what to run."""
    if len(shown) > 1:
        st.selectbox(
            tr("Shown"),
            list(shown),
            format_func=lambda g: shown.get(g, g),
            key=f"{kind}_shown",
            persist_state="session",
        )
    st.markdown(tr("**Next sweep**"))
    complaint = st.session_state.pop("complaint", None)
    specs, cost = [], None
    try:
        specs = parts.form(kind)
        cost = parts.cost(store, specs)
    except UserError as error:
        complaint = str(error)
    if cost:
        st.caption(cost)
    if complaint:
        complain(complaint)
    st.button(
        tr("Run the sweep"),
        type="primary",
        width="stretch",
        on_click=start,
        args=(kind, specs),
        disabled=not cost,
        key="run",
    )


with frame("Sweeps"):
    store = live.store()
    left, right = st.columns([0.77, 0.23], gap="medium")
    with right, st.container(key="controls"):
        check_link("question", QUESTIONS.values(), QUESTIONS["depth"])
        kind = st.segmented_control(
            tr("Question"), list(QUESTIONS), format_func=lambda kind: tr(QUESTIONS[kind]), default="depth", key="question",
            bind="query-params", required=True, width="stretch",
        )  # fmt: skip
        shown = parts.known(store, kind)
        if st.session_state.get(f"{kind}_shown", "") not in shown:  # deleted since
            del st.session_state[f"{kind}_shown"]
        group = st.session_state.setdefault(f"{kind}_shown", next(iter(shown)))
        controls(kind, shown)
    going = bool(group) and not live.settled(store.runs(group))
    with left:
        fragment(answer, 2.0 if going else None)(kind, group)
        with st.expander(tr("What this shows, and what it does not")):
            st.markdown(document(f"sweep_{kind}.md"))
