"""The same network by other names: whatever wraps a state dict, and however its parts and its head are called."""

import re
from collections import defaultdict
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from resnet_viz.nets import models, refs, weights
from resnet_viz.nets.bring import import_checkpoint
from resnet_viz.nets.refs import NetworkError
from resnet_viz.runs.store import Store
from tests.nets.files import HALF, SMALL, SMALL_50, SMALL_MLP, expected, images, logits, saved, state

pytestmark = pytest.mark.usefixtures("one_thread")


def renamed(kind: str) -> dict[str, Tensor]:
    changed = {
        "module": "module.", "compiled": "_orig_mod.", "lightning": "model.net.", "FSDP": "_fsdp_wrapped_module."
    }.get(kind, "")  # fmt: skip
    return {
        changed + (name.replace("fc.", "linear.") if kind in ("linear", "module") else name): value
        for name, value in state().items()
    }


FORMS = {
    "bare": lambda: saved(state()),
    "legacy": lambda: saved(state(), _use_new_zipfile_serialization=False),
    "safetensors": lambda: save(state()),
    "half": lambda: saved({name: t.half() if t.is_floating_point() else t for name, t in state().items()}),
    "wrapped": lambda: saved({"epoch": 3, "best": 0.9, "state_dict": state()}),
    "twice": lambda: saved({"model": {"state_dict": state()}}),
    "no counters": lambda: saved({n: t for n, t in state().items() if "num_batches" not in n}),
    **{
        kind: lambda kind=kind: saved({"net": renamed(kind)})
        for kind in ("module", "linear", "compiled", "lightning", "FSDP")
    },
    "a block compiled alone": lambda: saved(
        {n.replace("layer1.0.", "layer1.0._orig_mod."): t for n, t in state().items()}
    ),
    "in a tuple": lambda: saved((3, state(), 0.9)),
    "in a defaultdict": lambda: saved(defaultdict(dict, weights=state())),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_usual_form_of_file_gives_the_same_network(form) -> None:
    source = import_checkpoint("mine.bin", FORMS[form](), **HALF)
    found = refs.find(source.ref, Store())
    assert found == source
    network = weights.load(found)
    torch.testing.assert_close(logits(network), expected(SMALL), atol=2e-2 if form == "half" else 0, rtol=0)
    assert network.mean.tolist() == [127.5] * 3
    assert network.std.tolist() == [63.75] * 3
    assert network.classes == tuple("0123456789")
    assert [s.ref for s in refs.available(Store())].count(source.ref) == 1


def test_projections_called_shortcut_are_torchvisions_downsample() -> None:
    spec = replace(SMALL, shortcut="projection", depth=14)
    theirs = {name.replace(".downsample.", ".shortcut."): value for name, value in state(spec).items()}
    assert import_checkpoint("a.pt", saved(theirs), **HALF).spec == spec


def hugging(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's names as `transformers.ResNetForImageClassification` has them."""
    answer = {}
    for name, value in theirs.items():
        first, _, rest = name.partition(".")
        if first in ("conv1", "bn1"):
            part = "convolution" if first == "conv1" else "normalization"
            answer[f"resnet.embedder.embedder.{part}.{rest}"] = value
        elif first == "fc":
            answer[f"classifier.1.{rest}"] = value
        else:
            block, part, rest = rest.split(".", 2)
            place = f"resnet.encoder.stages.{int(first[5:]) - 1}.layers.{block}."
            if part == "downsample":
                number, rest = rest.split(".", 1)
                answer[f"{place}shortcut.{('convolution', 'normalization')[int(number)]}.{rest}"] = value
            else:
                kind = "convolution" if part.startswith("conv") else "normalization"
                answer[f"{place}layer.{int(part[-1]) - 1}.{kind}.{rest}"] = value
    return answer


def sequential(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's names as code has them whose stem and branches are Sequentials, each ReLU of them numbered."""
    parts = {"conv": 0, "bn": 1}
    names = [
        (r"^conv1\.", "conv1.0."),
        (r"^bn1\.", "conv1.1."),
        (r"^layer(\d)\.(\d+)\.downsample", lambda m: f"conv{int(m[1]) + 1}_x.{m[2]}.shortcut"),
        (
            r"^layer(\d)\.(\d+)\.(conv|bn)(\d)",
            lambda m: f"conv{int(m[1]) + 1}_x.{m[2]}.residual_function.{3 * (int(m[4]) - 1) + parts[m[3]]}",
        ),
    ]
    answer = {}
    for name, value in theirs.items():
        for pattern, theirs_ in names:
            if re.match(pattern, name):
                name = re.sub(pattern, theirs_, name)
                break
        answer[name] = value
    return answer


def numbered(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's names where its children stand in a Sequential, the classifier beside it."""
    children = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]
    answer = {}
    for name, value in theirs.items():
        first, _, rest = name.partition(".")
        answer[f"features.{children.index(first)}.{rest}" if first in children else name] = value
    return answer


OTHER_NAMES = {
    "transformers": lambda: hugging(state(SMALL_50)),
    "head after dropout": lambda: {n.replace("fc.", "fc.1."): t for n, t in state(SMALL_50).items()},
    "head called otherwise": lambda: {n.replace("fc.", "classifier."): t for n, t in state(SMALL_50).items()},
    "head beside the backbone": lambda: {
        (n.replace("fc.", "head.") if n.startswith("fc.") else f"model.backbone.{n}"): t
        for n, t in state(SMALL_50).items()
    },
    "a stem and branches of Sequentials": lambda: sequential(state(SMALL_50)),
    "numbered": lambda: numbered(state(SMALL_50)),
    "compiled within DDP": lambda: {f"module._orig_mod.{n}": t for n, t in state(SMALL_50).items()},
    "profiled": lambda: state(SMALL_50) | {"total_ops": torch.zeros(1), "layer1.0.total_params": torch.zeros(1)},
    "with its loss": lambda: (
        {f"model.{n}": t for n, t in state(SMALL_50).items()} | {"criterion.weight": torch.ones(10)}
    ),
}


@pytest.mark.parametrize("form", OTHER_NAMES)
def test_the_same_network_by_other_names_gives_the_same_logits(form) -> None:
    source = import_checkpoint("a.pth", saved({"state_dict": OTHER_NAMES[form]()}), **HALF)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(weights.load(source).model(x), models.build(SMALL_50, 3).eval()(x))
    left_out = {"profiled": "'total_ops', 'layer1.0.total_params'", "with its loss": "'criterion.weight'"}
    assert ("Left out" in source.about) == (form in left_out)
    assert left_out.get(form, "") in source.about


def test_every_kind_of_head_of_linear_layers_is_read() -> None:
    """Layers of a head are told by what stands in their names, whatever numbers dropout and ReLU take between them."""
    three = [nn.Linear(16, 12), nn.ReLU(), nn.Dropout(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 10)]
    ours = state(SMALL_MLP)
    body = {name: value for name, value in ours.items() if not name.startswith("fc.")}
    head = nn.Sequential(*three)
    for layer, name in zip((head[0], head[3], head[5]), ("fc.0", "fc.2", "fc.4"), strict=True):
        layer.weight.data, layer.bias.data = ours[f"{name}.weight"], ours[f"{name}.bias"]
    apart = {
        f"{name}.{what}": ours[f"fc.{2 * place}.{what}"]
        for place, name in enumerate(("hidden", "more", "classifier"))
        for what in ("weight", "bias")
    }
    heads = {
        "in a Sequential": {f"fc.{name}": value for name, value in head.state_dict().items()},
        "beside the body": {f"head.layers.{name}": value for name, value in head.state_dict().items()},
        "each by its name": apart,
    }
    for kind, named in heads.items():
        prefix = "body." if kind == "beside the body" else ""
        content = saved({prefix + name: value for name, value in body.items()} | named)
        source = import_checkpoint("mlp.pth", content, **HALF)
        assert source.spec == SMALL_MLP, kind
        assert "ReLU between the linear layers of its head" in source.about
        assert torch.equal(logits(weights.load(source)), expected(SMALL_MLP))
    with torch.no_grad():
        features = nn.Sequential(*list(weights.load(source).model.children())[:-1])(images())
        torch.testing.assert_close(logits(weights.load(source)), head.eval()(features.flatten(1)))


def test_the_layers_of_a_head_are_in_order_where_a_file_has_them_sorted_as_text() -> None:
    ours = state(SMALL_MLP)
    numbers = {"fc.0": "fc.2", "fc.2": "fc.5", "fc.4": "fc.10"}  # safetensors puts 10 before 2
    theirs = {
        numbers.get(n.rpartition(".")[0], n.rpartition(".")[0]) + "." + n.rpartition(".")[2]: t for n, t in ours.items()
    }
    source = import_checkpoint("a.safetensors", save(dict(sorted(theirs.items()))), **HALF)
    assert torch.equal(logits(weights.load(source)), expected(SMALL_MLP))


BODY = {name: value for name, value in state().items() if not name.startswith("fc.")}


def linear(name: str, cin: int, cout: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.zeros(cout, cin), f"{name}.bias": torch.zeros(cout)}


def norm(name: str, channels: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.ones(channels), f"{name}.bias": torch.zeros(channels)}


UNREAD = {
    "a norm in the head": (
        BODY | linear("fc.0", 16, 12) | norm("fc.2", 12) | linear("fc.3", 12, 10),
        "fc.2.weight (12,) is not of it; fc.2.bias (12,) is not of it",
    ),
    "a norm in a head beside the body": (
        {f"body.{n}": t for n, t in BODY.items()} | norm("head.0", 16) | linear("head.1", 16, 10),
        "head.0.weight (16,) is not of it",
    ),
    "two heads": (
        BODY | linear("age", 16, 10) | linear("kind", 16, 10),
        "no head that is read here, but age.weight (10, 16), kind.weight (10, 16)",
    ),
    "no head": (BODY, "a backbone without a head"),
    "a deep stem": (
        {n: t for n, t in state().items() if not n.startswith("conv1")} | {"conv1.0.weight": torch.zeros(4, 3, 3, 3)},
        "layer1.0.conv1.weight, but no conv1.weight",
    ),
    "squeeze and excitation": (
        state() | {"layer1.0.se.fc1.weight": torch.zeros(1, 4, 1, 1)}, "layer1.0.se.fc1.weight (1, 4, 1, 1) is not of it"
    ),
    "transformers' names, a norm of it missing": (
        {n: t for n, t in hugging(state(SMALL_50)).items() if not n.endswith("stages.1.layers.2.layer.0.normalization.bias")},
        "resnet.encoder.stages.1.layers.2.layer.0.normalization.bias (16,) is missing",
    ),
    "a stem of 5×5": (state() | {"conv1.weight": torch.zeros(4, 3, 5, 5)}, "a stem of 5×5"),
    "stages of other widths": (
        {n: t[:6] if n.startswith("layer2.0.conv1") else t for n, t in state().items()}, "layer2.0.conv1.weight is (6, 4, 3, 3)"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("held", "words"), UNREAD.values(), ids=UNREAD)
def test_what_is_missing_or_too_much_is_named_as_the_file_names_it(held, words) -> None:
    with pytest.raises(NetworkError) as caught:
        import_checkpoint("a.pth", saved({"model": {f"module.{n}": t for n, t in held.items()}}), **HALF)
    assert words in str(caught.value).replace("module.", "")
