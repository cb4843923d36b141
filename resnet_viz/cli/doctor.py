"""`doctor`: what this machine has, and whether a run would start."""

from __future__ import annotations

import argparse
import os
import platform
import time
from typing import Any

from resnet_viz import __version__, settings
from resnet_viz.data import catalogue, download
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec


def add_parser(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("doctor", help="what this machine has, and whether a run would start")
    command.set_defaults(call=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Say what this machine has, and whether a run would start."""
    store = Store()
    print(f"ResNet Viz {__version__}, Python {platform.python_version()}, {platform.platform()}")
    import torch

    from resnet_viz.train import job

    spec = job.resolve(catalogue.fill(RunSpec()))
    print(f"torch {torch.__version__}; {settings.cores()} cores, at most {settings.workers()} runs at once")
    print(f"device {spec.train.device}, dtype {spec.train.dtype}")
    started = time.perf_counter()
    job.warm()
    print(f"a first run warms up in {time.perf_counter() - started:.1f} s; after it, clicks start at once")
    probe = store.home / f".probe-{os.getpid()}"
    probe.write_text("")
    probe.unlink()
    print(f"runs are kept in {store.home} ({store.disk_use() / 1e6:.1f} MB), data in {catalogue.home()}")
    for name, facts in catalogue.BUILT_IN.items():
        print(f"  {facts.label}: {'ready' if download.available(name) else 'to be downloaded'}")
    return 0
