"""A link may say anything: what is not to be had gets a sentence with the value, and the page is drawn all the same."""

import pytest

from tests.apps import headline, unrun

DIGITS = "shipped:digits-residual-20"


@pytest.mark.parametrize(
    ("page", "query", "value"),
    [
        ("twins", {"recorded": "abc"}, "abc"),
        ("inside", {"net": "nonsense"}, "nonsense"),
        ("inside", {"net": DIGITS, "image": "xyz"}, "xyz"),
        ("inside", {"net": DIGITS, "image_sample": "xyz", "image": "sample"}, "xyz"),
        ("inside", {"net": DIGITS, "image_n": "abc"}, "abc"),
        ("inside", {"net": DIGITS, "image_n": "-7"}, "-7"),
        ("inside", {"net": DIGITS, "image_n": "99999"}, "99999"),
        ("inside", {"net": DIGITS, "block": "abc"}, "abc"),
        ("inside", {"net": DIGITS, "block": "99"}, "99"),
        ("inside", {"net": DIGITS, "block": "9" * 5000}, "9…"),
        ("inside", {"net": DIGITS, "image_n": "9" * 5000}, "9…"),
        ("inside", {"net": DIGITS, "image_n": "28.99999"}, "28.99999"),
        ("explain", {"net": DIGITS, "image_n": "28.99999"}, "28.99999"),
        ("inside", {"net": "torchvision:" + "9" * 5000}, "9…"),
        ("inside", {"net": DIGITS, "alpha": "nan"}, "nan"),
        ("inside", {"net": DIGITS, "alpha": "1e999"}, "1e999"),
        ("gradients", {"depth": "8", "no_skip": "nan"}, "nan"),
        ("gradients", {"depth": "8", "off": "[]"}, "is not a list"),
        ("twins", {"off": "1e999"}, "1e999"),
        ("inside", {"net": DIGITS, "alpha": "abc"}, "abc"),
        ("inside", {"net": DIGITS, "alpha": "7"}, "7"),
        ("lesions", {"lesion_net": "nonsense"}, "nonsense"),
        ("lesions", {"lesion": "gone"}, "gone"),
        ("lesions", {"view": "xyz"}, "xyz"),
        ("inside", {"net": DIGITS, "part": "xyz"}, "xyz"),
        ("inside", {"net": DIGITS, "channel": "9999"}, "9999"),
        ("explain", {"net": DIGITS, "class": "xyz"}, "xyz"),
        ("explain", {"net": DIGITS, "methods": "gradcam,xyz"}, "xyz"),
        ("landscape", {"landscape_net": "nonsense"}, "nonsense"),
        ("landscape", {"landscape": "gone"}, "gone"),
        ("landscape", {"landscape_view": "xyz"}, "xyz"),
        ("landscape", {"landscape_recorded": "xyz"}, "xyz"),
        ("sweeps", {"question": "xyz"}, "xyz"),
        ("gradients", {"view": "xyz"}, "xyz"),
        ("gradients", {"images": "xyz"}, "xyz"),
        ("gradients", {"view": "Shattering", "kind": "xyz"}, "xyz"),
    ],
)
def test_what_is_not_to_be_had_gets_a_sentence(page, query, value) -> None:
    at = unrun(page, depth=8) if page == "gradients" else unrun(page)
    for key, text in query.items():
        at.query_params[key] = text
    at.run()
    assert not at.exception
    assert headline(at)
    assert [value in e.value for e in at.error].count(True) == 1, [e.value for e in at.error]
    assert at.get("plotly_chart") or page == "twins"
