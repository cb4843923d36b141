"""The page Explain in Streamlit's own test frame, and what it says and hands out."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import nn

from resnet_viz.attribution import attribute
from resnet_viz.data import images
from resnet_viz.figures.overlay import Look, scaled
from resnet_viz.nets import refs, weights
from resnet_viz.ui.explain import more as explain_more
from resnet_viz.ui.explain import view as explain
from resnet_viz.ui.explain.view import Case, Question, View
from tests.apps import headline, unrun

ROOT = Path(__file__).parents[2]
TABS = ["Every block", "Over training", "Can you trust it?", "Guesses", "Many images"]


def page(**state) -> AppTest:
    """The page with widgets set before it is first drawn; Grad-CAM alone unless told otherwise, for speed."""
    return unrun("explain", **{"methods": ["gradcam"]} | state).run()


def drawn(at: AppTest, role: str = "map") -> list[dict]:
    """The traces of a role in all charts, in order."""
    figures = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]
    return [t for figure in figures for t in figure["data"] if (t.get("meta") or {}).get("role") == role]


def values(trace: dict) -> np.ndarray:
    z = trace["z"]
    if isinstance(z, dict):
        return np.frombuffer(__import__("base64").b64decode(z["bdata"]), z["dtype"]).reshape(
            json.loads(f"[{z['shape']}]")
        )
    return np.array(z)


def shipped(name: str) -> refs.Source:
    """Found without a store, for tests' cases are made while they are collected."""
    return next(source for source in refs.shipped() if source.ref == f"shipped:{name}")


def by_hand(name: str, target: int, **more) -> np.ndarray:
    """Grad-CAM of the sample cat, without the page."""
    network = weights.load(shipped(name))
    seen = images.fit(images.read(images.SAMPLES["cat"].read_bytes(), "cat"), 32, 3)
    x = network.prepare(np.array(seen)[None])
    return attribute.attribute(network.model, x, method="gradcam", target=target, **more)[0].numpy()


def test_it_opens_on_the_shipped_twins_with_a_sample_and_says_what_was_measured() -> None:
    at = page()
    assert not at.exception
    assert not at.error
    assert not at.warning
    assert "rank correlation" in headline(at)
    assert "Grad-CAM" in headline(at)
    captions = [c.value for c in at.caption]
    assert any("airplane, automobile, bird, cat" in c for c in captions), "the classes are named before an upload"


def test_the_maps_drawn_are_those_of_attribute_for_both_nets() -> None:
    at = page(**{"target 10 airplane": 5})
    residual, plain, apart = (values(t) for t in drawn(at)[:3])
    for shown, name in ((residual, "cifar10-residual-20"), (plain, "cifar10-plain-20")):
        np.testing.assert_allclose(shown, scaled(by_hand(name, 5), "positive"), atol=1e-5)
    np.testing.assert_allclose(apart, residual - plain, atol=1e-5)


@pytest.mark.slow
def test_class_minus_class_is_drawn_and_named() -> None:
    at = page(**{"target 10 airplane": 5, "minus 10 airplane": 3})
    assert "dog minus cat" in headline(at)
    np.testing.assert_allclose(
        values(drawn(at)[0]), scaled(by_hand("cifar10-residual-20", 5, minus=3), "positive"), atol=1e-5
    )
    at = page(**{"target 10 airplane": 5, "minus 10 airplane": 5})
    assert not at.exception
    assert "minus" not in headline(at)


def test_opacity_colours_and_values_ask_no_net_again(monkeypatch) -> None:
    at = page(**{"target 10 airplane": 5})  # not what is seen: some cells speak against it

    def never(*_args, **_more):
        raise AssertionError("asked again")

    monkeypatch.setattr(attribute, "attribute", never)
    monkeypatch.setattr(attribute, "gradcam_strip", never)
    at.slider(key="opacity").set_value(0.8).run()
    at.session_state["values"] = "signed"
    at.run()
    assert not at.exception
    assert {t["opacity"] for t in drawn(at)} == {0.8}
    assert values(drawn(at)[0]).min() < 0


@pytest.mark.slow
@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("net", ["cifar10-residual-20", "digits-plain-20"])
def test_every_tab_draws(tab, net) -> None:
    at = page(net=f"shipped:{net}", beneath=tab)
    assert not at.exception
    assert not at.error
    more = {"Guesses": len(at.dataframe)}.get(tab, len(at.get("plotly_chart")) - 1)
    assert more >= 1


