"""Arrays in .npy files, untrusted: the head is read first, then some rows at a time, so that memory doesn't follow the file."""

from __future__ import annotations

import contextlib
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from resnet_viz.data.catalogue import DataError
from resnet_viz.spec.checks import quote, short

PART = 4 << 20  # bytes that are read at a time
WHOLE = 256 << 20  # bytes that are read at once, where they have to be


# What NumPy and zipfile raise of damaged files; SystemError, of texts of no letters.
DAMAGE = (ValueError, EOFError, KeyError, OSError, SystemError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Whatever a damaged array raises, as a DataError."""
    try:
        yield
    except DAMAGE as error:
        raise DataError(
            f"{quote(name)} is damaged or was cut short ({short(error)}); save it again with np.savez."
        ) from error


@dataclass(frozen=True)
class Stored:
    """An array that is not read yet: how to open its file, and what its head says."""

    open: Callable[[], Any]
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool

    def parts(self) -> Iterator[np.ndarray]:
        """Its rows in order, some at a time. Raises ValueError where the file is too short, or large and not in their order."""
        if self.fortran or not self.shape:
            yield self.whole()
            return
        row = max(1, math.prod(self.shape[1:]) * self.dtype.itemsize)
        with self.open() as file:
            _head(file)
            for at in range(0, self.shape[0], max(1, PART // row)):
                shape = (min(max(1, PART // row), self.shape[0] - at), *self.shape[1:])
                yield self._read(file, shape)

    def whole(self) -> np.ndarray:
        """All of it. Raises ValueError where that is over WHOLE bytes, or the file is too short."""
        if math.prod(self.shape) * self.dtype.itemsize > WHOLE:
            raise ValueError(f"an array of shape {self.shape} is over {WHOLE >> 20} MiB")
        with self.open() as file:
            _head(file)
            return self._read(file, self.shape[::-1]).T if self.fortran else self._read(file, self.shape)

    def _read(self, file: BinaryIO, shape: tuple[int, ...]) -> np.ndarray:
        size = math.prod(shape) * self.dtype.itemsize
        content = file.read(size)
        if len(content) < size:
            raise ValueError("an array is shorter than its head says")
        return np.ndarray(shape, self.dtype, content)


def stored(opener: Callable[[], Any]) -> Stored:
    """The array in a file. Raises ValueError for a head that is none of an array of numbers or texts."""
    with opener() as file:
        shape, fortran, dtype = _head(file)
    if any(side < 0 for side in shape) or len(shape) > 8:
        raise ValueError(f"an array has no shape {shape}")
    return Stored(opener, shape, dtype, fortran and len(shape) > 1)


def _head(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        if np.lib.format.read_magic(file) == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        return np.lib.format.read_array_header_2_0(file)
    except Exception as error:  # Python's tokenizer and parser raise of many kinds
        raise ValueError("an array's head can't be read") from error
