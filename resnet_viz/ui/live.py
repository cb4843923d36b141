"""Runs on a page: the store they share, records that grow without being read anew, progress, and the buttons of a live run."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from resnet_viz import settings
from resnet_viz.figures.depth import ENGINEER
from resnet_viz.language import tr
from resnet_viz.nets import refs
from resnet_viz.nets.refs import FIRST
from resnet_viz.runs import presence
from resnet_viz.runs.record import Record, Series, load
from resnet_viz.runs.rows import Run
from resnet_viz.runs.schema import StoreError
from resnet_viz.runs.store import Store
from resnet_viz.ui import who
from resnet_viz.ui.say import complain, misread, plain
from resnet_viz.words.twins import called
from resnet_viz.words.watched import advice
from resnet_viz.workers import engine, limits

# Seconds between two looks at a live run.
TICK = 0.4
# Bytes of series that a session keeps read; a run of 56 layers with all its vectors takes about 5 MB.
KEPT = 64e6
CURVES = ("loss", "val_accuracy", "grad_block")


# Seconds after which a demo's runs go.
DEMO_KEEPS = 3600.0


@st.cache_resource(show_spinner=False)
def _store(mode: str) -> Store:
    """The store, its workers kept warm from the first page on."""
    found = Store()
    engine.supervise(found, keeps=DEMO_KEEPS if mode == "demo" else math.inf)
    return found


def store() -> Store:
    """The store as whoever looks at this page sees it."""
    return _store(who.mode()).seen_by(who.visitor())


def fits(upload: Any) -> bool:
    """Whether an upload is within this server's limit; else that is said."""
    most = limits.of(store()).upload
    if upload.size > most:
        complain(
            tr(
                "{name!r} has {size:,.0f} MB, and this server takes up to {most:g}; bring less.",
                name=upload.name[:60],
                size=upload.size / 1e6,
                most=most / 1e6,
            )
        )
    return upload.size <= most


def existing(ids: Iterable[str]) -> list[Run]:
    """The runs of these ids that are still there, in their order."""
    runs = []
    for id_ in ids:
        with contextlib.suppress(StoreError):
            runs.append(store().run(id_))
    return runs


def picked(show: str) -> bool:
    """Whether what Twins shows was picked on Runs: ids with commas between, not the name of a group."""
    return "," in show


def runs_of(show: str) -> list[Run]:
    """The runs that Twins shows: those of a group, or those that were picked, as far as they are still there."""
    if picked(show):
        return existing(show.split(","))
    return store().runs(show) if show else []


@st.cache_data(show_spinner=False)
def recorded(name: str = FIRST) -> list[Record]:
    """Twins that ship with the app: the first pair whole, then the curves of more seeds."""
    return load(refs.SHIPPED / f"{name}.npz")


def recording() -> str:
    """The recorded twins that are chosen; the first screen's where those of a link are not among them."""
    asked = st.session_state.setdefault("recorded", FIRST)
    if asked not in (names := refs.recordings()):
        misread("recorded", asked, names[FIRST])
        st.session_state["recorded"] = FIRST
    return st.session_state["recorded"]


def choose_recording(**options: Any) -> None:
    """Which of the recorded twins Twins shows while it shows no run."""
    names = refs.recordings()
    st.selectbox(
        tr("Recorded twins"),
        list(names),
        format_func=names.__getitem__,
        key="recorded",
        persist_state="session",
        **options,
    )


def _grown(known: Series, more: Series) -> Series:
    if not len(more[0]):
        return known
    return (np.concatenate([known[0], more[0]]), np.concatenate([known[1], more[1]])) if len(known[0]) else more


def record(run: Run, metrics: Iterable[str]) -> Record:
    """The run's record; of a run this session has seen before, only what is new is read.

    A session keeps at most KEPT bytes of series, this run's and those it looked at last.
    """
    cache: dict[str, tuple[int, dict[str, Series]]] = st.session_state.setdefault("records", {})
    attempt, series = cache.pop(run.id, (run.attempt, {}))
    if attempt != run.attempt:
        series = {}
    for metric in metrics:
        known = series.get(metric)
        more = store().series(run.id, metric, int(known[0][-1]) if known else 0)
        if known or len(more[0]):
            series[metric] = _grown(known, more) if known else more
    cache[run.id] = (run.attempt, series)
    sizes = {name: sum(a.nbytes for pair in kept.values() for a in pair) for name, (_, kept) in cache.items()}
    for oldest in list(cache)[:-1]:
        if sum(sizes.values()) <= KEPT:
            break
        del cache[oldest], sizes[oldest]
    info = {"created": run.created, "note": run.note, **run.versions}
    return Record(
        run.id, run.spec, run.status, run.name, run.step, run.steps, run.message, run.result, info,
        {m: series[m] for m in metrics if m in series}, run.layout,
    )  # fmt: skip


def metrics_for(tab: str | None) -> tuple[str, ...]:
    """What the stage needs for its open tab."""
    return (*CURVES, *ENGINEER) if tab == "engineer" else CURVES