@pytest.mark.slow
def test_three_methods_for_both_nets_are_in_sight() -> None:
    at = AppTest.from_file(str(ROOT / "pages" / "explain.py"), default_timeout=300).run()
    assert not at.exception
    names = [t["name"] for t in drawn(at) if "name" in t][:7]
    assert names == ["residual-20", "plain-20", "difference", *["Integrated Gradients"] * 2, *["Occlusion"] * 2]


@pytest.mark.slow
def test_can_you_trust_it_measures_both_nets() -> None:
    at = page(
        beneath="Can you trust it?", methods=["gradcam", "integrated_gradients"], **{"integrated_gradients steps": 8}
    )
    assert any("Nothing against it so far" in m.value or "Doubtful" in m.value for m in at.markdown)
    assert any("completeness" in m.value and "residue" in m.value for m in at.markdown)
    at.button(key="measure").click().run()
    assert not at.exception
    assert any("Measured in" in m.value for m in at.markdown)
    curves = drawn(at, "line")
    assert len(curves) == 2 * 2 + 3 * 2  # insertion, deletion; three likenesses
    rows = at.dataframe[0].value
    assert rows["method"].tolist() == ["Grad-CAM"] * 2 + ["Integrated Gradients"] * 2
    assert rows["insertion ↑"].between(0, 1).all()


def test_an_extra_method_stands_among_the_others_and_can_be_unticked_there() -> None:
    extra = next(key for key, method in explain.methods().items() if not method.front)
    at = page(methods=["gradcam"])
    at.pills(key="more methods").set_value([extra]).run()
    assert not at.exception
    assert at.session_state["methods"] == ["gradcam", extra]
    assert explain.methods()[extra].label in at.pills(key="methods").options
    at.pills(key="methods").set_value(["gradcam"]).run()
    assert not at.exception
    assert explain.methods()[extra].label in at.pills(key="methods").options


@pytest.mark.slow
def test_every_method_is_offered_and_draws() -> None:
    every = list(explain.methods())
    at = page(**{"added methods": every, "methods": every, "samples": 4})
    assert not at.exception
    assert len(drawn(at)) >= 2 * 10 - 1


def upload(at: AppTest, name: str, content: bytes) -> AppTest:
    return at.file_uploader(key="image_upload").upload(name, content, "image/png").run()


def test_a_broken_image_gets_a_sentence_and_the_page_stays() -> None:
    at = upload(page(image="upload"), "mine.png", b"not an image at all")
    assert not at.exception
    assert "mine.png" in at.error[0].value
    assert "rank correlation" in headline(at)


@pytest.mark.slow
def test_ones_own_image_is_explained() -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(file, "PNG")
    at = upload(page(image="upload"), "mine.png", file.getvalue())
    assert not at.exception
    assert "mine.png" in headline(at)
    assert "unlike the training data" in at.warning[0].value, "it is noise"


@pytest.mark.slow
def test_seventeen_images_are_too_many_and_the_broken_one_is_named() -> None:
    at = page(beneath="Many images")
    content = images.SAMPLES["flower"].read_bytes()
    uploads = [(f"{n}.jpg", content if n else b"broken", "image/jpeg") for n in range(17)]
    at.file_uploader(key="many").set_value(uploads).run()
    assert not at.exception
    assert "17 images are more than 16" in at.warning[0].value
    assert "0.jpg" in at.error[0].value
    assert len(drawn(at)) == 3 + 2 * 15


def test_a_hatched_border_is_named_where_the_class_is_known_and_blocks_have_one_name() -> None:
    assert any("Hatched border" in m.value for m in page().markdown)
    at = page(image_sample="flower")
    assert not any("Hatched border" in m.value for m in at.markdown)
    assert any("none of its classes" in c.value for c in at.caption)
    block = next(s for s in at.selectbox if s.label.startswith("Block"))
    assert block.options[-1].startswith("block 9, ")
    target = at.selectbox(key="target 10 airplane")
    assert target.options[0] == "what residual-20 says", "a guess in it would outlive its image"
    assert target.value is not None, "Streamlit would let the select be emptied once the image changes"


def test_guesses_stand_in_order() -> None:
    at = page(beneath="Guesses", **{"target 10 airplane": 8})
    rows = at.dataframe[0].value
    means = rows[["residual-20", "plain-20"]].mean(axis=1)
    assert means.is_monotonic_decreasing
    assert "ship" in rows["class"].tolist()


# What it says and hands out, without the page


