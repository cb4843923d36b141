"""What is said of images that somebody brought: the same on the page and on the command line."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from resnet_viz.cli.main import main
from resnet_viz.data import catalogue
from resnet_viz.data.own import import_own
from resnet_viz.words.data_sets import summary


@pytest.fixture
def pets(tmp_path) -> Path:
    """Splits, a stranger beside them, a file that is no image, and a name that would be Markdown."""
    path = tmp_path / "pets.zip"
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), np.uint8)
    with zipfile.ZipFile(path, "w") as packed:
        for place, count in {"train/cat": 5, "train/*dog*": 8, "test/cat": 3, "pred": 4}.items():
            for number in range(count):
                file = io.BytesIO()
                Image.fromarray(pixels[number]).save(file, "PNG")
                packed.writestr(f"{place}/{number}.png", file.getvalue())
        packed.writestr("train/cat/no.png", b"hello")
    return path


SAID = (
    "pets: 16 colour images of 8×8, 2 classes: *dog* 8 + 0, cat 5 + 3 (training + test).",
    "The folder 'pred', which stands beside the splits, was left out: 4 images.",
    "1 of 17 images were left out as they can't be read, such as 'train/cat/no.png': not an image.",
)


def test_it_counts_every_class_in_each_split_and_names_what_was_left_out(pets) -> None:
    assert summary(catalogue.facts(import_own(pets))) == " ".join(SAID)


def test_the_command_line_says_it_before_it_trains(pets, capsys, monkeypatch) -> None:
    from resnet_viz.workers import engine

    monkeypatch.setattr(engine, "start", lambda *_: pytest.fail("said before anything starts"))
    with pytest.raises(pytest.fail.Exception):
        main(["train", "--data", str(pets), "--batch-size", "4"])
    assert " ".join(SAID) in capsys.readouterr().err


def test_the_page_says_it_letter_for_letter(pets) -> None:
    def script() -> None:
        from resnet_viz.ui.twins.own import own_data

        own_data()

    at = AppTest.from_function(script, default_timeout=60).run()
    at.text_input(key="own_path").set_value(str(pets)).run()
    at.button(key="own_use").click().run()
    assert not at.exception
    assert at.text[0].value == " ".join(SAID)
