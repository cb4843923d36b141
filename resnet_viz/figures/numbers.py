"""What is computed from a run's series before it is drawn: ratios, smoothing, thinning, and where two curves part."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from tsdownsample import MinMaxLTTBDownsampler

from resnet_viz.language import tr
from resnet_viz.runs.record import Record, Series
from resnet_viz.words.numbers import guessing, smoothed_over

POINTS = 400  # at most so many points a curve
MOMENTS = 150  # at most so many steps at which a vector is sent
VALUES = 5_000  # and of a long vector fewer, so that a net's vectors hold about so many values
APART = 0.1  # nats between two smoothed losses that count as apart
APART_STEPS = 5  # and for at least so many steps


def log_ratio(record: Record, kept: bool = False) -> Series:
    """Steps (N,), and log10 of ‖∂L/∂h_b‖ over the last block's there, for blocks (N, B); the last block's is 0.

    Not a number where the last block's gradient is zero or not finite. ``kept``: only at the `moments` that are sent.
    """
    steps, logs = log_values(record, "grad_block", MOMENTS if kept else None)
    return steps, logs - logs[:, -1:]


def log_values(record: Record, metric: str, limit: int | None = None) -> Series:
    """Steps (N,), and log10 of a vector metric there (N, K): at most ``limit`` steps, or all of them.

    Not a number where the metric is not finite, −30 where it is exactly 0.
    """
    steps, values = record.get(metric)
    if not len(steps):
        return steps, values.reshape(0, 0)
    if limit:
        keep = moments(len(steps), max(12, min(limit, VALUES // values.shape[1])))
        steps, values = steps[keep], values[keep]
    return steps, _log10(values)


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(values.astype(np.float64))
    return np.where(np.isneginf(logs), -30.0, np.where(np.isfinite(logs), logs, np.nan))


def finite(series: Series) -> Series:
    """A scalar series, steps (N,) and values (N,), up to its first value that is not finite."""
    steps, values = series
    bad = np.flatnonzero(~np.isfinite(values))
    return (steps[: bad[0]], values[: bad[0]]) if len(bad) else series


def smooth(values: np.ndarray, planned: int) -> np.ndarray:
    """Mean of each value (N,) and those before it, a fiftieth of the ``planned`` steps, at least 5: float64 (N,).

    The curve never changes behind itself, so it can be drawn while a run goes on.
    """
    window = smoothed_over(planned)
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(0, end - window)
    return (sums[end] - sums[start]) / (end - start)


def thin(x: np.ndarray, y: np.ndarray, limit: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most ``limit`` of the points x (N,), y (N,), the extremes among them (MinMaxLTTB, van der Donckt 2023)."""
    if len(x) <= limit:
        return x, y
    keep = MinMaxLTTBDownsampler().downsample(np.ascontiguousarray(x), np.ascontiguousarray(y), n_out=limit)
    return x[keep], y[keep]


@lru_cache(maxsize=64)  # every net of every figure asks for the same
def moments(count: int, limit: int = MOMENTS) -> np.ndarray:
    """Indices (int64) of those of ``count`` steps to keep: at most ``limit``, half evenly, half evenly in the logarithm."""
    if count <= limit:
        kept = np.arange(count)
    else:
        half = limit // 2
        even, early = np.linspace(0, count - 1, half), np.geomspace(1, count, half) - 1
        kept = np.unique(np.round(np.concatenate([even, early])).astype(np.int64))
    kept.flags.writeable = False
    return kept


def apart(a: Record, b: Record) -> int | None:
    """The step from which on two runs' smoothed training losses stay at least APART nats apart, on one side.

    None where they are not apart at the latest common step, or have been for fewer than APART_STEPS steps.
    """
    (steps_a, loss_a), (steps_b, loss_b) = finite(a.get("loss")), finite(b.get("loss"))
    steps, of_a, of_b = np.intersect1d(steps_a, steps_b, assume_unique=True, return_indices=True)
    if len(steps) < APART_STEPS:
        return None
    gap = smooth(loss_a, a.steps)[of_a] - smooth(loss_b, b.steps)[of_b]
    gap *= np.sign(gap[-1])
    together = np.flatnonzero(gap < APART)
    first = together[-1] + 1 if len(together) else 0
    return int(steps[first]) if len(steps) - first >= APART_STEPS else None


def loudness(log10: float) -> str:
    """A gradient's ratio in words, given its log10: "×2,600, too large", "÷60,000, lost", "×4.1, intact"."""
    if not math.isfinite(log10):
        return tr("not finite")
    # Intact is what lies in the fan's band, from ×0.1 to ×10.
    if abs(log10) < 1:
        return tr("{factor}, intact", factor=factor(log10))
    return tr("{factor}, too large", factor=factor(log10)) if log10 > 0 else tr("{factor}, lost", factor=factor(log10))


def arrivals(record: Record, kept: bool = False) -> list[str]:
    """What a net's line on the fan says at each step of `log_ratio`: how large the gradient is at block 1.

    Norms that have come back into the band don't mean that the net learns: a smoothed loss that is still at least 0.6 of that of
    guessing is said beside them.
    """
    steps, ratios = log_ratio(record, kept)
    at, loss = record.get("loss")
    smoothed = smooth(loss, record.steps)
    words = [loudness(log10) for log10 in ratios[:, 0]]
    for number, index in enumerate(np.searchsorted(at, steps, "right") - 1):
        recovered = abs(ratios[number, 0]) < 1 <= abs(ratios[0, 0])
        if recovered and index >= 0 and smoothed[index] >= 0.6 * guessing(record.spec):
            words[number] = tr(
                "{factor}, recovered;<br>loss still {loss:.1f}", factor=factor(ratios[number, 0]), loss=smoothed[index]
            )
    return words


def factor(log10: float) -> str:
    """A factor in two digits, given its log10: "×2,600", "÷4.1", "×10⁷". The stage's script says the same (labels.js)."""
    if not math.isfinite(log10):
        return tr("not finite")
    sign = "×" if log10 >= 0 else "÷"
    size = 10 ** min(abs(log10), 300)
    if size >= 1e6:
        return f"{sign}10{superscript(round(math.log10(size)))}"
    return f"{sign}{float(f'{size:.2g}'):,g}"


def amount(log10: float) -> str:
    """A value in two digits, given its log10: "0.063", "1,200", "2.5·10⁻⁷". The stage's script says the same (labels.js)."""
    if not math.isfinite(log10):
        return tr("not finite")
    power = math.floor(log10)
    if not -4 <= power <= 5:
        return f"{10 ** (log10 - power):.1f}·10{superscript(power)}"
    return f"{float(f'{10**log10:.2g}'):,.6f}".rstrip("0").rstrip(".")


def superscript(number: int) -> str:
    """7 → "⁷"."""
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
