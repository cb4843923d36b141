"""What a stranger wrote into the head of a .safetensors: refused before it is kept, and harmless where it lies there already."""

import json

import pytest
from safetensors.torch import save

from resnet_viz.nets import models, refs
from resnet_viz.nets.bring import import_checkpoint
from resnet_viz.nets.refs import NetworkError, Source
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from tests.apps import headline, unrun

SMALL = ModelSpec(depth=8, width=0.25)
pytestmark = pytest.mark.usefixtures("one_thread")


def file(loud: bool = False, **poison: str) -> bytes:
    """A network of ours as a file, fields of its head (JSON) replaced; ``loud``: its logits are past what float32 holds."""
    state = models.build(SMALL, 0).state_dict()
    if loud:
        state["fc.weight"].fill_(3e38)
        state["fc.bias"].fill_(3e38)
    source = Source("", "a net", SMALL, None, DataSpec("cifar10"), 3, "Somebody's.")
    return save(state, refs.describe(source, [128.0] * 3, [64.0] * 3, tuple("abcdefghij")) | poison)


SAID = {
    "mean NaN": ("mean", "[NaN, 1, 1]"),
    "mean as text": ("mean", '"128"'),
    "texts for means": ("mean", '["1", "2", "3"]'),
    "a mean too few": ("mean", "[1, 2]"),
    "std of 0": ("std", "[0, 1, 1]"),
    "no std": ("std", "null"),
    "step null": ("step", "null"),
    "step float": ("step", "3.5"),
    "step below 0": ("step", "-1"),
    "step of hundreds of digits": ("step", "9" * 400),
    "label number": ("label", "5"),
    "label in a list": ("label", '["x"]'),
    "label half a character": ("label", '"\\ud800"'),
    "about a dict": ("about", "{}"),
    "classes numbers": ("classes", json.dumps(list(range(10)))),
    "classes dicts": ("classes", json.dumps([{}] * 10)),
    "classes too few": ("classes", '["a"]'),
    "classes half characters": ("classes", json.dumps(["\ud800"] * 10)),
    "data unknown": ("data", '{"name": "imagenet22k"}'),
    "data of half a character": ("data", '{"name": "own", "hash": "\\udc00"}'),
    "data no object": ("data", "[]"),
    "depth none": ("model", '{"depth": 9}'),
    "depth a text": ("model", '{"depth": "56"}'),
    "no JSON": ("step", "{"),
}


@pytest.mark.parametrize("case", SAID)
def test_a_head_that_can_not_be_is_refused_and_nothing_is_kept(case) -> None:
    field, text = SAID[case]
    with pytest.raises(NetworkError) as caught:
        import_checkpoint("it.safetensors", file(**{field: text}))
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 400
    assert str(caught.value).encode()
    assert not list(refs.weights_home().glob("*"))


def test_a_network_without_a_finite_answer_is_refused() -> None:
    with pytest.raises(NetworkError, match="no finite numbers"):
        import_checkpoint("it.safetensors", file(loud=True))
    assert not list(refs.weights_home().glob("*"))


def test_a_file_name_that_can_not_be_written_is_refused() -> None:
    with pytest.raises(NetworkError, match="is no text"):
        import_checkpoint("\ud800.pth", save(models.build(SMALL, 0).state_dict()), mean=[0.5], std=[0.25])


def test_bad_files_in_the_folder_are_listed_with_their_reasons_and_break_no_page() -> None:
    kept = import_checkpoint("it.safetensors", file())
    home = refs.weights_home()
    for number, (field, text) in enumerate(SAID.values()):
        (home / f"bad{number}.safetensors").write_bytes(file(**{field: text}))
    (home / "cut.safetensors").write_bytes(file()[:1000])
    sources, reasons = refs.brought()
    assert [source.ref for source in sources] == [kept.ref]
    assert len(reasons) == len(SAID) + 1
    assert {source.ref for source in refs.available(Store())} >= {kept.ref}
    for page in ("inside", "landscape"):
        at = unrun(page).run()
        assert not at.exception
        assert headline(at)
        assert [e.value for e in at.error] == []
        assert any("bad0.safetensors" in c.value.replace("\\", "") for c in at.caption)


@pytest.mark.parametrize("page", ["inside", "explain", "lesions", "landscape"])
def test_a_network_whose_own_data_is_not_here_breaks_no_page(page) -> None:
    data = json.dumps({"name": "own", "hash": "a" * 64, "label": "mine"})
    kept = import_checkpoint("it.safetensors", file(data=data))
    key = {"lesions": "lesion_net", "landscape": "landscape_net"}.get(page, "net")
    at = unrun(page, **{key: kept.ref}).run()
    assert not at.exception
    assert headline(at)
    assert not [e.value for e in at.error if "bug" in e.value]
