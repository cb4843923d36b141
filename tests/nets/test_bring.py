"""Bringing checkpoints: what is told from names and shapes, what is refused and in which words, and that nothing changes."""

import argparse
import io
import pickle
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from resnet_viz.data import catalogue
from resnet_viz.nets import bring, models, refs, weights
from resnet_viz.nets.bring import NeedsMoments, import_checkpoint, infer
from resnet_viz.nets.refs import NetworkError
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.job import run

SMALL = ModelSpec(depth=8, width=0.25)
HALF = {"mean": [0.5] * 3, "std": [0.25] * 3}


pytestmark = pytest.mark.usefixtures("one_thread")


def state(spec: ModelSpec = SMALL, seed: int = 3) -> dict[str, Tensor]:
    return models.build(spec, seed).state_dict()


def saved(held: object, **options) -> bytes:
    file = io.BytesIO()
    torch.save(held, file, **options)
    return file.getvalue()


def logits(network: weights.Network) -> Tensor:
    x = torch.randn(2, network.spec.channels, 32, 32, generator=torch.Generator().manual_seed(0))
    return network.model(x)


def expected(spec: ModelSpec) -> Tensor:
    x = torch.randn(2, spec.channels, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return models.build(spec, 3).eval()(x)


SPECS = {
    "option A": SMALL,
    "option B": replace(SMALL, shortcut="projection", depth=14),
    "option C": replace(SMALL, shortcut="projection_all"),
    "concat": replace(SMALL, shortcut="concat", classes=7),
    "pre-activation": replace(SMALL, order="preact", depth=20),
    "GroupNorm, grey": replace(SMALL, norm="group", channels=1),
    "no norm": replace(SMALL, norm="none"),
    "wide": replace(SMALL, width=2.0),
    "18": ModelSpec("imagenet", 18, "projection", width=0.125, classes=9, size=224),
    "34": ModelSpec("imagenet", 34, "projection", width=0.125, size=224),
    "50": ModelSpec("imagenet", 50, "projection", width=0.125, size=224),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_names_and_shapes_tell_the_network(spec) -> None:
    assert infer(state(spec)) == spec


@pytest.mark.slow
@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_torchvisions_own_networks_are_told_by_their_tensors(depth) -> None:
    import torchvision

    with torch.device("meta"):
        theirs = getattr(torchvision.models, f"resnet{depth}")(weights=None).state_dict()
    assert infer(theirs) == ModelSpec("imagenet", depth, "projection", classes=1000, size=224)


def test_a_plain_net_has_the_tensors_of_option_a_so_its_caller_says_so() -> None:
    plain = replace(SMALL, shortcut="none")
    assert infer(state(plain)) == SMALL
    content = saved(state(plain))
    sources = [import_checkpoint("a.pth", content, **HALF, shortcut=kind) for kind in ("identity", "none")]
    assert [source.spec for source in sources] == [SMALL, plain]
    for source in sources:
        assert torch.equal(logits(weights.load(source)), expected(source.spec))


def renamed(kind: str) -> dict[str, Tensor]:
    changed = {"module": "module.", "compiled": "_orig_mod.", "lightning": "model.net."}.get(kind, "")
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
    **{kind: lambda kind=kind: saved({"net": renamed(kind)}) for kind in ("module", "linear", "compiled", "lightning")},
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
    spec = SPECS["option B"]
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


SPEC_50 = SPECS["50"]
OTHER_NAMES = {
    "transformers": lambda: hugging(state(SPEC_50)),
    "head after dropout": lambda: {n.replace("fc.", "fc.1."): t for n, t in state(SPEC_50).items()},
    "head called otherwise": lambda: {n.replace("fc.", "classifier."): t for n, t in state(SPEC_50).items()},
    "head beside the backbone": lambda: {
        (n.replace("fc.", "head.") if n.startswith("fc.") else f"model.backbone.{n}"): t
        for n, t in state(SPEC_50).items()
    },
    "compiled within DDP": lambda: {f"module._orig_mod.{n}": t for n, t in state(SPEC_50).items()},
    "profiled": lambda: state(SPEC_50) | {"total_ops": torch.zeros(1), "layer1.0.total_params": torch.zeros(1)},
    "with its loss": lambda: (
        {f"model.{n}": t for n, t in state(SPEC_50).items()} | {"criterion.weight": torch.ones(10)}
    ),
}


@pytest.mark.parametrize("form", OTHER_NAMES)
def test_the_same_network_by_other_names_gives_the_same_logits(form) -> None:
    source = import_checkpoint("a.pth", saved({"state_dict": OTHER_NAMES[form]()}), **HALF)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(weights.load(source).model(x), models.build(SPEC_50, 3).eval()(x))
    left_out = {"profiled": "'total_ops', 'layer1.0.total_params'", "with its loss": "'criterion.weight'"}
    assert ("Left out" in source.about) == (form in left_out)
    assert left_out.get(form, "") in source.about


class Sneaky:
    """An object of a class of one's own, which a checkpoint of a whole training holds."""

    def __init__(self) -> None:
        self.path = "/data"


BAGGAGE = {
    "numpy scalar": {"best": np.float64(0.9), "loss": np.float32(1.5)},
    "numpy array": {"history": np.arange(4.0)},
    "arguments": {"args": argparse.Namespace(lr=0.1, device="cuda")},
    "an object": {"config": Sneaky()},
    "a function": {"collate": saved},
    "optimizer": {"optimizer": torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1).state_dict()},
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("baggage", BAGGAGE.values(), ids=BAGGAGE)
def test_harmless_baggage_does_not_stand_before_the_weights(baggage, legacy) -> None:
    """It is read as inert: its classes are neither imported nor called."""
    content = saved({"epoch": 3, **baggage, "state_dict": state()}, _use_new_zipfile_serialization=not legacy)
    network = weights.load(import_checkpoint("a.pth", content, **HALF))
    assert torch.equal(logits(network), expected(SMALL))


@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_of_a_files_own_is_called(legacy) -> None:
    """Weights beside a call of builtins are refused, as nobody keeps one there who means well; it is not run."""
    content = saved({"evil": Evil(), "state_dict": state()}, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(NetworkError, match="could run code"):
        import_checkpoint("a.pth", content, **HALF)
    assert not Path("/tmp/resnet-viz-was-here").exists()


def test_of_raw_and_averaged_weights_one_chooses_and_the_other_is_named() -> None:
    averaged = {f"module.{n}": t for n, t in state(seed=7).items()} | {"n_averaged": torch.tensor(5)}
    content = saved({"ema_state_dict": averaged, "state_dict": state()})
    with pytest.raises(NeedsMoments) as caught:
        import_checkpoint("a.pth", content)
    raw, other = caught.value.copies
    assert (raw, other) == ("state_dict", "ema_state_dict.module")
    source = import_checkpoint("a.pth", content, **HALF)
    assert torch.equal(logits(weights.load(source)), expected(SMALL))
    assert "'state_dict' was taken, not 'ema_state_dict.module'" in source.about
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        theirs = models.build(SMALL, 7).eval()(x)
    assert torch.equal(weights.load(import_checkpoint("a.pth", content, **HALF, copy=other)).model(x), theirs)
    assert torch.equal(
        weights.load(import_checkpoint("a.pth", saved({"ema_model": averaged}), **HALF)).model(x), theirs
    )
    with pytest.raises(NetworkError, match="no network called 'swa'; choose one of state_dict, ema_state_dict"):
        import_checkpoint("a.pth", content, **HALF, copy="swa")


def test_one_logit_is_two_classes_by_its_sigmoid() -> None:
    theirs = state() | {"fc.weight": state()["fc.weight"][:1], "fc.bias": state()["fc.bias"][:1]}
    source = import_checkpoint("binary.pth", saved(theirs), **HALF)
    z = expected(SMALL)[:, 0]
    torch.testing.assert_close(logits(weights.load(source)).softmax(1)[:, 1], z.sigmoid())
    assert "single logit" in source.about


def test_what_no_tensor_tells_is_said_or_given() -> None:
    """The size of the images, and where a ResNet-50 strides."""
    content = saved(state(SPEC_50))
    source = import_checkpoint("a.pth", content, **HALF)
    assert "images of 224×224; stride in the 3×3 convolution (v1.5" in source.about
    assert import_checkpoint("a.pth", content, **HALF, size=299).spec.size == 299
    assert "Assumed" not in import_checkpoint("b.pth", saved(state()), **HALF).about


def test_one_file_as_two_networks_is_two_networks() -> None:
    content = saved(state())
    names = {
        import_checkpoint("a.pth", content, **HALF).ref,
        import_checkpoint("other name.pth", content, **HALF).ref,
        import_checkpoint("a.pth", content, mean=[0.4] * 3, std=[0.25] * 3).ref,
        import_checkpoint("a.pth", content, **HALF, data=DataSpec("cifar10")).ref,
        import_checkpoint("a.pth", content, **HALF, classes="abcdefghij").ref,
    }
    assert len(names) == 4


def test_what_it_was_trained_on_names_its_classes() -> None:
    source = import_checkpoint("a.pth", saved(state()), **HALF, data=DataSpec("cifar10"))
    assert weights.load(source).classes == catalogue.BUILT_IN["cifar10"].classes
    assert refs.find(source.ref, Store()).data == DataSpec("cifar10")
    with pytest.raises(NetworkError, match="10 classes apart, but 2 names"):
        import_checkpoint("a.pth", saved(state()), **HALF, classes=("cat", "dog"))


def test_without_mean_and_std_both_are_asked_for() -> None:
    content = saved(state(replace(SMALL, channels=1)))
    with pytest.raises(NeedsMoments, match=r"'a.pth' is a residual-8 net .* mean and std") as caught:
        import_checkpoint("a.pth", content)
    assert caught.value.spec.channels == 1
    assert weights.load(import_checkpoint("a.pth", content, mean=[0.1307], std=[0.3081])).mean.shape == (1,)


@pytest.mark.parametrize(
    ("mean", "std", "words"),
    [
        ([123.7, 116.3, 103.5], [0.2] * 3, "123.7, 116.3, 103.5 is not 3 numbers from 0 to 1"),
        ([0.5] * 2, [0.2] * 3, "not 3 numbers"),
        ([0.5] * 3, [0.2, float("nan"), 0.2], "nan"),
        ([0.5] * 3, [0.2, 0.0, 0.2], "std of 0 can't be divided by"),
    ],
)
def test_bad_moments_are_said(mean, std, words) -> None:
    with pytest.raises(NetworkError, match=words.replace(".", r"\.")):
        import_checkpoint("a.pth", saved(state()), mean=mean, std=std)


def test_a_runs_checkpoint_and_what_ships_need_no_questions(tmp_path) -> None:
    spec = RunSpec(
        ModelSpec(depth=8, width=0.25, channels=1, size=8), train=TrainSpec(steps=2, threads=1, dtype="float32")
    )
    spec = catalogue.fill(spec)
    job = run(spec)
    next(job)
    checkpoint = None
    for event in job:
        checkpoint = event if type(event).__name__ == "Checkpoint" else checkpoint
    assert checkpoint
    source = import_checkpoint("step.pt", checkpoint.data)
    assert (source.spec, source.data, source.step) == (spec.model, spec.data, 2)
    network = weights.load(source)
    assert 20 < float(network.mean) < 120  # grey levels of the digits
    weights.save(tmp_path / "a.safetensors", network)
    again = import_checkpoint("a.safetensors", (tmp_path / "a.safetensors").read_bytes())
    assert (again.spec, again.data, again.step, again.label) == (source.spec, source.data, 2, source.label)
    x = torch.randn(1, 1, 8, 8)
    assert torch.equal(weights.load(again).model(x), network.model(x))


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("/tmp/resnet-viz-was-here"),)


def vgg() -> dict[str, Tensor]:
    return {"features.0.weight": torch.zeros(64, 3, 3, 3), "classifier.weight": torch.zeros(10, 64)}


def packed_bomb() -> bytes:
    """A checkpoint whose tensors were packed: 40 MB of zeros in a few kB."""
    file = io.BytesIO()
    old = zipfile.ZipFile(io.BytesIO(saved({"conv1.weight": torch.zeros(10**7)})))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    return file.getvalue()


def scripted() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, that it will go
        traced = torch.jit.trace(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8))
        file = io.BytesIO()
        torch.jit.save(traced, file)
    return file.getvalue()


def endless() -> dict:
    """A dictionary whose 300 entries are all itself."""
    held: dict = {}
    held |= dict.fromkeys(map(str, range(300)), held)
    return held


def thin(shape: tuple[int, ...]) -> Tensor:
    """A tensor that takes four bytes in a file, whatever its shape."""
    return torch.zeros(1).expand(shape)


WIDER = state(replace(SMALL, width=0.5)) | {"conv1.weight": torch.zeros(4, 3, 3, 3)}
LONG = state() | {"layer1.1.conv1.weight": torch.zeros(4, 4, 3, 3)}
FOUR = state() | {"layer4.0.conv1.weight": torch.zeros(4, 4, 3, 3)}
EXTRA = state() | {"layer1.0.attention.weight": torch.zeros(3)}
TWO_LAYERS = {n: t for n, t in state().items() if "fc." not in n} | {
    "fc.0.weight": torch.zeros(32, 16), "fc.2.weight": torch.zeros(10, 32)
}  # fmt: skip
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 46830571\n"
BAD = {
    "empty": (b"", "cut short"),
    "text": (b"hello, world", "cut short"),
    "truncated": (saved(state())[:4000], "cut short"),
    "truncated legacy": (saved(state(), _use_new_zipfile_serialization=False)[:-4000], "cut short"),
    "truncated safetensors": (save(state())[:-50], "cut short"),
    "code": (pickle.dumps({"state_dict": Evil()}), "could run code"),
    "code in torch's file": (saved({"conv1.weight": Evil()}), "could run code"),
    "a whole module": (saved(nn.Linear(2, 2)), "holds more than weights (torch.nn"),
    "another architecture": (saved(vgg()), "features.0.weight (64, 3, 3, 3), classifier.weight (10, 64)"),
    "no weights": (saved({"epoch": 3}), "holds no weights (epoch)"),
    "a list": (saved([1, 2]), "holds no weights (list)"),
    "unequal stages": (saved(LONG), "stages of 2, 1, 1 basic blocks"),
    "four stages": (saved(FOUR), "stages of 1, 1, 1, 1 basic blocks"),
    "shapes": (saved(WIDER), "bn1.weight is (8,) and should be (4,); bn1.bias is (8,) and should be (4,);"),
    "too much": (saved(EXTRA), "layer1.0.attention.weight (3,) is not of it"),
    "a head of two layers": (saved(TWO_LAYERS), "but fc.0.weight (32, 16), fc.2.weight (10, 32)"),
    "Git LFS": (POINTER, "a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`"),
    "web page": (b"\n\n<!DOCTYPE html>\n<html></html>", "a saved web page"),
    "TorchScript": (scripted(), "a TorchScript program"),
    "holds itself": (saved(endless()), "holds no weights"),
    "missing": (saved({n: t for n, t in state().items() if n != "fc.bias"}), "fc.bias (10,) is missing"),
    "diverged": (saved(state() | {"fc.bias": torch.full((10,), torch.nan)}), "not finite"),
    "packed": (packed_bomb(), "would unpack to 40 MB"),
    "expanded": (
        saved(state() | {"conv1.weight": thin((256, 3, 3, 3)), "fc.weight": thin((10_000, 1024))}),
        "too short for its weights",
    ),
    "absurd classes": (saved(state() | {"fc.weight": thin((10**6, 16))}), "1,000,000"),
    "no 4-d kernel": (saved(state() | {"conv1.weight": torch.zeros(4)}), "conv1.weight (4,)"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_bad_files_are_refused_in_one_sentence(content, words, own_home) -> None:
    with pytest.raises(NetworkError) as caught:
        import_checkpoint("mine.pth", content, **HALF)
    sentence = str(caught.value)
    assert words in sentence
    assert "'mine.pth'" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 420
    assert not list((own_home / "data").rglob("*.safetensors"))
    assert not Path("/tmp/resnet-viz-was-here").exists()


def test_a_home_that_cannot_be_written_is_said(own_home) -> None:
    (own_home / "data").write_text("a file where the folder should be")
    with pytest.raises(NetworkError, match="disk space"):
        import_checkpoint("a.pth", saved(state()), **HALF)


@pytest.mark.slow
def test_a_public_checkpoint_scores_what_its_authors_say(shared) -> None:
    content = (shared / "checkpoints" / "resnet20-12fca82f.th").read_bytes()
    with pytest.raises(NeedsMoments):
        import_checkpoint("resnet20-12fca82f.th", content)
    mean, std = bring.MOMENTS["ImageNet"]
    source = import_checkpoint("resnet20-12fca82f.th", content, mean=mean, std=std, data=DataSpec("cifar10"))
    assert source.spec == ModelSpec(depth=20)
    network = weights.load(source)
    with np.load(shared / "cifar10" / "test.npz") as file:
        x, y = file["x"], file["y"]
    right = sum(
        int((network.model(network.prepare(x[i : i + 500])).argmax(1).numpy() == y[i : i + 500]).sum())
        for i in range(0, len(x), 500)
    )
    assert right / len(y) == pytest.approx(0.9173, abs=1e-9)
