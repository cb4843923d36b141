"""Runs that ended elsewhere, kept under their own ids beside those that were carried out here."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from resnet_viz.runs.record import Record
from resnet_viz.runs.rows import insert
from resnet_viz.runs.schema import CHECKPOINTS, Database, StoreError


def add(store: Database, runs: Sequence[tuple[Record, Sequence[tuple[int, bytes]]]], owner: str = "") -> None:
    """Keep runs that ended elsewhere, under their own ids: records as `publish.bundle` has checked them, and of each
    checkpoint its step and .safetensors. All or none. Raises StoreError where one of them is here already.
    """
    folders = [store.home / CHECKPOINTS[0] / record.id for record, _ in runs]
    try:
        with store.transaction() as db:
            for (record, checkpoints), folder in zip(runs, folders, strict=True):
                _add(store, db, record, checkpoints, folder, owner)
    except BaseException:
        known = {row["id"] for row in store.db.execute("SELECT id FROM runs")}
        for folder in folders:
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        raise


def _add(
    store: Database,
    db: sqlite3.Connection,
    record: Record,
    checkpoints: Sequence[tuple[int, bytes]],
    folder: Path,
    owner: str,
) -> None:
    run, info = record.id, record.info
    if db.execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone():
        raise StoreError(f"Run {run} ({record.name}) is here already; delete it on Runs to bring it again.")
    more = {"versions": json.dumps(info["versions"]), "layout": json.dumps(asdict(record.layout)), "wanted": "stop"}
    more |= {key: info[key] for key in ("note", "created", "started", "finished")}
    insert(
        db, run, record.spec, grp=info["group"], name=record.name, owner=owner, steps=record.steps, step=record.step,
        status=record.status, message=record.message, result=json.dumps(record.result), **more,
    )  # fmt: skip
    db.executemany(
        "INSERT INTO points VALUES (?, ?, ?, ?)",
        [
            (run, metric, step, value.tobytes())
            for metric, (steps, values) in record.series.items()
            for step, value in zip(steps.tolist(), values.astype(np.float32), strict=True)
        ],
    )
    folder.mkdir(parents=True, exist_ok=True)
    last = max((step for step, _ in checkpoints), default=0)
    for step, content in checkpoints:
        path = folder / f"{step:08d}.safetensors"
        path.write_bytes(content)
        # The last counts as a full state, which stays where others are pruned.
        kept, sha256 = str(path.relative_to(store.home)), hashlib.sha256(content).hexdigest()
        row = (run, step, 0, step == last, kept, len(content), time.time(), sha256)
        db.execute("INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
