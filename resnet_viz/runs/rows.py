"""Rows of the database as frozen dataclasses: a run, one that can't be read, a checkpoint's file, what is wanted of a run."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from resnet_viz.errors import UserError
from resnet_viz.runs.layout import Layout
from resnet_viz.runs.record import LIVE
from resnet_viz.runs.schema import StoreError
from resnet_viz.spec.run import RunSpec, from_json, to_json
from resnet_viz.spec.upgrade import SPEC_VERSION

# What can be gone on with.
RESUMABLE = ("stopped", "failed", "lost")

# What a run's row is read from.
COLUMNS = "runs.*, (SELECT coalesce(sum(bytes), 0) FROM checkpoints WHERE checkpoints.run = runs.id) AS bytes"


@dataclass(frozen=True)
class Run:
    """A run's row, without its points. Times are seconds since 1970; ``bytes`` is the size of its checkpoints.

    ``layout`` is what its worker wrote when it began, None before and of version 1.
    """

    id: str
    group: str
    kind: str
    name: str
    note: str
    owner: str
    spec: RunSpec
    status: str
    wanted: str
    attempt: int
    created: float
    started: float | None
    finished: float | None
    step: int
    steps: int
    progress: str
    message: str
    result: dict[str, Any]
    versions: dict[str, Any]
    layout: Layout | None
    bytes: int
    shared: int = 0

    @property
    def live(self) -> bool:
        """Whether a worker has it or will take it by itself, or a loop of the user's goes on."""
        return self.status in LIVE

    @property
    def ours(self) -> bool:
        """Whether a worker of ours carries it out, so that it can be paused, stopped and gone on with."""
        return self.kind != "watch"

    @property
    def resumable(self) -> bool:
        """Whether it ended before its end and can be gone on with."""
        return self.ours and self.status in RESUMABLE


@dataclass(frozen=True)
class Unreadable:
    """A run that can't be read, and why, in one sentence."""

    id: str
    name: str
    created: float
    reason: str
    bytes: int

    @property
    def sentence(self) -> str:
        """What is wrong with which run, and what can be done."""
        delete = f"python -m resnet_viz runs --delete {self.id}"
        return f"Run {self.id} ({self.name}) can't be read: {self.reason} To delete it: {delete}."


@dataclass(frozen=True)
class Wanted:
    """What a page wants of a run: "run", "pause" or "stop"; a paused one may go on up to ``step``."""

    what: str
    step: int


@dataclass(frozen=True)
class Saved:
    """A checkpoint on disk. ``full``: a run can go on from it; else weights alone, half precision."""

    run: str
    step: int
    epoch: int
    full: bool
    path: Path
    bytes: int
    sha256: str = ""


def content(saved: Saved) -> bytes:
    """The bytes of a checkpoint's file. Raises StoreError where it is gone, or no longer what was written."""
    try:
        read = saved.path.read_bytes()
    except OSError as error:
        raise StoreError(f"The checkpoint of step {saved.step:,} can't be read ({error.strerror}).") from error
    if saved.sha256 and hashlib.sha256(read).hexdigest() != saved.sha256:
        raise StoreError(f"The checkpoint of step {saved.step:,} is damaged: its file is not what was written.")
    return read


def _object(text: str, column: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise StoreError(f"Its {column} is no JSON ({error}).") from error
    if not isinstance(value, dict):
        raise StoreError(f"Its {column} is no JSON object.")
    return value


# A page reads every row at each of its refreshes, and runs of a sweep say nearly the same: each text is parsed once.
@lru_cache(maxsize=1024)
def _spec(text: str, version: int) -> RunSpec:
    if version > SPEC_VERSION:
        raise StoreError("It was made by a newer version of ResNet Viz; update this one.")
    return from_json(text)


@lru_cache(maxsize=1024)
def _layout(text: str) -> Layout | None:
    return Layout.of_json(_object(text, "layout")) if text else None


def insert(db: sqlite3.Connection, run: str, spec: RunSpec, **columns: Any) -> None:
    """Insert a run's row: what its spec says, and the columns named."""
    values = {
        "id": run, "kind": spec.kind, "spec": to_json(spec), "spec_version": SPEC_VERSION,
        "data_hash": spec.data.hash or spec.data.name, **columns,
    }  # fmt: skip
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", tuple(values.values()))


def read(row: sqlite3.Row) -> Run | Unreadable:
    """The run of a row of COLUMNS, or why there is none to be read from it."""
    kept = {key: row[key] for key in row.keys() if key in Run.__dataclass_fields__}  # noqa: SIM118 (a Row iterates values)
    try:
        parsed = {
            "spec": _spec(row["spec"], row["spec_version"]),
            "result": _object(row["result"], "result"),
            "versions": _object(row["versions"], "versions"),
            "layout": _layout(row["layout"]),
        }
    except UserError as error:
        return Unreadable(row["id"], row["name"], row["created"], str(error), row["bytes"])
    return Run(group=row["grp"], **(kept | parsed))
