"""The table of runs: what stands in a line, and which runs are ticked, kept by their ids."""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from resnet_viz.language import N_, tr
from resnet_viz.runs.naming import labels
from resnet_viz.runs.rows import Run
from resnet_viz.words.numbers import LAST_EPOCH

TICKED = "runs_ticked"  # in the session: ids of the runs that are ticked


def row(run: Run, label: str, together: str) -> dict[str, Any]:
    """A run as a line of the table. ``together``: what it was started with, such as "pair 3"."""
    data, train, own = run.spec.data, run.spec.train, run.spec.watched
    return {
        "name": label,
        "together": together,
        "status": tr(run.status),
        "done": None if own and run.status != "finished" and not train.steps else run.step / max(1, run.steps),
        "train loss": run.result.get("train_loss"),
        "test": (100 * run.result["test_accuracy"]) if run.result.get("test_accuracy") is not None else None,
        "data": tr("own loop") if own else data.label or data.name,
        "depth": run.spec.model.depth,
        "shortcut": None if own else run.spec.model.shortcut,
        "epochs": None if train.steps or own else train.epochs,
        "lr": train.lr,
        "seed": None if own else train.seed,
        "duration": (run.finished - run.started) if run.finished and run.started else None,
        "started": datetime.datetime.fromtimestamp(run.created),
        "MB": run.bytes / 1e6,
        "note": run.note,
    }


def _columns() -> dict[str, Any]:
    """How each column is headed and written."""
    any_, number = st.column_config.Column, st.column_config.NumberColumn
    return {
        "name": any_(tr("name")),
        "together": any_(tr("together")),
        "status": any_(tr("status")),
        "done": st.column_config.ProgressColumn(tr("done"), format="percent", min_value=0, max_value=1, width="small"),
        "train loss": number(tr("train loss"), format="%.3f", width="small", help=tr(LAST_EPOCH)),
        "test": number(tr("test, %"), format="%.1f", width="small"),
        "data": any_(tr("data")),
        "depth": number(tr("depth"), format="%d", width="small"),
        "shortcut": any_(tr("shortcut")),
        "epochs": number(tr("epochs"), format="%d", width="small"),
        "lr": number("lr", format="%g", width="small"),
        "seed": number(tr("seed"), format="%d", width="small"),
        "duration": number(tr("duration, s"), format="%.0f", width="small"),
        "started": st.column_config.DatetimeColumn(tr("started"), format="D MMM, HH:mm"),
        "MB": number("MB", format="%.1f", width="small"),
        "note": any_(tr("note")),
    }


def together(runs: Sequence[Run]) -> dict[str, str]:
    """Group of runs → what it is, numbered from the oldest: "pair 1", "sweep 2"; a run alone is in none, ""."""
    members: dict[str, int] = Counter(run.group for run in runs)
    named, number = {}, 0
    for group in dict.fromkeys(run.group for run in sorted(runs, key=lambda run: run.created)):
        number += members[group] > 1
        kind = N_("pair {number}") if members[group] == 2 else N_("sweep {number}")
        named[group] = tr(kind, number=number) if members[group] > 1 else ""
    return named


def ticked(runs: Sequence[Run]) -> list[Run]:
    """Draw the table, and return the runs that are ticked in it, in its order.

    Streamlit knows ticks by the number of their row, and rows move when a run comes or goes. So a table of other runs is another
    table, in which the runs that were ticked are ticked from the start.
    """
    ids = [run.id for run in runs]
    key = f"runs {hashlib.sha256(' '.join(ids).encode()).hexdigest()[:12]}"

    def keep() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        st.session_state[TICKED] = [ids[number] for number in rows if number < len(ids)]

    called, groups = labels(runs), together(runs)
    chosen = set(st.session_state.get(TICKED, ()))
    st.dataframe(
        [row(run, called[run.id], groups[run.group]) for run in runs],
        column_config=_columns(),
        hide_index=True,
        placeholder="–",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [number for number, id_ in enumerate(ids) if id_ in chosen]}},
        on_select=keep,
        key=key,
        height=min(420, 38 + 35 * len(runs)),
    )
    return [run for run in runs if run.id in chosen]
