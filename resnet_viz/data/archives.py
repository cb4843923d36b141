"""The files in an archive or a folder, listed without unpacking any: untrusted, so the whole list is checked first."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from PIL import Image

from resnet_viz.data import codepages, images
from resnet_viz.data.catalogue import DataError
from resnet_viz.spec.checks import quote, short

ENTRIES = 200_000  # files in one archive or folder
ENDINGS = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")  # by which an archive inside another is told
UNPACKED = 2 << 30  # bytes that an archive may hold
PLAIN, RATIO = 256 << 20, 100  # over so many bytes, a packed .tar may hold so many times its own: images hardly pack
KEPT = 640 << 20  # bytes of images that an import keeps, so that it takes less than 1 GB


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


def legible(text: str) -> str:
    """The same with a mark for each byte of a name that was no UTF-8, and for half a surrogate pair: UTF-8 has neither."""
    return text.encode("utf-8", "replace").decode()


Listing = tuple[list[ImageFile], list[tuple[str, ...]]]  # files, and folders by their paths


def in_folder(folder: Path) -> Listing:
    """All files and folders below a folder, at any depth. Raises DataError."""
    files: list[ImageFile] = []
    folders: list[tuple[str, ...]] = []
    count = 0
    for place, _, names in os.walk(folder):  # does not follow links to folders, which may go in circles
        count += len(names) + 1
        if count > ENTRIES:
            raise DataError(
                f"{quote(folder.name)} holds more than {ENTRIES:,} files; name the folder of the images alone."
            )
        folders.append(Path(place).relative_to(folder).parts)
        for name in names:
            path = Path(place, name)
            if path.is_file():
                files.append(ImageFile(path.relative_to(folder).parts, path.stat().st_size, partial(path.open, "rb")))
    return files, folders


@contextlib.contextmanager
def opened(name: str, file: BinaryIO) -> Iterator[tuple[Listing, list[str]]]:
    """What an archive, told by its content, holds while it is open; and notes on its names. Raises DataError."""
    head = file.read(512)
    file.seek(0)
    if head.startswith((b"7z\xbc\xaf", b"Rar!")):
        kind = "7z" if head.startswith(b"7z") else "RAR"
        raise DataError(
            f"{quote(name)} is a {kind} archive, which is not read here; unpack it and name the folder, or make a .zip."
        )
    is_tar = head[257:262] == b"ustar" or head.startswith(tuple(_PACKED))
    if head.startswith(b"PK") or (Path(name).suffix.lower() == ".zip" and not is_tar):
        with open_zip(name, file) as archive:
            notes = _in_readable_names(archive)
            yield in_zip(archive), notes
        return
    with _unpacked(name, file, head) as plain, _open_tar(name, plain) as tar:
        yield _in_tar(name, tar), []


def in_zip(archive: zipfile.ZipFile) -> Listing:
    """All files and folders in a zip that is open; folders may be parted by backslashes, as PowerShell 5 and .NET have it."""
    files: list[ImageFile] = []
    folders: list[tuple[str, ...]] = []
    for info in archive.infolist():
        parts = PureWindowsPath(info.filename).parts
        is_folder = info.filename.endswith(("/", "\\"))
        folders.append(parts if is_folder else parts[:-1])
        if not is_folder:
            files.append(ImageFile(parts, info.file_size, partial(archive.open, info)))
    return files, folders


def open_zip(name: str, file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip (an .npz is one too) after checking all that its directory says. Raises DataError."""
    try:
        if _entries(file) > ENTRIES:  # before zipfile makes an object of each entry
            raise DataError(f"{quote(name)} lists more than {ENTRIES:,} files; bring a smaller archive.")
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{quote(name)} is not a {Path(name).suffix} file, or was cut short ({short(error)}); make it again."
        ) from error
    infos = archive.infolist()
    if len(infos) > ENTRIES:
        raise DataError(f"{quote(name)} lists {len(infos):,} files, more than {ENTRIES:,}; bring a smaller archive.")
    for info in infos:
        _check(name, info.filename, stat.S_ISLNK(info.external_attr >> 16))
        if info.flag_bits & 1:
            raise DataError(f"{quote(name)} is encrypted; make the archive again without a password.")
        if info.compress_type not in _METHODS:
            how = _OTHERS.get(info.compress_type, f"method {info.compress_type}")
            raise DataError(
                f"{quote(name)} is packed with {how}, which is not read here; unpack it and name the folder, or pack it again as "
                "an ordinary .zip, with 7-Zip for one (method Deflate)."
            )
    _check_size(name, sum(info.file_size for info in infos))  # zipfile never unpacks more of an entry than this
    return archive


