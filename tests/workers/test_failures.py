"""How a run ends that fails or diverges: in one sentence, with what was measured until then."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from resnet_viz.runs.claim import Claim
from resnet_viz.runs.events import Point, Result, Status
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import SpecError
from resnet_viz.workers import worker
from tests.processes import SMALL, claimed, counting


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SpecError("Depth 55 is not 6n+2."), "Depth 55 is not 6n+2."),
        (OSError(28, "No space left on device"), "The disk is full"),
        (MemoryError(), "Out of memory"),
        (KeyError("x"), "KeyError"),
    ],
)
def test_a_job_that_fails_says_so_in_a_sentence_and_keeps_its_curves(store, error, words) -> None:
    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        raise error

    claim = claimed(store)
    worker.carry_out(store, claim, job)
    failed = store.run(claim.run.id)
    assert failed.status == "failed"
    assert words in failed.message
    assert "Traceback" not in failed.message
    assert len(store.series(claim.run.id, "loss")[0]) == 1


def test_what_was_measured_up_to_a_failure_is_kept(store) -> None:
    def job(spec, resume):
        for step in range(1, 9):
            yield Point(step, {"loss": float(step)})
        raise RuntimeError("first line\nsecond line")

    claim = claimed(store)
    worker.carry_out(store, claim, job)
    assert store.series(claim.run.id, "loss")[0].tolist() == list(range(1, 9))
    assert "first line" in store.run(claim.run.id).message
    assert "second line" not in store.run(claim.run.id).message


def test_a_full_database_fails_the_run_and_it_goes_on_once_there_is_room(store) -> None:
    total = 20_000

    def limit(pages: int) -> None:
        store.db.execute(f"PRAGMA max_page_count = {pages}")

    def job(spec, resume):
        for event in counting(total)(spec, resume):
            if isinstance(event, Point) and event.step == 1:
                limit(store.db.execute("PRAGMA page_count").fetchone()[0])
            yield event

    claim = claimed(store, total)
    worker.carry_out(store, claim, job)
    failed = store.run(claim.run.id)
    assert failed.status == "failed"
    assert failed.message.startswith("The disk is full")
    limit(10**6)
    store.want(claim.run.id, "run")
    worker.carry_out(store, store.claim("w"), counting(total))
    assert store.run(claim.run.id).status == "finished"
    assert store.series(claim.run.id, "loss")[0].tolist() == list(range(1, total + 1))


def test_a_failure_is_said_as_soon_as_it_can_be_written(store, monkeypatch) -> None:
    """A disk so full that not even the run's row fits: said once there is room again."""
    end, refused = Claim.end, []

    def full_at_first(*arguments) -> None:
        if len(refused) < 3:
            refused.append(arguments)
            raise sqlite3.OperationalError("database or disk is full")
        end(*arguments)

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Claim, "end", full_at_first)
    claim = claimed(store)
    worker.carry_out(store, claim, job)
    assert len(refused) == 3
    assert store.run(claim.run.id).message.startswith("The disk is full")


def test_a_setting_that_is_no_number_ends_the_run_with_a_sentence(store, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_CHECKPOINT_SECONDS", "abc")
    claim = claimed(store)
    worker.carry_out(store, claim, counting(3))
    assert store.run(claim.run.id).message.startswith("RESNET_VIZ_CHECKPOINT_SECONDS=abc is not a number")


@pytest.mark.parametrize(("error", "traceback"), [(SpecError("Depth 55 is not 6n+2."), False), (KeyError("x"), True)])
def test_a_bug_is_logged_with_its_traceback_and_a_users_mistake_without(store, caplog, error, traceback) -> None:
    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        raise error

    claim = claimed(store)
    with caplog.at_level("INFO"):
        worker.carry_out(store, claim, job)
    assert ("Traceback" in caplog.text) == traceback
    assert (str(store.home / "logs") in store.run(claim.run.id).message) == traceback


@pytest.mark.parametrize("how", ["a full checkpoint is due", "a stop is wanted"])
def test_a_run_that_diverges_where_a_state_is_asked_for_keeps_its_diagnosis(store, monkeypatch, how) -> None:
    wild = replace(SMALL, train=replace(SMALL.train, lr=1e9))
    monkeypatch.setenv("RESNET_VIZ_CHECKPOINT_SECONDS", "0" if how == "a full checkpoint is due" else "1000")
    monkeypatch.setattr(worker, "WRITE_EVERY", 0.0)
    run = store.create([(wild, 64)])[0]
    claim = store.claim("w")

    def job(spec, resume):
        events = worker.train(claim)(spec, resume)
        ask = None
        with closing(events):
            while True:
                event = events.send(ask)
                if how == "a stop is wanted" and isinstance(event, Point) and not np.isfinite(event.values["loss"]):
                    store.want(run, "stop")
                ask = yield event

    worker.carry_out(store, claim, job)
    ended = store.run(run)
    assert ended.status == "diverged"
    assert "a learning rate of 1e+09 is too high" in ended.message
    assert store.series(run, "loss")[0][-1] == ended.step


@pytest.mark.parametrize("other", [Status("validation images", 1, 2), Point(2, {"loss": 2.0})])
def test_whatever_comes_instead_of_a_state_that_was_asked_for_is_written(store, monkeypatch, other) -> None:
    monkeypatch.setenv("RESNET_VIZ_CHECKPOINT_SECONDS", "0")

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        yield other
        yield Result("finished", {})

    claim = claimed(store)
    worker.carry_out(store, claim, job)
    assert store.run(claim.run.id).status == "finished"
