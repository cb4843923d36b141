"""What the page of sweeps is made of: the forms, the sweeps there are, how far one is, and its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

import streamlit as st

from resnet_viz import settings
from resnet_viz.files import LABS
from resnet_viz.labs import grids
from resnet_viz.language import tr
from resnet_viz.runs import sweeps
from resnet_viz.runs.record import Record, load
from resnet_viz.runs.rows import Run
from resnet_viz.runs.store import RESUMABLE, Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import SHORTCUTS, ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.spec.values import data_of
from resnet_viz.ui.controls import DEPTHS, draw, draw_data
from resnet_viz.ui.live import duration, say_why_they_wait
from resnet_viz.words import sweeps as sweep_words
from resnet_viz.workers import engine

USUAL = {name: getattr(TrainSpec(), name) for name in ("lr", "epochs", "batch_size")}
# Defaults of each question's form: those of the sweep that ships. Twelve epochs of the digits are the app's own demo; few images
# and many epochs overfit.
DEFAULTS: dict[str, dict[str, Any]] = {
    "depth": {"data": "digits", "depths": [8, 20, 32, 44, 56], "shortcuts": ["identity", "none"], "seeds": 3, **USUAL},
    "shortcut": {
        "data": "digits", "depths": [20], "seeds": 2, **USUAL,
        "shortcuts": ["identity", "none", "projection_all", "scaling", "gate_exclusive", "gate_shortcut", "concat"],
    },
    "overfitting": {
        "data": "digits", "depths": [20], "seeds": 3, **USUAL, "epochs": 30, "batch_size": 64, "limit": 256,
        "remedies": list(sweeps.REMEDIES),
    },
}  # fmt: skip


@st.cache_data(show_spinner=False)
def recorded(kind: str) -> list[Record]:
    """The sweep for a question that ships with the app."""
    return load(LABS / f"sweep-{kind}.npz")


def known(store: Store, kind: str) -> dict[str, str]:
    """Groups of runs that answer a question, newest first, with labels; "" is the recorded one."""
    found = {}
    trained = sorted((r for r in store.runs() if r.spec.lab is None), key=lambda r: r.group)
    for group, runs in groupby(trained, key=lambda r: r.group):
        members = list(runs)
        if sweeps.question([r.spec for r in members]) == kind:
            found[group] = members
    newest = sorted(found.items(), key=lambda item: -item[1][0].created)
    return {group: _label(members) for group, members in newest} | {"": tr("the recorded one")}


def _label(runs: Sequence[Run]) -> str:
    return f"{datetime.fromtimestamp(runs[0].created):%d %b, %H:%M}: {len(runs)} runs"


def form(kind: str) -> list[RunSpec]:
    """The form of a question; returns the runs that it describes. Raises SpecError or DataError."""
    defaults = DEFAULTS[kind]

    def bound(name: str) -> dict[str, Any]:
        return {"key": f"{kind}_{name}", "persist_state": "session"}

    def asked(cls: type, name: str, **options: Any) -> Any:
        return draw(cls, name, defaults[name], **bound(name), **options)

    left, right = st.columns(2)
    with left:
        data = data_of(draw_data(**bound("data")))
        seeds = st.number_input(tr("Seeds"), 1, 20, defaults["seeds"], **bound("seeds"))
        if kind != "depth":
            depths = [st.selectbox(tr("Depth"), DEPTHS, DEPTHS.index(defaults["depths"][0]), **bound("depth"))]
    with right:
        train = TrainSpec(**{name: asked(TrainSpec, name) for name in ("lr", "epochs", "batch_size")})
    if kind == "depth":
        depths = st.multiselect(tr("Depths"), DEPTHS, defaults["depths"], **bound("depths"))
    base = RunSpec(ModelSpec(), data, train)
    if kind != "overfitting":
        shortcuts = st.multiselect(
            tr("Shortcuts"), list(SHORTCUTS)[:-1], defaults["shortcuts"], _name, **bound("shortcuts")
        )
        return grids.depth_grid(base, depths, shortcuts, int(seeds))
    with left:
        limit = asked(DataSpec, "limit", label=tr("Images trained on"), help=None, min_value=32, step=32)
    remedies = st.multiselect(
        tr("Remedies"), list(sweeps.REMEDIES), defaults["remedies"], sweep_words.remedy_label, **bound("remedies")
    )
    # More images are held back than usual, for one of 150 would be 0.7 points.
    limited = replace(base.data, limit=int(limit), validation=0.3)
    return grids.remedy_grid(
        replace(base, model=replace(base.model, depth=depths[0]), data=limited), remedies, int(seeds)
    )


def _name(shortcut: str) -> str:
    return sweep_words.shortcut_name(shortcut)


def cost(store: Store, specs: Sequence[RunSpec]) -> str:
    """How many runs a sweep has and how long it takes, behind what waits already. Raises SpecError for too many."""
    waiting = left(store.runs()) if store.waiting() else []
    seconds = engine.queue_seconds(store, [*waiting, *((spec, 1.0) for spec in specs)])
    grids.check(specs, tr("about {time}", time=duration(seconds)) if seconds else "")
    at_once = min(settings.workers(), len(specs))
    time = (
        tr("about {time}", time=duration(seconds))
        if seconds
        else tr("time unknown until this machine has trained such nets")
    )
    return tr("{n} runs, {at_once} at once: {time}", n=len(specs), at_once=at_once, time=time)


def left(runs: Sequence[Run]) -> list[tuple[RunSpec, float]]:
    """The runs that are live, each with the share of it that is still to do."""
    return [(r.spec, 1 - r.step / max(1, r.steps)) for r in runs if r.live and r.spec.lab is None]


def progress(store: Store, runs: Sequence[Run]) -> None:
    """How far a sweep is, over all its runs, with the time left; stop all, or go on with what did not finish."""
    live = [r for r in runs if r.live]
    resumable = [r for r in runs if r.status in RESUMABLE]
    if not live and not resumable:
        return

    def ask(what: str, which: Sequence[Run]) -> None:
        for run in which:
            store.want(run.id, what)

    say_why_they_wait(runs)
    bar, button = st.columns([5, 1], vertical_alignment="center")
    share = sum(min(1.0, r.step / max(1, r.steps)) for r in runs) / len(runs)
    if live:
        seconds = engine.queue_seconds(store, left(live))
        training = ", ".join(r.spec.model.called for r in live if r.status == "running")
        time = f" · {duration(seconds)} left" if seconds else ""
        bar.progress(
            share, f"{100 * share:.0f} %{time}" + (f" · {training}" if training else tr(" · waiting for a worker"))
        )
        button.button(tr("■ Stop all"), on_click=ask, args=("stop", live), key="stop_all", width="stretch")
    else:
        ends = ", ".join(
            f"{sum(r.status == s for r in runs)} {s}" for s in RESUMABLE if any(r.status == s for r in runs)
        )
        bar.progress(
            share,
            tr("{ends}: {done} of {runs} runs are done", ends=ends, done=len(runs) - len(resumable), runs=len(runs)),
        )
        button.button(tr("▶ Go on"), on_click=ask, args=("run", resumable), key="go_on_all", width="stretch")
    if live and resumable:
        st.button(
            tr("Go on with {n} that stopped", n=len(resumable)),
            on_click=ask,
            args=("run", resumable),
            key="go_on_some",
        )