def case(probabilities=((0.1, 0.9), (0.4, 0.6)), target: int = 1, truth: int | None = None) -> Case:
    sources = [shipped(f"cifar10-{kind}-20") for kind in ("residual", "plain")]
    nets = [weights.Network(s, nn.Identity(), torch.zeros(3), torch.ones(3), ("dog", "cat")) for s in sources]
    seen = np.zeros((32, 32, 3), np.uint8)
    views = tuple(View(net, seen, np.array(p)) for net, p in zip(nets, probabilities, strict=False))
    return Case(views, Question(target, None, "layer3.2"), {"gradcam": {}}, lambda _method: Look(), "an image", truth)


RAW = np.arange(64, dtype=np.float32).reshape(8, 8) - 10


@pytest.mark.parametrize(
    ("given", "maps", "words"),
    [
        (case(), (RAW, RAW**3), "Both say cat, 90 % and 60 %; their Grad-CAM maps agree: rank correlation 1.00."),
        (
            case(),
            (RAW, -RAW),
            "Both say cat, 90 % and 60 %; their Grad-CAM maps contradict each other: rank correlation −1.00.",
        ),
        (
            case(((0.1, 0.9), (0.6, 0.4))),
            (RAW, RAW),
            "The residual net says cat (90 %), the plain one dog (60 %); their Grad-CAM maps for cat agree: "
            "rank correlation 1.00.",
        ),
        (case(target=0), (RAW, 0 * RAW), "Both say cat, 90 % and 60 %; their Grad-CAM maps for dog can't be compared."),
        (case(((0.1, 0.9),)), (RAW,), "Residual-20 says cat (90 %); its Grad-CAM map is for cat."),
    ],
)
def test_the_sentence(given, maps, words) -> None:
    assert explain.sentence(given, maps) == words


@pytest.mark.parametrize(
    ("correlation", "words"),
    [
        (0.75, "agree:"),
        (0.65, "agree in part:"),
        (0.35, "agree in part:"),
        (0.25, "have little in common:"),
        (0.1, "have little in common:"),
        (-0.25, "have little in common:"),
        (-0.35, "contradict each other:"),
    ],
)
def test_maps_agree_in_words_as_far_as_in_numbers(correlation, words) -> None:
    """Spearman's correlation of a permutation without ties is 1 − 6 Σd² / (n³ − n)."""
    ranks = np.arange(400)
    other, n = ranks.copy(), len(ranks)
    rng = np.random.default_rng(0)
    # Swaps of random pairs bring it down from 1; reversed, up from −1.
    if correlation < 0:
        other = other[::-1].copy()

    def measured() -> float:
        return 1 - 6 * ((ranks - other) ** 2).sum() / (n**3 - n)

    while abs(measured()) > abs(correlation):
        a, b = rng.integers(0, n, 2)
        other[[a, b]] = other[[b, a]]
    assert measured() == pytest.approx(correlation, abs=0.03)
    said = explain.sentence(case(), tuple(r.reshape(20, 20).astype(np.float32) for r in (ranks, other)))
    assert f"maps {words} rank correlation" in said


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (-np.abs(RAW) - 1, "Nothing in block 9 speaks for cat"),
        (np.full((4, 4), 0.25), "The map is the same everywhere"),
        (np.zeros((4, 4)), "The map is empty"),
        (np.full((4, 4), np.nan), "The map is not a number"),
    ],
)
def test_an_empty_map_is_explained_in_words(raw, words) -> None:
    given = case()
    assert explain.panel(given, given.views[0], "gradcam", raw).words.startswith(words)
    assert explain.panel(given, given.views[0], "gradcam", RAW).words == ""


def test_a_wrong_guess_is_marked_where_the_class_is_known() -> None:
    for truth, wrong in ((None, False), (1, False), (0, True)):
        given = case(truth=truth)
        assert explain.panel(given, given.views[0], "gradcam", RAW).wrong is wrong


def test_files_hold_the_raw_maps_and_say_what_they_are() -> None:
    given = case()
    raws = {"gradcam": [RAW, -RAW]}
    with np.load(io.BytesIO(explain_more.npz(given, raws)), allow_pickle=False) as file:
        np.testing.assert_array_equal(file["plain-20 gradcam"], -RAW)
        about = json.loads(str(file["about"]))
    assert about["target"] == {"number": 1, "name": "cat"}
    assert about["layer"] == "layer3.2"
    assert about["nets"]["residual-20"]["ref"] == "shipped:cifar10-residual-20"
    image = Image.open(io.BytesIO(explain_more.png(given, raws)))
    assert image.width > 4 * 256
    assert json.loads(image.text["target"])["name"] == "cat"
