"""A page's link holds what is shown: whoever opens it sees the same; and it becomes a code that a phone reads."""

import io

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from resnet_viz.ui import share
from tests.apps import unrun


def asked(at: AppTest) -> dict[str, str]:
    """The page's parameters; the test frame holds what it was given as lists."""
    return {key: value if isinstance(value, str) else value[0] for key, value in dict(at.query_params).items()}


DIGITS = "shipped:digits-residual-20"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        (
            "explain",
            {
                "net": DIGITS,
                "image_n": "3",
                "class": "3",
                "minus": "8",
                "layer": "layer1.1",
                "methods": "gradcam,saliency",
            },
        ),
        (
            "inside",
            {"net": DIGITS, "image_n": "3", "block": "2", "part": "branch", "channel": "5", "colours": "black–white"},
        ),
        ("lesions", {"lesion_net": DIGITS, "lesion_with": "", "lesion_dropped": "1.4"}),
        ("lesions", {"view": "Shuffled"}),
    ],
)
def test_whoever_follows_a_link_is_asked_for_the_same_link_again(page, query) -> None:
    at = unrun(page)
    for key, text in query.items():
        at.query_params[key] = text
    at.run()
    assert not at.exception
    assert not at.error
    usual = {"lesion_net": DIGITS, "lesion_with": ""}
    kept = {key: text for key, text in query.items() if usual.get(key) != text}
    assert kept.items() <= asked(at).items()


def test_what_is_chosen_stands_in_the_link() -> None:
    at = unrun("explain", net=DIGITS, methods=["gradcam"]).run()
    at.selectbox(key="target 10 0").set_value(7).run()
    at.pills(key="methods").set_value(["gradcam", "occlusion"]).run()
    assert {"class": "7", "methods": "gradcam,occlusion"}.items() <= asked(at).items()


def test_an_address_is_of_the_page_with_its_parameters() -> None:
    query = {"net": DIGITS, "view": "a b"}
    assert (
        share.address("http://host:80/explain?old=1", query)
        == "http://host:80/explain?net=shipped%3Adigits-residual-20&view=a+b"
    )
    assert share.address("http://host", {}) == "http://host/"


def test_a_code_is_a_square_of_modules_and_too_long_a_link_has_none() -> None:
    image = Image.open(io.BytesIO(share.code("http://127.0.0.1:8501/explain?class=cat"))).convert("1")
    assert image.width == image.height
    side = image.width // 8  # of 8 pixels a module, with a margin of 4 modules on each side
    assert (side - 8 - 17) % 4 == 0, "ISO 18004: a code of version v has 17 + 4 v modules"
    corner = [image.getpixel((8 * (4 + n) + 4, 8 * 4 + 4)) for n in range(8)]
    assert corner == [0] * 7 + [255], "the finder pattern: seven dark modules, then a light one"
    assert share.code("x" * 3000) is None
