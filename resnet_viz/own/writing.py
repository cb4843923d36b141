"""Writing what a user's loop measures, from a thread beside it."""

from __future__ import annotations

import threading
import time

from resnet_viz.runs.claim import Claim
from resnet_viz.runs.events import Point

# Seconds between transactions, and at most between heartbeats.
WRITE_EVERY, BEAT_EVERY = 0.25, 1.0
# The axis of a loop whose length is not known reaches to this many steps, and doubles when they are reached.
FIRST_AXIS = 128


class Writer:
    """Writes a watched run's points from a thread of its own, so that the loop waits for no disk, and says that it lives."""

    def __init__(self, claim: Claim, steps: int) -> None:
        self.claim, self.planned, self.axis = claim, steps, steps or FIRST_AXIS
        self.error: Exception | None = None
        self._points: list[Point] = []
        self._message = ""
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._end: tuple[str, str, int] | None = None
        self._thread = threading.Thread(target=self._write, daemon=True, name="resnet_viz watch")
        self._thread.start()

    def add(self, point: Point, message: str) -> None:
        """Have a point written, and what there is to say of the run."""
        with self._lock:
            self._points.append(point)
            self._message = message

    def end(self, status: str, message: str, steps: int) -> None:
        """Write what is left and how the run ended."""
        self._end = (status, message, steps)
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        written = time.monotonic()
        try:
            while True:
                last = self._stop.wait(WRITE_EVERY)
                with self._lock:
                    points, self._points = self._points, []
                if points or last or time.monotonic() - written > BEAT_EVERY:
                    self._save(points)
                    written = time.monotonic()
                if last and self._end:
                    status, message, steps = self._end
                    self.claim.write([], steps=steps)
                    return self.claim.end(status, message, {"steps": steps})
        except Exception as error:
            self.error = error
        finally:
            self.claim.database.close()

    def _save(self, points: list[Point]) -> None:
        step = points[-1].step if points else 0
        while not self.planned and step > self.axis:
            self.axis *= 2
        self.claim.write(points, message=self._message, steps=self.axis)
