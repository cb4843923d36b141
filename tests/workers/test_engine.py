"""The engine: workers are started, kept warm and watched, and leave with whoever started them."""

import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from resnet_viz import settings
from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.runs import presence
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train import job
from resnet_viz.workers import engine, worker
from tests.processes import SMALL, until


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


@pytest.mark.slow
def test_the_engine_keeps_workers_warm_runs_what_is_queued_and_they_leave_with_it(store, monkeypatch) -> None:
    """In a process of its own, for a supervisor lives as long as its process."""
    code = (
        "import sys, time; from pathlib import Path; from resnet_viz.workers import engine\n"
        "from resnet_viz.runs.store import Store\n"
        f"s = Store(Path({str(store.home)!r})); engine.supervise(s); engine.BUSY_WITHIN = 3.0\n"
        "engine.visit(); sys.stdin.readline(); engine.AWAY = 0.0; sys.stdin.readline(); engine.visit(); engine.AWAY = 99.0\n"
        "time.sleep(600)"
    )
    environment = os.environ | {"RESNET_VIZ_WORKERS": "4"}
    server = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, env=environment, text=True)
    try:
        until(lambda: len(presence.workers(store)) == 1)
        long = replace(SMALL, train=replace(SMALL.train, epochs=1000))
        ids = engine.start(store, [long, long.twin()])
        until(lambda: all(store.run(run).step for run in ids))  # at once, so by two workers
        for run in ids:
            store.want(run, "stop")
        until(lambda: all(store.run(run).status == "stopped" for run in ids))
        until(lambda: len(presence.workers(store)) == 1)  # the others have left, for nothing runs
        print(file=server.stdin, flush=True)  # nobody visits any more
        until(lambda: not presence.workers(store))
        run = engine.start(store, [SMALL])[0]  # from the command line, say
        until(lambda: store.run(run).status == "finished")
        until(lambda: not presence.workers(store))
        print(file=server.stdin, flush=True)  # somebody comes
        until(lambda: len(presence.workers(store)) == 1)
    finally:
        server.kill()
        server.wait()
        server.stdin.close()
    until(lambda: not presence.workers(store), 40)


def test_how_many_workers_wait_warm(store, monkeypatch) -> None:
    """One, two while runs go on, none where nobody visits or the machine is small, unless the environment says so."""
    children = engine.Children(store)
    monkeypatch.setattr(settings, "memory", lambda: 8e9)
    monkeypatch.setattr(engine, "_visited", -math.inf)
    assert children.warm() == 0
    engine.visit()
    assert children.warm() == 1
    children.busy_at = time.monotonic()
    assert children.warm() == 2
    monkeypatch.setattr(settings, "memory", lambda: 3.9e9)
    assert children.warm() == 0
    monkeypatch.setenv("RESNET_VIZ_SPARES", "3")
    assert children.warm() == 3
    monkeypatch.setattr(engine, "AWAY", -1.0)
    assert children.warm() == 0


def test_memory_is_the_machines_or_its_containers(monkeypatch) -> None:
    machine = int(Path("/proc/meminfo").read_text().split()[1]) * 1024 if Path("/proc/meminfo").exists() else None
    if machine:
        assert 0 < settings.memory() <= machine * 1.001
    monkeypatch.setattr(Path, "read_text", lambda _path, **_options: "1000000000\n")
    assert settings.memory() == 1e9
    monkeypatch.setattr(Path, "read_text", lambda _path, **_options: "max\n")
    monkeypatch.delattr(engine.os, "sysconf")  # Windows
    assert settings.memory() == math.inf


