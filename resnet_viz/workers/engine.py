"""Worker processes: started, kept warm, watched; and what a page asks of a run. Without torch."""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_viz import settings
from resnet_viz.data import catalogue
from resnet_viz.files import PACKAGE, remove
from resnet_viz.runs import presence
from resnet_viz.runs.layout import Layout
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.schedules import BN_IMAGES, FIT_IMAGES
from resnet_viz.workers import limits

# Idle workers that wait warm while somebody visits, so that a click trains at once: one, for each holds half a gigabyte. Two
# while runs go on, and for a while after: whoever trains twins trains them again.
SPARES, SPARES_BUSY, BUSY_WITHIN = 1, 2, 60.0
# Nobody has visited for so long: the idle workers leave.
AWAY = 600.0
# On a machine of less memory than this, in bytes, no worker waits warm.
SMALL_MACHINE = 4e9
# So long after the first page was asked for; a run that is queued before gets its worker at once.
SPARES_AFTER = 4.0
# A worker that has not said hello so long after its start has failed to.
STARTING = 120.0
# After one that failed by itself (torch is broken, say) the next is started so much later.
PAUSE = 10.0
# Logs of so many workers are kept.
LOGS = 50


def spares() -> int:
    """How many idle workers wait warm while somebody visits: RESNET_VIZ_SPARES, else one, none on a small machine."""
    return int(settings.number("RESNET_VIZ_SPARES", SPARES if settings.memory() >= SMALL_MACHINE else 0))


def start(store: Store, specs: Sequence[RunSpec], layouts: Sequence[Layout] = ()) -> list[str]:
    """Queue runs as one group, of whom the store is seen by; returns their ids.

    ``layouts``: of networks that aren't ours. Raises UserError for a spec that can't run, or that is over a limit; then nothing
    is queued.
    """
    settings.workers()  # a mistake there is said before anything is queued
    filled = [catalogue.fill(spec) for spec in specs]
    limits.check(store, filled)
    # A lab counts its own steps, once its networks are loaded.
    return store.create([(s, 0 if s.lab else catalogue.total_steps(s)) for s in filled], layouts)


def expected_seconds(store: Store, specs: Sequence[RunSpec]) -> float | None:
    """How long runs that start together will take: see `run_seconds`; None where this machine never trained such a network."""
    known = store.speeds()
    times = [_seconds(known, spec) for spec in specs]
    return None if None in times else max(times, default=0.0)  # type: ignore[type-var]


def queue_seconds(store: Store, left: Sequence[tuple[RunSpec, float]]) -> float | None:
    """How long runs, each with the share of it that is left, take one after the other on all workers; None where unknown.

    Each worker takes the next of the list when it is free, as they do from the queue.
    """
    known = store.speeds()
    # The runs of a sweep differ in little: each kind is worked out once.
    alike = {replace(spec, train=replace(spec.train, seed=0)) for spec, _ in left}
    times = {spec: _seconds(known, spec) for spec in alike}
    free = [0.0] * settings.workers()
    for spec, share in left:
        seconds = times[replace(spec, train=replace(spec.train, seed=0))]
        if seconds is None:
            return None
        heapq.heapreplace(free, free[0] + share * seconds)
    return max(free)


def _seconds(known: Sequence[tuple[RunSpec, float]], spec: RunSpec) -> float | None:
    """How long a run takes at the median of the known speeds (images/s) of its kind of network; None where there is none.

    What another kind takes says nothing: small networks wait for memory and Python, large ones for arithmetic.
    """
    spec = catalogue.fill(spec)
    alike = [speed for other, speed in known if _kind(other) == _kind(spec)]
    return run_seconds(spec, statistics.median(alike), catalogue.total_steps(spec)) if alike else None


def _kind(spec: RunSpec) -> tuple[ModelSpec, int]:
    """What the time of a step depends on: the network but for its skips and starting weights, and the batch."""
    return replace(spec.model, shortcut="none", init="he", stochastic_depth=0.0, no_skip=()), spec.train.batch_size


def run_seconds(spec: RunSpec, speed: float, steps: int, done: int = 0) -> float:
    """How long a run of so many steps takes from step ``done`` on, its evaluations included, at a speed in images/s of its steps.

    An image that is only evaluated takes a third of a training step's time: the backward pass costs twice the forward one.
    """
    train, validation, test = catalogue.split_sizes(spec.data)
    per_epoch = max(1, catalogue.steps_per_epoch(spec))
    looks = math.ceil(steps / per_epoch) - done // per_epoch
    each = validation + (min(train, BN_IMAGES) if spec.train.reestimate_bn else 0)
    evaluated = looks * each + min(train, FIT_IMAGES) + test
    return ((steps - done) * min(spec.train.batch_size, train) + evaluated / 3) / speed


@dataclass(frozen=True)
class Child:
    """A worker process that this process started, where it logs, and when it was started (monotonic seconds)."""

    process: subprocess.Popen[bytes]
    log: Path
    started: float


