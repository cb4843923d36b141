"""The store: runs, their points and checkpoints, as pages and the command line see them. Workers write through a `Claim`.

A page writes what is wanted of a run; its worker alone writes what is.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict
from itertools import groupby
from typing import Any

import numpy as np

from resnet_viz.files import remove
from resnet_viz.runs.claim import Claim
from resnet_viz.runs.events import METRICS
from resnet_viz.runs.layout import Layout
from resnet_viz.runs.naming import first_name
from resnet_viz.runs.queue import Queue
from resnet_viz.runs.record import EMPTY, LIVE, Record, Series
from resnet_viz.runs.rows import COLUMNS, RESUMABLE, Run, Saved, Unreadable, insert, read
from resnet_viz.runs.schema import CHECKPOINTS, StoreError
from resnet_viz.runs.visitor import Visitor
from resnet_viz.spec.run import RunSpec


class Store(Queue):
    """The runs below one folder. Safe to share between threads: each has its own connection.

    ``visitor`` is who asks: None for workers, the command line and whoever is alone on their machine, who see and may do
    everything. For a visitor, runs that they don't see are not there, and a change of another's run raises StoreError.
    """

    visitor: Visitor | None = None

    def seen_by(self, visitor: Visitor | None) -> Store:
        """The same store as somebody sees it, with the same connections."""
        store = copy(self)
        store.visitor = visitor
        return store

    @property
    def _seen(self) -> tuple[str, tuple[str, ...]]:
        return self.visitor.sees if self.visitor else ("1", ())

    def may_change(self, run: str) -> bool:
        """Whether who asks may stop, rename, share or delete a run; one that is gone, too."""
        if self.visitor is None:
            return True
        row = self.db.execute("SELECT owner FROM runs WHERE id = ?", (run,)).fetchone()
        return row is None or self.visitor.may_change(row["owner"])

    @contextmanager
    def _change(self, run: str) -> Iterator[sqlite3.Connection]:
        """A transaction on a run of who asks, on a full disk too."""
        if not self.may_change(run):
            raise StoreError(
                "Only who started this run, or a teacher, may stop, rename or delete it; *Train again* makes one of your own."
            )
        with self.transaction(reserve=True) as db:
            yield db

    def create(self, specs: Sequence[tuple[RunSpec, int]], layouts: Sequence[Layout | None] = ()) -> list[str]:
        """Queue runs, each a spec and its number of steps, as one group; twins are two of one group. Returns their ids.

        ``layouts``: of networks that aren't ours, which their specs don't say.
        """
        owner = self.visitor.name if self.visitor else ""
        group = uuid.uuid4().hex[:8]
        ids = [uuid.uuid4().hex[:12] for _ in specs]
        with self.transaction() as db:
            each = zip(ids, specs, layouts or [None] * len(ids), strict=True)
            for number, (run, (spec, steps), layout) in enumerate(each):
                # A microsecond apart, so that the order of creation is the order of the list.
                created = time.time() + number * 1e-6
                insert(
                    db, run, spec, grp=group, name=first_name(spec), owner=owner, created=created, steps=steps,
                    layout=json.dumps(asdict(layout)) if layout else "",
                )  # fmt: skip
        return ids

    def begin(
        self, spec: RunSpec, layout: Layout, *, name: str, group: str, steps: int, versions: Mapping[str, Any]
    ) -> Claim:
        """Begin a run that the calling process carries out itself; no worker will take it. ``name`` "": its first name."""
        run, now = uuid.uuid4().hex[:12], time.time()
        with self.transaction() as db:
            insert(
                db, run, spec, grp=group, name=name or first_name(spec), owner="", data_hash="", status="running", attempt=1,
                created=now, started=now, steps=steps, versions=json.dumps(dict(versions)),
                layout=json.dumps(asdict(layout)),
            )  # fmt: skip
        return Claim(self, self.run(run))

    def _rows(self, group: str | None, limit: int) -> Iterator[Run | Unreadable]:
        seen, values = self._seen
        query = f"SELECT {COLUMNS} FROM runs WHERE {seen}"
        if group is not None:
            return map(read, self.db.execute(f"{query} AND grp = ? ORDER BY created LIMIT ?", (*values, group, limit)))
        return map(read, self.db.execute(f"{query} ORDER BY created DESC LIMIT ?", (*values, limit)))

    def runs(self, group: str | None = None, limit: int = 10_000) -> list[Run]:
        """All runs, newest first, or those of a group in order of creation; without those that are `unreadable`."""
        return [row for row in self._rows(group, limit) if isinstance(row, Run)]

    def unreadable(self) -> list[Unreadable]:
        """The runs that can't be read, newest first: a broken row, or one that a newer version wrote."""
        return [row for row in self._rows(None, 10_000) if isinstance(row, Unreadable)]

    def run(self, run: str) -> Run:
        """One run. Raises StoreError where there is none of that id that who asks sees, or it can't be read."""
        seen, values = self._seen
        row = self.db.execute(f"SELECT {COLUMNS} FROM runs WHERE id = ? AND {seen}", (run, *values)).fetchone()
        if row is None:
            raise StoreError(f"There is no run {run}; it may have been deleted.")
        parsed = read(row)
        if isinstance(parsed, Unreadable):
            raise StoreError(parsed.sentence)
        return parsed

    def series(self, run: str, metric: str, after: int = 0) -> Series:
        """Steps (N,) and values (N,) or (N, K) of a metric, those past step ``after``."""
        rows = self.db.execute(
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
            metrics = [r[0] for r in self.db.execute("SELECT DISTINCT name FROM points WHERE run = ?", (run,))]
        series = {name: values for name in metrics if len((values := self.series(run, name))[0])}
        info = {"created": row.created, "note": row.note, "progress": row.progress, **row.versions}
        return Record(
            run, row.spec, row.status, row.name, row.step, row.steps, row.message, row.result, info, series, row.layout
        )

    def want(self, run: str, what: str) -> None:
        """Want a run to "run" (also: go on, resume), "pause" or "stop". A queued run that is to stop is stopped at once.

        A run of the user's own loop goes its own way: no worker takes it up.
        """
        with self._change(run) as db:
            db.execute("UPDATE runs SET wanted = ?, wanted_step = 0 WHERE id = ?", (what, run))
            if what == "run":
                marks = ", ".join("?" * len(RESUMABLE))
                db.execute(
                    f"UPDATE runs SET status = 'queued', message = '' WHERE id = ? AND kind != 'watch' AND status IN ({marks})",
                    (run, *RESUMABLE),
                )
            else:
                db.execute(
                    "UPDATE runs SET status = 'stopped' WHERE id = ? AND status = 'queued' AND ? = 'stop'", (run, what)
                )

    def want_step(self, run: str) -> None:
        """Want one more step of a run that is paused."""
        with self._change(run) as db:
            db.execute("UPDATE runs SET wanted = 'pause', wanted_step = step + 1 WHERE id = ?", (run,))

    def rename(self, run: str, name: str) -> None:
        """Call a run otherwise."""
        with self._change(run) as db:
            db.execute("UPDATE runs SET name = ? WHERE id = ?", (name.strip() or run, run))

    def set_note(self, run: str, note: str) -> None:
        """Keep a note with a run."""
        with self._change(run) as db:
            db.execute("UPDATE runs SET note = ? WHERE id = ?", (note, run))

    def share(self, run: str, shared: bool) -> None:
        """Let others of a class see a run, or not."""
        with self._change(run) as db:
            db.execute("UPDATE runs SET shared = ? WHERE id = ?", (shared, run))

    def delete(self, run: str) -> None:
        """Delete a run with all that was measured and saved; its worker, if any, stops by itself. Cannot be undone.

        The files go first: on a full disk that makes room for the transaction.
        """
        if self.may_change(run):
            self._delete_files(run)
        with self._change(run) as db:
            for table, column in (("points", "run"), ("checkpoints", "run"), ("runs", "id")):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (run,))
        self._delete_files(run)  # what its worker saved meanwhile

    def _delete_files(self, run: str) -> None:
        for folder in CHECKPOINTS:
            shutil.rmtree(self.home / folder / run, ignore_errors=True)

    def checkpoints(self, run: str, full: bool | None = None) -> list[Saved]:
        """A run's checkpoints, oldest first."""
        rows = self.db.execute("SELECT * FROM checkpoints WHERE run = ? ORDER BY step, full", (run,)).fetchall()
        saved = [self._saved(row) for row in rows]
        return [s for s in saved if full is None or s.full == full]

    def checkpoints_by_run(self) -> dict[str, list[Saved]]:
        """Every run's checkpoints, each run's oldest first, from one query; a run without any is not in it."""
        rows = self.db.execute("SELECT * FROM checkpoints ORDER BY run, step, full")
        return {run: [*map(self._saved, of_run)] for run, of_run in groupby(rows, key=lambda row: row["run"])}

    def _saved(self, row: sqlite3.Row) -> Saved:
        path = self.home / row["path"]
        return Saved(row["run"], row["step"], row["epoch"], bool(row["full"]), path, row["bytes"], row["sha256"])

    def checkpoint_bytes(self) -> int:
        """Bytes of all checkpoints."""
        return self.db.execute("SELECT coalesce(sum(bytes), 0) FROM checkpoints").fetchone()[0]

    def disk_use(self) -> int:
        """Bytes of checkpoints and points."""
        return self.checkpoint_bytes() + sum(file.stat().st_size for file in self.home.glob("runs.sqlite*"))

    def prune(self, cap: float) -> int:
        """Delete the oldest checkpoints of runs that have ended until their sum is at most ``cap`` bytes; returns bytes freed.

        Weights for looking back go first, then full states; the last full state of a run is always kept. Files that no row knows
        any more, which killed workers left, go too.
        """
        self._sweep()
        marks = ", ".join("?" * len(LIVE))
        rows = self.db.execute(
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
            remove(self.home / row["path"])  # first: a full disk has no room for the row's change
            with self.transaction(reserve=True) as db:
                db.execute(
                    "DELETE FROM checkpoints WHERE run = ? AND step = ? AND full = ?",
                    (row["run"], row["step"], row["full"]),
                )
            freed += row["bytes"]
        self.keep_reserve()
        return freed

    def _sweep(self) -> None:
        """Delete files of checkpoints without a row; not those of runs at work, whose worker writes the file before the row."""
        files = [file for folder in CHECKPOINTS for file in (self.home / folder).glob("*/*")]
        # Asked after the files, so that whatever was written before has its row.
        marks = ", ".join("?" * len(LIVE))
        live = {row["id"] for row in self.db.execute(f"SELECT id FROM runs WHERE status IN ({marks})", LIVE)}
        known = {self.home / row["path"] for row in self.db.execute("SELECT path FROM checkpoints")}
        for file in files:
            if file not in known and file.parent.name not in live:
                remove(file)

    def forget(self, seconds: float) -> None:
        """Delete the runs that were queued longer ago than so many seconds, of a demo, whose runs are promised to go."""
        for row in self.db.execute("SELECT id FROM runs WHERE created < ?", (time.time() - seconds,)).fetchall():
            self.delete(row["id"])

    def speeds(self, limit: int = 50) -> list[tuple[RunSpec, float]]:
        """Specs and measured images per second of the last trainings, newest first: what a new one may expect."""
        rows = self.db.execute(
            f"SELECT {COLUMNS} FROM runs WHERE kind = 'train' AND step > 8 ORDER BY started DESC LIMIT ?", (limit,)
        ).fetchall()
        speeds = []
        for run in map(read, rows):
            recent = self.db.execute(
                "SELECT value FROM points WHERE run = ? AND name = 'speed' ORDER BY step DESC LIMIT 64", (run.id,)
            ).fetchall()
            if recent and isinstance(run, Run):
                speeds.append((run.spec, float(np.median(np.frombuffer(b"".join(r[0] for r in recent), np.float32)))))
        return speeds
