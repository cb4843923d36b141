"""Runs: everything that was trained here; compare, rename, take along, bring, train again, delete."""

import streamlit as st

from resnet_viz import figures
from resnet_viz.language import N_, tr
from resnet_viz.runs.naming import labels
from resnet_viz.runs.schema import disk_cap
from resnet_viz.spec.values import values_of
from resnet_viz.ui import live, who
from resnet_viz.ui.frame import chart, fragment, frame
from resnet_viz.ui.labs import shown as lab
from resnet_viz.ui.link import form_query
from resnet_viz.ui.runs import actions
from resnet_viz.ui.runs.table import ticked
from resnet_viz.ui.say import plain, say
from resnet_viz.words import runs as words

STAGE = 6  # runs that the stage shows at once, at most
LATEST = 12  # runs of the latest group that are overlaid while none is ticked, at most: a sweep may have hundreds
CURVES = ("loss", "val_accuracy", "test_accuracy")


def curves(records) -> None:
    """Loss and accuracy of some runs, overlaid; higher where more labels must find room."""
    height = max(300, 60 + 40 * len(figures.nets(records)))
    drawings = {"overlay loss": figures.divergence(records), "overlay accuracy": figures.accuracy(records, still=True)}
    with st.container(key="stack_curves"):
        columns = st.columns(2)
    for column, (key, drawing) in zip(columns, drawings.items(), strict=True):
        drawing.part_labels(height)
        with column:
            chart(drawing, key, height)


def answer() -> None:
    """The table, and what is done with the runs ticked in it. Called again at every tick while a run is live."""
    runs = store.runs()
    if going and live.settled(runs):
        st.rerun()  # the whole page, which then no longer ticks
    for broken in store.unreadable():
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.warning(plain(broken.sentence))
        if right.button(tr("Delete"), icon=":material/delete:", key=f"delete {broken.id}"):
            actions.ask_to_delete([broken.id])
            st.rerun()  # the whole page: it opens the dialog
    say(words.count([run.status for run in runs]))
    live.say_why_they_wait(runs)
    if not runs:
        st.write(
            tr(
                "On **Twins**, click **Train both**: some seconds later there are two runs to compare, like "
                "this recorded pair."
            )
        )
        curves(live.recorded()[:2])
        return
    picked = ticked(runs)
    if not picked:
        st.caption(
            tr(
                "Tick runs on the left to overlay them; runs that differ in the seed alone become one band. "
                "Below: the latest."
            )
        )
    trained = [run for run in picked or runs if run.spec.trains]
    overlaid = trained if picked else store.runs(trained[0].group)[-LATEST:] if trained else []
    if overlaid or not picked:
        curves(
            [live.record(run, CURVES if run.ours else (*CURVES, "accuracy")) for run in overlaid] or live.recorded()[:2]
        )
    called = labels(runs)
    for run in picked:
        if run.result.get("sentence"):
            st.markdown(f"**{plain(called[run.id])}**: {plain(run.result['sentence'])}")
    if picked:
        buttons(picked)
    if len(picked) == 1:
        actions.one(picked[0])


def buttons(picked) -> None:
    """What can be done with the runs that are ticked."""
    first = picked[0]
    with st.container(horizontal=True):
        several = 1 < len(picked) <= STAGE and all(run.spec.trains for run in picked)
        where = N_("the stage") if several else lab.place(first)[0]
        if st.button(tr("Open on {where}", where=tr(where)), icon=":material/open_in_new:", key="open"):
            lab.open_on_stage(picked) if several else lab.open_run(first)
        alone = len(picked) == 1 and first.kind == "train"
        if alone and st.button(tr("Train again, with changes"), icon=":material/replay:", key="again"):
            show = st.session_state.get("show", "")
            st.switch_page("pages/twins.py", query_params=form_query(values_of(first.spec), show=show))
        actions.take_along(picked)
        mine = all(store.may_change(run.id) for run in picked)
        if st.button(tr("Delete"), icon=":material/delete:", key="delete", disabled=not mine):
            actions.ask_to_delete([run.id for run in picked])
            st.rerun()  # the whole page: it opens the dialog


def disk() -> None:
    """How much room checkpoints take, the cap, and how to get some back."""
    used, cap = store.checkpoint_bytes(), disk_cap()
    may_prune = store.visitor is None or store.visitor.teacher
    left, right = st.columns([3, 1], vertical_alignment="center")
    room = tr(
        "Checkpoints take {used:,.0f} MB of {cap:g} GB; past that the oldest go, never a run's last state.",
        used=used / 1e6,
        cap=cap / 1e9,
    )
    left.progress(min(1.0, used / cap) if cap else float(used > 0), room)
    label, tip = tr("Delete all but each run's last"), tr("Of the checkpoints of runs that have ended.")
    if may_prune and right.button(label, help=tip):
        st.toast(tr("{freed:,.0f} MB freed.", freed=store.prune(0) / 1e6))


with frame("Runs"):
    store = live.store()
    going = not live.settled(store.runs())
    fragment(answer, 2.0 if going else None)()
    actions.bring()
    disk()
    actions.delete_dialog()
    who.log_out()
