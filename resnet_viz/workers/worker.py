"""A worker process: takes a run, turns its job's events into rows, does what is wanted, and takes the next.

`python -m resnet_viz work` imports torch, trains one dummy step and waits: from then on a click starts training at once.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import platform
import signal
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator
from typing import Any

from resnet_viz import __version__, labs
from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.runs.events import Checkpoint, Event, Point, Result, Status
from resnet_viz.runs.store import Run, Store, Superseded, Wanted, disk_cap
from resnet_viz.spec.run import RunSpec

Job = Callable[[RunSpec, bytes | None], Generator[Event, str | None, None]]

# Seconds between transactions, between looks for work or a change of mind, and between full checkpoints.
WRITE_EVERY, LOOK_EVERY = 0.25, 0.05
CHECKPOINT_EVERY = float(os.environ.get("RESNET_VIZ_CHECKPOINT_SECONDS", "10"))
# So long a stop waits for a step whose state can be saved.
STOP_WITHIN = 1.0
# So long a worker tries to say that its run failed.
PATIENCE = 600.0
# An idle worker outlives the process that started it by so many seconds.
LINGER = 8.0

log = logging.getLogger("resnet_viz.worker")


class Stop(Exception):
    """The run is to stop; its state has been saved."""


class _Heart:
    """Beats from its own thread and connection while a worker lives, so that a slow step is not a dead worker."""

    def __init__(self, store: Store, worker: str) -> None:
        self.store, self.worker = store, worker
        self.run: Run | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> _Heart:
        self.store.hello(self.worker, os.getpid())
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(sqlite3.Error):
            self.store.goodbye(self.worker)

    def _beat(self) -> None:
        while not self._stop.wait(1):
            run = self.run
            # A locked or full database is the writer's to report.
            with contextlib.suppress(sqlite3.Error, Superseded):
                self.store.hello(self.worker, os.getpid(), run.id if run else "")
                if run:
                    self.store.beat(run.id, run.attempt)
        self.store.close()


def carry_out(store: Store, run: Run, job: Job, asked_to_leave: Callable[[], bool] = lambda: False) -> None:
    """Carry out one claimed run: its events to the store, its wants from there, to whatever end.

    Raises Superseded where another worker has taken the run, or somebody deleted it.
    """
    # Where the last state's file is gone, an older one, or the start, leads to the same points.
    saved = [s for s in store.checkpoints(run.id, full=True) if s.path.exists()]
    events = job(run.spec, saved[-1].path.read_bytes() if saved else None)
    try:
        _follow(store, run, events, asked_to_leave)
    except Stop:
        store.end(run.id, run.attempt, "stopped")
    except Superseded:
        raise
    except Exception as error:
        log.exception("run %s failed", run.id)
        _fail(store, run, _sentence(error, store), asked_to_leave)
    finally:
        events.close()


def _fail(store: Store, run: Run, sentence: str, asked_to_leave: Callable[[], bool]) -> None:
    """Say that a run failed: on a full disk as soon as there is room. After PATIENCE the heart's silence tells."""
    since = time.monotonic()
    while True:
        try:
            return store.end(run.id, run.attempt, "failed", sentence)
        except sqlite3.Error:
            if asked_to_leave() or time.monotonic() - since > PATIENCE:
                return
            time.sleep(LOOK_EVERY)


