"""Runs, their points and checkpoints in one SQLite file: the only channel between pages and workers.

A page writes what is wanted of a run; its worker alone writes what is. Each of a worker's transactions checks the run's
``attempt``: one that slept and was superseded raises Superseded, and writes nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from resnet_viz.errors import UserError
from resnet_viz.runs.events import METRICS, Checkpoint, Point, Status
from resnet_viz.runs.record import EMPTY, LIVE, Record, Series
from resnet_viz.spec.run import RunSpec, from_json, to_json
from resnet_viz.spec.upgrade import SPEC_VERSION

# What can be gone on with.
RESUMABLE = ("stopped", "failed", "lost")
# A worker's heartbeat comes each second; after so many seconds of silence it counts as gone.
SILENCE = 6.0
# Vectors are kept at every step up to DRAMA, and past MOST rows at every second, fourth, eighth ... step after the first:
# what is measured at steps 1, 9, 17 ... alone is among them.
MOST, DRAMA = 4000, 256

_MIGRATIONS = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, grp TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, note TEXT NOT NULL DEFAULT '',
        owner TEXT NOT NULL, spec TEXT NOT NULL, spec_version INTEGER NOT NULL, data_hash TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'queued', wanted TEXT NOT NULL DEFAULT 'run', wanted_step INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0, heartbeat REAL NOT NULL DEFAULT 0,
        created REAL NOT NULL, started REAL, finished REAL,
        step INTEGER NOT NULL DEFAULT 0, steps INTEGER NOT NULL, progress TEXT NOT NULL DEFAULT '',
        message TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '{}', versions TEXT NOT NULL DEFAULT '{}');
    CREATE INDEX runs_grp ON runs (grp);
    CREATE TABLE points (
        run TEXT NOT NULL, name TEXT NOT NULL, step INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (run, name, step)) WITHOUT ROWID;
    CREATE TABLE snapshots (
        run TEXT NOT NULL, step INTEGER NOT NULL, epoch INTEGER NOT NULL, full INTEGER NOT NULL,
        path TEXT NOT NULL, bytes INTEGER NOT NULL, created REAL NOT NULL, PRIMARY KEY (run, step, full));
    CREATE TABLE workers (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, run TEXT NOT NULL, heartbeat REAL NOT NULL);
    """,
    """
    ALTER TABLE snapshots RENAME TO checkpoints;
    UPDATE points SET name = 'lr' WHERE name = 'rate';
    UPDATE points SET name = 'images' WHERE name = 'pictures';
    """,
)


class Superseded(Exception):
    """The run was given to another worker, or deleted: this one must stop and write nothing more."""


class StoreError(UserError):
    """What can't be done with a run, in one sentence."""


@dataclass(frozen=True)
class Run:
    """A run's row, without its points. Times are seconds since 1970; ``bytes`` is the size of its checkpoints."""

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
    bytes: int

    @property
    def live(self) -> bool:
        """Whether a worker has it or will take it by itself."""
        return self.status in LIVE


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


def default_home() -> Path:
    """Where runs are kept: RESNET_VIZ_HOME, else ./runs."""
    return Path(os.environ.get("RESNET_VIZ_HOME") or "runs").resolve()


def disk_cap() -> float:
    """Bytes that checkpoints may take: RESNET_VIZ_DISK_GB, else 5 GB. Workers prune to it after each run."""
    return 1e9 * float(os.environ.get("RESNET_VIZ_DISK_GB") or 5)


_COLUMNS = """runs.*, (SELECT coalesce(sum(bytes), 0) FROM checkpoints WHERE checkpoints.run = runs.id) AS bytes"""


def _run(row: sqlite3.Row) -> Run:
    values = {key: row[key] for key in row.keys() if key in Run.__dataclass_fields__}  # noqa: SIM118 (a Row iterates values)
    parsed = {
        "spec": from_json(row["spec"]),
        "result": json.loads(row["result"]),
        "versions": json.loads(row["versions"]),
    }
    return Run(group=row["grp"], **(values | parsed))


