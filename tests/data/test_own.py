"""The user's own data sets once they are imported: named by their content, trained on, and said where they are gone."""

import io
import os
import re
from pathlib import Path

import numpy as np
import pytest

from resnet_viz.data import catalogue
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.own import import_own
from resnet_viz.data.splits import load_splits
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from tests.data.brought import X, Y, archive, folders, npz, refused


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


def test_other_sources_are_refused_in_one_sentence(home, tmp_path) -> None:
    refused(("pets.rar", b""), "neither", home)
    refused(tmp_path / "nowhere", "nowhere", home)
    np.savez(tmp_path / "mine.npz", x=X, y=Y)
    refused(tmp_path, "train*", home)
    np.savez(tmp_path / "train_1.npz", x=X, y=Y)
    np.savez(tmp_path / "train_2.npz", x=X[..., 0], y=Y)
    refused(tmp_path, "different shapes", home)


@pytest.mark.parametrize("typed", ["x" * 5000, "x/" * 5000, "a\0b", "\ud800", "~nobody-here/x", "loop/x"])
def test_what_no_path_can_be_is_said_in_a_short_sentence(typed, tmp_path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="no file or folder") as caught:
        import_own(Path(typed) if typed.startswith("~") else tmp_path / typed)
    assert len(str(caught.value).encode()) < 400


def test_a_pipe_is_not_waited_for(home, tmp_path) -> None:
    os.mkfifo(tmp_path / "x.npz")
    refused(tmp_path / "x.npz", "a pipe or a device", home)
    refused(tmp_path, "no images", home)
    refused(Path("/dev/zero"), "a pipe or a device", home)


def test_sentences_and_notes_quote_60_characters_at_most(home) -> None:
    long, many = "n" * 5000, archive({f"{'c' * 200}/{'f' * 200}{i}.png": b"x" for i in range(9)})
    for name, content in (
        (long + ".zip", many),
        (long + ".npz", npz(**{long: X})),
        (long, b""),
        ("a.zip", archive({long: b""})),
    ):
        with pytest.raises(DataError) as caught:
            import_own((name, content))
        assert not re.search(r"(.)\1{60}", str(caught.value))


def test_a_home_that_cannot_be_written_is_said(home) -> None:
    home.write_text("a file where the folder should be")
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
