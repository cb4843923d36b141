"""The table of runs: what stands in a line, and how each column is shown."""

from __future__ import annotations

import datetime
from typing import Any

import streamlit as st

from resnet_viz.runs.rows import Run


def row(run: Run) -> dict[str, Any]:
    """A run as a line of the table."""
    data = run.spec.data
    return {
        "name": run.name,
        "status": run.status,
        "done": run.step / max(1, run.steps),
        "train loss": run.result.get("train_loss"),
        "test": (100 * run.result["test_accuracy"]) if run.result.get("test_accuracy") is not None else None,
        "data": data.label or data.name,
        "depth": run.spec.model.depth,
        "shortcut": run.spec.model.shortcut,
        "lr": run.spec.train.lr,
        "seed": run.spec.train.seed,
        "started": datetime.datetime.fromtimestamp(run.created),
        "MB": run.bytes / 1e6,
        "note": run.note,
    }


COLUMNS = {
    "done": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width="small"),
    "train loss": st.column_config.NumberColumn(format="%.3f", width="small"),
    "test": st.column_config.NumberColumn("test, %", format="%.1f", width="small"),
    "lr": st.column_config.NumberColumn(format="%g", width="small"),
    "started": st.column_config.DatetimeColumn(format="D MMM, HH:mm"),
    "MB": st.column_config.NumberColumn(format="%.1f", width="small"),
}