def test_a_time_is_that_of_the_same_kind_of_net_with_its_evaluations_or_unknown(store, monkeypatch) -> None:
    """The digits: 1,350 images to train on, 150 to validate on, 297 to test on; 11 steps of 128 an epoch."""
    spec = catalogue.fill(RunSpec(train=TrainSpec(epochs=2)))
    monkeypatch.setattr(store, "speeds", lambda: [(spec, 1000.0), (spec, 9e9), (spec, 1.0)])
    images = 22 * 128 + (2 * (150 + 1024) + 1024 + 297) / 3
    assert engine.expected_seconds(store, [spec]) == pytest.approx(images / 1000), (
        "the median, whatever one run met with"
    )
    assert engine.expected_seconds(store, [spec.twin()]) == pytest.approx(images / 1000)
    left = 5 * 128 + (150 + 1024 + 1024 + 297) / 3
    assert engine.run_seconds(spec, 1000, 22, 17) == pytest.approx(left / 1000)
    other = replace(spec, model=replace(spec.model, depth=20))
    assert engine.expected_seconds(store, [other]) is None


@pytest.mark.parametrize("workers", ["0", "1"])
def test_at_least_one_worker_may_run(store, monkeypatch, workers) -> None:
    monkeypatch.setenv("RESNET_VIZ_WORKERS", workers)
    assert settings.workers() == 1
    assert len(engine.start(store, [SMALL, SMALL.twin()])) == 2


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 2)])
def test_a_training_has_as_many_threads_alone_as_beside_its_twin(store, monkeypatch, cores, threads) -> None:
    monkeypatch.setattr(settings, "cores", lambda: cores)
    spec = replace(SMALL, train=replace(SMALL.train, threads=0))
    pair, alone, many = (engine.start(store, specs) for specs in ([spec, spec.twin()], [spec], [spec] * 8))
    resolved = {job.resolve(store.run(run).spec).train.threads for run in (*pair, *alone, *many)}
    assert resolved == {threads}
    assert job.resolve(SMALL).train.threads == SMALL.train.threads, "what was chosen stays"


def test_a_run_in_a_pair_and_alone_ends_in_the_very_same_weights(store, tmp_path) -> None:
    spec = RunSpec(ModelSpec(depth=8), train=TrainSpec(steps=12))
    other = Store(tmp_path / "other")
    ends = []
    for place, specs in ((store, [spec, spec.twin()]), (other, [spec])):
        (run, *_) = engine.start(place, specs)
        claim = place.claim("w")
        worker.carry_out(place, claim, worker.train(claim))
        ends.append(torch.load(place.checkpoints(run, full=True)[-1].path, weights_only=True)["model"])
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_worker_that_cannot_start_is_complained_of_and_not_started_over_and_over(
    store, tmp_path, monkeypatch, capfd
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torch.py").write_text("raise ImportError('a torch that does not load')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    engine.start(store, [SMALL])
    children = engine.Children(store)
    children.keep(0)
    assert presence.complaint(store) == ""
    (child,) = children.children
    child.process.wait(90)
    children.keep(0)
    assert children.children == []
    complaint = presence.complaint(store)
    assert "ImportError: a torch that does not load" in complaint
    assert str(child.log) in complaint
    assert complaint in capfd.readouterr().err
    monkeypatch.setattr(engine, "PAUSE", 0.0)
    children.paused_until = 0.0
    children.keep(0)
    (child,) = children.children
    child.process.kill()
    child.process.wait()
    child.process.stdin.close()
    presence.hello(store, "one that can", 1)
    assert presence.complaint(store) == ""


def test_a_worker_that_is_killed_before_it_is_warm_is_complained_of(store) -> None:
    """By the kernel, on a machine without memory, say; one killed at its work has a lost run, which says so."""
    engine.start(store, [SMALL])
    children = engine.Children(store)
    for greets in (False, True):
        children.spawn()
        child = children.children[-1]
        if greets:
            presence.hello(store, "w", child.process.pid)
            children.keep(0)
        child.process.kill()
        child.process.wait()
        children.keep(0)
        assert ("killed by SIGKILL" in presence.complaint(store)) == (not greets)


def test_a_number_of_workers_that_is_none_is_said_in_a_sentence(store, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_WORKERS", "abc")
    with pytest.raises(UserError, match="RESNET_VIZ_WORKERS=abc is not a number"):
        engine.start(store, [SMALL])
    assert store.runs() == []
