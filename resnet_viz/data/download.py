"""Data sets that are fetched once: torchvision's, checked, whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import shutil
import tarfile
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from resnet_viz.data.catalogue import BUILT_IN, DataError, home

# Called as progress(text, done, total) while data is fetched; total 0 means unknown.
Progress = Callable[[str, int, int], None]


# What says that a data set is there, below home(): torchvision's files, or the archive they come in.
FILES = {
    "mnist": ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-images-idx3-ubyte.gz"),
    "fashion": ("FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST/raw/train-images-idx3-ubyte.gz"),
    "cifar10": ("cifar-10-batches-py/data_batch_1", "cifar-10-python.tar.gz"),
    "cifar100": ("cifar-100-python/train", "cifar-100-python.tar.gz"),
}


def available(name: str) -> bool:
    """Whether a data set can be used without a network, as far as a look at its files can tell."""
    return name not in FILES or any((home() / file).exists() for file in (*FILES[name], f"{name}/test.npz"))


def torchvision_sets(name: str, progress: Progress) -> list[Any]:
    """torchvision's training and test set, from disk, or downloaded first. Raises DataError."""
    import torchvision

    kind = getattr(torchvision.datasets, {"mnist": "MNIST", "fashion": "FashionMNIST"}.get(name, name.upper()))
    label, root = BUILT_IN[name].label, home()

    def read() -> list[Any]:
        return [kind(str(root), train=train) for train in (True, False)]

    not_there = contextlib.suppress(RuntimeError)  # which is how torchvision says it, also of files that are not whole
    try:
        with not_there:
            return read()
        root.mkdir(parents=True, exist_ok=True)
        with alone(root / f".{name}.lock", lambda: progress(f"Waiting for {label}, which another run fetches", 0, 0)):
            with not_there:
                return read()
            _fetch(kind, label, progress)
            return read()
    except (gzip.BadGzipFile, zlib.error, tarfile.TarError, EOFError, AssertionError, ValueError) as error:
        # What unpackers and torchvision's readers make of a file that was cut short.
        raise DataError(f"The files of {label} in {root} are damaged; delete them and start again.") from error
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{label} is not on this machine and could not be downloaded ({reason}); train on the built-in digits or your own "
            f".npz, which need no network, or put its archives, such as {FILES[name][1]}, into {root}."
        ) from error


@contextlib.contextmanager
def alone(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock between processes, for twins ask for the same data at the same time; ``wait`` is called each second."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=1)
        except Timeout:
            wait()
    try:
        yield
    finally:
        lock.release()


def _fetch(kind: Any, label: str, progress: Progress) -> None:
    """Fetch the archives of one of torchvision's data sets to where it looks for them, and unpack them there."""
    from torchvision.datasets.utils import check_integrity, extract_archive

    if hasattr(kind, "mirrors"):
        folder = home() / kind.__name__ / "raw"
        files = [(name, md5, [mirror + name for mirror in kind.mirrors]) for name, md5 in kind.resources]
    else:
        folder, files = home(), [(kind.filename, kind.tgz_md5, [kind.url])]
    folder.mkdir(parents=True, exist_ok=True)
    for name, md5, addresses in files:
        target = folder / name
        if not target.exists():  # else it was checked below, or the user put it there
            part = target.with_name(f"{name}.part")
            download(addresses, part, label, progress)
            if not check_integrity(part, md5):
                part.unlink()
                raise OSError(f"{name} arrived damaged")
            part.replace(target)  # whole or not at all
        progress(f"Unpacking {label}", 0, 0)
        if name.endswith(".tar.gz"):
            extract_archive(target, folder)  # torchvision checks the files inside by their md5 when it reads them
        else:
            part = target.with_suffix(".part")
            with gzip.open(target) as packed, part.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
            part.replace(target.with_suffix(""))


def download(addresses: list[str], part: Path, label: str, progress: Progress) -> None:
    """Fetch a file from the first of its addresses that answers. Raises OSError, the last one's."""
    for number, address in enumerate(addresses, 1):
        try:
            with urllib.request.urlopen(address, timeout=15) as source, part.open("wb") as sink:
                total = int(source.headers.get("Content-Length") or 0)
                while chunk := source.read(1 << 18):
                    sink.write(chunk)
                    progress(f"Downloading {label}", sink.tell(), total)
            return
        except (OSError, http.client.HTTPException):
            if number == len(addresses):
                raise
