"""The user's own arrays: which names, types and orders are taken, what is said, and what is refused in one sentence."""

import io
import pickle
import tracemalloc

import numpy as np
import pytest

from resnet_viz.data import catalogue
from resnet_viz.data.own import import_own
from tests.data.brought import RNG, X, Y, archive, in_order, kept, npz, refused


def test_arrays_come_back_as_they_were_brought() -> None:
    spec = import_own(("mine.npz", npz(x=X, y=Y, x_test=X[:5], y_test=Y[:5], classes=["cat", "dog"])))
    assert catalogue.facts(spec) == catalogue.Facts("mine", 3, 8, ("cat", "dog"), 20, 5, counts=((10, 3), (10, 2)))
    for found, expected in zip(kept(spec), (*in_order(X, Y), *in_order(X[:5], Y[:5])), strict=True):
        np.testing.assert_array_equal(found, expected)


ONE_HOT = np.eye(2)[Y]


ARRAYS = {  # what is the same as x=X, y=Y; and the notes' words
    "Keras": ({"x_train": X, "y_train": Y}, []),
    "MedMNIST": ({"train_images": X, "train_labels": Y[:, None].astype(np.uint8)}, []),
    "capital": ({"X": X, "y": Y}, []),
    "images, labels": ({"images": X, "labels": Y}, []),
    "data, target": ({"data": X, "target": Y}, []),
    "with others": ({"x": X, "y": Y, "weights": Y}, ["arrays left out: 'weights'"]),
    "labels of floats": ({"x": X, "y": Y.astype(float)}, []),
    "one-hot": ({"x": X, "y": ONE_HOT.astype(int)}, ["'y' of shape (20, 2) is one-hot"]),
    "one-hot of floats": ({"x": X, "y": ONE_HOT}, ["is one-hot"]),
    "one-hot of bools": ({"x": X, "y": ONE_HOT.astype(bool)}, ["is one-hot"]),
    "whole numbers": ({"x": X.astype(np.int64), "y": Y}, ["'x' holds int64 from 0 to"]),
    "0 to 1": ({"x": (X / 255).astype(np.float32), "y": Y}, ["0 became black, 1 white"]),
    "-1 to 1": ({"x": X / 127.5 - 1, "y": Y}, ["-1 became black, 1 white"]),
    "0 to 255": ({"x": X.astype(np.float32), "y": Y}, ["0 became black, 255 white"]),
    "channels first": ({"x": X.transpose(0, 3, 1, 2), "y": Y}, ["'x' of shape (20, 3, 8, 8) was read as channels first"]),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "words"), ARRAYS.values(), ids=ARRAYS)
def test_well_known_arrays_are_the_same_images(arrays, words) -> None:
    """Names, types and orders that data sets are published in; what had to be changed is said."""
    spec = import_own(("mine.npz", npz(**arrays)))
    assert spec.hash == import_own(("mine.npz", npz(x=X, y=Y))).hash
    notes = catalogue.facts(import_own(("mine.npz", npz(**arrays)))).notes
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


def test_texts_name_the_classes_in_every_split() -> None:
    names = np.array(["owl", "bee", "ant"])
    y = np.arange(20) % 3
    for kind in (names, np.char.encode(names, "utf-8")):
        spec = import_own(("mine.npz", npz(x=X, y=kind[y], x_test=X[:3], y_test=kind[y[:3]])))
        assert catalogue.facts(spec).classes == ("ant", "bee", "owl")
        for found, expected in zip(kept(spec), (*in_order(X, 2 - y), *in_order(X[:3], 2 - y[:3])), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("tested", "train", "test"), [(True, 15, 5), (False, 10, 5)])
def test_validation_arrays_are_training_data_where_there_is_a_test_split(tested, train, test) -> None:
    """As with folders: MedMNIST's train, val and test become two splits, and that is said."""
    parts = {"train": slice(10), "val": slice(10, 15)} | ({"test": slice(15, 20)} if tested else {})
    arrays = {f"{s}_{role}": a[part] for s, part in parts.items() for role, a in (("images", X), ("labels", Y))}
    facts = catalogue.facts(import_own(("mine.npz", npz(**arrays))))
    assert (facts.train, facts.test) == (train, test)
    assert "validation arrays were taken as" in facts.notes[0]


def test_half_a_surrogate_in_a_name_is_marked() -> None:
    for arrays in ({"y": Y, "classes": np.array(["\ud800", "b"])}, {"y": np.array(["\ud800", "b"])[Y]}):
        assert set(catalogue.facts(import_own(("mine.npz", npz(x=X, **arrays)))).classes) == {"?", "b"}


def test_dim_arrays_use_black_to_white() -> None:
    """Counts of a detector: 1,000 and some of 65,535."""
    spec = import_own(("scan.npz", npz(x=X[..., 0].astype(np.uint16) * 4 + 1000, y=Y)))
    x, _, x_test, _ = kept(spec)
    both = np.concatenate([x, x_test])
    assert (both.min(), both.max()) == (0, 255)
    assert "'x' holds uint16 from 1,0" in catalogue.facts(spec).notes[0]


