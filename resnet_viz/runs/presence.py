"""Which worker processes live: each says so every second. What falls silent is lost; what can't start is complained of.

A heartbeat is a number that grows. Whoever asks watches whether it does, by a clock of its own that nobody sets: the time of day
may jump.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from time import monotonic

from resnet_viz.runs.schema import Database

# A worker's heartbeat comes each second; after so many seconds of silence it counts as gone.
SILENCE = 6.0


def _silence(database: Database, table: str, rows: Sequence[sqlite3.Row]) -> dict[str, float]:
    """Id → for how many seconds its heartbeat has been the same, as far as this process has watched."""
    known, now = database.heard.get(table, {}), monotonic()
    heard = {
        row["id"]: known[row["id"]] if known.get(row["id"], (None,))[0] == row["heartbeat"] else (row["heartbeat"], now)
        for row in rows
    }
    database.heard[table] = heard
    return {id_: now - since for id_, (_, since) in heard.items()}


def hello(database: Database, worker: str, pid: int, run: str = "") -> None:
    """Say that a worker process lives, and which run it has ("" while idle). So workers can start: complaints are over."""
    with database.transaction() as db:
        db.execute(
            "INSERT INTO workers VALUES (?, ?, ?, 1)"
            " ON CONFLICT (id) DO UPDATE SET run = excluded.run, heartbeat = heartbeat + 1",
            (worker, pid, run),
        )
        db.execute("DELETE FROM complaints")


def goodbye(database: Database, worker: str) -> None:
    """Say that a worker process leaves."""
    database.db.execute("DELETE FROM workers WHERE id = ?", (worker,))


def workers(database: Database) -> dict[int, str]:
    """Process ids of the workers that live, and the run each has ("" while idle). Who was killed is among them for SILENCE."""
    rows = database.db.execute("SELECT id, pid, run, heartbeat FROM workers").fetchall()
    silence = _silence(database, "workers", rows)
    return {row["pid"]: row["run"] for row in rows if silence[row["id"]] <= SILENCE}


def mark_lost(database: Database) -> list[str]:
    """Mark the runs whose worker has fallen silent as lost; returns their ids. Only who asks again and again finds any.

    They wait to be resumed by somebody; a worker that only slept, and was not superseded, goes on and says so itself.
    """
    runs = database.db.execute("SELECT id, heartbeat FROM runs WHERE status IN ('running', 'paused')").fetchall()
    workers = database.db.execute("SELECT id, heartbeat FROM workers").fetchall()
    of_runs, of_workers = _silence(database, "runs", runs), _silence(database, "workers", workers)
    silent = [row for row in runs if of_runs[row["id"]] > SILENCE]
    gone = [row for row in workers if of_workers[row["id"]] > 10 * SILENCE]
    if not (silent or gone):
        return []
    lost = []
    with database.transaction() as db:
        for row in silent:
            lost += db.execute(
                "UPDATE runs SET status = 'lost', message ="
                " CASE kind WHEN 'watch' THEN 'The script that trains this network fell silent: it was killed, or crashed.' ELSE"
                " 'The worker of this run fell silent (killed, or out of memory); resume it to go on from its last checkpoint.'"
                " END WHERE id = ? AND heartbeat = ? AND status IN ('running', 'paused') RETURNING id",
                (row["id"], row["heartbeat"]),
            ).fetchall()
        db.executemany("DELETE FROM workers WHERE id = ? AND heartbeat = ?", [tuple(row) for row in gone])
    return [row["id"] for row in lost]


def complain(database: Database, sentence: str) -> None:
    """Keep why workers can't start, for those who wait for one."""
    with database.transaction() as db:
        db.execute("DELETE FROM complaints")
        db.execute("INSERT INTO complaints VALUES (?)", (sentence,))


def complaint(database: Database) -> str:
    """Why workers can't start, in one sentence; "" where they can, or where none was tried yet."""
    row = database.db.execute("SELECT sentence FROM complaints").fetchone()
    return row[0] if row else ""