class Store:
    """The runs below one folder. Safe to share between threads: each has its own connection."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = Path(home) if home else default_home()
        self._local = threading.local()
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"Runs can't be kept in {self.home} ({error}); set RESNET_VIZ_HOME to a folder you can write to."
            ) from error

    @property
    def _db(self) -> sqlite3.Connection:
        db = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(self.home / "runs.sqlite", timeout=30, isolation_level=None)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            self._local.db = db
        return db

    def close(self) -> None:
        """Close this thread's connection."""
        if db := getattr(self._local, "db", None):
            db.close()
            self._local.db = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.rollback()
            raise
        db.commit()

    def _migrate(self) -> None:
        if self._version() < len(_MIGRATIONS):
            with self._transaction() as db:
                for number in range(self._version(), len(_MIGRATIONS)):
                    for statement in filter(str.strip, _MIGRATIONS[number].split(";")):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {number + 1}")
        elif self._version() > len(_MIGRATIONS):
            raise StoreError(
                f"The runs in {self.home} are from a newer version of ResNet Viz; update it, or set RESNET_VIZ_HOME elsewhere."
            )

    def _version(self) -> int:
        return self._db.execute("PRAGMA user_version").fetchone()[0]

    # ------------------------------------------------------------------ what pages and the command line do

    def create(self, specs: Sequence[tuple[RunSpec, int]], *, owner: str = "") -> list[str]:
        """Queue runs, each a spec and its number of steps, as one group; twins are two of one group. Returns their ids."""
        group = uuid.uuid4().hex[:8]
        ids = [uuid.uuid4().hex[:12] for _ in specs]
        with self._transaction() as db:
            for number, (run, (spec, steps)) in enumerate(zip(ids, specs, strict=True)):
                db.execute(
                    "INSERT INTO runs (id, grp, kind, name, owner, spec, spec_version, data_hash, created, steps)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    # A microsecond apart, so that the order of creation is the order of the list.
                    (run, group, spec.kind, describe(spec), owner, to_json(spec), SPEC_VERSION, spec.data.hash or spec.data.name,
                     time.time() + number * 1e-6, steps),
                )  # fmt: skip
        return ids

    def runs(self, group: str | None = None, limit: int = 10_000) -> list[Run]:
        """All runs, or those of a group (in order of creation), newest first."""
        if group is not None:
            query, values = "WHERE grp = ? ORDER BY created LIMIT ?", (group, limit)
        else:
            query, values = "ORDER BY created DESC LIMIT ?", (limit,)  # type: ignore[assignment]
        return [_run(row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM runs {query}", values)]

    def run(self, run: str) -> Run:
        """One run. Raises StoreError where there is none of that id."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", (run,)).fetchone()
        if row is None:
            raise StoreError(f"There is no run {run}; it may have been deleted.")
        return _run(row)

    def series(self, run: str, metric: str, after: int = 0) -> Series:
        """Steps (N,) and values (N,) or (N, K) of a metric, those past step ``after``."""
        rows = self._db.execute(
            "SELECT step, value FROM points WHERE run = ? AND name = ? AND step > ? ORDER BY step", (run, metric, after)
        ).fetchall()
        if not rows:
            return EMPTY
        values = np.frombuffer(b"".join(row[1] for row in rows), np.float32)
        width = len(rows[0][1]) // 4
        # A network of one block has vectors of one.
        vector = width > 1 or (metric in METRICS and METRICS[metric].axis is not None)
        return np.array([row[0] for row in rows], np.int64), values.reshape(-1, width) if vector else values

    def record(self, run: str, metrics: Iterable[str] | None = None) -> Record:
        """A run with its series (all, or the metrics named)."""
        row = self.run(run)
        if metrics is None:
            metrics = [r[0] for r in self._db.execute("SELECT DISTINCT name FROM points WHERE run = ?", (run,))]
        series = {name: found for name in metrics if len((found := self.series(run, name))[0])}
        info = {"created": row.created, "note": row.note, "progress": row.progress, **row.versions}
        return Record(run, row.spec, row.status, row.name, row.step, row.steps, row.message, row.result, info, series)

    def want(self, run: str, what: str) -> None:
        """Want a run to "run" (also: go on, resume), "pause" or "stop". A queued run that is to stop is stopped at once."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET wanted = ?, wanted_step = 0 WHERE id = ?", (what, run))
            if what == "run":
                marks = ", ".join("?" * len(RESUMABLE))
                db.execute(
                    f"UPDATE runs SET status = 'queued', message = '' WHERE id = ? AND status IN ({marks})",
                    (run, *RESUMABLE),
                )
            else:
                db.execute(
                    "UPDATE runs SET status = 'stopped' WHERE id = ? AND status = 'queued' AND ? = 'stop'", (run, what)
                )

    def want_step(self, run: str) -> None:
        """Want one more step of a run that is paused."""
        self._db.execute("UPDATE runs SET wanted = 'pause', wanted_step = step + 1 WHERE id = ?", (run,))

    def rename(self, run: str, name: str) -> None:
        """Call a run otherwise."""
        self._db.execute("UPDATE runs SET name = ? WHERE id = ?", (name.strip() or run, run))

    def set_note(self, run: str, note: str) -> None:
        """Keep a note with a run."""
        self._db.execute("UPDATE runs SET note = ? WHERE id = ?", (note, run))

    def delete(self, run: str) -> None:
        """Delete a run with all that was measured and saved; its worker, if any, stops by itself. Cannot be undone."""
        with self._transaction() as db:
            for table, column in (("points", "run"), ("checkpoints", "run"), ("runs", "id")):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (run,))
        shutil.rmtree(self.home / "checkpoints" / run, ignore_errors=True)

    def checkpoints(self, run: str, full: bool | None = None) -> list[Saved]:
        """A run's checkpoints, oldest first."""
        rows = self._db.execute("SELECT * FROM checkpoints WHERE run = ? ORDER BY step, full", (run,)).fetchall()
        saved = [self._saved(row) for row in rows]
        return [s for s in saved if full is None or s.full == full]

    def checkpoints_by_run(self) -> dict[str, list[Saved]]:
        """Every run's checkpoints, each run's oldest first, from one query; a run without any is not in it."""
        rows = self._db.execute("SELECT * FROM checkpoints ORDER BY run, step, full")
        return {run: [*map(self._saved, of_run)] for run, of_run in groupby(rows, key=lambda row: row["run"])}

    def _saved(self, row: sqlite3.Row) -> Saved:
        return Saved(row["run"], row["step"], row["epoch"], bool(row["full"]), self.home / row["path"], row["bytes"])

    def checkpoint_bytes(self) -> int:
        """Bytes of all checkpoints."""
        return self._db.execute("SELECT coalesce(sum(bytes), 0) FROM checkpoints").fetchone()[0]

    def disk_use(self) -> int:
        """Bytes of checkpoints and points."""
        files = [*self.home.glob("runs.sqlite*"), *self.home.glob("checkpoints/*/*")]
        return sum(f.stat().st_size for f in files if f.is_file())

    def prune(self, cap: float) -> int:
        """Delete the oldest checkpoints of runs that have ended until their sum is at most ``cap`` bytes; returns bytes freed.

        Weights for looking back go first, then full states; the last full state of a run is always kept.
        """
        marks = ", ".join("?" * len(LIVE))
        rows = self._db.execute(
            "SELECT s.* FROM checkpoints s JOIN runs r ON r.id = s.run"
            f" WHERE r.status NOT IN ({marks}) AND NOT (s.full AND s.step ="
            " (SELECT max(step) FROM checkpoints t WHERE t.run = s.run AND t.full))"
            " ORDER BY s.full, s.created",
            LIVE,
        ).fetchall()
        total, freed = self.checkpoint_bytes(), 0
        for row in rows:
            if total - freed <= cap:
                break
            self._db.execute(
                "DELETE FROM checkpoints WHERE run = ? AND step = ? AND full = ?",
                (row["run"], row["step"], row["full"]),
            )
            (self.home / row["path"]).unlink(missing_ok=True)
            freed += row["bytes"]
        return freed

    def speeds(self, limit: int = 50) -> list[tuple[RunSpec, float]]:
        """Specs and measured images per second of the last trainings, newest first: what a new one may expect."""
        rows = self._db.execute(
            "SELECT id, spec FROM runs WHERE kind = 'train' AND step > 8 ORDER BY started DESC LIMIT ?", (limit,)
        ).fetchall()
        found = []
        for row in rows:
            recent = self._db.execute(
                "SELECT value FROM points WHERE run = ? AND name = 'speed' ORDER BY step DESC LIMIT 64", (row["id"],)
            ).fetchall()
            if recent:
                found.append(
                    (
                        from_json(row["spec"]),
                        float(np.median(np.frombuffer(b"".join(r[0] for r in recent), np.float32))),
                    )
                )
        return found

    # ------------------------------------------------------------------ what a worker does

    def claim(self, worker: str) -> Run | None:
        """Take the oldest run that waits. What was measured after its last full checkpoint is forgotten: it will come again."""
        if not self._db.execute("SELECT 1 FROM runs WHERE status = 'queued' AND wanted != 'stop' LIMIT 1").fetchone():
            return None
        with self._transaction() as db:
            row = db.execute(
                "SELECT id FROM runs WHERE status = 'queued' AND wanted != 'stop' ORDER BY created LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            run, now = row["id"], time.time()
            last = db.execute("SELECT max(step) FROM checkpoints WHERE run = ? AND full", (run,)).fetchone()[0] or 0
            db.execute("DELETE FROM points WHERE run = ? AND step > ?", (run, last))
            db.execute("DELETE FROM checkpoints WHERE run = ? AND step > ?", (run, last))
            db.execute(
                "UPDATE runs SET status = 'running', attempt = attempt + 1, heartbeat = ?, step = ?,"
                " started = coalesce(started, ?), progress = '' WHERE id = ?",
                (now, last, now, run),
            )
            db.execute("UPDATE workers SET run = ? WHERE id = ?", (run, worker))
        # With the forgotten rows go their files, and what a killed worker left half-written.
        known = {saved.path for saved in self.checkpoints(run)}
        for file in (self.home / "checkpoints" / run).glob("*"):
            if file not in known:
                file.unlink(missing_ok=True)
        return self.run(run)

    def _own(self, db: sqlite3.Connection, run: str, attempt: int, changes: Mapping[str, Any]) -> Wanted:
        """Write a run's row as its worker. Raises Superseded where another has the run, or nobody any more."""
        values: dict[str, Any] = {"heartbeat": time.time(), **changes}
        sets = ", ".join(f"{column} = ?" for column in values)
        row = db.execute(
            f"UPDATE runs SET {sets} WHERE id = ? AND attempt = ? RETURNING wanted, wanted_step",
            (*values.values(), run, attempt),
        ).fetchall()
        if not row:
            raise Superseded(run)
        return Wanted(*row[0])

    def write(
        self, run: str, attempt: int, points: Sequence[Point], status: str = "running", word: Status | None = None
    ) -> Wanted:
        """Write points and what the run is doing, in one transaction; returns what is wanted of it."""
        changes: dict[str, Any] = {"status": status, "message": ""}
        if points:
            changes |= {"step": points[-1].step, "progress": ""}
        if word:
            changes["progress"] = json.dumps([word.text, word.done, word.total])
        with self._transaction() as db:
            wanted = self._own(db, run, attempt, changes)
            last = points[-1].step if points else 0
            stride = stride_at(last)
            db.executemany(
                "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)",
                [
                    (run, name, p.step, np.asarray(value, np.float32).tobytes())
                    for p in points
                    for name, value in p.values.items()
                    if np.ndim(value) == 0 or p.step <= DRAMA or (p.step - 1) % stride == 0
                ],
            )
            if points and stride > stride_at(points[0].step - 1):
                # A row longer than a float32 is a vector.
                db.execute(
                    "DELETE FROM points WHERE run = ? AND step > ? AND (step - 1) % ? != 0 AND length(value) > 4",
                    (run, DRAMA, stride),
                )
        return wanted

    def beat(self, run: str, attempt: int) -> Wanted:
        """Say that the run's worker lives."""
        with self._transaction() as db:
            return self._own(db, run, attempt, {})

    def resolve(self, run: str, attempt: int, spec: RunSpec, steps: int, versions: Mapping[str, Any]) -> None:
        """Keep what was decided when the run started: device, precision, threads; and with which versions."""
        changes = {"spec": to_json(spec), "steps": steps, "versions": json.dumps(dict(versions))}
        with self._transaction() as db:
            self._own(db, run, attempt, changes)

    def end(
        self, run: str, attempt: int, status: str, message: str = "", result: Mapping[str, Any] | None = None
    ) -> None:
        """Say how a run ended. What is wanted of it is then what it is, so nobody takes it up again by itself."""
        changes: dict[str, Any] = {
            "status": status,
            "message": message,
            "finished": time.time(),
            "wanted": "stop",
            "progress": "",
        }
        if result is not None:
            changes["result"] = json.dumps(dict(result))
        with self._transaction() as db:
            self._own(db, run, attempt, changes)

    def save(self, run: str, attempt: int, checkpoint: Checkpoint) -> None:
        """Write a checkpoint's file, whole or not at all, then its row; of full states the last two are kept."""
        folder = Path("checkpoints") / run
        (self.home / folder).mkdir(parents=True, exist_ok=True)
        path = folder / f"{checkpoint.step:08d}{'.full' if checkpoint.full else ''}.{attempt}.pt"
        part = self.home / f"{path}.part"
        try:
            with part.open("wb") as file:
                file.write(checkpoint.data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.home / path)
        finally:
            part.unlink(missing_ok=True)
        try:
            with self._transaction() as db:
                self._own(db, run, attempt, {})
                db.execute(
                    "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        run,
                        checkpoint.step,
                        checkpoint.epoch,
                        checkpoint.full,
                        str(path),
                        len(checkpoint.data),
                        time.time(),
                    ),
                )
                old = db.execute(
                    "SELECT step, path FROM checkpoints WHERE run = ? AND full ORDER BY step DESC LIMIT -1 OFFSET 2",
                    (run,),
                ).fetchall()
                db.executemany(
                    "DELETE FROM checkpoints WHERE run = ? AND step = ? AND full", [(run, r["step"]) for r in old]
                )
        except Superseded:
            (self.home / path).unlink(missing_ok=True)
            raise
        for row in old:
            (self.home / row["path"]).unlink(missing_ok=True)

    # ------------------------------------------------------------------ who is alive

    def hello(self, worker: str, pid: int, run: str = "") -> None:
        """Say that a worker process lives, and which run it has ("" while idle)."""
        self._db.execute("INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?)", (worker, pid, run, time.time()))

    def goodbye(self, worker: str) -> None:
        """Say that a worker process leaves."""
        self._db.execute("DELETE FROM workers WHERE id = ?", (worker,))

    def workers(self) -> dict[int, str]:
        """Process ids of the workers that live, and the run each has ("" while idle)."""
        rows = self._db.execute("SELECT pid, run FROM workers WHERE heartbeat > ?", (time.time() - SILENCE,))
        return {row["pid"]: row["run"] for row in rows}

    def mark_lost(self) -> list[str]:
        """Mark the runs whose worker has fallen silent as lost; returns their ids.

        They wait to be resumed by somebody; a worker that only slept, and was not superseded, goes on and says so itself.
        """
        with self._transaction() as db:
            rows = db.execute(
                "UPDATE runs SET status = 'lost', message ="
                " 'The worker of this run fell silent (killed, or out of memory); resume it to go on from its last checkpoint.'"
                " WHERE status IN ('running', 'paused') AND heartbeat < ? RETURNING id",
                (time.time() - SILENCE,),
            ).fetchall()
            db.execute("DELETE FROM workers WHERE heartbeat < ?", (time.time() - 10 * SILENCE,))
        return [row["id"] for row in rows]

    def waiting(self) -> int:
        """How many runs wait for a worker."""
        return self._db.execute("SELECT count(*) FROM runs WHERE status = 'queued' AND wanted != 'stop'").fetchone()[0]


def stride_at(step: int) -> int:
    """Of which steps a vector is kept at this step of a run: every one, past MOST every second, past 2·MOST every fourth ..."""
    stride = 1
    while step > MOST * stride:
        stride *= 2
    return stride


def describe(spec: RunSpec) -> str:
    """A run's first name: what the net is, on which data; of a lab, what is done to which net."""
    model = spec.model
    lab = f"{spec.lab.title}: " if spec.lab else ""
    more = f" and {len(spec.lab.networks) - 1} more" if spec.lab and len(spec.lab.networks) > 1 else ""
    extra = [
        {"batch": "", "none": "no norm"}.get(model.norm, f"{model.norm} norm"),
        model.init if model.init != "he" else "",
    ]
    extra.append(f"skips off: {', '.join(map(str, model.no_skip))}" if model.no_skip else "")
    tail = "".join(f", {e}" for e in extra if e)
    family = "" if model.family == "cifar" else f" ({model.family})"
    return f"{lab}{model.called}{family}{tail} on {spec.data.label or spec.data.name}{more}"