def test_a_folder_of_npz_joins_train_and_test(tmp_path) -> None:
    for name, part in (("train_1", slice(0, 8)), ("train_2", slice(8, 14)), ("test", slice(14, 20))):
        np.savez(tmp_path / f"{name}.npz", x=X[part], y=Y[part].astype(np.uint8), classes=["cat", "dog"])
    found = kept(import_own(tmp_path))
    for got, expected in zip(found, (*in_order(X[:14], Y[:14]), *in_order(X[14:], Y[14:])), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_labels_with_gaps_and_oblong_images_are_changed_and_said() -> None:
    spec = import_own(("m.npz", npz(x=X[:, 1:7], y=np.where(Y, 7, -1)[:, None])))
    about = catalogue.facts(spec)
    assert about.classes == ("-1", "7")
    assert "8×6" in about.notes[0]
    assert "-1 to 7" in about.notes[1]
    x, y, x_test, _ = kept(spec)
    expected = X.copy()
    expected[:, [0, 7]] = 0
    np.testing.assert_array_equal(in_order(np.concatenate([x, x_test]), Y)[0], in_order(expected, Y)[0])
    assert set(y) == {0, 1}


def test_an_npz_by_another_name_and_a_folder_of_npy_are_the_same(tmp_path) -> None:
    whole = import_own(("mine.npz", npz(x=X, y=Y)))
    (tmp_path / "mine").mkdir()
    for name, array in (("X_train", X), ("y_train", Y)):
        np.save(tmp_path / "mine" / name, array)
    assert import_own(("mine.zip", npz(x=X, y=Y))).hash == import_own(tmp_path / "mine").hash == whole.hash


def test_an_array_in_fortrans_order_is_the_same() -> None:
    assert import_own(("m.npz", npz(x=np.asfortranarray(X), y=Y))) == import_own(("m.npz", npz(x=X, y=Y)))


def zeros(count: int, *shape: int, kind: str = "|u1") -> bytes:
    """An .npz whose head says so many images of a shape, with no bytes behind."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": (count, *shape)})
    labels = io.BytesIO()
    np.save(labels, np.arange(count) % 2)
    return archive({"x.npy": file.getvalue(), "y.npy": labels.getvalue()})


@pytest.mark.parametrize(
    "content", [zeros(3000, 1, 1024), zeros(700_000, 32, 32, 3), zeros(2000, 512, 512, 3, kind="<f8")]
)
def test_more_than_is_kept_is_refused_by_its_head_alone(content, home) -> None:
    """Of 1×1,024 pixels 3,000 are 3 MB, but squared 3 GB."""
    tracemalloc.start()
    refused(("mine.npz", content), "more than 640", home)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


@pytest.mark.slow
def test_memory_is_what_is_kept_whatever_the_type() -> None:
    """40 MB of float64 become 5 MB."""
    content = npz(x=RNG.random((5000, 32, 32)).astype(np.float64), y=np.arange(5000) % 2)
    tracemalloc.start()
    import_own(("mine.npz", content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


def truncated() -> bytes:
    content = npz(x=X, y=Y)
    return content[: len(content) // 2]


def damaged() -> bytes:
    content = bytearray(npz(x=X, y=Y))
    content[400:440] = bytes(40)
    return bytes(content)


def lying() -> bytes:
    """An array whose header promises 8 exabytes."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (2**60, 8)})
    return archive({"x.npy": file.getvalue() + bytes(100), "y.npy": file.getvalue()})


BAD_ARRAYS = {
    "no y": (npz(x=X), "'y'"),
    "no x": (npz(weights=X, y=Y), "'x', only weights, y"),
    "no names": (npz(arr_0=X, arr_1=Y), "'x', only arr_0, arr_1"),
    "unequal": (npz(x=X, y=Y[:19]), "20 images, but y 19 labels"),
    "no numbers": (npz(x=np.where(X, np.nan, X), y=Y), "not finite"),
    "texts for images": (npz(x=X.astype(str), y=Y), "images are numbers"),
    "four channels": (
        npz(x=np.concatenate([X, X[..., :1]], 3), y=Y),
        "1 or 3 channels; leave the fourth out with x[..., :3]",
    ),
    "one class": (npz(x=X, y=Y * 0), "one class, '0'"),
    "none at all": (npz(x=X[:0], y=Y[:0]), "no training images"),
    "labels between": (npz(x=X, y=Y + 0.5), "not whole"),
    "infinite labels": (npz(x=X, y=np.where(Y, np.inf, 0)), "not whole"),
    "one label for all": (npz(x=X, y=np.array(1)), "20 images, but y 1 labels"),
    "texts of no letters": (npz(x=X, y=np.full(20, 0x7FFFFFFF, np.uint32).view("<U1")), "'mine.npz'"),
    "two labels": (npz(x=X, y=np.ones((20, 2), int)), "(20, 2)"),
    "half a validation split": (npz(x=X, y=Y, val_images=X), "x_val and y_val"),
    "vectors": (npz(x=X.reshape(20, -1)[:, :64], y=Y), "reshape(-1, 8, 8)"),
    "tiny": (npz(x=X[:, :2, :2], y=Y), "2×2"),
    "rare class": (npz(x=X, y=[0] * 18 + [1] * 2), "class '1' has too few training images, 2"),
    "unnamed class": (npz(x=X, y=Y, classes=["cat"]), "label 1"),
    "half a test split": (npz(x=X, y=Y, x_test=X), "y_test"),
    "another shape": (npz(x=X, y=Y, x_test=X[:, :4, :4], y_test=Y), "(4, 4, 3)"),
    "unknown test class": (npz(x=X, y=Y, x_test=X, y_test=Y + 1), "'2'"),
    "objects": (npz(x=X, y=np.array([0, "a"] * 10, object)), "Python objects"),
    "truncated": (truncated(), "cut short"),
    "damaged": (damaged(), "damaged"),
    "lying header": (lying(), "'mine.npz'"),
    "half a head": (archive({"x.npy": b"\x93NUMPY\1\0\x06\0{'a':\n", "y.npy": b""}), "an array's head can't be read"),
    "pickle": (pickle.dumps({"x": X}), "not a .npz"),
    "empty": (b"", "not a .npz"),
}


@pytest.mark.parametrize(("content", "word"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays_are_refused_in_one_sentence(content, word, home) -> None:
    refused(("mine.npz", content), word, home)
