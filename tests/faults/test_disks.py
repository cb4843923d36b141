"""A disk full to the last byte, and one that can't be written to: a sentence, nothing lost, and what makes room works there."""

from tests.faults.disks import BEGIN, run_on

FULL = """
ids = store.create([(RunSpec(), 9)] * 3)
claim = store.claim("w")
claim.write([Point(1, {"loss": 1.0})])
claim.save(Checkpoint(1, 0, True, bytes(1 << 20)))
store.prune(1e9)
fill()

try:
    while True:
        store.create([(RunSpec(), 1)] * 100)
except UserError as error:
    assert "disk is full" in str(error), error
else:
    raise AssertionError("nothing was refused")
fill()
# None of these has files of its own, which would make room.
store.rename(ids[1], "another name")
store.set_note(ids[1], "a note")
store.want(ids[1], "stop")
store.delete(ids[2])
fill()
store.delete(ids[0])
assert [run.id for run in store.runs() if run.id in ids] == [ids[1]]
assert (store.run(ids[1]).name, store.run(ids[1]).note, store.run(ids[1]).status) == ("another name", "a note", "stopped")
(home / "other").unlink()
store.prune(1e9)
assert (store.home / "reserve").exists() == (shutil.disk_usage(home).free > 16 << 20)
assert whole()
"""

SAVING = """
(id_,) = store.create([(RunSpec(), 9)])
claim = store.claim("w")
for step in (1, 2):
    claim.write([Point(step, {"loss": float(step)})])
    claim.save(Checkpoint(step, 0, True, bytes(1 << 20)))
store.prune(1e9)
fill()
try:
    claim.save(Checkpoint(3, 0, True, bytes(1 << 20)))
except OSError:
    pass
else:
    raise AssertionError("nothing was refused")
(home / "other").unlink()
assert [saved.step for saved in store.checkpoints(id_)] == [1, 2]
assert sorted(file.name for file in (store.home / "checkpoints" / id_).iterdir()) == ["00000001.full.1.pt", "00000002.full.1.pt"]
claim.save(Checkpoint(3, 0, True, b"3"))
assert store.series(id_, "loss")[1].tolist() == [1.0, 2.0]
assert whole()
"""

READ_ONLY = """
import subprocess
store.create([(RunSpec(), 1)])
store.close()
subprocess.run(["mount", "-o", "remount,ro", home], check=True)
os.environ["RESNET_VIZ_HOME"] = str(home / "runs")
from tests.apps import unrun
for page in ("twins", "runs", "explain"):
    at = unrun(page).run(timeout=60)
    said = " ".join(e.value for e in at.error)
    assert not at.exception and "bug" not in said and "set RESNET" in said.replace("\\\\", ""), (page, at.exception, said)
"""


def test_on_a_full_disk_runs_are_renamed_stopped_and_deleted(tmp_path) -> None:
    run_on(tmp_path / "disk", BEGIN + FULL, "32m")


def test_a_checkpoint_that_does_not_fit_leaves_nothing_behind(tmp_path) -> None:
    run_on(tmp_path / "disk", BEGIN + SAVING)


def test_a_store_that_can_only_be_read_is_said_on_pages(tmp_path) -> None:
    run_on(tmp_path / "disk", BEGIN + READ_ONLY)


TRAINING = """
import threading
import numpy as np
from resnet_viz.train.job import run as train
from resnet_viz.workers import worker
from tests.processes import SMALL

(id_,) = store.create([(SMALL, 64)])
os.environ["RESNET_VIZ_CHECKPOINT_SECONDS"] = "0.1"

def full_from(step, job):
    def inner(spec, resume):
        for event in job(spec, resume):
            yield event
            if isinstance(event, Point) and event.step == step:
                fill()
                threading.Timer(1.0, (home / "other").unlink).start()
    return inner

claim = store.claim("w")
worker.carry_out(store, claim, full_from(20, worker.train(claim)))
failed = store.run(id_)
assert failed.status == "failed" and failed.message.startswith("The disk is full"), failed
store.want(id_, "run")
claim = store.claim("w")
worker.carry_out(store, claim, worker.train(claim))
assert store.run(id_).status == "finished", store.run(id_)
losses = [e.values["loss"] for e in train(SMALL) if isinstance(e, Point) and "loss" in e.values]
assert store.series(id_, "loss")[1].tolist() == np.array(losses, np.float32).tolist()
assert whole()
"""


def test_a_training_on_a_disk_that_fills_goes_on_when_it_is_freed(tmp_path) -> None:
    run_on(tmp_path / "disk", BEGIN + TRAINING, "16m")
