"""Runs: everything that was trained here; compare, rename, export, train again, delete."""

import streamlit as st

from resnet_viz import figures
from resnet_viz.publish import export, handout
from resnet_viz.runs.rows import Run
from resnet_viz.runs.schema import StoreError, disk_cap
from resnet_viz.spec.values import values_of
from resnet_viz.ui import controls, live
from resnet_viz.ui.frame import chart, frame
from resnet_viz.ui.labs import shown as lab
from resnet_viz.ui.runs.table import COLUMNS, row

frame("Runs")
store = live.store()
CURVES = ("loss", "val_accuracy", "test_accuracy")


@st.dialog("Delete for good?")
def delete(runs: list[Run]) -> None:
    """Ask a second time, for nothing brings a run back."""
    st.write(f"This deletes {len(runs)} run{'s' * (len(runs) > 1)} with all curves and checkpoints:")
    st.write(", ".join(run.name for run in runs))
    if st.button("Delete", type="primary", key="really_delete"):
        for run in runs:
            store.want(run.id, "stop")
            store.delete(run.id)
        st.rerun()


def to_twins() -> None:
    """Go to Twins, whose controls or group of runs have been set."""
    st.switch_page("pages/twins.py", query_params={})


def one(run: Run) -> None:
    """Name and note of a single run, and what it was made with."""
    left, right = st.columns(2)
    name = left.text_input("Name", run.name, key=f"name {run.id}")
    note = right.text_input("Note", run.note, key=f"note {run.id}")
    if name != run.name or note != run.note:
        store.rename(run.id, name)
        store.set_note(run.id, note)
        st.rerun()
    if run.message:
        st.warning(run.message)
    with st.expander("Everything about this run"):
        st.json({"id": run.id, "made with": run.versions, "result": run.result, "spec": export.spec_table(run.spec)})


def curves(records) -> None:
    """Loss and accuracy of some runs, overlaid."""
    left, right = st.columns(2)
    with left:
        chart(figures.divergence(records), key="overlay loss")
    with right:
        chart(figures.accuracy(records), key="overlay accuracy")


going = not live.settled(store.runs())


@st.fragment(run_every=2.0 if going else None)
def page() -> None:
    """The table, and what is done with the runs ticked in it. Called again at every tick while a run is live."""
    runs = store.runs()
    if going and live.settled(runs):
        st.rerun()  # the whole page, which then no longer ticks
    if not runs:
        st.subheader("Nothing trained here yet.")
        st.write(
            "On **Twins**, click **Train both**: some seconds later there are two runs to compare, like this recorded pair."
        )
        curves(live.recorded()[:2])
        return
    chosen = st.dataframe(
        [row(run) for run in runs],
        column_config=COLUMNS,
        hide_index=True,
        selection_mode="multi-row",
        on_select="rerun",
        key="table",
        height=min(420, 38 + 35 * len(runs)),
    ).selection.rows
    picked = [runs[i] for i in chosen if i < len(runs)]
    if not picked:
        st.caption(
            "Tick runs on the left to overlay them; runs that differ in the seed alone become one band. Below: the latest."
        )
    trained = [run for run in picked or runs if run.kind == "train"]
    overlaid = trained if picked else store.runs(trained[0].group) if trained else []
    if overlaid or not picked:
        curves([live.record(run, CURVES) for run in overlaid] or live.recorded()[:2])
    for run in picked:
        if run.result.get("sentence"):
            st.markdown(f"**{run.name}**: {run.result['sentence']}")
    if picked:
        first = picked[0]
        with st.container(horizontal=True):
            if st.button(f"Open on {lab.place(first)[0]}", icon=":material/open_in_new:"):
                lab.open_run(first)
            if len(picked) == 1 and trained and st.button("Train again, with changes", icon=":material/replay:"):
                controls.apply(values_of(picked[0].spec))
                to_twins()
            st.download_button("CSV", lambda: export.csv([store.record(r.id) for r in picked]), "runs.csv", "text/csv")
            st.download_button(
                "Handout (HTML)",
                lambda: handout.handout([store.record(r.id) for r in picked]),
                "twins.html",
                "text/html",
                disabled=not 0 < len(trained) == len(picked) <= 6,
                help="One file with its interactive charts, for 40 students and no network. Up to 6 runs.",
            )
            if st.button("Delete", icon=":material/delete:"):
                delete(picked)
        if len(picked) == 1:
            one(picked[0])


def disk() -> None:
    """How much room checkpoints take, the cap, and how to get some back."""
    used, cap = store.checkpoint_bytes(), disk_cap()
    left, right = st.columns([3, 1], vertical_alignment="center")
    words = (
        f"Checkpoints take {used / 1e6:,.0f} MB of {cap / 1e9:g} GB; past that the oldest go, never a run's last state."
    )
    left.progress(min(1.0, used / cap), words)
    if right.button("Keep last states alone", help="Deletes all other checkpoints of runs that have ended."):
        st.toast(f"{store.prune(0) / 1e6:,.0f} MB freed.")


try:
    page()
    disk()
except StoreError as error:
    st.error(str(error))
