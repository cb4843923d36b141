"""Archives, untrusted: names as packers write them, and what is refused before it is unpacked."""

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from resnet_viz.data import archives, catalogue
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.own import import_own
from tests.data.brought import X, archive, folders, image, refused


def renamed(content: bytes, old: bytes, new: bytes) -> bytes:
    """A zip with a name, of as many bytes, as other packers write it."""
    assert len(old) == len(new)
    return content.replace(old, new)


CODE_PAGES = {
    "GBK": (["猫咪", "小狗"], "gbk", "Chinese"),
    "Shift-JIS": (["ねこ", "いぬ"], "shift_jis", "Japanese"),
    "CP437": (["Maltése", "Grünling"], "cp437", "western"),
    "UTF-8 without its flag": (["Maltése", "猫咪"], "utf-8", ""),
}


@pytest.mark.parametrize(("names", "encoding", "words"), CODE_PAGES.values(), ids=CODE_PAGES)
def test_names_in_old_code_pages_are_read_and_said(names, encoding, words) -> None:
    """As they were packed on a Chinese, Japanese or western Windows: bytes without the flag for UTF-8."""
    marks = [b"QXZQXZQXZ"[: len(name.encode(encoding))] for name in names]
    marks[1] = marks[1].replace(b"Q", b"J")
    content = archive(
        {f"{mark.decode()}/{i}.png": image(X[i + 5 * k]) for k, mark in enumerate(marks) for i in range(5)}
    )
    for mark, name in zip(marks, names, strict=True):
        content = renamed(content, mark + b"/", name.encode(encoding) + b"/")
    facts = catalogue.facts(import_own(("old.zip", content)))
    assert facts.classes == tuple(sorted(names))
    assert words in " ".join(facts.notes)
    assert bool(facts.notes) == bool(words)


def test_names_in_an_unknown_code_page_are_said() -> None:
    content = archive({f"{mark}/{i}.png": image(X[i]) for mark in ("QXZ", "dog") for i in range(5)})
    facts = catalogue.facts(import_own(("old.zip", renamed(content, b"QXZ/", b"\xb0\xff\xb1/"))))
    assert "code page that could not be told" in facts.notes[0]


def test_backslashes_part_folders() -> None:
    """PowerShell 5 and .NET write them, against the format's own rule."""
    whole = import_own(("p.zip", archive(folders("pets/"))))
    assert import_own(("p.zip", archive({name.replace("/", "\\"): c for name, c in folders("pets/").items()}))) == whole


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_as_good_as_a_zip(mode) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as packed:
        for name, content in folders("pets/").items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    assert import_own(("p.tar", file.getvalue())).hash == import_own(("p.zip", archive(folders()))).hash
    if mode == "w:gz":
        with pytest.raises(DataError, match="cut short"):
            import_own(("p.tgz", file.getvalue()[:-900]))


def test_names_that_are_no_text_are_read_with_a_mark(tmp_path) -> None:
    """A tar and a disk hold bytes, which need be no UTF-8."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", encoding="latin-1", format=tarfile.GNU_FORMAT) as packed:
        for name, content in folders().items():
            info = tarfile.TarInfo(name.replace("cat", "cät"))
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
            path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/mine/" + name.replace("cat", "cät").encode("latin-1")))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for source in (("p.tar", file.getvalue()), tmp_path / "mine"):
        assert catalogue.facts(import_own(source)).classes == ("c?t", "dog")


def tar_of(*infos: tuple[str, bytes]) -> bytes:
    """A tar whose entries are of these names and types."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        for name, kind in infos:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            packed.addfile(info)
    return file.getvalue()


def deflate64() -> bytes:
    content = bytearray(archive(folders()))
    for sign, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        place = content.find(sign)
        while place >= 0:
            content[place + at] = 9
            place = content.find(sign, place + 4)
    return bytes(content)


def linked() -> bytes:
    info = zipfile.ZipInfo("cat/link.png")
    info.external_attr = 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(info, "/etc/passwd")
    return file.getvalue()


