"""States that can't be read: the run goes on from the one before, or begins again, ends with the same weights, and says so."""

from dataclasses import replace

import numpy as np
import pytest

from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.job import run
from resnet_viz.workers import worker

pytestmark = pytest.mark.usefixtures("one_thread")
SPEC = RunSpec(
    ModelSpec(depth=8, channels=1, size=8, width=0.25),
    DataSpec(limit=64),
    TrainSpec(steps=8, batch_size=16, device="cpu", threads=1),
)
DAMAGE = {
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "zeroed": lambda content: bytes(len(content)),
    "garbage": lambda content: np.random.default_rng(0).bytes(len(content)),
    "one bit": lambda content: content[:-900] + bytes([content[-900] ^ 1]) + content[-899:],
}


def stopped(store: Store, spec: RunSpec = SPEC) -> str:
    """A run that was stopped behind two full states, at steps 3 and 6."""
    (id_,) = store.create([(spec, 8)])
    claim = store.claim("a")
    events, ask = run(spec), None
    while True:
        event = events.send(ask)
        ask = None
        match type(event).__name__:
            case "Point":
                claim.write([event])
                if event.step == 7:
                    break
                ask = "checkpoint" if event.step in (3, 6) else None
            case "Checkpoint":
                claim.save(event)
    events.close()
    claim.end("stopped")
    return id_


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> np.ndarray:
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    (id_,) = store.create([(SPEC, 8)])
    claim = store.claim("a")
    worker.carry_out(store, claim, worker.train(claim))
    return store.series(id_, "loss")[1]


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize(("damaged", "words"), [(1, "It went on from step 3."), (2, "It began again.")])
def test_a_state_that_can_not_be_read_is_skipped_and_that_is_said(tmp_path, undisturbed, kind, damaged, words) -> None:
    store = Store(tmp_path / "home")
    id_ = stopped(store)
    for saved in store.checkpoints(id_, full=True)[-damaged:]:
        saved.path.write_bytes(DAMAGE[kind](saved.path.read_bytes()))
    store.want(id_, "run")
    claim = store.claim("b")
    worker.carry_out(store, claim, worker.train(claim))
    done = store.run(id_)
    assert done.status == "finished"
    assert "checkpoint of step 6 is damaged" in done.message
    assert done.message.endswith(words)
    assert np.array_equal(store.series(id_, "loss")[1], undisturbed)


def test_another_runs_state_is_not_gone_on_from(tmp_path, undisturbed) -> None:
    store = Store(tmp_path / "home")
    one, other = stopped(store), stopped(store, replace(SPEC, train=replace(SPEC.train, seed=1)))
    (*_, mine), (*_, theirs) = (store.checkpoints(id_, full=True) for id_ in (one, other))
    mine.path.write_bytes(theirs.path.read_bytes())
    store.want(one, "run")
    claim = store.claim("b")
    worker.carry_out(store, claim, worker.train(claim))
    assert "damaged" in store.run(one).message
    assert np.array_equal(store.series(one, "loss")[1], undisturbed)
