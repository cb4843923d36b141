"""What commands print and write: JSON for programs, files where they were asked for."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.runs import presence
from resnet_viz.runs.rows import Run
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from resnet_viz.words import data_sets


class FileError(UserError):
    """Why nothing can be written to a file."""


def print_json(values: Any, indent: int | None = None) -> None:
    """Print a value as JSON, on one line unless indented."""
    print(json.dumps(plain(values), allow_nan=False, indent=indent), flush=True)


def print_data(spec: RunSpec) -> None:
    """Say on standard error what was made of the user's own images; nothing of a built-in data set."""
    if spec.data.name == "own":
        print(data_sets.summary(catalogue.facts(spec.data)), file=sys.stderr)


def plain(value: Any) -> Any:
    """The same for JSON, which has no arrays, NaN or infinity: lists and nulls."""
    if isinstance(value, dict):
        return {name: plain(v) for name, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def writable(path: Path | None) -> Path | None:
    """The path of a file that is to be written later, checked before the work begins. Raises FileError."""
    if path is None:
        return None
    if path.is_dir():
        raise FileError(f"{str(path)!r} is a folder; name a file.")
    if not path.parent.is_dir():
        raise FileError(
            f"There is no folder {str(path.parent)!r} to write {path.name!r} into; make it, or name another."
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise FileError(f"{str(path)!r} can't be written to; look at its rights, or name another file.")
    return path


def say_why_they_wait(store: Store, runs: Iterable[Run], said: str = "") -> str:
    """Say on standard error why no worker takes the runs that wait, unless it was ``said``; returns what has been said."""
    sentence = presence.complaint(store) if any(run.status == "queued" for run in runs) else ""
    if sentence and sentence != said:
        tqdm.write(f"resnet_viz: {sentence}", file=sys.stderr)
    return sentence or said


def write(path: Path, content: str | bytes) -> None:
    """Write a file and say so; texts as UTF-8. Raises FileError."""
    held = content.encode() if isinstance(content, str) else content
    try:
        path.write_bytes(held)
    except OSError as error:
        raise FileError(f"{str(path)!r} could not be written ({error.strerror}); name another file.") from error
    print(f"{path}: {len(held) / 1e3:,.0f} kB")