def bomb(size: int) -> bytes:
    """A zip whose only entry says that it unpacks to ``size`` bytes."""
    content = bytearray(archive({"cat/a.png": b"\0" * 1000}))
    at = content.rfind(b"PK\1\2") + 24
    content[at : at + 4] = struct.pack("<I", size)
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(archive({"cat/a.png": b"a"}))
    content[content.rfind(b"PK\1\2") + 8] |= 1
    return bytes(content)


BAD_ZIPS = {
    "not a zip": (b"hello", "not a .zip"),
    "Deflate64": (deflate64(), "Deflate64, as Windows does over 2 GB"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "7z archive, which is not read here; unpack it and name the folder"),
    "RAR": (b"Rar!\x1a\7" + bytes(99), "RAR archive"),
    "tar with a link": (tar_of(("cat/a.png", tarfile.SYMTYPE)), "a link"),
    "tar with a hard link": (tar_of(("cat/a.png", tarfile.LNKTYPE)), "a link"),
    "tar that leads out": (tar_of(("../a.png", tarfile.REGTYPE)), "leads out"),
    "packed tar of nothing": (gzip.compress(b"hello"), "'pets.zip'"),
    "truncated": (archive(folders())[:-300], "cut short"),
    "parent path": (archive(folders() | {"../evil.png": b""}), "'../evil.png'"),
    "parent path inside": (archive(folders() | {"cat/../../evil.png": b""}), "leads out"),
    "absolute path": (archive(folders() | {"/etc/evil.png": b""}), "'/etc/evil.png'"),
    "drive": (archive(folders() | {"C:/evil.png": b""}), "'C:/evil.png'"),
    "Windows parent": (archive(folders() | {"..\\evil.png": b""}), "leads out"),
    "link": (linked(), "a link"),
    "encrypted": (encrypted(), "password"),
    "bomb": (bomb(0xFFFFFFF0), "4.0 GiB"),
    "no folders": (archive({f"{i}.png": image(x) for i, x in enumerate(X)}), "20 images but no class folders"),
    "no images": (archive({"cat/a.txt": b"", "dog/b.txt": b""}), "no images"),
    "all broken": (
        archive({"cat/a.png": b"a", "dog/b.jpg": b"b"}),
        "None of the 2 images in 'pets.zip' can be read (such as 'cat/a.png': not an image)",
    ),
    "one class": (archive({n: c for n, c in folders().items() if n.startswith("cat")}), "'cat'"),
    "few": (archive(folders() | {"bird/a.png": image(X[0])}), "'bird' has too few training images, 1"),
    "unknown test class": (archive(folders("train/") | {"test/bird/a.png": image(X[0])}), "'bird'"),
}


@pytest.mark.parametrize(("content", "word"), BAD_ZIPS.values(), ids=BAD_ZIPS)
def test_bad_archives_are_refused_in_one_sentence(content, word, home) -> None:
    refused(("pets.zip", content), word, home)


def test_a_million_entries_are_refused_before_they_are_listed(home) -> None:
    count = 1_000_000
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0) + b"a.png"
    directory = entry * count
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(directory), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0, 0)
    content = directory + end64 + locator + end
    tracemalloc.start()
    refused(("pets.zip", content), "200,000", home)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


def test_an_entry_that_unpacks_to_more_than_it_says_is_left_out() -> None:
    content = bytearray(archive(folders() | {"cat/zz.png": image(np.zeros((64, 64, 3), np.uint8)) + bytes(10**6)}))
    at = content.rfind(b"PK\1\2") + 24
    content[at : at + 4] = struct.pack("<I", 60)
    assert "cat/zz.png" in catalogue.facts(import_own(("p.zip", bytes(content)))).notes[0]


def test_a_packed_tar_of_zeros_is_refused_before_it_fills_the_disk(home, monkeypatch) -> None:
    monkeypatch.setattr(archives, "PLAIN", 1 << 20)
    refused(("pets.tgz", gzip.compress(bytes(8 << 20))), "unpacks to over 100 times its size", home)


def test_limits_hold_for_what_is_many_or_large(monkeypatch, home, tmp_path) -> None:
    monkeypatch.setattr(archives, "ENTRIES", 19)
    refused(("pets.zip", archive(folders())), "more than 19 files", home)
    (tmp_path / "many").mkdir()
    for i in range(20):
        (tmp_path / "many" / f"{i}.txt").touch()
    refused(tmp_path / "many", "more than 19 files", home)