def _follow(
    store: Store, run: Run, events: Generator[Event, str | None, None], asked_to_leave: Callable[[], bool]
) -> None:
    points: list[Point] = []
    word: Status | None = None
    saves = run.spec.lab is None  # a lab is short, and begins again where it was stopped
    written = 0.0
    snapped = time.monotonic()
    stopping = 0.0
    wanted = Wanted("run", 0)

    def write(status: str = "running") -> Wanted:
        nonlocal word, written
        wanted = store.write(run.id, run.attempt, points, status, word)
        points.clear()
        word, written = None, time.monotonic()
        return Wanted("stop", 0) if asked_to_leave() else wanted

    while True:
        try:
            event = next(events)
        except StopIteration:
            raise RuntimeError("the job ended without a result") from None
        except Exception:
            write()  # what was measured until then
            raise
        if isinstance(event, Status):
            word = event
        elif isinstance(event, Point):
            points.append(event)
        elif isinstance(event, Checkpoint):
            write()
            store.save(run.id, run.attempt, event)
            if event.full:
                snapped = time.monotonic()
        elif isinstance(event, Result):
            write()
            return store.end(run.id, run.attempt, event.status, event.message, event.values)
        # One that is paused and may go one step further is looked at after that step.
        if wanted.what == "run" and time.monotonic() - written < WRITE_EVERY:
            continue
        wanted = write()
        if wanted.what == "run" and (not saves or time.monotonic() - snapped < CHECKPOINT_EVERY):
            continue
        if wanted.what == "stop" and not saves:
            raise Stop
        stopping = (stopping or time.monotonic()) if wanted.what == "stop" else 0.0
        if not isinstance(event, Point):
            # Only at a step can the state be saved; where the next is long in coming, the last checkpoint must do.
            if stopping and time.monotonic() - stopping > STOP_WITHIN:
                raise Stop
            continue
        while wanted.what == "pause" and wanted.step <= event.step:
            time.sleep(LOOK_EVERY)
            wanted = write("paused")
        if saves and (wanted.what == "stop" or time.monotonic() - snapped >= CHECKPOINT_EVERY):
            checkpoint = events.send("checkpoint")
            assert isinstance(checkpoint, Checkpoint)
            store.save(run.id, run.attempt, checkpoint)
            snapped = time.monotonic()
            if wanted.what == "stop":
                raise Stop


def _sentence(error: Exception, store: Store) -> str:
    """What went wrong, for the user."""
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or "disk is full" in str(error):
        return f"The disk is full: free some space below {store.home} (or prune checkpoints on Runs), then resume this run."
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "can't allocate" in str(error):
        return "Out of memory: choose a smaller batch, width or depth, then train again."
    if isinstance(error, UserError):
        return str(error)
    first = next(iter(str(error).splitlines()), "").rstrip(".")
    return f"{type(error).__name__}: {first}. The full story is in {store.home / 'logs'}."


def train(run: Run, store: Store) -> Job:
    """The training job, its spec resolved for this machine and stored so before the first step."""

    def job(spec: RunSpec, saved: bytes | None) -> Generator[Event, str | None, None]:
        from resnet_viz.train import job as training

        spec = training.resolve(catalogue.fill(spec))
        store.resolve(run.id, run.attempt, spec, catalogue.total_steps(spec), _versions(spec))
        yield from training.run(spec, saved)

    return job


def lab(run: Run, store: Store) -> Job:
    """The job of a run's lab: its networks loaded, its steps counted and its spec resolved before the first of them."""

    def job(spec: RunSpec, saved: bytes | None) -> Generator[Event, str | None, None]:
        import torch

        from resnet_viz.nets import refs, weights
        from resnet_viz.train import job as training

        spec = training.resolve(spec)
        assert spec.lab
        module = labs.module(spec.kind)
        torch.set_num_threads(spec.train.threads)
        nets = [weights.load(refs.find(ref, store)) for ref in spec.lab.networks]
        store.resolve(run.id, run.attempt, spec, module.steps(spec, nets), _versions(spec))
        yield from module.run(spec, nets)

    return job


def _versions(spec: RunSpec) -> dict[str, Any]:
    """With what a run is made."""
    import torch

    return {
        "resnet_viz": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "device": torch.cuda.get_device_name() if spec.train.device == "cuda" else spec.train.device,
    }


def work(store: Store, parent: int) -> None:
    """Wait for runs and carry them out, until the process ``parent``, which started this one, is gone (or a signal says so)."""
    from resnet_viz.train.job import warm

    leave = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leave.set())
    signal.signal(signal.SIGINT, lambda *_: leave.set())
    gone = None
    worker = uuid.uuid4().hex[:12]
    warm()
    with _Heart(store, worker) as heart:
        while not leave.is_set():
            # An orphan is given a new parent, by the kernel, the moment its parent ends.
            if os.getppid() != parent:
                gone = gone or time.monotonic()
                if time.monotonic() - gone > LINGER:
                    break
            run = store.claim(worker)
            if run is None:
                time.sleep(LOOK_EVERY)
                continue
            heart.run = run
            try:
                carry_out(store, run, (lab if run.spec.lab else train)(run, store), leave.is_set)
            except Superseded:
                log.info("run %s was superseded or deleted", run.id)
            heart.run = None
            store.prune(disk_cap())
            store.hello(worker, os.getpid())


def main(store: Store, parent: int | None = None) -> int:
    """`python -m resnet_viz work`; ``parent`` is told by who started it, for it may be gone before this line is reached."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    work(store, parent or os.getppid())
    return 0
