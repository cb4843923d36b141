"""Workers and servers killed at any moment: no point is lost or changed, the status tells it, what is resumed ends the same."""

import io
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch

from resnet_viz.runs import presence
from resnet_viz.runs.events import Checkpoint, Point
from resnet_viz.runs.schema import CHECKPOINTS
from resnet_viz.runs.store import Store
from resnet_viz.train.job import run as train
from resnet_viz.workers import engine
from tests.faults.servers import start_server
from tests.processes import SMALL, until

SPEC = replace(SMALL, train=replace(SMALL.train, epochs=30))  # 240 steps, some seconds


def alive(pid: int) -> bool:
    """Whether a process runs; one that was killed and not yet reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))


def in_hands(store: Store, run: str) -> bool:
    """Whether a worker that lives carries the run out, or it is done; resumes it where it was lost."""
    row = store.run(run)
    if row.resumable:
        store.want(run, "run")
    return row.status == "finished" or (row.status == "running" and row.step > 2 and told(store, [run]))


def told(store: Store, runs: list[str]) -> bool:
    """Whether no run is said to go on whose worker is gone."""
    at_work = {run: pid for pid, run in presence.workers(store).items() if run}
    return all(store.run(run).status != "running" or (run in at_work and alive(at_work[run])) for run in runs)


def orphans(store: Store) -> set[str]:
    known = {saved.path for of_run in store.checkpoints_by_run().values() for saved in of_run}
    return {str(file) for folder in CHECKPOINTS for file in (store.home / folder).glob("*/*") if file not in known}


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost(tmp_path, request) -> None:
    """A third of the kills each of the worker, of the server, of both."""
    rounds = request.config.getoption("--faults")
    undisturbed = list(train(SPEC))
    losses = np.array(
        [e.values["loss"] for e in undisturbed if isinstance(e, Point) and "loss" in e.values], np.float32
    )
    weights = torch.load(
        io.BytesIO([e for e in undisturbed if isinstance(e, Checkpoint) and e.full][-1].data), weights_only=True
    )["model"]
    store, rng = Store(tmp_path / "runs"), random.Random(0)
    targets = ["worker", "server", "both"] * rounds
    rng.shuffle(targets)
    server, runs, ended, slowest = start_server(store), [], [], 0.0
    try:
        while targets or runs:
            if not runs:
                runs = engine.start(store, [SPEC])
            run = runs[0]
            until(lambda run=run: in_hands(store, run), 120)
            if store.run(run).status != "finished" and targets:
                time.sleep(rng.uniform(0, 1.0))
                seen = store.series(run, "loss")
                pids = [pid for pid, has in presence.workers(store).items() if has == run]
                target = targets.pop()
                for pid in pids if target != "server" else ():
                    kill(pid)
                if target != "worker":
                    server.kill()
                    server.wait()
                    server = start_server(store)
                at = time.monotonic()
                assert store.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
                after = store.series(run, "loss")
                assert [a[: len(b)].tolist() for a, b in zip(after, seen, strict=True)] == [b.tolist() for b in seen]
                until(lambda run=run: told(store, [run]))
                slowest = max(slowest, time.monotonic() - at)
            if store.run(run).status == "finished":
                np.testing.assert_array_equal(store.series(run, "loss")[1], losses)
                saved = torch.load(store.checkpoints(run, full=True)[-1].path, weights_only=True)["model"]
                assert all(torch.equal(saved[name], weights[name]) for name in weights)
                ended.append(store.run(runs.pop(0)).attempt)
    finally:
        server.kill()
        server.wait()
    print(f"{3 * rounds} kills, {len(ended)} runs in {sum(ended)} attempts; status true after {slowest:.1f} s at most")
    assert slowest < 10
    until(lambda: not presence.workers(store), 60)
    store.prune(1e9)
    assert orphans(store) == set()


@pytest.mark.slow
def test_two_servers_on_one_store_keep_the_cap_and_one_follows_the_other(tmp_path, request) -> None:
    if request.config.getoption("--faults") < 2:
        pytest.skip("half a minute: make faults")
    store = Store(tmp_path / "runs")
    servers = [start_server(store, spares=0, cap=2)]
    until((store.home / "supervisor.lock").exists)
    servers.append(start_server(store, spares=0, cap=2))
    try:
        runs = engine.start(store, [SPEC] * 5)
        most, killed = 0, False
        while any(store.run(run).status != "finished" for run in runs):
            presence.mark_lost(store)
            most = max(most, store.busy())
            lost = [run.id for run in store.runs() if run.resumable]
            for run in lost:
                store.want(run, "run")
            if not killed and sum(store.run(run).status == "finished" for run in runs) >= 1:
                holder = servers.pop(0)  # the first, whose workers these are: the other goes on
                holder.kill()
                holder.wait()
                killed = True
            time.sleep(0.05)
    finally:
        for server in servers:
            server.kill()
            server.wait()
    assert most == 2
