"""Twins: a residual and a plain network trained side by side, and what that shows."""

import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.files import ROOT
from resnet_viz.runs import sweeps
from resnet_viz.ui import controls, live
from resnet_viz.ui.frame import fragment, frame
from resnet_viz.ui.labs.sweeps import progress
from resnet_viz.ui.say import complain, say
from resnet_viz.ui.stage import stage
from resnet_viz.ui.twins import rates
from resnet_viz.ui.twins.own import own_data
from resnet_viz.words import sweeps as sweep_words
from resnet_viz.words.twins import verdict
from resnet_viz.workers import engine


def shown_group() -> str:
    """The group of runs on the stage, kept in the session and in the URL; "" for the recorded twins."""
    group = st.session_state.setdefault("show", st.query_params.get("show", ""))
    if group:
        st.query_params["show"] = group
    else:
        st.query_params.pop("show", None)
    return group


def train() -> None:
    """Start what the controls say."""
    try:
        ids = engine.start(store, controls.chosen(controls.current()))
        st.session_state["show"] = store.run(ids[0]).group
    except UserError as error:
        st.session_state["complaint"] = str(error)


def preset() -> None:
    """Set the controls to what a preset says, and say what it shows."""
    if name := st.session_state["preset"]:
        st.session_state["preset_says"], changes = controls.PRESETS[name]
        controls.apply(changes)


def draw(records, **options) -> None:
    """The stage; after a click on a block, the whole page again, for the form says which skips are off."""
    if stage(records, key="stage", on_arc=controls.toggle_skip, **options).arc:
        st.rerun()


def answer(group: str, lecture: bool) -> None:
    """The sentence, how far the runs are, and the stage. Called again at every tick of a live run."""
    tab = (st.session_state.get("stage") or {}).get("tab")
    bet = st.session_state.get("bet") if st.session_state.get("bet_on") else None
    shipped = live.recorded(recording := live.recording())
    runs = store.runs(group) if group else []
    if not runs:
        label = f"Recorded: {live.recordings()[recording]}."
        say(verdict(shipped), "Those runs are gone or unreadable (see Runs); this is recorded." if group else label)
        draw(shipped, lecture=lecture, bet=bet, replay=True)
        return
    going = not live.settled(runs)
    records = [live.record(run, live.metrics_for(tab)) for run in runs]
    several = sweeps.question([run.spec for run in runs])  # rates, say
    sentence = sweep_words.verdict(records) if several else verdict(records)
    say(sentence, f"Seed {runs[0].spec.train.seed}." + (" Live." if going else ""))
    if several:
        progress(store, runs)
    else:
        live.how_far(runs)
    alike = runs[0].spec.settled() == shipped[0].spec.settled()
    ghost = shipped[:2] if alike else ()
    draw(records, live=going, lecture=lecture, ghost=ghost, bet=bet)
    if going != st.session_state["going"]:
        st.rerun()  # the whole page, so that it ticks from now on, or no longer


@st.dialog("Why do the two part?", width="large")
def why() -> None:
    """What the charts mean, what was measured, and what was not."""
    st.markdown((ROOT / "resnet_viz" / "ui" / "twins" / "why.md").read_text())


def form() -> None:
    """The right column: what to train, and the button."""
    controls.draw_main()
    with st.container(horizontal=True, gap="small"):
        with st.popover("More"):
            controls.draw_more()
        with st.popover("Your data"):
            own_data()
        rates.find_rate()
    controls.draw_skips()
    try:
        st.caption(controls.costs(store))
        complaint = st.session_state.pop("complaint", None)
        fine = True
    except UserError as error:
        complaint, fine = str(error), False
    if complaint:
        complain(complaint)
    label = {"both": "Train both", "residual": "Train the residual net", "plain": "Train the plain net"}
    nets = controls.current()["nets"]
    st.button(label[nets], type="primary", width="stretch", on_click=train, disabled=not fine, key="train")
    left, right = st.columns(2)
    if right.button("Why?", width="stretch"):
        why()
    with left.popover("Your bet", width="stretch"):
        st.slider(
            "Where will the plain net's training loss end?", 0.0, 3.0, 1.0, 0.1, key="bet", persist_state="session"
        )
        st.toggle("Show my bet in the chart", key="bet_on", persist_state="session")
    st.pills("Presets", list(controls.PRESETS), key="preset", on_change=preset, wrap=True)
    if what := st.session_state.get("preset_says"):
        st.caption(what)
    live.choose_recording(on_change=st.session_state.update, kwargs={"show": ""})
    if st.session_state["show"]:
        st.button("Back to the recorded twins", on_click=st.session_state.update, kwargs={"show": ""}, width="stretch")


def lecture_switch() -> None:
    """Lecture mode: controls hidden, thick lines, large type. It stands in the app's header (see the frame's style)."""
    tip = "Controls hidden, thick lines, large type; the keys ← → move along the steps."
    with st.container(key="header"):
        st.toggle("Lecture", key="lecture", bind="query-params", help=tip)


with frame("Twins"):
    store = live.store()
    group = shown_group()
    going = bool(group) and not live.settled(store.runs(group))
    st.session_state["going"] = going
    body = fragment(answer, live.TICK if going else None)
    lecture_switch()
    if st.session_state["lecture"]:
        body(group, True)
    else:
        left, right = st.columns([0.77, 0.23], gap="medium")
        with left:
            body(group, False)
        with right, st.container(key="controls"):
            form()
