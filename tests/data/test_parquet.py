"""Parquet files as data sets of Hugging Face have them: the same data set as class folders, or one sentence."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resnet_viz.data import catalogue
from resnet_viz.data.own import import_own
from tests.data.brought import X, Y, archive, folders, image, refused

CELLS = [{"bytes": image(x), "path": f"{i:02}.png"} for i, x in enumerate(X)]
FEATURES = {
    "info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}
}


def parquet(rows: slice = slice(None), names: bool = True, **columns) -> bytes:
    """A file of some rows of X, as `datasets` writes it."""
    table = pa.table({"image": CELLS[rows], "label": Y[rows], **columns})
    if names:
        table = table.replace_schema_metadata({"huggingface": json.dumps(FEATURES)})
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def column(values: list, name: str = "label") -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"image": CELLS[: len(values)], name: values}), file)
    return file.getvalue()


def test_one_file_is_the_same_as_class_folders() -> None:
    whole = import_own(("p.zip", archive(folders())))
    for content in (parquet(), column([("cat", "dog")[y] for y in Y], "breed"), column(["cat", "dog"] * 10, "any")):
        spec = import_own(("train.parquet", content))
        assert catalogue.facts(spec).classes == ("cat", "dog")
        assert spec.hash == whole.hash


def test_images_as_plain_bytes_and_numbers_without_names() -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"img": [cell["bytes"] for cell in CELLS], "fine_label": Y + 5, "coarse": Y * 0}), file)
    facts = catalogue.facts(import_own(("a.parquet", file.getvalue())))
    assert (facts.classes, facts.train) == (("5", "6"), 20)
    assert facts.notes == ("columns of 'a.parquet' left out: 'coarse'",)


def test_files_of_a_folder_or_an_archive_are_the_splits(tmp_path) -> None:
    parts = {
        "train-00000-of-00002": slice(0, 8),
        "train-00001-of-00002": slice(8, 14),
        "test-00000-of-00001": slice(14, 20),
    }
    files = {f"data/{name}.parquet": parquet(part) for name, part in parts.items()}
    (tmp_path / "set" / "data").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "set" / name).write_bytes(content)
    for source in (tmp_path / "set", ("set.zip", archive(files))):
        facts = catalogue.facts(import_own(source))
        assert (facts.train, facts.test, facts.classes) == (14, 6, ("cat", "dog"))


def test_a_file_beside_images_or_a_macs_shadow_is_not_what_is_meant() -> None:
    whole = import_own(("p.zip", archive(folders())))
    assert import_own(("p.zip", archive(folders() | {"x.parquet": b"PAR1", "x.npy": b""}))) == whole
    shadowed = {"train.parquet": parquet(), "__MACOSX/._train.parquet": b"\0\5\x16\7"}
    assert import_own(("p.zip", archive(shadowed))).hash == whole.hash


def test_what_is_left_out_is_said() -> None:
    cells = [*CELLS, {"bytes": b"broken", "path": "bad.png"}, None]
    file = io.BytesIO()
    pq.write_table(pa.table({"image": cells, "label": [*Y, 0, 0]}), file)
    notes = "\n".join(catalogue.facts(import_own(("a.parquet", file.getvalue()))).notes)
    assert "without an image or a label were left out: 1" in notes
    assert "'a.parquet/bad.png': not an image" in notes


def no_images() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (parquet()[:-20], "can't be read as Parquet"),
        (b"PAR1" + bytes(40), "can't be read as Parquet"),
        (no_images(), "no column of encoded images, only 'text', 'label'"),
        (parquet(other=np.arange(20)).replace(b"label", b"ticks"), "no column 'label'"),
    ],
    ids=["cut", "empty", "texts", "two numbers"],
)
def test_others_are_refused_in_one_sentence(content, words, home) -> None:
    refused(("a.parquet", content), words, home)


def test_a_file_that_unpacks_to_far_more_than_it_is_is_refused_unread(home, monkeypatch) -> None:
    monkeypatch.setattr("resnet_viz.data.parquet.PLAIN", 1 << 20)
    file = io.BytesIO()
    pq.write_table(
        pa.table({"image": [bytes(10**6)] * 3, "label": [0, 1, 1]}), file, use_dictionary=False, compression="zstd"
    )
    refused(("a.parquet", file.getvalue()), "3 MiB", home)
