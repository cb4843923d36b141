"""The files in an archive or a folder, listed without unpacking any: untrusted, so the whole list is checked first."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from PIL import Image

from resnet_viz.data import images
from resnet_viz.data.catalogue import DataError

ENTRIES = 200_000  # files in one archive or folder
UNPACKED = 2 << 30  # bytes that an archive may hold


@dataclass(frozen=True)
class ImageFile:
    """An image's file: where it lies, its size in bytes, and how to open it."""

    parts: tuple[str, ...]
    bytes: int
    open: Callable[[], Any]

    @contextlib.contextmanager
    def image(self) -> Iterator[Image.Image]:
        """The image, its pixels not yet read. Raises what `images.opened` does."""
        with self.open() as file, images.opened(file, self.bytes) as image:
            yield image


def in_folder(folder: Path) -> list[ImageFile]:
    """All files below a folder, at any depth. Raises DataError."""
    return [ImageFile(p.relative_to(folder).parts, p.stat().st_size, partial(p.open, "rb")) for p in _walk(folder)]


def in_zip(archive: zipfile.ZipFile) -> list[ImageFile]:
    """All files in a zip that is open."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    return [ImageFile(PurePosixPath(i.filename).parts, i.file_size, partial(archive.open, i)) for i in infos]


def _walk(folder: Path) -> Iterator[Path]:
    count = 0
    for place, _, names in os.walk(folder):  # does not follow links to folders, which may go in circles
        count += len(names)
        if count > ENTRIES:
            raise DataError(f"{folder.name!r} holds more than {ENTRIES:,} files; name the folder of the images alone.")
        yield from (path for name in names if (path := Path(place, name)).is_file())


def open_zip(name: str, file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip (an .npz is one too) after checking all that its directory says. Raises DataError."""
    try:
        if _entries(file) > ENTRIES:  # before zipfile makes an object of each entry
            raise DataError(f"{name!r} lists more than {ENTRIES:,} files; bring a smaller archive.")
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{name!r} is not a {Path(name).suffix} file, or was cut short ({error}); make it again."
        ) from error
    infos = archive.infolist()
    if len(infos) > ENTRIES:
        raise DataError(f"{name!r} lists {len(infos):,} files, more than {ENTRIES:,}; bring a smaller archive.")
    for info in infos:
        path = PureWindowsPath(info.filename)  # knows / and \, drives and roots
        if path.anchor or ".." in path.parts:
            raise DataError(
                f"{name!r} holds the path {info.filename!r}, which leads out of it; make the archive again without it."
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(
                f"{name!r} holds {info.filename!r}, a link; make the archive again with the files themselves."
            )
        if info.flag_bits & 1:
            raise DataError(f"{name!r} is encrypted; make the archive again without a password.")
    total = sum(info.file_size for info in infos)  # zipfile never unpacks more of an entry than this
    if total > UNPACKED:
        raise DataError(
            f"{name!r} would unpack to {total / 2**30:,.1f} GiB, more than {UNPACKED >> 30}; bring fewer or smaller images."
        )
    return archive


def _entries(file: BinaryIO) -> int:
    """How many entries a zip's end record (or zip64's) states, or its directory's size suggests; 0 where there is none."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 65_536 - 98))
    tail = file.read()
    file.seek(0)
    end, end64 = tail.rfind(b"PK\5\6"), tail.rfind(b"PK\6\6")
    if end < 0:
        return 0
    count, directory = struct.unpack_from("<HI", tail, end + 10)
    if end64 >= 0 and (count == 0xFFFF or directory == 0xFFFFFFFF):
        count, directory = struct.unpack_from("<QQ", tail, end64 + 32)
    return max(count, directory // 256)  # zipfile goes by the size, and few entries take more than 256 bytes
