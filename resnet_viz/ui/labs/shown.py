"""What the pages of labs share: which run of a lab is shown, starting one, how far it is; and which page a run belongs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from resnet_viz import labs
from resnet_viz.errors import UserError
from resnet_viz.language import tr
from resnet_viz.runs import sweeps
from resnet_viz.runs.rows import Run
from resnet_viz.runs.schema import StoreError
from resnet_viz.spec.lab import LabSpec
from resnet_viz.ui import live
from resnet_viz.ui.link import twins_query
from resnet_viz.ui.say import complain, plain
from resnet_viz.workers import engine

# By kind of run: the page that shows it, its file, and the key under which session and URL keep what it shows.
PLACES = {
    "train": ("Twins", "pages/twins.py", "show"),
    "watch": ("Twins", "pages/twins.py", "show"),
    "lr_range": ("Twins", "pages/twins.py", "lr_range"),
    "lesion": ("Lesions", "pages/lesions.py", "lesion"),
    "landscape": ("Landscape", "pages/landscape.py", "landscape"),
}


def place(run: Run) -> tuple[str, str, str]:
    """The page that shows a run: its title, file, and the key under which it keeps what it shows."""
    if kind := _question(run):
        return "Sweeps", "pages/sweeps.py", f"{kind}_shown"
    return PLACES[run.kind]


def _question(run: Run) -> str:
    """The question of `sweeps.QUESTIONS` that a training answers together with its group, if any."""
    specs = [r.spec for r in live.store().runs(run.group)] if run.kind == "train" else []
    kind = sweeps.question(specs)
    return kind if kind in sweeps.QUESTIONS else ""


def open_run(run: Run) -> None:
    """Go to the page of a run, which then shows it: a training with its group, a lab by itself."""
    _, page, key = place(run)
    st.session_state[key] = run.group if run.spec.trains else run.id
    if kind := _question(run):
        st.session_state["question"] = kind
    shown = {key: st.session_state[key]}
    st.switch_page(page, query_params=twins_query(**shown) if page == "pages/twins.py" else shown)


def open_on_stage(runs: Sequence[Run]) -> None:
    """Go to Twins, which then shows these trainings, however they were started; residual ones first."""
    runs = sorted(runs, key=lambda run: (not run.spec.model.residual, run.created))
    st.session_state["show"] = ",".join(run.id for run in runs)
    st.switch_page("pages/twins.py", query_params=twins_query())


def shown(kind: str) -> Run | None:
    """The run that a lab's page shows, kept in session and URL; None where none was started or chosen, or it was deleted."""
    key = PLACES[kind][2]
    run = st.session_state.setdefault(key, st.query_params.get(key, ""))
    if not run:
        st.query_params.pop(key, None)
        return None
    st.query_params[key] = run
    try:
        return live.store().run(run)
    except StoreError as error:
        st.session_state[key] = ""
        st.session_state[f"{kind}_complaint"] = str(error)
        return None


def start(kind: str, lab: Callable[[], LabSpec]) -> None:
    """Queue the lab that ``lab`` describes, and show it; for a button's callback. What is wrong is said by `complaint`."""
    try:
        store = live.store()
        st.session_state[PLACES[kind][2]] = engine.start(store, [labs.run_of(lab(), store)])[0]
    except UserError as error:
        st.session_state[f"{kind}_complaint"] = str(error)


def complaint(kind: str) -> None:
    """Say, once, why a lab could not be started or shown."""
    if sentence := st.session_state.pop(f"{kind}_complaint", None):
        complain(sentence)


def progress(run: Run) -> None:
    """How far a lab is, its buttons while it can be stopped or begun again, and why it ended early."""
    if run.message and not run.live:
        st.warning(plain(run.message))
    live.say_why_they_wait([run])
    if not (run.live or run.resumable):
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    share = min(1.0, run.step / max(1, run.steps))
    words = {"queued": tr("waiting for a worker (the first one takes some seconds to warm up)")}.get(
        run.status, tr(run.status)
    )
    left.progress(
        share,
        tr("{step:,} of {steps:,} evaluations · {status}", step=run.step, steps=run.steps, status=words)
        if run.steps
        else words.capitalize(),
    )
    store: Any = live.store()
    with right:
        if run.live:
            st.button(tr("■ Stop"), on_click=store.want, args=(run.id, "stop"), key=f"stop_{run.kind}")
        else:
            st.button(tr("▶ Begin again"), on_click=store.want, args=(run.id, "run"), key=f"again_{run.kind}")
