"""Twins: a residual and a plain network trained side by side, and what that shows."""

import streamlit as st

from resnet_viz.figures import log_ratio, nets
from resnet_viz.figures.numbers import factor
from resnet_viz.language import tr
from resnet_viz.nets import refs
from resnet_viz.runs import sweeps
from resnet_viz.ui import controls, live
from resnet_viz.ui.frame import fragment, frame
from resnet_viz.ui.labs.sweeps import progress
from resnet_viz.ui.link import follow_form, write_form
from resnet_viz.ui.say import say
from resnet_viz.ui.stage import conceals, stage
from resnet_viz.ui.twins import form
from resnet_viz.words import runs as run_words
from resnet_viz.words import sweeps as sweep_words
from resnet_viz.words import twins, watched
from resnet_viz.words import why as words_why
from resnet_viz.words.terms import tip

WORDS = ("skip, shortcut", "loss, nats", "degradation", "BN statistics", "log scale", "epoch")  # that the charts need


def draw(records, **options) -> None:
    """The stage; after a click on a block, the whole page again, for the form says which skips are off."""
    pending = controls.pending_skips(len(records[0].layout.blocks))
    if stage(records, key="stage", on_arc=controls.toggle_skip, pending=pending, **options).arc:
        st.rerun()


def answer(group: str, lecture: bool) -> None:
    """The sentence, how far the runs are, and the stage. Called again at every tick of a live run."""
    tab = (st.session_state.get("stage") or {}).get("tab")
    bet = st.session_state.get("bet") if st.session_state.get("bet_on") else None
    shipped = live.recorded(recording := live.recording())
    runs = live.runs_of(group)
    if not runs:
        recorded = tr("Recorded: {name}.", name=refs.recordings()[recording])
        if group:
            say(
                tr("These runs are not on this server, or can't be read (see Runs); Train makes your own."),
                tr("Below: {recorded}", recorded=recorded),
            )
        else:
            concealed = conceals("stage")
            sentence = twins.announced(shipped) if concealed else twins.verdict(shipped)
            claim = "" if concealed else twins.claim(shipped)
            say(sentence, f"{recorded} {twins.aside(shipped, concealed)}", claim=claim)
        draw(shipped, lecture=lecture, bet=bet, replay=True)
        return
    going = not live.settled(runs)
    own, watching = any(run.spec.own for run in runs), any(run.spec.watched for run in runs)
    records = [live.record(run, {*live.metrics_for(tab), *(watched.MEASURES if own else ())}) for run in runs]
    several = not live.picked(group) and sweeps.question([run.spec for run in runs])  # learning rates, say
    if own:
        bet = None
    if watching:
        say(watched.verdict(records), watched.aside(records) + tr(" Live.") * going)
    elif conceals("stage"):
        say(twins.announced(records), twins.aside(records, concealed=True))
    elif live.picked(group):
        small = twins.aside(records) + tr(" Live.") * going
        say(run_words.compared([(net.label, net.records) for net in nets(records)]), small)
    else:
        words = sweep_words if several else twins
        claim = "" if several else twins.claim(records)
        say(words.verdict(records), words.aside(records) + tr(" Live.") * going, claim=claim)
    if several:
        progress(store, runs)
    else:
        live.how_far(runs)
    alike = runs[0].spec.settled() == shipped[0].spec.settled()
    # The recording's curves would answer a bet on the same training.
    ghost = shipped[:2] if alike and bet is None else ()
    draw(records, live=going, lecture=lecture, ghost=ghost, bet=bet)
    if own:
        live.advise(records)
    if going != st.session_state["going"]:
        st.rerun()  # the whole page, so that it ticks from now on, or no longer


@st.dialog(tr("Why do the two part?"), width="large")
def why() -> None:
    """What the charts mean, what was measured in the runs that are shown, and what was not."""
    runs = [run for run in live.runs_of(st.session_state["show"]) if run.ours]
    records = [live.record(run, live.CURVES) for run in runs] or live.recorded(live.recording())
    first = {net.label: log_ratio(net.first)[1][:, 0] for net in nets(records)}
    arrivals = {label: (factor(at[0]), factor(at[-1])) for label, at in first.items() if len(at)}
    st.markdown(words_why.why(records, arrivals))
    with st.expander(tr("The words used here")):
        st.markdown(tip(*WORDS))


def lecture_switch() -> None:
    """Lecture mode: controls hidden, thick lines, large type. It stands in the app's header (see the frame's style)."""
    tip = tr("Controls hidden, thick lines, large type; the keys ← → move along the steps.")
    with st.container(key="header"):
        st.toggle(tr("Lecture"), key="lecture", persist_state="session", help=tip)


with frame("Twins", stage=True):
    store = live.store()
    refused = follow_form(show="", recorded=live.FIRST, lecture=False)
    form.follow_recording()
    group = st.session_state["show"]
    runs = live.runs_of(group)
    going = not live.settled(runs)
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
            form.form(runs or live.recorded(live.recording()), refused, why)
    recorded = "" if group or live.recording() == live.FIRST else live.recording()
    write_form(show=group, recorded=recorded, lecture=st.session_state["lecture"])
