"""A server without pages: it starts workers for a store and watches them, as the app does."""

import os
import subprocess
import sys

from resnet_viz.runs.store import Store

CODE = """
import sys, time
from pathlib import Path
from resnet_viz.runs.store import Store
from resnet_viz.workers import engine
engine.SPARES_AFTER = 0.0
engine.supervise(Store(Path(sys.argv[1])), spares=int(sys.argv[2]))
time.sleep(3600)
"""


def start_server(store: Store, spares: int = 2, cap: int = 2) -> subprocess.Popen:
    """A process that supervises a store; its workers leave when it ends, once they are idle."""
    environment = os.environ | {"RESNET_VIZ_CHECKPOINT_SECONDS": "0.1", "RESNET_VIZ_WORKERS": str(cap)}
    command = [sys.executable, "-c", CODE, str(store.home), str(spares)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
