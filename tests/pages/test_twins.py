"""The pages in Streamlit's own test frame: they draw, they start runs, and bad input gets a sentence."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.workers import engine
from tests.apps import headline, unrun

ROOT = Path(__file__).parents[2]


def texts(at: AppTest) -> str:
    return " ".join(str(e.proto) for e in at.get("html"))


def test_twins_shows_any_recorded_pair_by_choice_and_by_link() -> None:
    at = unrun("twins").run()
    at.selectbox(key="recorded").set_value("cifar10-20").run()
    assert "Recorded: CIFAR-10, 20 layers." in texts(at)
    assert at.query_params["recorded"] == "cifar10-20"
    link = unrun("twins")
    link.query_params["recorded"] = "cifar10-20"
    assert texts(link.run()) == texts(at)
    link = unrun("twins")
    link.query_params["recorded"] = "another"
    assert "Recorded: Digits" in texts(link.run())


def test_twins_opens_on_the_recorded_pair() -> None:
    at = unrun("twins").run()
    assert not at.exception
    assert "training loss" in texts(at)
    assert at.button(key="train").label == "Train both"


def test_train_both_queues_twins_that_differ_in_their_shortcut_alone() -> None:
    at = unrun("twins").run()
    at.button(key="train").click().run()
    assert not at.exception
    plain, residual = (run.spec for run in Store().runs())
    assert residual.twin() == plain
    assert residual.model == ModelSpec(channels=1, classes=10, size=8)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 4096}, "4,096"),
        ({"lr": 0.0}, "Learning rate 0"),
        ({"norm": "none", "init": "zero_gamma"}, "Zero-gamma"),
        ({"no_skip": "99"}, "Block 99"),
    ],
)
def test_bad_input_gets_one_sentence_and_no_start(changes, words) -> None:
    at = unrun("twins")
    for key, value in changes.items():
        at.session_state[key] = value
    at.run()
    assert not at.exception
    assert [words in e.value for e in at.error] == [True]
    assert at.button(key="train").disabled


def test_runs_is_never_empty_and_lists_what_there_is() -> None:
    at = unrun("runs").run()
    assert not at.exception
    assert "Nothing trained here yet" in headline(at)
    engine.start(Store(), [RunSpec(ModelSpec(depth=8), train=TrainSpec(epochs=1))])
    at = unrun("runs").run()
    assert not at.exception
    assert at.dataframe[0].value["name"].tolist() == ["residual-8 on digits"]


def test_the_home_is_the_tests_own() -> None:
    assert Path(os.environ["RESNET_VIZ_HOME"]).parent != ROOT


def test_why_explains_the_charts() -> None:
    at = unrun("twins").run()
    next(b for b in at.button if b.label == "Why?").click().run()
    assert not at.exception
    assert any("degradation" in m.value and "residual ×" in m.value for m in at.markdown)


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def bring(name: str, content: bytes) -> AppTest:
    at = unrun("twins").run()
    at.file_uploader(key="own_upload").upload(name, content, "application/octet-stream").run()
    return at.button(key="own_use").click().run()


def test_ones_own_images_are_trained_on_after_an_upload() -> None:
    x = np.random.default_rng(0).integers(0, 256, (90, 12, 12, 3), np.uint8)
    at = bring("mine.npz", npz(x=x, y=np.arange(90) % 3))
    assert not at.exception
    assert any("90 colour images of 12×12, 3 classes" in text.value for text in at.text)
    at.number_input(key="batch_size").set_value(16).run()
    at.button(key="train").click().run()
    assert not at.error
    model = Store().runs()[0].spec.model
    assert (model.channels, model.classes, model.size) == (3, 3, 12)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("mine.npz", npz(y=np.arange(9)), "x"),
        ("mine.npz", npz(x=np.zeros((9, 8, 8), np.uint8), y=np.zeros(9, int)), "class"),
        ("mine.npz", b"not a file of numpy's", "mine.npz"),
        ("mine.zip", b"not a zip", "mine.zip"),
    ],
)
def test_bad_uploads_get_a_sentence(name, content, words) -> None:
    at = bring(name, content)
    assert not at.exception
    assert words in at.error[0].value
