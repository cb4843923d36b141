"""A worker process: claims a run, turns its job's events into rows, does what is wanted, and claims the next.

`python -m resnet_viz work` imports torch, trains one dummy step and waits: from then on a click starts training at once.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator

from resnet_viz import labs, settings
from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.runs import presence
from resnet_viz.runs.claim import Claim, Superseded, versions
from resnet_viz.runs.events import Checkpoint, Event, Point, Result, Status
from resnet_viz.runs.rows import Wanted, content
from resnet_viz.runs.schema import StoreError, disk_cap
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec

Job = Callable[[RunSpec, bytes | None], Generator[Event, str | None, None]]

# Seconds between transactions, and between looks for work or a change of mind.
WRITE_EVERY, LOOK_EVERY = 0.25, 0.05
# So long a stop waits for a step whose state can be saved.
STOP_WITHIN = 1.0
# So long a worker tries to say that its run failed.
PATIENCE = 600.0

log = logging.getLogger("resnet_viz.worker")


class Stop(Exception):
    """The run is to stop; its state has been saved."""


class _Heart:
    """Beats from its own thread and connection while a worker lives, so that a slow step is not a dead worker."""

    def __init__(self, store: Store, worker: str) -> None:
        self.store, self.worker = store, worker
        self.claim: Claim | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> _Heart:
        presence.hello(self.store, self.worker, os.getpid())
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(sqlite3.Error):
            presence.goodbye(self.store, self.worker)

    def _beat(self) -> None:
        while not self._stop.wait(1):
            claim = self.claim
            # A locked or full database is the writer's to report.
            with contextlib.suppress(sqlite3.Error, Superseded):
                presence.hello(self.store, self.worker, os.getpid(), claim.run.id if claim else "")
                if claim:
                    claim.beat()
        self.store.close()


def carry_out(store: Store, claim: Claim, job: Job, asked_to_leave: Callable[[], bool] = lambda: False) -> None:
    """Carry out one claimed run: its events to the store, its wants from there, to whatever end.

    A UserError ends it as "failed" with that sentence; any other error is logged with its traceback, and the sentence says where.
    Raises Superseded where another worker has taken the run, or somebody deleted it.
    """
    state, said = _state(store, claim)
    events = job(claim.run.spec, state)
    try:
        _follow(claim, events, asked_to_leave, said)
    except Stop:
        claim.end("stopped")
    except Superseded:
        raise
    except Exception as error:
        if isinstance(error, UserError):
            log.info("run %s failed: %s", claim.run.id, error)
        else:
            log.exception("run %s failed", claim.run.id)
        _fail(claim, _sentence(error, store), asked_to_leave)
    finally:
        events.close()


def _state(store: Store, claim: Claim) -> tuple[bytes | None, str]:
    """The last state of a run that can be read, None for its start; and in a sentence what could not be.

    An older one, or the start, leads to the same points.
    """
    said = ""
    for saved in reversed(store.checkpoints(claim.run.id, full=True)):
        try:
            return content(saved), said and f"{said} It went on from step {saved.step:,}."
        except StoreError as error:
            log.warning("run %s: %s", claim.run.id, error)
            said = said or str(error)
    return None, said and f"{said} It began again."


def _fail(claim: Claim, sentence: str, asked_to_leave: Callable[[], bool]) -> None:
    """Say that a run failed: on a full disk as soon as there is room. After PATIENCE the heart's silence tells."""
    since = time.monotonic()
    while True:
        try:
            return claim.end("failed", sentence)
        except sqlite3.Error:
            if asked_to_leave() or time.monotonic() - since > PATIENCE:
                return
            time.sleep(LOOK_EVERY)


