"""The database file of runs: its tables, how it is opened, and how one from an older version is brought up to date.

One SQLite file in WAL mode is the only channel between pages and workers; files of checkpoints lie beside it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from resnet_viz import settings
from resnet_viz.errors import UserError
from resnet_viz.files import remove
from resnet_viz.spec.upgrade import METRICS

# Where a run's checkpoints lie, below home; version 1 wrote to the second, and its files stay there, where their rows say.
CHECKPOINTS = ("checkpoints", "snapshots")

# Bytes of a file that a full disk gives up to what makes room there, or changes a line: deleting, pruning, stopping, renaming.
RESERVE = 1 << 20
# So many seconds a page or command waits for another process that is writing: a transaction takes milliseconds.
WAIT = 5.0

log = logging.getLogger("resnet_viz.runs")

_TABLES = """
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
"""


def _tables(db: sqlite3.Connection) -> None:
    """Version 1."""
    for statement in filter(str.strip, _TABLES.split(";")):
        db.execute(statement)


def _fields_words(db: sqlite3.Connection) -> None:
    """Version 2: the field's words for what was recorded; a run's layout; why workers can't start.

    Specs stay as they were written: `from_json` reads every version. A result that is no JSON stays, and its run is unreadable.
    """
    db.execute("ALTER TABLE snapshots RENAME TO checkpoints")
    db.execute("ALTER TABLE runs ADD COLUMN layout TEXT NOT NULL DEFAULT ''")
    db.execute("CREATE TABLE complaints (sentence TEXT NOT NULL)")
    for old, new in METRICS.items():
        db.execute("UPDATE points SET name = ? WHERE name = ?", (new, old))
    for run, text in db.execute("SELECT id, result FROM runs").fetchall():
        try:
            result = json.loads(text)
            renamed = {METRICS.get(name, name): value for name, value in result.items()}
        except (ValueError, AttributeError):
            continue
        db.execute("UPDATE runs SET result = ? WHERE id = ?", (json.dumps(renamed), run))


def _hashes(db: sqlite3.Connection) -> None:
    """Version 3: each checkpoint's SHA-256, "" for those from before."""
    db.execute("ALTER TABLE checkpoints ADD COLUMN sha256 TEXT NOT NULL DEFAULT ''")


def _sharing(db: sqlite3.Connection) -> None:
    """Version 4: whether others of a class see a run."""
    db.execute("ALTER TABLE runs ADD COLUMN shared INTEGER NOT NULL DEFAULT 0")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_tables, _fields_words, _hashes, _sharing)


class StoreError(UserError):
    """What can't be done with a run, in one sentence."""


class StoreFault(StoreError, sqlite3.Error):
    """What SQLite could not do, in one sentence that says what to do."""


@contextmanager
def faults(home: Path) -> Iterator[None]:
    """What SQLite raises inside, as a StoreFault."""
    try:
        yield
    except StoreFault:
        raise
    except sqlite3.Error as error:
        raise StoreFault(_fault(str(error), home)) from error


def _fault(words: str, home: Path) -> str:
    if "locked" in words or "busy" in words:
        return f"Another process is writing to the runs in {home} and does not come to an end; try again in a moment."
    if "full" in words:
        return f"The disk is full: free some space below {home}, or delete runs on Runs."
    if "malformed" in words or "not a database" in words or "corrupt" in words:
        return (
            f"The runs in {home} are damaged ({words}): save what can be read with sqlite3 runs.sqlite .recover, put a backup in "
            "its place, or set RESNET_VIZ_HOME to another folder."
        )
    return f"Runs can't be kept in {home} ({words}); set RESNET_VIZ_HOME to a folder you can write to."


def default_home() -> Path:
    """Where runs are kept: RESNET_VIZ_HOME, else ./runs."""
    return Path(os.environ.get("RESNET_VIZ_HOME") or "runs").resolve()


class _Connection(sqlite3.Connection):
    """A connection that is closed when it is dropped: with the thread that it is of, or with its Database."""

    def __del__(self) -> None:
        with suppress(sqlite3.Error):  # one that could not be opened
            self.close()


class Database:
    """The database below one folder. Safe to share between threads: each has its own connection.

    Opening one of an older version copies it to "runs.sqlite.vN", whole or not at all, before it is changed. Raises StoreError
    where the folder can't be written to, or the database is damaged or from a newer version. ``wait``: so many seconds for
    another process that is writing.
    """

    def __init__(self, home: Path | None = None, wait: float = WAIT) -> None:
        self.home, self.wait = (Path(home) if home else default_home()), wait
        self._local = threading.local()
        # What this process knows of others' heartbeats: see `presence`.
        self.heard: dict[str, dict[str, tuple[float, float]]] = {}
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with faults(self.home):
                self._migrate()
        except OSError as error:
            raise StoreError(_fault(str(error), self.home)) from error

    @property
    def path(self) -> Path:
        """The database file."""
        return self.home / "runs.sqlite"

    @property
    def db(self) -> sqlite3.Connection:
        """This thread's connection; outside of `transaction` each statement is one of its own."""
        db = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(
                self.path, timeout=self.wait, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            db.row_factory = sqlite3.Row
            try:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
            except sqlite3.Error:
                db.close()
                raise
            self._local.db = db
        return db

    def close(self) -> None:
        """Close this thread's connection."""
        if db := getattr(self._local, "db", None):
            db.close()
            self._local.db = None

    @contextmanager
    def transaction(self, reserve: bool = False) -> Iterator[sqlite3.Connection]:
        """All that is written inside, or, where an error leaves it, nothing. ``reserve``: it may use the room kept for it."""
        with faults(self.home):
            if reserve and shutil.disk_usage(self.home).free < RESERVE:
                remove(self.home / "reserve")
            db = self.db
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.commit()
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    db.rollback()
                raise

    def keep_reserve(self) -> None:
        """Keep room for transactions that may use it, where the disk has some to spare."""
        reserve = self.home / "reserve"
        if not reserve.exists() and shutil.disk_usage(self.home).free > 16 * RESERVE:
            reserve.write_bytes(bytes(RESERVE))

    def _migrate(self) -> None:
        if self._version() < len(MIGRATIONS):
            with self.transaction() as db:
                version = self._version()  # another process may have been first
                if 0 < version < len(MIGRATIONS):
                    self._back_up(version)
                for number in range(version, len(MIGRATIONS)):
                    MIGRATIONS[number](db)
                    db.execute(f"PRAGMA user_version = {number + 1}")
        if self._version() > len(MIGRATIONS):
            raise StoreError(
                f"The runs in {self.home} are from a newer version of ResNet Viz; update it, or set RESNET_VIZ_HOME elsewhere."
            )

    def _version(self) -> int:
        return self.db.execute("PRAGMA user_version").fetchone()[0]

    def _back_up(self, version: int) -> None:
        """Copy the database as it was before the transaction that is open: a second connection sees just that."""
        copy = self.home / f"{self.path.name}.v{version}"
        part = copy.with_name(f"{copy.name}.part")
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
        with part.open("r+b") as file:  # Windows brings to the disk only what may be written
            os.fsync(file.fileno())
        part.replace(copy)
        log.warning("the runs in %s are brought up to this version; as they were, they are kept in %s", self.home, copy)


def disk_cap() -> float:
    """Bytes that checkpoints may take: RESNET_VIZ_DISK_GB, else 5 GB; at 0 only last states stay. Workers prune to it."""
    return 1e9 * settings.number("RESNET_VIZ_DISK_GB", 5)
