"""A store that can't be used: each page says what is wrong with it and what to do, and no page breaks."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from resnet_viz.runs.schema import default_home
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from tests.apps import unrun

PAGES = ("twins", "inside", "explain", "runs", "gradients", "lesions", "landscape", "sweeps")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    """Tables of another program, without a version."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE runs (id TEXT)")


def zeroed(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(bytes(100) + whole[100:])


def malformed(path: Path) -> None:
    """All pages but the first blanked."""
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))


def a_file_in_place_of_the_folder(path: Path) -> None:
    for file in path.parent.glob("*"):
        file.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file")


BAD: dict[str, tuple[Callable[[Path], object], bool, str]] = {
    "newer": (newer, True, "newer version"),
    "another program's": (foreign, False, "RESNET_VIZ_HOME"),
    "zeroed header": (zeroed, True, ".recover"),
    "malformed page": (malformed, True, ".recover"),
    "no folder": (a_file_in_place_of_the_folder, True, "RESNET_VIZ_HOME"),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", BAD)
def test_a_store_that_can_not_be_used_is_said_on_every_page(kind, page) -> None:
    spoil, made, words = BAD[kind]
    default_home().mkdir(parents=True)
    path = default_home() / "runs.sqlite"
    if made:
        store = Store()
        store.create([(RunSpec(), 10)] * 20)
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
    spoil(path)
    at = unrun(page).run()
    assert not at.exception
    said = [e.value.replace("\\", "").replace("\u2060", "") for e in at.error]
    assert not [e for e in said if "This is a bug" in e]
    if page != "gradients" or said:
        assert any(words in e for e in said), said
