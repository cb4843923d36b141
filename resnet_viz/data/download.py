"""Data sets that are fetched once, by pooch: torchvision's, checked by their hashes, whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from resnet_viz.data.catalogue import BUILT_IN, DataError, home

# Called as progress(text, done, total) while data is fetched; total 0 means unknown.
Progress = Callable[[str, int, int], None]


def quiet(text: str, done: int, total: int) -> None:
    """A progress that nobody sees."""


# What is fetched from torchvision, and what says that it is there, below home(): its files, or the archive they come in.
FILES = {
    "mnist": ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-images-idx3-ubyte.gz"),
    "fashion": ("FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST/raw/train-images-idx3-ubyte.gz"),
    "cifar10": ("cifar-10-batches-py/data_batch_1", "cifar-10-python.tar.gz"),
    "cifar100": ("cifar-100-python/train", "cifar-100-python.tar.gz"),
}


def available(name: str) -> bool:
    """Whether a data set can be used without a network, as far as a look at its files can tell."""
    ready = (*FILES.get(name, ()), f"{name}/test.npz")
    return name in ("digits", "own") or any((home() / file).exists() for file in ready)


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
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{label} is not on this machine and could not be downloaded ({reason(error)}); train on the built-in digits or "
            f"your own .npz, which need no network, or put its archives, such as {FILES[name][1]}, into {root}."
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
    from torchvision.datasets.utils import extract_archive

    if hasattr(kind, "mirrors"):
        folder = home() / kind.__name__ / "raw"
        files = [(name, md5, [mirror + name for mirror in kind.mirrors]) for name, md5 in kind.resources]
    else:
        folder, files = home(), [(kind.filename, kind.tgz_md5, [kind.url])]
    for name, md5, addresses in files:
        target = folder / name
        if not target.exists():  # else it came whole before, or the user put it there
            download(addresses, target, f"md5:{md5}", label, progress)
        progress(f"Unpacking {label}", 0, 0)
        if name.endswith(".tar.gz"):
            extract_archive(target, folder)  # torchvision checks the files inside by their md5 when it reads them
        else:
            part = target.with_suffix(".part")
            with gzip.open(target) as packed, part.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
            part.replace(target.with_suffix(""))


class _Bar:
    """What pooch counts bytes with: passes them on as ``progress(text, done, total)``."""

    def __init__(self, text: str, progress: Progress) -> None:
        self.text, self.progress, self.total, self.done = text, progress, 0, 0

    def update(self, count: int) -> None:
        self.done += count
        self.progress(self.text, min(self.done, self.total) if self.total else self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        """Nothing is left open."""


def download(addresses: Sequence[str], target: Path, known_hash: str | None, label: str, progress: Progress) -> None:
    """Fetch a file from the first of its addresses that gives it whole: afterwards it is there and right, or not there.

    ``known_hash``: as pooch takes it, "md5:..." or a SHA-256; None: the caller checks. Raises OSError, the last address's.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")  # what it does is said by ``progress``
    for number, address in enumerate(addresses, 1):
        bar = _Bar(f"Downloading {label}", progress)
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 18, timeout=15)
        try:
            try:
                pooch.retrieve(address, known_hash, target.name, target.parent, downloader=downloader)
            except ValueError:  # which is how pooch says that the hash is another
                raise OSError(f"{target.name} arrived damaged") from None
            return
        except OSError:  # those of requests are of this kind
            if number == len(addresses):
                raise


def reason(error: BaseException) -> str:
    """Why a download failed, in the words of the first of the errors that requests has wrapped in each other."""
    while error.__context__ and not error.__suppress_context__:
        error = error.__context__
    return getattr(error, "strerror", None) or str(error)
