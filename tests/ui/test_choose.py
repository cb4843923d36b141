"""Choosing networks and images, in a page of this test's own."""

import io
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from resnet_viz.data import catalogue, images
from resnet_viz.data.splits import load_test
from resnet_viz.nets import refs
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.ui import choose, kept
from tests.apps import headline, unrun
from tests.choosing import found, page


def kind(at: AppTest, name: str) -> AppTest:
    return at.segmented_control(key="image").set_value(name).run()


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def cifar(count: int = 12) -> np.ndarray:
    """Random images where CIFAR-10's test images are looked for."""
    x = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)
    folder = catalogue.home() / "cifar10"
    folder.mkdir(parents=True)
    np.savez(folder / "test.npz", x=x, y=np.arange(count) % 10)
    choose._test_images.clear()
    return x


def test_a_page_opens_on_the_first_network_that_ships_and_a_cat() -> None:
    source, chosen = found(page())
    assert source == refs.shipped()[0]
    assert chosen.name == "cat"
    np.testing.assert_array_equal(chosen.image, images.read(images.SAMPLES["cat"].read_bytes(), "cat"))
    if source.data and source.data.name == "cifar10":
        assert catalogue.BUILT_IN["cifar10"].classes[chosen.label] == "cat"


def test_both_choices_stand_in_the_url_by_ref_and_a_link_brings_them_back() -> None:
    ref = next(s.ref for s in refs.shipped() if s.spec.channels == 1)
    at = page()
    at.selectbox(key="net").select(ref).run()
    assert found(at)[0].ref == ref
    assert at.query_params["net"] in (ref, [ref])
    at.number_input(key="image_n").set_value(7).run()
    assert found(page(net=ref, image_n="7"))[1].name == found(at)[1].name
    kind(at, "sample")
    at.selectbox(key="image_sample").select("flower").run()
    again = page(net=ref, image="sample", image_sample="flower")
    assert found(again)[1].name == found(at)[1].name == "flower"


def test_a_digits_net_starts_on_a_digit_with_its_label() -> None:
    ref = next(s.ref for s in refs.shipped() if s.spec.channels == 1)
    source, chosen = found(page(net=ref))
    x, y = load_test(source.data)
    np.testing.assert_array_equal(chosen.image[..., 0], x[0, ..., 0])
    assert chosen.image.shape == (8, 8, 3)
    assert chosen.label == y[0]


@pytest.mark.parametrize("query", [{"net": "run:gone"}, {"net": "file:../../etc/passwd"}, {"net": "nonsense"}])
def test_a_link_to_a_network_that_is_not_here_says_so_and_shows_the_first(query) -> None:
    at = page(**query)
    assert [query["net"] in e.value or "gone" in e.value for e in at.error] == [True]
    assert found(at)[0] == refs.shipped()[0]


@pytest.mark.parametrize("query", [{"image": "x"}, {"image_sample": "x"}, {"image": "data", "image_n": "-x"}])
def test_a_link_to_a_image_that_is_not_there_shows_one_that_is(query) -> None:
    assert found(page(**query))[1].name == "cat"


def test_the_data_sets_images_where_they_are_here() -> None:
    x = cifar()
    at = kind(page(), "data")
    np.testing.assert_array_equal(found(at)[1].image, x[0])
    at.number_input(key="image_n").set_value(11).run()
    chosen = found(at)[1]
    np.testing.assert_array_equal(chosen.image, x[11])
    assert (chosen.label, chosen.name) == (1, "test image 11, automobile")
    assert found(page(image="data", image_n="999"))[1].name.startswith("test image 11")


def test_a_net_of_any_data_set_that_is_here_opens_on_its_first_test_image() -> None:
    x = cifar()
    np.testing.assert_array_equal(found(page())[1].image, x[0])


def test_where_they_are_not_a_sentence_says_what_to_do_and_a_sample_stands_in() -> None:
    at = kind(page(), "data")
    assert "CIFAR-10 is not on this machine" in at.info[0].value
    assert found(at)[1].name == "cat"


def test_an_upload_is_the_image_and_stays_when_its_widget_goes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    at = kind(page(), "upload")
    assert found(at)[1].name == "cat"
    at.file_uploader(key="image_upload").upload("me.png", png(pixels), "image/png").run()
    np.testing.assert_array_equal(found(at)[1].image, pixels)
    assert found(at)[1].name == "me.png"
    kind(kind(at, "sample"), "upload")
    np.testing.assert_array_equal(found(at)[1].image, pixels)


def test_an_upload_is_shown_whole_and_what_the_net_sees_of_it_can_be_moved() -> None:
    from resnet_viz.ui.seen import fitted

    pixels = np.random.default_rng(0).integers(0, 256, (32, 80, 3), np.uint8)
    at = kind(page(), "upload")
    at.file_uploader(key="image_upload").upload("wide.png", png(pixels), "image/png").run()
    assert len(at.get("image")) == 1
    source, chosen = found(at)
    network = choose.network(source)
    np.testing.assert_array_equal(fitted(network, chosen), pixels[:, 24:56], "the middle")
    at.slider(key="image_upload_place wide.png").set_value(1.0).run()
    np.testing.assert_array_equal(fitted(network, found(at)[1]), pixels[:, 48:])
    at.file_uploader(key="image_upload").set_value(("other.png", png(pixels), "image/png")).run()
    assert found(at)[1].place == 0.5, "of another image its middle"
    at.file_uploader(key="image_upload").set_value(("square.png", png(pixels[:, :32]), "image/png")).run()
    assert not at.slider, "of a square nothing is cut off"


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"<svg/>", b"hello", png(np.zeros((9, 9), np.uint8))[:40]])
def test_a_bad_upload_gets_a_sentence_and_the_last_good_image_stays(content) -> None:
    at = kind(page(), "upload")
    at.file_uploader(key="image_upload").upload("bad.png", content, "image/png").run()
    assert ["'bad.png'" in e.value for e in at.error] == [True]
    assert found(at)[1].name == "cat"


