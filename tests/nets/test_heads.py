"""A .safetensors of this project's kind says itself what it is of: what its head says wrong is refused before it is kept."""

import json

import pytest
from safetensors.torch import save

from resnet_viz.nets import models, refs
from resnet_viz.nets.bring import import_checkpoint
from resnet_viz.nets.refs import NetworkError, Source, describe
from resnet_viz.spec.model import ModelSpec

SPEC = ModelSpec(depth=8, width=0.25)
HEAD = describe(Source("file:x", "mine", SPEC, None, None), [1.0] * 3, [1.0] * 3, list("0123456789"))


def file(**changed: str) -> bytes:
    """The weights of a small net, and a head of which some JSON is another."""
    return save(models.build(SPEC, 0).state_dict(), HEAD | changed)


POISONED = {
    "mean": ["NaN", '"x"', "1.0", "[1.0]", "[1.0, NaN, 1.0]", '["a", "b", "c"]', "null"],
    "std": ["Infinity", "[0.0, 0.0, 0.0]", "[]"],
    "classes": ["[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", json.dumps([{}] * 10), '"0123456789"', json.dumps(["\ud800"] * 10)],
    "label": ["7", '["x"]', '"\\ud800"', "null"],
    "step": ["null", "0.5", "-1", '"x"', "true"],
    "model": ["[]", "null", '{"depth": "8"}'],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in POISONED.items() for value in values])
def test_a_poisoned_head_is_refused_and_nothing_is_kept(key, value) -> None:
    with pytest.raises(NetworkError) as caught:
        import_checkpoint("it.safetensors", file(**{key: value}))
    assert str(caught.value).endswith(".")
    assert not list(refs.weights_home().glob("*"))


def test_a_head_as_it_is_written_is_taken() -> None:
    assert import_checkpoint("it.safetensors", file()).label == "mine"