def _left(run: Run) -> str:
    """Rate and time left of a live run, in words."""
    speeds = store().series(run.id, "speed", max(0, run.step - 64))[1]
    if not len(speeds) or not run.step:
        return ""
    images = float(np.median(speeds))
    seconds = engine.run_seconds(run.spec, images, run.steps, run.step)
    return tr("{images:,.0f} images/s · {time} left", images=images, time=duration(seconds))


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use."""
    if seconds < 90:
        return tr("{seconds} s", seconds=max(1, round(seconds)))
    if seconds < 5400:
        return tr("{minutes:.0f} min", minutes=seconds / 60)
    return tr("{hours:.1f} h", hours=seconds / 3600)


def messages(runs: Sequence[Run]) -> None:
    """What runs that did not end as planned have to say, in the width that a sentence needs; loops of the user's at once."""
    said = [
        f"**{tr(called(run.spec)).capitalize()}**: {plain(run.message)}"
        for run in runs
        if run.message and not (run.live and run.ours)
    ]
    if said:
        st.warning("  \n".join(said))


def advise(records: Sequence[Record]) -> None:
    """What looks unhealthy in networks of the user's own, and what to try."""
    for record in records:
        for sentence in advice(record):
            st.caption(f"**{plain(record.name)}**: {plain(sentence)}")


def progress(run: Run) -> None:
    """One net's progress bar, rate and time left; or how far it came. Of a loop of the user's the length may not be known."""
    if not run.ours and not run.spec.train.steps:
        st.caption(plain(tr("{name}: {status}, step {step:,}", name=run.name, status=tr(run.status), step=run.step)))
        return
    share, words = how_far_is(run)
    st.progress(share, plain(f"{tr(called(run.spec)).capitalize()}: {words}"))


def how_far_is(run: Run) -> tuple[float, str]:
    """How long a run's bar is, from 0 to 1, and what stands over it: one number in both."""
    share = min(1.0, run.step / max(1, run.steps))
    if run.status == "running":
        text, done, total = json.loads(run.progress) if run.progress else ("", 0, 0)
        if run.step:  # between its steps, too: the bar is the run's
            now, starting = f"{text}, " if text else "", tr("starting")
            return share, f"{100 * share:.0f} % · {now}{_left(run) or starting}"
        share = done / total if total else 0.0
        return share, f"{text} · {100 * share:.0f} %" if total else text or tr("0 % · starting")
    if run.status == "queued":
        return share, waits(run)
    if run.status == "stopped" and not run.step:
        return share, tr("stopped before it began")
    return share, tr("{status} at step {step:,}", status=tr(run.status), step=run.step)


def waits(run: Run) -> str:
    """What a run that is queued waits for: its place, when it is expected to begin, and whether it will pause then."""
    runs = store().seen_by(None).runs()  # others' too
    ahead = [r for r in runs if r.status == "queued" and r.wanted != "stop" and r.created < run.created]
    busy = [r for r in runs if r.status in ("running", "paused")]
    words = tr("waiting for a worker (the first one takes some seconds to warm up)")
    if len(busy) + len(ahead) >= settings.workers():
        left = [(r.spec, 1 - r.step / max(1, r.steps)) for r in [*busy, *ahead[::-1]]]
        # A lab's time is not known beforehand.
        seconds = None if any(spec.lab for spec, _ in left) else engine.queue_seconds(store(), left)
        when = tr("about {time}", time=duration(seconds)) if seconds else tr("time unknown")
        words = tr("place {place} in the queue · {when} until all before it are done", place=len(ahead) + 1, when=when)
    return words + tr(" · pauses at its first step") * (run.wanted == "pause")


def say_why_they_wait(runs: Sequence[Run]) -> None:
    """Why no worker takes the runs that wait, where that is known: what is wrong, and where the log is."""
    if any(run.status == "queued" for run in runs) and (sentence := presence.complaint(store())):
        complain(sentence)


def how_far(runs: Sequence[Run]) -> None:
    """What went wrong; each net's progress, and the buttons, while there is something to go on with."""
    messages(runs)
    say_why_they_wait(runs)
    if not any(run.live or run.resumable for run in runs):
        return
    *bars, last = st.columns([3] * len(runs) + [2], vertical_alignment="center", gap="medium")
    for column, run in zip(bars, runs, strict=True):
        with column:
            progress(run)
    with last:
        buttons([run for run in runs if run.ours])


def buttons(runs: Sequence[Run]) -> None:
    """Pause, single step, go on, stop, resume: what makes sense now, for all the runs together."""
    runs = [run for run in runs if store().may_change(run.id)]
    live = [r for r in runs if r.live]
    paused = [r for r in live if r.wanted == "pause"]
    resumable = [r for r in runs if r.resumable]

    def ask(what: str, which: Sequence[Run]) -> None:
        for run in which:
            store().want_step(run.id) if what == "step" else store().want(run.id, what)

    if live:
        with st.container(horizontal=True, gap="small"):
            if paused:
                st.button(tr("▶ Go on"), on_click=ask, args=("run", live), key="go_on")
                st.button(tr("One step"), on_click=ask, args=("step", live), key="one_step")
            else:
                st.button(tr("❚❚ Pause"), on_click=ask, args=("pause", live), key="pause")
            st.button(tr("■ Stop"), on_click=ask, args=("stop", live), key="stop")
    elif resumable:
        words = tr("▶ Resume from the last checkpoint") if any(r.step for r in resumable) else tr("▶ Start")
        st.button(words, on_click=ask, args=("run", resumable), key="resume")


def settled(runs: Sequence[Run]) -> bool:
    """Whether nothing about these runs changes by itself any more."""
    return not any(run.live for run in runs)
