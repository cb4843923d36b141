"""What people named reaches a page as letters: see also tests/browser/test_names.py, where a browser judges it."""

import ast
from pathlib import Path

import pytest

from resnet_viz.ui.say import plain

ROOT = Path(__file__).parents[2]
SPOKEN = {"error", "html"}  # what pages say through `complain` and `say` alone
# Frames and tables of their own, in which names are escaped, and scripts that name nothing.
OWN = {"say.py", "frame.py", "lesions.py", "rates.py", "speaking.py", "who.py"}


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "pages").glob("*.py"), *(ROOT / "resnet_viz" / "ui").rglob("*.py")]), ids=str
)
def test_pages_speak_through_one_door(path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    said = {
        f.attr for f in calls if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == "st"
    }
    assert not said & (SPOKEN if path.name not in OWN else set())


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("mine.npz", "mine.npz"),
        ("a_b_c", "a_b_c"),
        ("_a_ *b*", r"\_a\_ \*b\*"),
        ("![](x)", r"!\[\](x)"),
        ("<b>", r"\<b\>"),
        ("1. item", r"1\. item"),
        ("# head\n\n- dot", r"\# head - dot"),
        ("http://x", "http:\u2060//x"),
        (":smile: 12:30", ":\u2060smile: 12:30"),
        ("me@x.org www.x", "me@\u2060x.org www\u2060.x"),
    ],
)
def test_signs_of_markdown_are_letters(name, written) -> None:
    assert plain(name) == written