def test_the_camera_is_asked_for_only_when_it_is_chosen() -> None:
    at = page()
    assert not at.get("camera_input")
    assert len(kind(at, "camera").get("camera_input")) == 1


def test_networks_of_one_name_get_labels_of_their_own() -> None:
    first, *_, last = refs.checkpoints(refs.shipped()[0], Store())
    run = refs.Source("run:abc-123456", last.label, ModelSpec(), None, None)
    names = list(choose.unique([last, first, run]).values())
    assert names == [f"{last.label} (ships)", f"{last.label} (ships, step {first.step:,})", f"{last.label} (abc-12)"]


def test_torchvisions_networks_are_offered_and_without_a_network_a_sentence_says_so(monkeypatch) -> None:
    def unplugged(*args: object, **options: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.getaddrinfo", unplugged)
    at = page(net="torchvision:18")
    assert found(at)[0] == refs.shipped()[0]
    at.button(key="fetch torchvision:18").click().run()
    assert ["Network is unreachable" in e.value for e in at.error] == [True]
    assert found(at)[0] == refs.shipped()[0]


def test_the_pool_is_the_data_sets_or_parts_of_the_photos_and_says_which(monkeypatch) -> None:
    residual = refs.shipped()[0]
    pool = choose.pool(residual)
    assert pool.images.shape == (300, 32, 32, 3)
    assert pool.labels is None
    assert "300 parts of the 3 photos" in pool.words
    assert pool.images.std() > 30
    x = cifar()
    pool = choose.pool(residual, most=5)
    np.testing.assert_array_equal(pool.images, x[:5])
    assert pool.words == "the first 5 test images of CIFAR-10"


def test_a_network_is_loaded_once_and_again_when_its_file_has_changed(tmp_path) -> None:
    residual, plain = refs.shipped()[:2]  # of one depth: the same tensors' names
    file = tmp_path / "net.safetensors"
    source = replace(residual, ref="file:mine", path=file)
    shutil.copy(residual.path, file)
    loaded = choose.network(source)
    assert choose.network(source) is loaded
    shutil.copy(plain.path, file)
    os.utime(file, (0, file.stat().st_mtime + 1))
    assert choose.network(source).model.fc.weight.equal(choose.network(plain).model.fc.weight)


def test_imagenets_nets_see_what_torchvisions_transform_leaves() -> None:
    assert refs.torchvision(50).resize == 256  # and 224 cut from it: test_images holds that to torchvision
    assert {source.resize for source in refs.shipped()} == {0}


@pytest.fixture
def own_run() -> tuple[DataSpec, bytes]:
    """A data set of somebody's own, kept and gone again, and the last checkpoint of a net trained on it."""
    from resnet_viz.data.own import import_own
    from resnet_viz.runs.events import Checkpoint
    from resnet_viz.spec.run import RunSpec
    from resnet_viz.spec.train import TrainSpec
    from resnet_viz.train.job import run

    file = io.BytesIO()
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    np.savez(file, x=x, y=np.arange(40) % 2, classes=["ant", "bee"])
    data = import_own(("insects.npz", file.getvalue()))
    spec = catalogue.fill(RunSpec(ModelSpec(depth=8, width=0.25), data, TrainSpec(steps=2, batch_size=8, threads=1)))
    saved = [event for event in run(spec) if isinstance(event, Checkpoint)]
    for suffix in (".json", ".npz"):
        catalogue.own_file(data, suffix).unlink()
    return spec.data, saved[-1].data


@pytest.mark.parametrize("name", ["inside", "explain", "lesions"])
def test_a_page_draws_a_net_whose_own_data_set_is_gone(name, own_run) -> None:
    """The names of the classes come with the weights."""
    from resnet_viz.nets.bring import import_checkpoint

    data, content = own_run
    source = import_checkpoint("insects.pt", content)
    assert source.data == data
    state = {"lesion_net": source.ref} if name == "lesions" else {"net": source.ref, "methods": ["gradcam"]}
    at = unrun(name, **state).run()
    assert not at.exception
    if name != "lesions":
        assert at.selectbox(key="net").value == source.ref
        assert "ant" in headline(at) or "bee" in headline(at)
        assert kind(at, "data").exception == []
        assert any("no longer whole" in info.value for info in at.info)


def test_networks_are_given_back_by_what_they_weigh(monkeypatch) -> None:
    """The one that was asked for last stays, the others as far as all fit; what is kept is one network for everybody."""
    kept._networks.clear()
    first, second, third = refs.shipped()[:3]
    one, _, three = (
        sum(v.nbytes for v in choose.network(s).model.state_dict().values()) for s in (first, second, third)
    )
    kept._networks.clear()
    loaded = choose.network(first)
    choose.network(second)
    assert choose.network(first) is loaded
    monkeypatch.setattr(kept, "KEPT", one + three)
    choose.network(third)  # the second makes way for it: the first was asked for since
    assert [ref for ref, *_ in kept._networks()[0]] == [first.ref, third.ref]
    monkeypatch.setattr(kept, "KEPT", 1)
    choose.network(second)
    assert [ref for ref, *_ in kept._networks()[0]] == [second.ref]
    assert choose.network(first) is not loaded
    kept._networks.clear()