class Children:
    """The worker processes that this process started. One a process and store, for processes are not shared."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.children: list[Child] = []
        self.greeted: set[int] = set()  # process ids of those that have said hello
        self.busy_at = -math.inf  # when one of them was last seen at work (monotonic seconds)
        self.paused_until = 0.0

    def spawn(self) -> None:
        """Start one more worker."""
        logs = self.store.home / "logs"
        logs.mkdir(exist_ok=True)
        for old in sorted(logs.glob("worker-*.log"))[:-LOGS]:
            remove(old)
        environment = os.environ | {"RESNET_VIZ_HOME": str(self.store.home), "OMP_NUM_THREADS": str(settings.cores())}
        # From the code's own folder, so that it is found where it is not installed.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
        log = logs / f"worker-{time.time_ns()}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [_python(environment), "-m", "resnet_viz", "work", "--tied"],
                # Its other end is closed when this process ends, however that comes, or when the worker is no longer needed.
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                env=environment,
                # Out of the terminal's process group: Ctrl-C ends the server, not the training.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
            )
        self.children.append(Child(process, log, time.monotonic()))

    def warm(self) -> int:
        """How many idle workers are to wait now: none while nobody visits, more while runs go on."""
        now = time.monotonic()
        if now - _visited > AWAY:
            return 0
        few = spares()
        return max(few, SPARES_BUSY) if few and now - self.busy_at < BUSY_WITHIN else few

    def keep(self, spares: int) -> None:
        """Reap who has ended, mark lost runs, start as many workers as are missing, and dismiss idle ones that are too many."""
        now = time.monotonic()
        # poll() also reaps, so a killed worker leaves no zombie.
        ended = [child for child in self.children if child.process.poll() is not None]
        self.children = [child for child in self.children if child not in ended]
        for child in ended:
            assert child.process.stdin
            child.process.stdin.close()
        # One that was killed at its work has a run that is lost; one that ended by itself, or before it was warm, can't work.
        failed = [
            c for c in ended if c.process.returncode > 0 or (c.process.returncode and c.process.pid not in self.greeted)
        ]
        if failed:
            self._complain(failed[-1])
            self.paused_until = now + PAUSE
        presence.mark_lost(self.store)
        alive = presence.workers(self.store)
        self.greeted |= alive.keys()
        busy = sum(bool(run) for run in alive.values())
        self.busy_at = now if busy else self.busy_at
        dismissed = {c.process.pid for c in self.children if c.process.stdin and c.process.stdin.closed}
        ready = sum(not run and pid not in dismissed for pid, run in alive.items())
        ready += sum(c.process.pid not in alive and now - c.started < STARTING for c in self.children)
        wanted = max(spares, self.store.waiting())
        idle = [c for c in self.children if alive.get(c.process.pid) == "" and c.process.pid not in dismissed]
        for child in idle[: max(0, ready - wanted)]:
            assert child.process.stdin
            child.process.stdin.close()  # it leaves once it has nothing to do
        room = settings.workers() - busy if now >= self.paused_until else 0
        # On a machine so busy that workers take minutes to start, or fall silent, more of them would make it worse.
        most = settings.workers() + SPARES_BUSY - len(self.children)
        for _ in range(min(min(wanted, room) - ready, most)):
            self.spawn()

    def _complain(self, child: Child) -> None:
        """Say, on standard error and to those who wait, how a worker ended."""
        code = child.process.returncode
        said = child.log.read_text(errors="replace").strip().splitlines() if child.log.exists() else []
        last = f"killed by {signal.Signals(-code).name}" if code < 0 else said[-1] if said else f"exit code {code}"
        sentence = f"A worker failed: {last.rstrip('.')}. Its log is {child.log}; the next one is tried in {PAUSE:g} s."
        print(f"resnet_viz: {sentence}", file=sys.stderr)
        presence.complain(self.store, sentence)


def _python(environment: dict[str, str]) -> str:
    """The interpreter that a worker is. On Windows a virtual environment's python only starts another, whose process id is not
    the one that Popen knows: there it is the other, told by its environment where it belongs, as multiprocessing does.
    """
    base = getattr(sys, "_base_executable", sys.executable)
    if os.name != "nt" or base == sys.executable:
        return sys.executable
    environment["__PYVENV_LAUNCHER__"] = sys.executable
    return base


_watched: dict[Path, Children] = {}
_lock = threading.Lock()
_visited = -math.inf  # when somebody last looked at a page (monotonic seconds)


def visit() -> None:
    """Say that somebody looks at a page now, so that workers wait warm."""
    global _visited
    _visited = time.monotonic()


def supervise(store: Store, spares: int | None = None, keeps: float = math.inf) -> None:
    """From now on, in a thread of its own, keep workers running for this store. Once a process; later calls do nothing.

    ``keeps``: so many seconds after they were queued, runs are deleted.
    ``spares``: how many wait warm; None: as many as `Children.warm` says, for a server that people visit.
    """
    with _lock:
        if store.home in _watched:
            return
        children = _watched[store.home] = Children(store)

    start = time.monotonic()

    # One process starts workers for a store, so that the cap is the machine's; when it ends, however that comes, the next does.
    alone = FileLock(store.home / "supervisor.lock")

    def watch() -> None:
        while True:
            try:
                with contextlib.suppress(Timeout):
                    if not alone.is_locked:
                        alone.acquire(blocking=False)
                if not alone.is_locked:
                    time.sleep(0.5)
                    continue
                if keeps < math.inf:
                    store.forget(keeps)
                # Two processes that import torch would take the cores from the first page's own start.
                wait = time.monotonic() - start < SPARES_AFTER
                children.keep(0 if wait else children.warm() if spares is None else spares)
            except Exception as error:  # a full disk, say: those who wait are told; this thread tries again
                print(f"resnet_viz: {error}", file=sys.stderr)
                with contextlib.suppress(sqlite3.Error):
                    presence.complain(store, f"No worker can be started: {error}")
                time.sleep(5)
            time.sleep(0.5)

    threading.Thread(target=watch, daemon=True, name="resnet_viz supervisor").start()
