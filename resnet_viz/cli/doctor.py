"""`doctor`: what this machine has, and whether a run would start."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import time
from typing import Any

from resnet_viz import __version__, settings
from resnet_viz.data import catalogue, download
from resnet_viz.runs import presence
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
    fine = say_of_store(store)
    say_of_workers(store)
    print(f"data in {catalogue.home()}")
    for name, facts in catalogue.BUILT_IN.items():
        print(f"  {facts.label}: {'ready' if download.available(name) else 'to be downloaded'}")
    return 0 if fine else 1


def say_of_store(store: Store) -> bool:
    """Where runs are kept, whether they are whole, and how much room there is; returns whether nothing is wrong."""
    probe = store.home / f".probe-{os.getpid()}"
    probe.write_text("")
    probe.unlink()
    free = shutil.disk_usage(store.home).free
    print(f"runs are kept in {store.home}: {store.disk_use() / 1e6:.1f} MB, {free / 1e9:.1f} GB free on that disk")
    said = [row[0] for row in store.db.execute("PRAGMA integrity_check(3)")]
    missing = [s.path for of_run in store.checkpoints_by_run().values() for s in of_run if not s.path.exists()]
    wrong = (
        [] if said == ["ok"] else [f"  the database is damaged: {'; '.join(said)}; save what can be read with .recover"]
    )
    wrong += [f"  {len(missing)} checkpoints have lost their files, such as {missing[0]}"] if missing else []
    wrong += [f"  {row.sentence}" for row in store.unreadable()]
    print("\n".join(wrong) if wrong else f"  {len(store.runs())} runs, all whole")
    return not wrong


def say_of_workers(store: Store) -> None:
    """Which workers live: those that say so within the time that a heartbeat takes."""
    query = "SELECT id, heartbeat FROM workers"
    before = {row["id"]: row["heartbeat"] for row in store.db.execute(query)}
    time.sleep(1.5)
    alive = [row["id"] for row in store.db.execute(query) if before.get(row["id"]) != row["heartbeat"]]
    print(f"  {len(alive)} workers live, {store.busy()} runs at work, {store.waiting()} wait")
    if sentence := presence.complaint(store):
        print(f"  {sentence}")
