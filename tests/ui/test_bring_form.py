"""The form that brings a checkpoint: what it recognises, assumes, asks and keeps."""

import io

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from resnet_viz.data import catalogue
from resnet_viz.nets import refs
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.ui import choose
from tests.choosing import found, page


def test_a_checkpoint_is_asked_for_what_it_does_not_say_and_is_then_chosen() -> None:
    import torch

    from resnet_viz.nets import models

    content = io.BytesIO()
    torch.save(models.build(ModelSpec(depth=8, width=0.25)).state_dict(), content)
    at = page()
    at.file_uploader(key="net_file").upload("mine.pth", content.getvalue(), "application/octet-stream").run()
    assert at.info[0].value.startswith(
        "residual-8 for 10 classes, names as in torchvision; CIFAR-10's classes and CIFAR-10's"
    )
    assert at.selectbox(key="net_ask_data").value == "cifar10"
    at.text_input(key="net_ask_std").set_value("0.2, oops, 0.2").run()
    at.button(key="net_use").click().run()
    assert "nan" in at.error[0].value
    at.selectbox(key="net_ask_usual").select("ImageNet").run()
    at.selectbox(key="net_ask_usual").select("CIFAR-10").run()
    assert at.text_input(key="net_ask_mean").value == "0.4914, 0.4822, 0.4465"
    at.selectbox(key="net_ask_skips").select("none").run()
    at.button(key="net_use").click().run()
    source = found(at)[0]
    assert not at.error
    assert "plain-8 from mine.pth" in at.success[0].value
    assert (source.label, source.spec) == ("plain-8 from mine.pth", ModelSpec(depth=8, width=0.25, shortcut="none"))
    assert source.data
    assert choose.network(source).classes == catalogue.BUILT_IN["cifar10"].classes


def test_a_known_checkpoint_is_recognised_and_used_in_two_steps() -> None:
    """A file in the names and wrapping of the best known public CIFAR nets, whose authors use ImageNet's mean and std."""
    from resnet_viz.nets import models

    state = models.build(ModelSpec(depth=20)).state_dict()
    theirs = {"module." + name.replace("fc.", "linear."): value for name, value in state.items()}
    file = io.BytesIO()
    torch.save({"state_dict": theirs, "best_prec1": 91.7}, file)
    at = page()
    at.file_uploader(key="net_file").upload("resnet20.th", file.getvalue()).run()  # 1
    assert at.info[0].value.replace("\\", "") == (
        "residual-20 for 10 classes, names as in pytorch_resnet_cifar10; CIFAR-10's classes and ImageNet's mean and std are "
        "assumed: change what is not so."
    )
    at.button(key="net_use").click().run()  # 2
    source = found(at)[0]
    assert not at.error
    assert source.data
    assert (source.spec, source.data.name) == (ModelSpec(depth=20), "cifar10")
    network = choose.network(source)
    np.testing.assert_allclose(network.mean / 255, [0.485, 0.456, 0.406], rtol=1e-6)
    np.testing.assert_allclose(network.std / 255, [0.229, 0.224, 0.225], rtol=1e-6)


def test_answers_for_one_file_are_not_those_for_the_next() -> None:
    from resnet_viz.nets import models

    def content(spec: ModelSpec) -> bytes:
        file = io.BytesIO()
        torch.save(models.build(spec).state_dict(), file)
        return file.getvalue()

    at = page()
    at.file_uploader(key="net_file").upload("a.pth", content(ModelSpec(depth=8, width=0.25))).run()
    at.selectbox(key="net_ask_skips").select("none").run()
    at.file_uploader(key="net_file").set_value(
        ("b.pth", content(ModelSpec(depth=14, width=0.25, classes=100)), "")
    ).run()
    assert at.selectbox(key="net_ask_skips").value == "identity"
    assert at.selectbox(key="net_ask_usual").value == "CIFAR-100"
    assert at.text_input(key="net_ask_mean").value == "0.5071, 0.4865, 0.4409"
    at.file_uploader(key="net_file").set_value(("c.pth", content(ModelSpec(depth=8, channels=1, size=28)), "")).run()
    assert at.text_input(key="net_ask_std").value == "0.3081"
    assert at.selectbox(key="net_ask_data").value == "", "three sets of grey images in ten classes fit"


def test_a_bad_checkpoint_gets_a_sentence() -> None:
    at = page()
    at.file_uploader(key="net_file").upload("mine.pth", b"hello", "application/octet-stream").run()
    assert ["'mine.pth'" in e.value for e in at.error] == [True]
    assert found(at)[0] == refs.shipped()[0]


def test_the_form_asks_what_no_tensor_tells_and_which_network_of_several() -> None:
    """Images of 64 pixels, and the averaged weights rather than the raw ones: what is answered is what is kept."""
    from resnet_viz.nets import models, weights

    def script() -> None:
        import streamlit as st

        from resnet_viz.ui import bring

        bring.checkpoint("net")
        st.session_state["drawn"] = True

    spec = ModelSpec("imagenet", 18, "projection", width=0.125, size=224)
    raw, averaged = (models.build(spec, seed).state_dict() for seed in (1, 2))
    file = io.BytesIO()
    torch.save({"state_dict": raw, "ema_state_dict": averaged}, file)
    at = AppTest.from_function(script, default_timeout=60).run()
    at.file_uploader(key="net_file").upload("both.pth", file.getvalue()).run()
    assert at.number_input(key="net_ask_size").value == 224
    assert at.selectbox(key="net_ask_copy").options == ["state_dict", "ema_state_dict"]
    at.number_input(key="net_ask_size").set_value(64).run()
    at.selectbox(key="net_ask_copy").select("ema_state_dict").run()
    at.button(key="net_use").click().run()
    assert not at.exception
    source = refs.find(at.session_state["net new"], Store())
    assert source.spec.size == 64
    assert "'ema_state_dict' was taken" in source.about
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(weights.load(source).model(x), models.build(spec, 2).eval()(x))


@pytest.mark.parametrize(
    ("spec", "renamed", "convention", "usual"),
    [
        (ModelSpec(depth=8, width=0.25), {"fc.": "linear."}, "pytorch_resnet_cifar10", "ImageNet"),
        (
            ModelSpec(depth=8, width=0.25, shortcut="projection"),
            {"fc.": "linear.", "downsample": "shortcut"},
            "pytorch-cifar",
            "CIFAR-10",
        ),
        (ModelSpec(depth=8, width=0.25, classes=100), {}, "torchvision", "CIFAR-100"),
        (ModelSpec("imagenet", 18, "projection", width=0.125), {}, "torchvision", "ImageNet"),
    ],
)
def test_whose_names_they_are_is_said_and_what_is_usual_there_assumed(spec, renamed, convention, usual) -> None:
    from resnet_viz.nets import bring, models

    state = models.build(spec).state_dict()
    for ours, theirs in renamed.items():
        state = {name.replace(ours, theirs): value for name, value in state.items()}
    file = io.BytesIO()
    torch.save(state, file)
    with pytest.raises(bring.NeedsMoments) as error:
        bring.import_checkpoint("net.pth", file.getvalue())
    assert (error.value.convention, error.value.usual) == (convention, usual)
