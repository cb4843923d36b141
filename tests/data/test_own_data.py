"""The user's own images: what is taken, what is changed and said, and what is refused in one sentence."""

import gzip
import io
import pickle
import struct
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_viz.data import archives, catalogue, images
from resnet_viz.data import folders as class_folders
from resnet_viz.data.archives import ImageFile
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.layout import place
from resnet_viz.data.own import import_own
from resnet_viz.data.splits import load_splits
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (20, 8, 8, 3), np.uint8)
Y = np.arange(20) % 2


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RESNET_VIZ_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def image(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return file.getvalue()


def folders(top: str = "") -> dict[str, bytes]:
    return {
        f"{top}{'cat' if y == 0 else 'dog'}/{i:02}.png": image(x) for i, (x, y) in enumerate(zip(X, Y, strict=True))
    }


def kept(spec: DataSpec) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All images and labels of training and validation, and of the test split, each in the order of the images' bytes."""
    splits = load_splits(spec)
    answer = []
    for names in (("train", "validation"), ("test",)):
        x = np.concatenate([splits.images[n] for n in names])
        y = np.concatenate([splits.labels[n] for n in names])
        order = sorted(range(len(x)), key=lambda i: x[i].tobytes())
        answer += [x[order], y[order]]
    return tuple(answer)


def in_order(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = sorted(range(len(x)), key=lambda i: x[i].tobytes())
    return x[order], y[order]


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
    "one-hot": ({"x": X, "y": ONE_HOT.astype(int)}, ["y of shape (20, 2) is one-hot"]),
    "one-hot of floats": ({"x": X, "y": ONE_HOT}, ["is one-hot"]),
    "one-hot of bools": ({"x": X, "y": ONE_HOT.astype(bool)}, ["is one-hot"]),
    "whole numbers": ({"x": X.astype(np.int64), "y": Y}, ["x holds int64 from 0 to"]),
    "0 to 1": ({"x": (X / 255).astype(np.float32), "y": Y}, ["0 became black, 1 white"]),
    "-1 to 1": ({"x": X / 127.5 - 1, "y": Y}, ["-1 became black, 1 white"]),
    "0 to 255": ({"x": X.astype(np.float32), "y": Y}, ["0 became black, 255 white"]),
    "channels first": ({"x": X.transpose(0, 3, 1, 2), "y": Y}, ["x of shape (20, 3, 8, 8) was read as channels first"]),
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


def test_dim_arrays_use_black_to_white() -> None:
    """Counts of a detector: 1,000 and some of 65,535."""
    spec = import_own(("scan.npz", npz(x=X[..., 0].astype(np.uint16) * 4 + 1000, y=Y)))
    x, _, x_test, _ = kept(spec)
    both = np.concatenate([x, x_test])
    assert (both.min(), both.max()) == (0, 255)
    assert "x holds uint16 from 1,0" in catalogue.facts(spec).notes[0]


def test_a_run_on_own_data_takes_its_shape_from_it() -> None:
    spec = import_own(("mine.npz", npz(x=X[..., 0], y=Y * 3)))
    run = catalogue.fill(RunSpec(data=spec, train=TrainSpec(batch_size=8)))
    assert (run.model.channels, run.model.size, run.model.classes, run.data.augment) == (1, 8, 2, ())
    assert (run.data.label, run.data.hash) == ("mine", spec.hash)
    assert sum(catalogue.split_sizes(spec)) == 20


def test_the_same_content_has_the_same_hash_wherever_it_comes_from(tmp_path) -> None:
    for name, content in folders("images/").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    packed, turned = (archive(dict(order)) for order in (folders().items(), reversed(folders("a/b/").items())))
    (tmp_path / "file.zip").write_bytes(packed)
    sources = [tmp_path / "images", tmp_path / "file.zip", ("up.zip", packed), ("up.zip", io.BytesIO(turned))]
    specs = [import_own(source) for source in sources]
    assert len({spec.hash for spec in specs}) == 1
    assert specs[0].label == "images"
    assert import_own(("mine.npz", npz(x=X, y=1 - Y))).hash != specs[0].hash
    assert len(catalogue.own_data()) == 2
    assert catalogue.own_data()[0].label == "mine"


def test_images_in_class_folders_keep_every_pixel() -> None:
    spec = import_own(("pets.zip", archive(folders("pets/"))), label="my pets")
    about = catalogue.facts(spec)
    assert (about.label, about.classes, about.notes) == ("my pets", ("cat", "dog"), ())
    x, y, x_test, y_test = kept(spec)
    for found, expected in zip(
        in_order(np.concatenate([x, x_test]), np.concatenate([y, y_test])), in_order(X, Y), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("second", "train", "test"), [("test", 20, 20), ("val", 20, 20)])
def test_train_and_test_folders_are_the_splits(second, train, test) -> None:
    about = catalogue.facts(import_own(("p.zip", archive(folders("p/train/") | folders(f"p/{second}/")))))
    assert (about.train, about.test, about.classes) == (train, test, ("cat", "dog"))
    assert ("validation folder" in str(about.notes)) == (second == "val")


def tree(*paths: str) -> dict[str, bytes]:
    """Images of these paths: "cat/3" is three in the folder cat, "a.png" is one."""
    files = {}
    for number, path in enumerate(paths):
        at, _, count = path.rpartition("/")
        names = [f"{at}/{number}-{i}.png" for i in range(int(count))] if count.isdecimal() else [path]
        files |= {name: image(X[(number + i) % len(X)]) for i, name in enumerate(names)}
    return files


PETS = ("cat/5", "dog/5")
UNDER = {  # paths; images in training and test split; the notes' words
    "training_set": (["training_set/cat/5", "training_set/dog/5", "test_set/cat/2"], 10, 2, []),
    "capitals": (["Train/cat/5", "Train/dog/5", "TEST/dog/2"], 10, 2, []),
    "numbered": (["train1/cat/5", "train1/dog/5", "test1/cat/2"], 10, 2, []),
    "camel": (["TrainImages/cat/5", "TrainImages/dog/5", "TestImages/cat/2"], 10, 2, []),
    "one name": (["trainset/cat/5", "trainset/dog/5", "testset/cat/2"], 10, 2, []),
    "eval": (["train/cat/5", "train/dog/5", "eval/cat/2"], 10, 2, ["validation folder was taken as the test split"]),
    "twice": (["seg_train/seg_train/cat/5", "seg_train/seg_train/dog/5", "seg_test/seg_test/cat/2"], 10, 2, []),
    "with the set's name": (["pets_train/cat/5", "pets_train/dog/5", "pets_test/cat/2"], 10, 2, []),
    "below classes": (["cat/train/5", "cat/test/2", "dog/train/5", "dog/test/1"], 10, 3, []),
    "wrapped": (["a/b/c/train/cat/5", "a/b/c/train/dog/5", "a/readme.png"], 10, 0, ["class folders were left out: 1"]),
    "a stranger": (["train/cat/5", "train/dog/5", "test/cat/2", "pred/4"], 10, 2, ["'pred', which stands beside", "4 images"]),
    "beside the whole": (["a/train/cat/5", "a/train/dog/5", "a/test/cat/2", "docs/1"], 10, 2, ["'docs'", "1 image"]),
    "splits again": (
        [f"x/{top}{split}" for top in ("", "x/") for split in ("train/cat/5", "train/dog/5", "test/cat/2")],
        10, 2, ["'x', which holds the splits once more", "12 images"],
    ),
    "classes again": ([f"{top}{pet}" for top in ("", "pets/") for pet in (*PETS, "owl/5")], 15, 0, ["'pets', which"]),
    "a flat test split": (["train/cat/5", "train/dog/5", "test/3"], 10, 0, ["'test' in no class folder were left out: 3"]),
}  # fmt: skip


@pytest.mark.parametrize(("paths", "train", "test", "words"), UNDER.values(), ids=UNDER)
def test_a_folder_that_means_a_split_is_never_a_class(paths, train, test, words) -> None:
    """And whatever is left out is said, with how many images that are."""
    facts = catalogue.facts(import_own(("p.zip", archive(tree(*paths)))))
    assert facts.classes in (("cat", "dog"), ("cat", "dog", "owl"))
    assert (facts.train, facts.test) == (train, test)
    assert len(facts.notes) >= bool(words)
    assert all(word in " ".join(facts.notes) for word in words)


def test_a_class_whose_name_has_a_splits_word_in_it_stays_one() -> None:
    facts = catalogue.facts(import_own(("p.zip", archive(tree("bullet_train/3", "steam_train/3", "test_tube/3")))))
    assert facts.classes == ("bullet_train", "steam_train", "test_tube")


@pytest.mark.parametrize(
    "paths", [["train/9", "test/3"], ["p/train/9"], ["train/9", "test/cat/3"], ["train/9", "val/3", "pred/3"]]
)
def test_images_right_in_a_split_are_refused_with_what_to_do(paths, home) -> None:
    refused(("p.zip", archive(tree(*paths))), "put them into one folder for each class, such as train/cat", home)


def test_many_classes_are_placed_in_the_time_of_many_files() -> None:
    """20,000 class folders, as many splits' names among them: each is compared with none of the others."""
    words = ("train", "test", "photo")
    letters = str.maketrans("0123456789", "abcdefghij")
    names = [f"{words[i % 3]}-{str(i).translate(letters)}" for i in range(20_000)]
    files = [ImageFile((name, "a", f"{k}.png"), 1, io.BytesIO) for name in names for k in "ab"]
    started = time.process_time()
    placed, notes = place("big", files, [])
    assert (len(placed), notes) == (40_000, [])
    assert time.process_time() - started < 10  # a second; minutes where each is compared with each


def test_nothing_vanishes_unsaid(tmp_path) -> None:
    """An empty class, one that can't be read, files that only look like images: each by its name."""
    files = tree(*PETS) | {
        "fish/": b"",
        "owl/a.heic": b"\0\0\0\x18ftypheic" + bytes(99),
        "owl/b.dcm": bytes(128) + b"DICM",
    }
    files |= {"cat/notes.txt": b"", "dog/photo": image(X[0]), "cat/page.jpg": b"<!DOCTYPE html><html></html>"}
    for name, content in files.items():
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_bytes(content)
    for source in (tmp_path / "mine", ("mine.zip", archive(files))):
        facts = catalogue.facts(import_own(source))
        assert (facts.classes, facts.train) == (("cat", "dog"), 11)  # what has no ending is taken for what it holds
        notes = "\n".join(facts.notes)
        for words in (
            "'fish'",
            "3 of 14",
            "a.heic': a HEIC photo",
            "b.dcm': a DICOM",
            "page.jpg': a saved web page",
            "'owl'",
        ):
            assert words in notes
        assert "notes.txt" not in notes


def test_dim_16_bit_images_use_black_to_white_of_the_whole_set() -> None:
    """Cats are twice as bright as dogs, and stay so; at 8 bits by the upper byte all would be black."""
    grey = {"cat": X[:10, ..., 0].astype(int) + 1000, "dog": X[10:, ..., 0].astype(int) // 2 + 1000}
    files = {
        f"{n}/{i}.png": image(v.astype(np.uint16))
        for n, values in grey.items()
        for i, v in enumerate(values.astype(int))
    }
    spec = import_own(("xray.zip", archive(files)))
    assert "1,000 became black" in catalogue.facts(spec).notes[0]
    x, y, x_test, y_test = kept(spec)
    x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    assert (x.min(), x.max()) == (0, 255)
    assert x[y == 0].mean() / x[y == 1].mean() == pytest.approx(2, rel=0.1)


def test_a_folder_of_npz_joins_train_and_test(tmp_path) -> None:
    for name, part in (("train_1", slice(0, 8)), ("train_2", slice(8, 14)), ("test", slice(14, 20))):
        np.savez(tmp_path / f"{name}.npz", x=X[part], y=Y[part].astype(np.uint8), classes=["cat", "dog"])
    found = kept(import_own(tmp_path))
    for got, expected in zip(found, (*in_order(X[:14], Y[:14]), *in_order(X[14:], Y[14:])), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_mixed_sizes_and_colours_are_made_equal_and_said() -> None:
    files = folders() | {"cat/tall.png": image(np.full((40, 10, 3), 200, np.uint8))}
    files |= {
        "dog/grey.png": image(np.full((9, 9), 90, np.uint8)),
        "dog/broken.png": b"no",
        "readme.txt": b"",
        "a.png": b"",
    }
    files |= {"__MACOSX/cat/._00.png": b"", "cat/cut.png": image(X[0])[:60]}
    spec = import_own(("p.zip", archive(files)))
    about = catalogue.facts(spec)
    assert (about.size, about.channels, about.train) == (8, 3, 22)
    words = " ".join(about.notes)
    for word in (
        "outside the class folders were left out: 1",
        "2 of 24 images were left out",
        "broken.png",
        "3 sizes",
        "8×8",
        "RGB",
    ):
        assert word in words or ("cut.png" in words and word == "broken.png")
    x, _, x_test, _ = kept(spec)
    flat = {int(p[0, 0, 0]) for p in np.concatenate([x, x_test]) if (p == p[0, 0, 0]).all()}
    assert flat == {200, 90}


def test_photos_are_turned_as_their_exif_says_and_made_smaller() -> None:
    pixels = np.zeros((300, 300, 3), np.uint8)
    pixels[:150] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", exif=exif)
    about = {f"{label}/{i}.jpg": file.getvalue() for label in "ab" for i in range(3)}
    spec = import_own(("photos.zip", archive(about)))
    x = kept(spec)[0]
    assert x.shape[1:] == (class_folders.SIDE, class_folders.SIDE, 3)
    assert x[0, :80].mean() < 5
    assert x[0, -80:].mean() > 250


def test_sixteen_bit_images_keep_their_upper_byte() -> None:
    grey = (X[..., 0].astype(np.uint16) << 8) + 7
    files = {f"{'cat' if y == 0 else 'dog'}/{i:02}.png": image(x) for i, (x, y) in enumerate(zip(grey, Y, strict=True))}
    x, _, x_test, _ = kept(import_own(("p.zip", archive(files))))
    np.testing.assert_array_equal(in_order(np.concatenate([x, x_test]), np.zeros(20))[0], in_order(X[..., :1], Y)[0])


def test_labels_with_gaps_and_oblong_images_are_changed_and_said() -> None:
    spec = import_own(("m.npz", npz(x=X[:, 1:7], y=np.where(Y, 7, -1)[:, None])))
    about = catalogue.facts(spec)
    assert about.classes == ("-1", "7")
    assert "-1 to 7" in about.notes[0]
    assert "8×6" in about.notes[1]
    x, y, x_test, _ = kept(spec)
    expected = X.copy()
    expected[:, [0, 7]] = 0
    np.testing.assert_array_equal(in_order(np.concatenate([x, x_test]), Y)[0], in_order(expected, Y)[0])
    assert set(y) == {0, 1}


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
    "pickle": (pickle.dumps({"x": X}), "not a .npz"),
    "empty": (b"", "not a .npz"),
}


@pytest.mark.parametrize(("content", "word"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays_are_refused_in_one_sentence(content, word, home) -> None:
    refused(("mine.npz", content), word, home)


def refused(source, word: str, home: Path) -> None:
    with pytest.raises(DataError) as caught:
        import_own(source)
    sentence = str(caught.value)
    assert word in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not list(home.rglob("*"))
    assert catalogue.own_data() == []


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


def test_a_image_of_too_many_pixels_is_left_out_undecoded() -> None:
    huge = io.BytesIO()
    Image.new("1", (12_000, 10_000)).save(huge, "PNG")  # 120 million pixels in 15 kB
    tracemalloc.start()
    about = catalogue.facts(import_own(("p.zip", archive(folders() | {"cat/huge.png": huge.getvalue()}))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert about.train == 20
    assert "huge.png" in about.notes[0]
    assert peak < 20e6


@pytest.mark.slow
def test_memory_follows_what_is_kept_not_what_is_unpacked() -> None:
    pixels = RNG.integers(0, 256, (400, 400, 3), np.uint8)
    files = {f"{'ab'[i % 2]}/{i}.png": image(pixels) for i in range(40)}
    content = archive(files)
    del files
    tracemalloc.start()
    import_own(("p.zip", content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    kept_bytes = 40 * 224 * 224 * 3
    assert peak < kept_bytes + 10e6  # 40 images unpacked would be 19 MB


def test_limits_hold_for_what_is_many_or_large(monkeypatch, home, tmp_path) -> None:
    monkeypatch.setattr(archives, "ENTRIES", 19)
    refused(("pets.zip", archive(folders())), "more than 19 files", home)
    (tmp_path / "many").mkdir()
    for i in range(20):
        (tmp_path / "many" / f"{i}.txt").touch()
    refused(tmp_path / "many", "more than 19 files", home)


def test_a_file_of_too_many_bytes_is_left_out(monkeypatch) -> None:
    monkeypatch.setattr(images, "FILE", 1 << 20)
    content = archive(folders() | {"cat/long.png": image(X[0]) + bytes((1 << 20) + 1)})
    assert "'cat/long.png': its file is over 1 MiB" in catalogue.facts(import_own(("p.zip", content))).notes[0]


def test_more_images_than_are_kept_are_made_smaller(monkeypatch) -> None:
    monkeypatch.setattr(class_folders, "KEPT", 20 * 3 * 5 * 5)
    about = catalogue.facts(import_own(("pets.zip", archive(folders()))))
    assert about.size == 5
    assert "8×8" in about.notes[0]
    assert "5×5" in about.notes[0]


def test_other_sources_are_refused_in_one_sentence(home, tmp_path) -> None:
    refused(("pets.rar", b""), "neither", home)
    refused(tmp_path / "nowhere", "nowhere", home)
    np.savez(tmp_path / "mine.npz", x=X, y=Y)
    refused(tmp_path, "train*", home)
    np.savez(tmp_path / "train_1.npz", x=X, y=Y)
    np.savez(tmp_path / "train_2.npz", x=X[..., 0], y=Y)
    refused(tmp_path, "different shapes", home)


def test_a_home_that_cannot_be_written_is_said(tmp_path, monkeypatch) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="disk space"):
        import_own(("m.npz", npz(x=X, y=Y)))


def test_data_that_is_gone_or_named_by_a_path_is_said(home) -> None:
    spec = import_own(("m.npz", npz(x=X, y=Y)))
    (home / "own" / f"{spec.hash}.npz").write_bytes(b"")
    with pytest.raises(DataError, match="'m' is no longer whole"):
        load_splits(spec)
    (home / "own" / f"{spec.hash}.json").unlink()
    with pytest.raises(DataError, match="no longer whole"):
        catalogue.fill(RunSpec(data=spec))
    with pytest.raises(DataError, match="not the hash"):
        catalogue.facts(DataSpec("own", hash="../../etc/passwd"))


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    import_own(("p.zip", archive(folders())), progress=lambda *word: told.append(word))
    assert ("Reading the images", 0, 20) in told


@pytest.mark.slow
def test_cifar10_comes_in_whole_from_a_folder_of_npz(shared) -> None:
    spec = import_own(shared / "cifar10")
    about = catalogue.facts(spec)
    assert (about.channels, about.size, about.train, about.test) == (3, 32, 50_000, 10_000)
    assert about.classes == catalogue.BUILT_IN["cifar10"].classes
    with np.load(catalogue.own_file(spec, ".npz")) as file:
        x = file["x"]
    # The data set's published moments.
    np.testing.assert_allclose((x / np.float32(255)).mean((0, 1, 2), np.float64), [0.4914, 0.4822, 0.4465], atol=5e-5)
    np.testing.assert_allclose((x / np.float32(255)).std((0, 1, 2), np.float64), [0.2470, 0.2435, 0.2616], atol=5e-5)