_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_OTHERS = {9: "Deflate64, as Windows does over 2 GB", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES encryption"}


def _check(name: str, path: str, is_link: bool) -> None:
    parts = PureWindowsPath(path)  # knows / and \, drives and roots
    if parts.anchor or ".." in parts.parts:
        raise DataError(
            f"{quote(name)} holds the path {quote(path)}, which leads out of it; make the archive again without it."
        )
    if is_link:
        raise DataError(f"{quote(name)} holds {quote(path)}, a link; make the archive again with the files themselves.")


def _check_size(name: str, total: int) -> None:
    if total > UNPACKED:
        raise DataError(
            f"{quote(name)} would unpack to {total / 2**30:,.1f} GiB, more than {UNPACKED >> 30}; bring fewer or smaller images."
        )


def _in_readable_names(archive: zipfile.ZipFile) -> list[str]:
    """Read names that are in no Unicode by the code page they are in; and say so, or that none fits."""
    old = [i for i in archive.infolist() if not i.flag_bits & 0x800 and not i.filename.isascii()]
    if not old:
        return []
    encoding = codepages.guess([info.filename.encode("cp437") for info in old])  # as zipfile has read them
    if not encoding:
        return [f"names such as {quote(old[0].filename)} are in a code page that could not be told: rename the folders"]
    for info in old:
        info.filename = info.filename.encode("cp437").decode(encoding)
    return [f"names were read as {codepages.CALLED[encoding]}"] if encoding in codepages.CALLED else []


_PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


@contextlib.contextmanager
def _unpacked(name: str, file: BinaryIO, head: bytes) -> Iterator[BinaryIO]:
    """The plain bytes of a .tar.gz, .tar.bz2 or .tar.xz, in a file without a name that is gone after; a .tar itself."""
    unpack = next((opener for begin, opener in _PACKED.items() if head.startswith(begin)), None)
    if unpack is None:
        yield file
        return
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    with tempfile.TemporaryFile() as plain:
        try:
            with unpack(file) as packed:
                while chunk := packed.read(1 << 20):
                    plain.write(chunk)
                    _check_size(name, plain.tell())
                    if plain.tell() > max(PLAIN, RATIO * size):
                        raise DataError(f"{quote(name)} unpacks to over {RATIO} times its size, which no images do.")
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise DataError(f"{quote(name)} is damaged or was cut short ({short(error)}); make it again.") from error
        plain.seek(0)
        yield plain


def _open_tar(name: str, file: BinaryIO) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=file, mode="r:")
    except tarfile.TarError as error:
        raise DataError(
            f"{quote(name)} is neither an .npz, a .zip nor a .tar (.gz, .bz2, .xz), or was cut short; bring one of "
            "these, or a folder."
        ) from error


def _in_tar(name: str, tar: tarfile.TarFile) -> Listing:
    """All files and folders in a tar that is open."""
    files: list[ImageFile] = []
    folders: list[tuple[str, ...]] = []
    total = 0
    try:
        for count, info in enumerate(tar):
            if count >= ENTRIES:
                raise DataError(f"{quote(name)} lists more than {ENTRIES:,} files; bring a smaller archive.")
            _check(name, info.name, info.issym() or info.islnk())
            total += info.size
            _check_size(name, total)
            parts = PurePosixPath(info.name).parts
            if info.isfile():
                files.append(ImageFile(parts, info.size, partial(tar.extractfile, info)))
            folders.append(parts if info.isdir() else parts[:-1])
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise DataError(f"{quote(name)} is damaged or was cut short ({short(error)}); make it again.") from error
    return files, folders


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
