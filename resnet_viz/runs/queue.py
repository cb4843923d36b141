"""The queue of runs: which wait, how many are at work, and which a worker is given."""

from __future__ import annotations

import math
import time

from resnet_viz.files import remove
from resnet_viz.runs.claim import Claim
from resnet_viz.runs.record import LIVE
from resnet_viz.runs.rows import COLUMNS, Run, Unreadable, read
from resnet_viz.runs.schema import CHECKPOINTS, Database


class Queue(Database):
    """The runs below one folder, as those see them that carry them out."""

    def under_way(self, owner: str | None = None) -> int:
        """How many runs wait or go on, of one owner or of all."""
        marks = ", ".join("?" * len(LIVE))
        return self.db.execute(
            f"SELECT count(*) FROM runs WHERE status IN ({marks}) AND kind != 'watch' AND (? IS NULL OR owner = ?)",
            (*LIVE, owner, owner),
        ).fetchone()[0]

    def waiting(self) -> int:
        """How many runs wait for a worker."""
        return self.db.execute("SELECT count(*) FROM runs WHERE status = 'queued' AND wanted != 'stop'").fetchone()[0]

    def busy(self) -> int:
        """How many runs workers have, whoever started them; those that are paused too."""
        query = "SELECT count(*) FROM runs WHERE kind != 'watch' AND status IN ('running', 'paused')"
        return self.db.execute(query).fetchone()[0]

    def claim(self, worker: str, most: float = math.inf) -> Claim | None:
        """Give the oldest run that waits to a worker; None where none waits, or ``most`` are at work already.

        What was measured after the run's last full checkpoint is forgotten: it will come again. A run that can't be read fails.
        """
        while self.waiting() and self.busy() < most:
            with self.transaction() as db:
                if self.busy() >= most:  # another was first
                    break
                row = db.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE status = 'queued' AND wanted != 'stop' ORDER BY created LIMIT 1"
                ).fetchone()
                if row is None:
                    break
                run, now, parsed = row["id"], time.time(), read(row)
                if isinstance(parsed, Unreadable):
                    db.execute("UPDATE runs SET status = 'failed', message = ? WHERE id = ?", (parsed.reason, run))
                    continue
                last = db.execute("SELECT max(step) FROM checkpoints WHERE run = ? AND full", (run,)).fetchone()[0] or 0
                db.execute("DELETE FROM points WHERE run = ? AND step > ?", (run, last))
                db.execute("DELETE FROM checkpoints WHERE run = ? AND step > ?", (run, last))
                db.execute(
                    "UPDATE runs SET status = 'running', attempt = attempt + 1, heartbeat = heartbeat + 1, step = ?,"
                    " started = coalesce(started, ?), progress = '' WHERE id = ?",
                    (last, now, run),
                )
                db.execute("UPDATE workers SET run = ? WHERE id = ?", (run, worker))
            # With the forgotten rows go their files, and what a killed worker left half-written.
            rows = self.db.execute("SELECT path FROM checkpoints WHERE run = ?", (run,))
            known = {self.home / row["path"] for row in rows}
            for folder in CHECKPOINTS:
                for file in (self.home / folder / run).glob("*"):
                    if file not in known:
                        remove(file)
            claimed = read(self.db.execute(f"SELECT {COLUMNS} FROM runs WHERE id = ?", (run,)).fetchone())
            assert isinstance(claimed, Run)
            return Claim(self, claimed)
        return None
