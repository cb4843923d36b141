"""What the worker of a run does: the `Claim` that `Store.claim` gives writes what the run comes to and reads what is wanted.

Each of its transactions checks the run's attempt: a worker that slept and was superseded raises Superseded, and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resnet_viz import __version__
from resnet_viz.files import remove
from resnet_viz.runs.events import Checkpoint, Point, Status
from resnet_viz.runs.layout import layout_of
from resnet_viz.runs.rows import Run, Wanted
from resnet_viz.runs.schema import CHECKPOINTS, Database
from resnet_viz.spec.run import RunSpec, to_json

if TYPE_CHECKING:
    import torch

# Vectors are kept at every step up to DRAMA, and past MOST rows at every second, fourth, eighth ... step after the first:
# what is measured at steps 1, 9, 17 ... alone is among them.
MOST, DRAMA = 4000, 256


class Superseded(Exception):
    """The run was given to another worker, or deleted: this one must stop and write nothing more."""


@dataclass(frozen=True)
class Claim:
    """A run that one worker has, and ``run``, its row as it was when it was claimed. Every method raises Superseded."""

    database: Database
    run: Run

    def _own(self, db: sqlite3.Connection, changes: Mapping[str, Any]) -> Wanted:
        """Write the run's row, its heartbeat too, in an open transaction."""
        sets = ", ".join(("heartbeat = heartbeat + 1", *(f"{column} = ?" for column in changes)))
        rows = db.execute(
            f"UPDATE runs SET {sets} WHERE id = ? AND attempt = ? RETURNING wanted, wanted_step",
            (*changes.values(), self.run.id, self.run.attempt),
        ).fetchall()
        if not rows:
            raise Superseded(self.run.id)
        return Wanted(*rows[0])

    def beat(self) -> Wanted:
        """Say that the run's worker lives."""
        with self.database.transaction() as db:
            return self._own(db, {})

    def resolve(self, spec: RunSpec, steps: int, versions: Mapping[str, Any]) -> None:
        """Keep what was decided when the run began: device, dtype, threads; its network's layout; and with which versions."""
        layout = json.dumps(asdict(self.run.layout or layout_of(spec.model)))
        changes = {"spec": to_json(spec), "steps": steps, "versions": json.dumps(dict(versions)), "layout": layout}
        with self.database.transaction() as db:
            self._own(db, changes)

    def write(
        self,
        points: Sequence[Point],
        status: str = "running",
        progress: Status | None = None,
        *,
        message: str = "",
        steps: int | None = None,
    ) -> Wanted:
        """Write points and what the run is doing, in one transaction; returns what is wanted of it.

        ``message`` is what there is to say of it while it goes on; ``steps`` the length of its plan, where that has changed.
        """
        changes: dict[str, Any] = {"status": status, "message": message}
        if steps is not None:
            changes["steps"] = steps
        if points:
            changes |= {"step": points[-1].step, "progress": ""}
        if progress:
            changes["progress"] = json.dumps([progress.text, progress.done, progress.total])
        with self.database.transaction() as db:
            wanted = self._own(db, changes)
            stride = stride_at(points[-1].step if points else 0)
            db.executemany(
                "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)",
                [
                    (self.run.id, name, p.step, np.asarray(value, np.float32).tobytes())
                    for p in points
                    for name, value in p.values.items()
                    if np.ndim(value) == 0 or p.step <= DRAMA or (p.step - 1) % stride == 0
                ],
            )
            if points and stride > stride_at(points[0].step - 1):
                # A row longer than a float32 is a vector.
                db.execute(
                    "DELETE FROM points WHERE run = ? AND step > ? AND (step - 1) % ? != 0 AND length(value) > 4",
                    (self.run.id, DRAMA, stride),
                )
        return wanted

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint's file, whole or not at all, then its row; of full states the last two are kept."""
        home, run = self.database.home, self.run.id
        folder = Path(CHECKPOINTS[0]) / run
        path = folder / f"{checkpoint.step:08d}{'.full' if checkpoint.full else ''}.{self.run.attempt}.pt"
        while True:
            try:
                _write(home / path, checkpoint.data)
                break
            except FileNotFoundError:  # the run is being deleted, its folder first
                self.beat()
        row = (
            run,
            checkpoint.step,
            checkpoint.epoch,
            checkpoint.full,
            str(path),
            len(checkpoint.data),
            time.time(),
            hashlib.sha256(checkpoint.data).hexdigest(),
        )
        try:
            with self.database.transaction() as db:
                self._own(db, {})
                db.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
                old = db.execute(
                    "SELECT step, path FROM checkpoints WHERE run = ? AND full ORDER BY step DESC LIMIT -1 OFFSET 2",
                    (run,),
                ).fetchall()
                db.executemany(
                    "DELETE FROM checkpoints WHERE run = ? AND step = ? AND full", [(run, r["step"]) for r in old]
                )
        except Superseded:
            remove(home / path)
            raise
        for r in old:
            remove(home / r["path"])

    def end(self, status: str, message: str = "", result: Mapping[str, Any] | None = None) -> None:
        """Say how the run ended. What is wanted of it is then what it is, so nobody takes it up again by itself."""
        changes: dict[str, Any] = {
            "status": status,
            "message": message,
            "finished": time.time(),
            "wanted": "stop",
            "progress": "",
        }
        if result is not None:
            changes["result"] = json.dumps(dict(result))
        with self.database.transaction() as db:
            self._own(db, changes)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def versions(device: torch.device | str) -> dict[str, Any]:
    """With what a run is made, on a device such as "cpu" or "cuda"."""
    import torch

    where = torch.device(device)
    return {
        "resnet_viz": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else where.type,
    }


def stride_at(step: int) -> int:
    """Of which steps a vector is kept at this step of a run: every one, past MOST every second, past 2·MOST every fourth ..."""
    stride = 1
    while step > MOST * stride:
        stride *= 2
    return stride
