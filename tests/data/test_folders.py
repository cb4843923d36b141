"""The user's own folders of images: classes, splits, and every image that is changed or left out is said."""

import io
import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from resnet_viz.data import catalogue, images
from resnet_viz.data import folders as class_folders
from resnet_viz.data.archives import ImageFile
from resnet_viz.data.layout import place
from resnet_viz.data.own import import_own
from tests.data.brought import RNG, X, Y, archive, folders, image, in_order, kept, refused


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
    assert ("validation images" in str(about.notes)) == (second == "val")


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
    "eval": (["train/cat/5", "train/dog/5", "eval/cat/2"], 10, 2, ["validation images were taken as the test split"]),
    "in Chinese": (["训练集/cat/5", "训练集/dog/5", "测试集/cat/2"], 10, 2, []),
    "beside loose ones": (
        ["leaves/leaves/train/cat/5", "leaves/leaves/train/dog/5", "leaves/leaves/valid/cat/2", "test/test/3"],
        10, 2, ["the folder 'test', which stands beside 'leaves', was left out: 3 images"],
    ),
    "folds": (
        ["fold1/cat/5", "fold1/dog/5", "fold2/cat/4", "fold2/dog/4"],
        18, 0, ["the folders 'fold1', 'fold2', which hold the same class folders, were taken together"],
    ),
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


def test_an_archive_or_a_table_inside_is_named_with_what_to_do(home) -> None:
    refused(("p.zip", archive({"data.tar.gz": b"x"})), "but the archive 'data.tar.gz'; unpack it once", home)
    loose = tree("all/6") | {"labels.xlsx": b"PK"}
    refused(("p.zip", archive(loose)), "class folder, 'all'. If 'labels.xlsx' tells the classes, save it as CSV", home)


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
