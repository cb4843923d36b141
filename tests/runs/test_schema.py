"""The database file: opened, migrated whole or not at all, backed up before, refused in a sentence."""

import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from resnet_viz.runs import schema
from resnet_viz.runs.schema import StoreError, disk_cap
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from tests.old_store import unpacked


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


def test_a_migration_comes_whole_or_not_at_all(store, monkeypatch) -> None:
    (run,) = store.create([(RunSpec(), 1)])
    first = schema.MIGRATIONS

    def half(db) -> None:
        db.execute("ALTER TABLE runs ADD COLUMN extra TEXT")
        db.execute("SELECT nonsense")

    monkeypatch.setattr(schema, "MIGRATIONS", (*first, half))
    with pytest.raises(StoreError, match="nonsense"):
        Store(store.home)

    def state() -> tuple[int, bool]:
        with closing(sqlite3.connect(store.home / "runs.sqlite")) as db:
            columns = [row[1] for row in db.execute("PRAGMA table_info(runs)")]
            return db.execute("PRAGMA user_version").fetchone()[0], "extra" in columns

    assert state() == (len(first), False)
    monkeypatch.setattr(schema, "MIGRATIONS", (*first, lambda db: db.execute("ALTER TABLE runs ADD COLUMN extra TEXT")))
    assert Store(store.home).run(run).spec == RunSpec()
    assert state() == (len(first) + 1, True)


def test_a_home_that_cannot_be_written_is_said_in_a_sentence(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="set RESNET_VIZ_HOME"):
        Store(tmp_path / "file")


def test_a_store_from_a_newer_version_is_refused_in_a_sentence(store) -> None:
    store.db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer version"):
        Store(store.home)


def rows(path: Path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT id, spec, result FROM runs ORDER BY created").fetchall()


def test_a_migration_keeps_the_file_as_it_was_and_says_so_once(tmp_path, caplog) -> None:
    home = unpacked(tmp_path)
    before = rows(home / "runs.sqlite")
    with caplog.at_level(logging.WARNING):
        Store(home)
        Store(home)
    assert rows(home / "runs.sqlite.v1") == before
    with closing(sqlite3.connect(home / "runs.sqlite.v1")) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert [str(home / "runs.sqlite.v1") in message for message in caplog.messages] == [True]
    assert not list(home.glob("*.part"))


def test_processes_that_open_it_at_once_migrate_it_once(tmp_path, caplog) -> None:
    home = unpacked(tmp_path)
    before = rows(home / "runs.sqlite")
    with ThreadPoolExecutor(4) as pool, caplog.at_level(logging.WARNING):
        stores = list(pool.map(lambda _: Store(home), range(4)))
    assert all(len(store.runs()) == len(before) for store in stores)
    assert len(caplog.messages) == 1
    assert rows(home / "runs.sqlite.v1") == before


def test_without_a_whole_backup_nothing_is_migrated(tmp_path, monkeypatch) -> None:
    home = unpacked(tmp_path)
    before = rows(home / "runs.sqlite")

    def full(_) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(schema.os, "fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            Store(home)
    assert not (home / "runs.sqlite.v1").exists()
    with closing(sqlite3.connect(home / "runs.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
    assert rows(home / "runs.sqlite") == before
    assert len(Store(home).runs()) == len(before)


def test_what_a_writer_left_in_the_log_is_in_the_backup(tmp_path) -> None:
    """The write-ahead log of a process that still runs is no part of the file itself: a copied file would miss it."""
    home = unpacked(tmp_path)
    with closing(sqlite3.connect(home / "runs.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE runs SET name = 'only in the log'")
        Store(home).close()
        with closing(sqlite3.connect(home / "runs.sqlite.v1")) as backup:
            assert {name for (name,) in backup.execute("SELECT name FROM runs")} == {"only in the log"}


@pytest.mark.parametrize(("value", "cap"), [("", 5e9), ("0", 0.0), ("0.5", 5e8)])
def test_the_cap_on_checkpoints_is_what_the_environment_says(monkeypatch, value, cap) -> None:
    monkeypatch.setenv("RESNET_VIZ_DISK_GB", value)
    assert disk_cap() == cap
