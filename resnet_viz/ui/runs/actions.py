"""What is done with runs: delete, rename, take along. Everything goes by the ids of the runs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import streamlit as st

from resnet_viz.publish import export, handout
from resnet_viz.runs.naming import first_name
from resnet_viz.runs.record import Record
from resnet_viz.runs.rows import Run
from resnet_viz.ui import live
from resnet_viz.ui.frame import guarded
from resnet_viz.ui.runs.table import TICKED
from resnet_viz.ui.say import plain

DELETING = "runs_deleting"  # in the session: ids of the runs that the dialog asks about
HANDOUT = 6  # runs in a handout, at most


def ask_to_delete(ids: Sequence[str]) -> None:
    """Have the page open the dialog that deletes these runs."""
    st.session_state[DELETING] = tuple(ids)


def _forget() -> None:
    st.session_state.pop(DELETING, None)


@st.dialog("Delete for good?", width="medium", on_dismiss=_forget)
def _delete_dialog(ids: Sequence[str]) -> None:
    with guarded():
        store = live.store()
        runs, broken = live.existing(ids), [row for row in store.unreadable() if row.id in ids]
        count = len(runs) + len(broken)
        st.write(f"This deletes {count} run{'s' * (count != 1)} with all curves and checkpoints:")
        for line in [*map(described, runs), *(f"{row.name}: can't be read" for row in broken)]:
            st.markdown(f"- {plain(line)}")
        with st.container(horizontal=True):
            if st.button("Delete", type="primary", key="really_delete", disabled=not count):
                for run in runs:
                    store.want(run.id, "stop")
                for id_ in ids:
                    store.delete(id_)
                st.session_state[TICKED] = []
                _forget()
                st.rerun()
            if st.button("Cancel", key="cancel_delete"):
                _forget()
                st.rerun()


def delete_dialog() -> None:
    """The dialog, where runs wait to be deleted. Called by the page itself: a fragment that ticks would close it."""
    if ids := st.session_state.get(DELETING):
        _delete_dialog(ids)


def described(run: Run) -> str:
    """A run for somebody who is about to lose it: name, seed, time, and how it stands."""
    began = datetime.datetime.fromtimestamp(run.created)
    status = "still running" if run.status == "running" else run.status
    seed = f"seed {run.spec.train.seed}, " if run.ours else ""
    return f"{run.name}: {seed}of {began:%d %b, %H:%M:%S}, {status} at step {run.step:,}"


def renamed(run: Run, key: str) -> None:
    """Call a run as the text field ``key`` says; an empty one brings the run's first name back."""
    live.store().rename(run.id, st.session_state.pop(key).strip() or first_name(run.spec))


def noted(run: Run, key: str) -> None:
    """Keep the note that stands in the text field ``key``."""
    live.store().set_note(run.id, st.session_state.pop(key).strip())


def one(run: Run) -> None:
    """Name and note of a single run, and what it was made with."""
    left, right = st.columns(2)
    # What another browser writes makes another field. What is typed here is popped, so that the field shows what is kept.
    name, note = f"name {run.id} {run.name}", f"note {run.id} {run.note}"
    st.session_state.setdefault(name, run.name)
    st.session_state.setdefault(note, run.note)
    left.text_input("Name", key=name, on_change=renamed, args=(run, name))
    right.text_input("Note", key=note, on_change=noted, args=(run, note))
    if run.message:
        st.warning(plain(run.message))
    with st.expander("Everything about this run"):
        st.json({"id": run.id, "made with": run.versions, "result": run.result, "spec": export.spec_table(run.spec)})


def records(ids: Sequence[str]) -> list[Record]:
    """Whole records of the runs that are still there, residual ones first."""
    runs = sorted(live.existing(ids), key=lambda run: not run.spec.model.residual)
    return [live.store().record(run.id) for run in runs]


def take_along(runs: Sequence[Run]) -> None:
    """Buttons for the runs' CSV and handout; each is made when it is asked for, of the runs that were shown."""
    ids = tuple(run.id for run in runs)
    fits = len(runs) <= HANDOUT and all(run.spec.trains for run in runs)
    st.download_button("CSV", lambda: export.csv(records(ids)), "runs.csv", "text/csv", key="csv")
    st.download_button(
        "Handout (HTML)",
        lambda: handout.handout(records(ids)),
        "twins.html",
        "text/html",
        disabled=not fits,
        help=f"One file with its interactive charts, for 40 students and no network. Up to {HANDOUT} trained runs.",
        key="handout",
    )
