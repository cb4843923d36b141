"""What the environment sets, and how the cores are divided.

RESNET_VIZ_HOME, _DATA, _DISK_GB, _OWN_GB, _WORKERS, _SPARES, _CHECKPOINT_SECONDS, _MODE. A mistake there is one sentence.
"""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

from resnet_viz.errors import UserError

# Today's name → the one that version 1 read.
RENAMED = {"RESNET_VIZ_CHECKPOINT_SECONDS": "RESNET_VIZ_SNAPSHOT_SECONDS"}


def number(name: str, default: float) -> float:
    """The number that a variable of the environment holds, from 0 up; ``default`` where it is not set, or empty.

    Raises UserError for what is no such number.
    """
    value = os.environ.get(name) or os.environ.get(RENAMED.get(name, "")) or ""
    if not value:
        return default
    try:
        parsed = float(value)
    except ValueError:
        parsed = math.nan
    if not (math.isfinite(parsed) and parsed >= 0):
        raise UserError(f"{name}={value} is not a number from 0 up; set it to one, such as {default:g}, or unset it.")
    return parsed


def memory() -> float:
    """Bytes of memory that this process may use: the machine's, or less where its container has less; infinite where unknown."""
    sizes = [math.inf]
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        sizes.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(sizes)


def own_cap() -> float:
    """Bytes that the images that people bring may take, and their networks as many again: RESNET_VIZ_OWN_GB, else 20 GB."""
    return 1e9 * number("RESNET_VIZ_OWN_GB", 20)


MODES = ("local", "class", "demo")


def mode(alone: bool) -> str:
    """For whom the app is: RESNET_VIZ_MODE, else "local" where only this machine reaches it (``alone``), "class" elsewhere.

    Raises UserError for a mode that there is not, and for "local" where others reach it.
    """
    asked = os.environ.get("RESNET_VIZ_MODE") or ("local" if alone else "class")
    if asked not in MODES:
        raise UserError(f"RESNET_VIZ_MODE={asked[:60]} is none of {', '.join(MODES)}; set it to one, or unset it.")
    if asked == "local" and not alone:
        raise UserError(
            "RESNET_VIZ_MODE=local is for one person, who may read this machine's files, but others reach this address; "
            "set it to class or demo, or serve 127.0.0.1."
        )
    return asked


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers() -> int:
    """How many workers may be busy at once on this machine: RESNET_VIZ_WORKERS (at least 1), else half the cores, at least 2."""
    return max(1, int(number("RESNET_VIZ_WORKERS", max(2, cores() // 2))))


def threads() -> int:
    """Threads of one training on this machine, whatever runs beside it: in its last digits a result depends on their number,
    and those digits grow. On one thread a small network also takes the least time.
    """
    return max(1, cores() // workers())
