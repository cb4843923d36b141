"""The right column of Twins: what to train, how it differs from what is shown, presets, the bet, the recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.language import N_, tr
from resnet_viz.nets import refs
from resnet_viz.runs.record import Record
from resnet_viz.runs.store import Run
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.values import differences, values_of
from resnet_viz.ui import controls, live
from resnet_viz.ui.say import complain, plain
from resnet_viz.ui.twins import rates
from resnet_viz.ui.twins.own import own_data
from resnet_viz.workers import engine

TRAIN = {"both": N_("Train both"), "residual": N_("Train the residual net"), "plain": N_("Train the plain net")}
MOST = 3  # differences that are named


def train() -> None:
    """Start what the controls say."""
    try:
        store = live.store()
        ids = engine.start(store, controls.chosen(controls.current()))
        st.session_state["show"] = store.run(ids[0]).group
    except UserError as error:
        st.session_state["complaint"] = str(error)


def preset() -> None:
    """Set the controls to what a preset says."""
    if name := st.session_state["preset"]:
        controls.apply(controls.PRESETS[name][1])


def settle_preset() -> str:
    """What the preset that is lit shows; "" where none is: its light goes out when a control is moved away from it."""
    name = st.session_state.get("preset")
    if not name:
        return ""
    says, changes = controls.PRESETS[name]
    if controls.current() != controls.DEFAULTS | changes:
        st.session_state["preset"] = None
        return ""
    return says


def asked() -> RunSpec | None:
    """The first run that the form describes; None where it describes none."""
    try:
        return controls.chosen(controls.current())[0]
    except UserError:
        return None


def follow_recording() -> None:
    """Show the recording of just what the form is set to, as soon as it is set to that, while no run is shown."""
    spec = asked()
    before = st.session_state.get("asked before")
    st.session_state["asked before"] = spec
    by_link = before is None and "recorded" in st.query_params
    if spec is None or spec == before or by_link or st.session_state["show"]:
        return
    for name in refs.recordings():
        if live.recorded(name)[0].spec.settled() == spec.settled() and spec.train.seed == 0:
            st.session_state["recorded"] = name


def unlike(shown: Sequence[Run | Record]) -> str:
    """In what the form differs from what is shown, in a sentence; "" where it does not."""
    spec = asked()
    if spec is None or not shown or any(one.spec.own for one in shown):
        return ""
    theirs = next((one.spec for one in shown if one.spec.model.residual == spec.model.residual), shown[0].spec)
    found = differences(theirs, spec)
    named = "; ".join(
        tr("{label} {ours} (shown: {theirs})", label=tr(label), ours=tr(ours), theirs=tr(theirs))
        for label, theirs, ours in found[:MOST]
    )
    more = tr("; and {n} more", n=len(found) - MOST) if len(found) > MOST else ""
    return tr("Not what is shown: {named}{more}.", named=named, more=more) if found else ""


def form(shown: Sequence[Run | Record], refused: Sequence[str], why: Callable[[], None]) -> None:
    """Draw the column. ``shown``: what the stage shows. ``refused``: what of a link could not be taken."""
    controls.draw_main()
    with st.container(horizontal=True, gap="small"):
        with st.popover(tr("More")):
            controls.draw_skips()
            controls.draw_more()
        with st.popover(tr("Your data")):
            own_data()
        rates.find_rate()
    complaint = st.session_state.pop("complaint", None)
    fine = True
    try:
        st.caption(controls.costs(live.store()))
    except UserError as error:
        complaint, fine = str(error), False
    for sentence in [*refused, *([complaint] if complaint else [])]:
        complain(sentence)
    nets = controls.current()["nets"]
    st.button(tr(TRAIN[nets]), type="primary", width="stretch", on_click=train, disabled=not fine, key="train")
    # Beneath the button: what comes and goes must not move it away from whoever is about to press it.
    controls.draw_unusual()
    if sentence := unlike(shown):
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.caption(plain(sentence))
        values = values_of(shown[0].spec) | {"nets": controls.current()["nets"]}
        right.button(
            tr("Take over"),
            on_click=controls.apply,
            args=(values,),
            key="take_over",
            type="tertiary",
            help=tr("Sets the form to what is shown."),
        )
    left, right = st.columns(2)
    if right.button(tr("Why?"), width="stretch"):
        why()
    with left.popover(tr("Your bet"), width="stretch"):
        st.slider(
            tr("Where will the plain net's training loss end?"), 0.0, 3.0, 1.0, 0.1, key="bet", persist_state="session"
        )
        st.toggle(tr("Show my bet in the chart"), key="bet_on", persist_state="session")
    says = settle_preset()
    st.pills(tr("Presets"), list(controls.PRESETS), format_func=tr, key="preset", on_change=preset, wrap=True)
    if says:
        st.caption(tr(says))
    live.choose_recording(on_change=st.session_state.update, kwargs={"show": ""})
    if st.session_state["show"]:
        st.button(
            tr("Back to the recorded twins"), on_click=st.session_state.update, kwargs={"show": ""}, width="stretch"
        )
