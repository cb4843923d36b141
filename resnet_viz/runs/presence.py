"""Which worker processes live: each says so every second. What falls silent is lost; what can't start is complained of."""

from __future__ import annotations

import time

from resnet_viz.runs.schema import Database

# A worker's heartbeat comes each second; after so many seconds of silence it counts as gone.
SILENCE = 6.0


def hello(database: Database, worker: str, pid: int, run: str = "") -> None:
    """Say that a worker process lives, and which run it has ("" while idle). So workers can start: complaints are over."""
    with database.transaction() as db:
        db.execute("INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?)", (worker, pid, run, time.time()))
        db.execute("DELETE FROM complaints")


def goodbye(database: Database, worker: str) -> None:
    """Say that a worker process leaves."""
    database.db.execute("DELETE FROM workers WHERE id = ?", (worker,))


def workers(database: Database) -> dict[int, str]:
    """Process ids of the workers that live, and the run each has ("" while idle)."""
    rows = database.db.execute("SELECT pid, run FROM workers WHERE heartbeat > ?", (time.time() - SILENCE,))
    return {row["pid"]: row["run"] for row in rows}


def mark_lost(database: Database) -> list[str]:
    """Mark the runs whose worker has fallen silent as lost; returns their ids.

    They wait to be resumed by somebody; a worker that only slept, and was not superseded, goes on and says so itself.
    """
    with database.transaction() as db:
        rows = db.execute(
            "UPDATE runs SET status = 'lost', message ="
            " CASE kind WHEN 'watch' THEN 'The script that trains this network fell silent: it was killed, or crashed.' ELSE"
            " 'The worker of this run fell silent (killed, or out of memory); resume it to go on from its last checkpoint.' END"
            " WHERE status IN ('running', 'paused') AND heartbeat < ? RETURNING id",
            (time.time() - SILENCE,),
        ).fetchall()
        db.execute("DELETE FROM workers WHERE heartbeat < ?", (time.time() - 10 * SILENCE,))
    return [row["id"] for row in rows]


def complain(database: Database, sentence: str) -> None:
    """Keep why workers can't start, for those who wait for one."""
    with database.transaction() as db:
        db.execute("DELETE FROM complaints")
        db.execute("INSERT INTO complaints VALUES (?)", (sentence,))


def complaint(database: Database) -> str:
    """Why workers can't start, in one sentence; "" where they can, or where none was tried yet."""
    row = database.db.execute("SELECT sentence FROM complaints").fetchone()
    return row[0] if row else ""
