"""A CSV beside images: the ways in which competitions name classes; each is the same data set as class folders."""

import pytest

from resnet_viz.data import catalogue
from resnet_viz.data.own import import_own
from tests.data.brought import X, archive, folders, image, refused

PIXELS = [image(x) for x in X]


def flat(top: str = "images/", ending: str = ".png") -> dict[str, bytes]:
    return {f"{top}{i:02}{ending}": content for i, content in enumerate(PIXELS)}


def rows(line: str, head: str, sep: str = "\n") -> bytes:
    """A CSV of X: cats at even numbers, dogs at odd ones."""
    pets = ("cat", "dog")
    return sep.join([head, *(line.format(i=i, pet=pets[i % 2], cat=1 - i % 2, dog=i % 2) for i in range(20))]).encode()


SHEETS = {
    "file, label": {"labels.csv": rows("images/{i:02}.png,{pet}", "file,label")},
    "names alone": {"images/labels.csv": rows("{i:02}.png,{pet}", "filename,class")},
    "without endings": {"train.csv": rows("{i:02},{pet}", "id,breed")},
    "others' paths": {"a.csv": rows("/kaggle/input/x/{i:02}.png,{pet}", "path,dx")},
    "Windows' paths": {"a.csv": rows("images\\{i:02}.png,{pet}", "path,target")},
    "more columns": {"meta.csv": rows("{i},{i:02}.png,{pet},f", "number,image_id,label,sex")},
    "any name": {"a.csv": rows("{i:02}.png,{pet}", "Bild,Tier")},
    "semicolons, BOM, CRLF": {"a.csv": "﻿".encode() + rows("{i:02}.png;{pet}", "file;label", "\r\n")},
    "tabs": {"a.tsv": rows("{i:02}.png\t{pet}", "file\tlabel")},
    "one-hot": {"_classes.csv": rows("{i:02}.png, {cat}, {dog}", "filename, cat, dog")},
    "one-hot of floats": {"truth.csv": rows("{i:02},{cat}.0,{dog}.0", "image,cat,dog")},
}


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_a_csv_gives_the_classes(sheet) -> None:
    whole = import_own(("p.zip", archive(folders())))
    spec = import_own(("p.zip", archive(flat() | sheet)))
    assert spec.hash == whole.hash
    facts = catalogue.facts(spec)
    assert facts.classes == ("cat", "dog")
    assert len(facts.notes) == 1
    assert "classes are those in the column" in facts.notes[0]


@pytest.mark.parametrize(("encoding", "named"), [("gbk", "家猫"), ("cp1252", "Maltése"), ("utf-16", "Кот")])
def test_a_csv_in_the_code_page_of_its_system_keeps_its_letters(encoding, named) -> None:
    lines = rows("{i:02}.png;{pet}", "file;label").decode().replace("cat", named)
    facts = catalogue.facts(import_own(("p.zip", archive(flat() | {"a.csv": lines.encode(encoding)}))))
    assert set(facts.classes) == {named, "dog"}


def test_splits_come_from_a_column_from_names_and_from_folders() -> None:
    column = rows("{i:02}.png,{pet}", "file,label").decode().splitlines()
    column = [f"{line},{'split' if not n else 'test' if n > 14 else 'train'}" for n, line in enumerate(column)]
    named = rows("{i:02}.png,{pet}", "file,label").decode().splitlines()
    parts = {"train.csv": named[:15], "test.csv": [named[0], *named[15:]]}
    in_folders = {f"{'train' if i < 14 else 'test'}/{i:02}.png": content for i, content in enumerate(PIXELS)}
    for files in (
        flat() | {"all.csv": "\n".join(column).encode()},
        flat() | {name: "\n".join(lines).encode() for name, lines in parts.items()},
        in_folders | {"all.csv": "\n".join(named).encode()},
    ):
        facts = catalogue.facts(import_own(("p.zip", archive(files))))
        assert (facts.classes, facts.train, facts.test) == (("cat", "dog"), 14, 6)


def test_a_csv_in_each_splits_folder_is_of_that_split() -> None:
    """As Roboflow exports them; an example of a competition's answers is none."""
    files = {"sample_submission.csv": rows("{i:02}.png,dog", "file,label")}
    for split, part in (("train", range(14)), ("valid", range(14, 17)), ("test", range(17, 20))):
        lines = ["filename, cat, dog", *(f"{i:02}.png, {1 - i % 2}, {i % 2}" for i in part)]
        files |= {f"{split}/{i:02}.png": PIXELS[i] for i in part} | {f"{split}/_classes.csv": "\n".join(lines).encode()}
    facts = catalogue.facts(import_own(("p.zip", archive(files))))
    assert (facts.classes, facts.train, facts.test) == (("cat", "dog"), 17, 3)
    assert any("validation images were taken as training data" in note for note in facts.notes)


def test_what_a_csv_leaves_out_is_counted_and_said() -> None:
    lines = rows("{i:02}.png,{pet}", "file,label").decode().splitlines()
    lines = [*lines[:17], "gone.png,cat", "16.png,", "00.png,dog"]  # images 16 to 19 are named by no whole row
    facts = catalogue.facts(import_own(("p.zip", archive(flat() | {"labels.csv": "\n".join(lines).encode()}))))
    notes = "\n".join(facts.notes)
    assert facts.train == 16
    for words in (
        "not there or that name no class: 2",
        "another class, were left out: 1",
        "no row names were left out: 4",
    ):
        assert words in notes


def test_folders_that_only_part_the_images_are_no_classes() -> None:
    parts = {f"part_{i % 2 + 1}/{i:02}.png": content for i, content in enumerate(reversed(PIXELS))}
    facts = catalogue.facts(import_own(("p.zip", archive(parts | {"meta.csv": rows("{i:02},{pet}", "image_id,dx")}))))
    assert facts.classes == ("cat", "dog")


def test_a_csv_of_other_things_changes_nothing(home) -> None:
    whole = import_own(("p.zip", archive(folders())))
    for content in (b"", b"a,b\n1,2\n", b"\0\xff" * 99, b"file,label\ngone.png,cat\n", rows("{i:02},{i},{i}", "a,b,c")):
        assert import_own(("p.zip", archive(folders() | {"a.csv": content}))) == whole
    for path in home.rglob("*.*"):
        path.unlink()
    (home / "own").rmdir()
    home.rmdir()
    refused(("p.zip", archive(flat("") | {"a.csv": b"a,b\n1,2\n"})), "no class folders", home)