def _follow(
    claim: Claim, events: Generator[Event, str | None, None], asked_to_leave: Callable[[], bool], said: str = ""
) -> None:
    """Write a job's events until its Result, and obey. Raises Stop where the run was stopped, and what the job raises.

    ``said``: what there is to say of the run besides, at its first step and at its end.
    """
    every = settings.number("RESNET_VIZ_CHECKPOINT_SECONDS", 10)  # between full checkpoints
    points: list[Point] = []
    progress = Status(said) if said else None
    saves = claim.run.spec.lab is None  # a lab is short, and begins again where it was stopped
    written, saved, stopping = 0.0, time.monotonic(), 0.0
    wanted = Wanted("run", 0)
    ask: str | None = None  # what the job is told with its next turn

    def write(status: str = "running") -> Wanted:
        nonlocal progress, written
        wanted = claim.write(points, status, progress)
        points.clear()
        progress, written = None, time.monotonic()
        return Wanted("stop", 0) if asked_to_leave() else wanted

    while True:
        try:
            event = events.send(ask)
        except StopIteration:
            raise RuntimeError("the job ended without a result") from None
        except Exception:
            write()  # what was measured until then
            raise
        asked, ask = ask, None
        if isinstance(event, Status):
            progress = event
        elif isinstance(event, Point):
            points.append(event)
        elif isinstance(event, Checkpoint):
            write()
            claim.save(event)
            if event.full:
                saved = time.monotonic()
                if asked and wanted.what == "stop":
                    raise Stop
        elif isinstance(event, Result):
            write()
            return claim.end(event.status, " ".join(filter(None, (said, event.message))), event.values)
        # One that is paused and may go one step further is looked at after that step.
        if wanted.what == "run" and time.monotonic() - written < WRITE_EVERY:
            continue
        wanted = write()
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
        if saves and (wanted.what == "stop" or time.monotonic() - saved >= every):
            # The job's next event is a full Checkpoint, or, where the run has just left the finite numbers, its Result.
            ask = "checkpoint"


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


def train(claim: Claim) -> Job:
    """The training job, its spec resolved for this machine and stored so before the first step."""

    def job(spec: RunSpec, saved: bytes | None) -> Generator[Event, str | None, None]:
        from resnet_viz.train import job as training

        spec = training.resolve(catalogue.fill(spec))
        claim.resolve(spec, catalogue.total_steps(spec), versions(spec.train.device))
        yield from training.run(spec, saved)

    return job


def lab(claim: Claim, store: Store) -> Job:
    """The job of a run's lab: its networks loaded, its steps counted and its spec resolved before the first of them."""

    def job(spec: RunSpec, saved: bytes | None) -> Generator[Event, str | None, None]:
        from resnet_viz.train import job as training

        spec = training.resolve(spec)
        steps, events = labs.begin(spec, store)
        claim.resolve(spec, steps, versions(spec.train.device))
        yield from events

    return job


def work(store: Store, tied: bool = False) -> None:
    """Wait for runs and carry them out, until a signal says to leave.

    ``tied``: to whoever started this process, who holds the other end of its standard input; once that is closed, or its owner
    gone, however that came, it carries out what it has begun and leaves. (No signal and no process id says so on every system.)
    Raises UserError where the environment sets what can't be.
    """
    cap = disk_cap()
    with contextlib.suppress(sqlite3.Error, OSError):  # a full disk is said where a run meets it
        store.prune(cap)
    from resnet_viz.train.job import warm

    leave = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leave.set())
    signal.signal(signal.SIGINT, lambda *_: leave.set())
    worker = uuid.uuid4().hex[:12]
    warm()
    untied = threading.Event()

    def hold_on() -> None:
        os.read(0, 1)
        untied.set()

    if tied:  # only now: on Windows, libraries that load while somebody waits for standard input wait, too
        threading.Thread(target=hold_on, daemon=True).start()
    with _Heart(store, worker) as heart:
        while not (leave.is_set() or untied.is_set()):
            claim = store.claim(worker, settings.workers())
            if claim is None:
                time.sleep(LOOK_EVERY)
                continue
            heart.claim = claim
            try:
                carry_out(store, claim, lab(claim, store) if claim.run.spec.lab else train(claim), leave.is_set)
            except Superseded:
                log.info("run %s was superseded or deleted", claim.run.id)
            heart.claim = None
            store.prune(cap)
            presence.hello(store, worker, os.getpid())


def main(store: Store, tied: bool = False) -> int:
    """`python -m resnet_viz work`; ``tied``: see `work`."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    work(store, tied)
    return 0
