"""A process that is stopped inside a transaction holds up everybody: pages say so, workers wait, and nothing is lost."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from resnet_viz.errors import UserError
from resnet_viz.runs.events import Point
from resnet_viz.runs.schema import WAIT
from resnet_viz.runs.store import Store
from resnet_viz.train.job import run as train
from tests.apps import unrun
from tests.faults.test_kills import SPEC
from tests.processes import start_process, until

SLEEPER = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("BEGIN IMMEDIATE")
os.kill(os.getpid(), signal.SIGSTOP)
db.execute("ROLLBACK")
db.close()
"""


@pytest.mark.slow
def test_stopped_inside_a_transaction(tmp_path) -> None:
    store = Store()
    (run,) = store.create([(SPEC, 240)])
    worker = start_process(store)
    until(lambda: store.run(run).step > 3)
    sleeper = subprocess.Popen([sys.executable, "-c", SLEEPER, str(store.path)])
    try:
        os.waitpid(sleeper.pid, os.WUNTRACED)
        begun = time.monotonic()
        with pytest.raises(UserError, match="Another process is writing"):
            store.rename(run, "another name")
        assert time.monotonic() - begun < WAIT + 3
        at = unrun("twins").run()
        at.button(key="train").click().run()
        assert not at.exception
        assert any("Another process is writing" in e.value for e in at.error)
        assert store.run(run).status == "running"
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(30) == 0
        until(lambda: store.run(run).status == "finished")
    finally:
        for process in (sleeper, worker):
            process.kill()
            process.wait()
    losses = [e.values["loss"] for e in train(SPEC) if isinstance(e, Point) and "loss" in e.values]
    np.testing.assert_array_equal(store.series(run, "loss")[1], np.array(losses, np.float32))
