"""What tests of workers share: a run of a second, a worker process, and waiting for what must come."""

import os
import subprocess
import sys
import time

from resnet_viz.runs.events import Checkpoint, Point, Result
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec

SMALL = RunSpec(
    model=ModelSpec(depth=8),
    data=DataSpec(limit=256),
    train=TrainSpec(batch_size=32, epochs=8, device="cpu", dtype="float32", threads=1),
)


# A process that is started with it ends with this one: the other end is open as long as this process lives.
TIE, _OTHER_END = os.pipe()


def until(what, seconds: float = 90):
    """Wait for a condition; returns its value."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
    return found


def start_process(store: Store) -> subprocess.Popen:
    environment = os.environ | {"RESNET_VIZ_HOME": str(store.home), "RESNET_VIZ_CHECKPOINT_SECONDS": "0.1"}
    return subprocess.Popen(
        [sys.executable, "-m", "resnet_viz", "work", "--tied"],
        env=environment,
        stdin=TIE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def counting(total: int, seconds: float = 0.0):
    """A job whose state is its step: loss n at step n."""

    def job(spec, resume):
        for step in range(int(resume or 0) + 1, total + 1):
            time.sleep(seconds)
            if (yield Point(step, {"loss": float(step)})) == "checkpoint":
                yield Checkpoint(step, 0, True, str(step).encode())
        yield Result("finished", {"steps": total})

    return job


def claimed(store: Store, steps: int = 50):
    store.create([(SMALL, steps)])
    return store.claim("w")
