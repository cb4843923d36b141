"""attribution/ against the papers' equations, two other Grad-CAM packages, and the laws its methods obey."""

import threading
import warnings
from dataclasses import replace

import captum.attr
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_viz.attribution import methods
from resnet_viz.attribution.attribute import METHODS, AttributionError, attribute, default_layer, gradcam_strip, layers
from resnet_viz.attribution.methods import enlarge
from resnet_viz.nets import models
from resnet_viz.spec.model import SHORTCUTS, ModelSpec

SMALL = ModelSpec(depth=8, width=0.25, size=12, classes=4)
NETS = [
    ModelSpec(depth=20, width=0.5),
    ModelSpec(depth=20, width=0.5, shortcut="none"),
    ModelSpec(family="imagenet", depth=18, width=0.25, size=64, shortcut="projection"),
    ModelSpec(family="imagenet", depth=18, width=0.25, size=64, shortcut="none"),
]
# Every family with every shortcut it can have; block 2 of the last has its skip switched off.
KINDS = [
    *(ModelSpec(depth=8, width=0.25, size=8, classes=4, shortcut=s) for s in SHORTCUTS if s != "maxpool"),
    *(
        ModelSpec(depth=8, width=0.25, size=8, classes=4, order="preact", shortcut=s)
        for s in ("identity", "projection")
    ),
    *(
        ModelSpec(family="imagenet", depth=d, width=0.125, size=32, classes=4, shortcut=s)
        for d, s in [(18, "none"), (18, "projection"), (18, "concat"), (50, "projection")]
    ),
    *(
        ModelSpec(family="article", depth=4, size=8, classes=4, order="article", shortcut=s)
        for s in ("none", "maxpool")
    ),
    ModelSpec(depth=8, width=0.25, size=8, classes=4, norm="group"),
    ModelSpec(
        depth=14, size=8, classes=4, stages=(1, 2, 1), groups=2, width_per_group=32, stride_in_1x1=True, hidden=(6,)
    ),
    ModelSpec(depth=14, width=0.25, size=8, classes=4, norm="none", init="skipinit", no_skip=(2,)),
]


def _name(spec: ModelSpec) -> str:
    return f"{spec.family}{spec.depth}-{spec.shortcut}-{spec.order}-{spec.norm}"


pytestmark = pytest.mark.usefixtures("one_thread")


def _images(spec: ModelSpec, count: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(count, spec.channels, spec.size, spec.size, generator=torch.Generator().manual_seed(seed))


def _model(spec: ModelSpec, seed: int = 0) -> nn.Module:
    """As `weights.load` gives them: evaluating, no parameter requires grad; norms that are not the identity."""
    model = models.build(spec, seed)
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return model.eval().requires_grad_(False)


def _logits(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x)


def _scaled(maps: Tensor) -> Tensor:
    """Each map's positive part from 0 to 1."""
    maps = maps.relu().flatten(1)
    return (maps - maps.amin(1, keepdim=True)) / (maps.amax(1, keepdim=True) - maps.amin(1, keepdim=True) + 1e-12)


# Grad-CAM


def _by_hand(model: nn.Module, x: Tensor, target: Tensor, name: str) -> Tensor:
    """Selvaraju 2017, equations 1 and 2, the ReLU left out: (B, h, w)."""
    kept: list[Tensor] = []
    with model.get_submodule(name).register_forward_hook(lambda _m, _i, out: kept.append(out.requires_grad_())):
        logits = model(x)
    (gradient,) = torch.autograd.grad(logits[torch.arange(len(x)), target].sum(), kept)
    weights = gradient.flatten(2).mean(2)  # (B, C')
    return torch.einsum("bc,bchw->bhw", weights, kept[0].detach())


@pytest.mark.parametrize("spec", NETS, ids=_name)
@pytest.mark.parametrize("frozen", [True, False])
def test_gradcam_is_the_papers_at_every_block(spec: ModelSpec, frozen: bool) -> None:
    model, x, target = _model(spec).requires_grad_(not frozen), _images(spec), torch.tensor([3, 1])
    strip = gradcam_strip(model, x, target=target)
    assert {name: maps.shape[-1] for name, maps in strip.items()} == layers(spec)
    for name, maps in strip.items():
        by_hand = _by_hand(model, x, target, name)
        close = {"rtol": 1e-4, "atol": 1e-5 * float(by_hand.abs().max())}
        torch.testing.assert_close(maps, by_hand, **close)
        torch.testing.assert_close(attribute(model, x, method="gradcam", target=target, layer=name), by_hand, **close)
        assert not maps.requires_grad
    alone = attribute(model, x, method="gradcam", target=target)
    torch.testing.assert_close(alone, strip[default_layer(spec)])


@pytest.mark.parametrize("minus", [None, 0])
def test_the_strip_takes_one_pass_as_long_as_captums_private_function_is_the_one_we_know(
    minus: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x, passes = _model(SMALL), _images(SMALL), []
    assert methods.ONE_PASS is not None, (
        "captum's compute_layer_gradients_and_eval is gone or takes something else: see methods"
    )
    with model.register_forward_hook(lambda *_: passes.append(1)):
        strip = gradcam_strip(model, x, target=1, minus=minus)
        assert len(passes) == 1
        # And where it isn't, each block takes a pass, and the maps are the same.
        monkeypatch.setattr(methods, "ONE_PASS", None)
        slow = gradcam_strip(model, x, target=1, minus=minus)
        assert len(passes) == 1 + len(strip)
    torch.testing.assert_close(slow, strip, rtol=0, atol=0)


@pytest.mark.parametrize("change", ["gone", "other arguments"])
def test_another_private_function_of_captums_is_not_used(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from captum._utils import gradient

    name = "compute_layer_gradients_and_eval"
    if change == "gone":
        monkeypatch.delattr(gradient, name)
    else:
        monkeypatch.setattr(gradient, name, lambda model, inputs, layer, target_ind: None)
    assert methods._one_pass() is None


def test_gradcam_asks_captum(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, own = [], captum.attr.LayerGradCam.attribute
    monkeypatch.setattr(
        captum.attr.LayerGradCam, "attribute", lambda self, *a, **k: asked.append(self.layer) or own(self, *a, **k)
    )
    model = _model(SMALL)
    attribute(model, _images(SMALL), method="gradcam", target=1, layer="layer2.0")
    assert asked == [model.layer2[0]]


@pytest.mark.parametrize("spec", NETS, ids=_name)
def test_gradcam_is_torchcams(spec: ModelSpec) -> None:
    import torchcam.methods

    model, x, layer = _model(spec), _images(spec, 1), default_layer(spec)
    with torchcam.methods.GradCAM(model, layer) as cam:
        theirs = cam(2, model(x.clone().requires_grad_()))[0]
    mine = attribute(model, x, method="gradcam", target=2, layer=layer)
    assert theirs.max() > 0.9  # not an empty map
    torch.testing.assert_close(_scaled(mine), _scaled(theirs), rtol=0, atol=1e-4)


@pytest.mark.slow  # the package takes seconds to import
@pytest.mark.parametrize("spec", NETS, ids=_name)
def test_gradcam_correlates_with_that_of_the_grad_cam_package(spec: ModelSpec) -> None:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, x, layer = _model(spec), _images(spec, 1), default_layer(spec)
    model.requires_grad_()  # it calls backward on the weights
    theirs = GradCAM(model, [model.get_submodule(layer)])(x.clone(), [ClassifierOutputTarget(2)])
    mine = enlarge(attribute(model, x, method="gradcam", target=2, layer=layer).relu(), x.shape[-2:]).numpy()
    assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("minus", [None, 0])
def test_guided_gradcam_is_the_product_of_its_parts(minus: int | None) -> None:
    """Selvaraju 2017, section 3.2: Guided Backprop times the positive Grad-CAM at the image's size."""
    spec = NETS[2]
    model, x, asked = _model(spec), _images(spec), {"target": 1, "minus": minus}
    cells = attribute(model, x, method="gradcam", layer="layer3.0", **asked).relu()
    large = F.interpolate(cells[:, None], x.shape[-2:], mode="bilinear")[:, 0]
    product = large * attribute(model, x, method="guided_backprop", **asked)
    mine = attribute(model, x, method="guided_gradcam", layer="layer3.0", **asked)
    torch.testing.assert_close(mine, product, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "layer"),
    [
        (ModelSpec(depth=20), "layer3.2"),
        (ModelSpec(depth=56, size=8, channels=1), "layer2.8"),  # the digits end at 2x2
        (ModelSpec(family="imagenet", depth=50, size=224), "layer4.2"),
        (ModelSpec(family="imagenet", depth=18, size=32), "layer2.1"),  # ends at 1x1
        (ModelSpec(family="article", order="article", depth=4), "layer1.1"),
        (ModelSpec(family="imagenet", depth=18, size=8), "layer1.1"),  # 2x2 at most
    ],
    ids=lambda value: _name(value) if isinstance(value, ModelSpec) else value,
)
def test_the_default_layer_is_the_last_of_4x4_cells(spec: ModelSpec, layer: str) -> None:
    assert default_layer(spec) == layer


# The others


def test_the_table_holds_what_was_promised() -> None:
    assert [m.label for m in METHODS.values() if m.front] == ["Grad-CAM", "Integrated Gradients", "Occlusion"]
    assert {m.label for m in METHODS.values() if not m.front} == {
        "Saliency", "Input × Gradient", "SmoothGrad", "VarGrad", "Guided Backprop", "Deconvolution", "DeepLIFT",
        "GradientSHAP", "Guided Grad-CAM",
    }  # fmt: skip
    for method in METHODS.values():
        assert all(p.low <= p.default <= p.high and p.step > 0 for p in method.parameters)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spec", KINDS, ids=_name)
def test_every_method_runs_on_every_family_and_shortcut(spec: ModelSpec, method: str) -> None:
    model, x = _model(spec), _images(spec)
    few = {p.name: p.low for p in METHODS[method].parameters if p.name in ("steps", "samples")}
    maps = attribute(model, x, method=method, target=1, **few)
    cells = layers(spec)[default_layer(spec)] if method == "gradcam" else spec.size
    assert maps.shape == (2, cells, cells)
    assert maps.dtype == torch.float32
    assert maps.isfinite().all()
    assert maps.any()
    assert not maps.requires_grad


def test_integrated_gradients_are_complete() -> None:
    """Sundararajan 2017, proposition 1: the map sums to the difference of the outputs."""
    model, x = _model(SMALL), _images(SMALL, 4)
    baseline = _images(SMALL, 1, seed=1)[0]
    target, minus = torch.tensor([0, 1, 2, 0]), 3
    maps = attribute(model, x, method="integrated_gradients", target=target, minus=minus, baseline=baseline, steps=256)
    both = _logits(model, torch.cat([x, baseline[None]]))
    both = both.gather(1, torch.cat([target, target[:1]])[:, None])[:, 0] - both[:, minus]
    base = _logits(model, baseline[None])[0]
    torch.testing.assert_close(maps.sum((1, 2)), both[:4] - (base[target] - base[minus]), rtol=0, atol=0.01)


@pytest.mark.parametrize("spec", [replace(SMALL, shortcut=s) for s in ("none", "identity", "projection")], ids=_name)
def test_deeplift_is_complete_where_blocks_add(spec: ModelSpec) -> None:
    """Shrikumar 2017, equation 1: contributions sum to the difference from the reference, exactly."""
    model, x = _model(spec), _images(spec, 3)
    maps = attribute(model, x, method="deeplift", target=2)
    expected = _logits(model, x)[:, 2] - _logits(model, torch.zeros_like(x))[:, 2]
    torch.testing.assert_close(maps.sum((1, 2)), expected, rtol=1e-3, atol=1e-4)


def test_input_x_gradient_of_a_net_without_biases_sums_to_the_logit() -> None:
    """Euler: such a ReLU net is homogeneous of degree 1 (all biases start from 0)."""
    spec = replace(SMALL, norm="none")
    model, x = _model(spec), _images(spec)
    maps = attribute(model, x, method="input_x_gradient", target=1)
    torch.testing.assert_close(maps.sum((1, 2)), _logits(model, x)[:, 1], rtol=1e-4, atol=1e-5)


def test_saliency_is_the_slope_of_the_logit() -> None:
    model, x = _model(SMALL).double(), _images(SMALL, 1).double()
    maps = attribute(model, x, method="saliency", target=0)
    grown = x.clone()
    grown[0, :, 5, 7] += 1e-6
    slope = (_logits(model, grown) - _logits(model, x))[0, 0] / 1e-6
    assert float(maps[0, 5, 7]) == pytest.approx(float(slope), rel=1e-4)


@pytest.mark.slow
def test_guided_backprop_is_that_of_the_grad_cam_package() -> None:
    from pytorch_grad_cam import GuidedBackpropReLUModel

    model, x = _model(NETS[1]), _images(NETS[1], 1)
    mine = attribute(model, x, method="guided_backprop", target=1)
    theirs = GuidedBackpropReLUModel(model, "cpu")(x.clone(), 1)  # (H, W, C)
    np.testing.assert_allclose(mine[0].numpy(), theirs.sum(-1), rtol=1e-3, atol=1e-5 * abs(theirs).max())


def test_occlusion_is_the_mean_drop_over_the_squares_that_hide_a_pixel() -> None:
    """Zeiler 2014, section 4.2."""
    model, x = _model(SMALL), _images(SMALL, 1)
    mine = attribute(model, x, method="occlusion", target=1, window=0.25, stride=1.0)  # squares of 3 that don't overlap
    before = _logits(model, x)[0, 1]
    for row in range(0, 12, 3):
        for column in range(0, 12, 3):
            hidden = x.clone()
            hidden[..., row : row + 3, column : column + 3] = 0
            drop = before - _logits(model, hidden)[0, 1]
            expected = drop.expand(3, 3)
            torch.testing.assert_close(mine[0, row : row + 3, column : column + 3], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_gradient_shap_sums_to_the_mean_difference_from_its_baselines() -> None:
    """Erion 2021, equation 4: completeness, in expectation over baselines and places on the way."""
    model, x, baselines = _model(SMALL), _images(SMALL, 1), 0.1 * _images(SMALL, 4, seed=1)
    seeds = [
        attribute(model, x, method="gradient_shap", target=1, baseline=baselines, samples=256, seed=s) for s in range(4)
    ]
    sums = torch.stack(seeds).sum((1, 2, 3))
    expected = _logits(model, x)[0, 1] - _logits(model, baselines)[:, 1].mean()
    assert abs(float(sums.mean() - expected)) < 4 * float(sums.std()) / 2 + 1e-6
    assert float(sums.std()) < 0.1 * abs(float(expected))


@pytest.mark.slow
def test_smoothgrad_and_vargrad_are_mean_and_variance_over_noise() -> None:
    model, x, settings = _model(SMALL), _images(SMALL, 1), {"target": 1, "noise": 0.2, "samples": 256}
    smooth = attribute(model, x, method="smoothgrad", **settings)
    noise = 0.2 * (x.max() - x.min()) * torch.randn(2048, *x.shape[1:], generator=torch.Generator().manual_seed(5))
    gradients = attribute(model, x + noise, method="saliency", target=1)
    spread = gradients.std(0) / 16  # of a mean of 256
    assert ((smooth[0] - gradients.mean(0)).abs() < 6 * spread).all()
    assert (attribute(model, x, method="vargrad", **settings) >= 0).all()


@pytest.mark.parametrize("method", ["saliency", "gradcam", "integrated_gradients", "occlusion", "input_x_gradient"])
def test_a_class_less_another_is_the_difference_of_their_maps(method: str) -> None:
    model, x = _model(SMALL), _images(SMALL)
    one, other, less = (
        attribute(model, x, method=method, target=t, minus=m) for t, m in ((1, None), (2, None), (1, 2))
    )
    torch.testing.assert_close(less, one - other, rtol=1e-3, atol=1e-5)


def test_the_strip_of_a_class_less_another_is_the_difference_too() -> None:
    model, x = _model(SMALL), _images(SMALL)
    one, other, less = (gradcam_strip(model, x, target=t, minus=m) for t, m in ((1, None), (2, None), (1, 2)))
    for name in layers(SMALL):
        torch.testing.assert_close(less[name], one[name] - other[name], rtol=1e-3, atol=1e-5)


# A map is a function of the arguments


@pytest.mark.parametrize("method", METHODS)
def test_a_batchs_maps_are_those_of_its_images(method: str) -> None:
    model, x, target = _model(SMALL), _images(SMALL, 7), torch.arange(7) % 4
    few = {p.name: p.low for p in METHODS[method].parameters if p.name in ("steps", "samples")}
    torch.manual_seed(1)
    batch = attribute(model, x, method=method, target=target, **few)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    state = torch.get_rng_state()
    alone = attribute(model, x[5:6], method=method, target=1, **few)
    torch.testing.assert_close(batch[5:6], alone, rtol=1e-3, atol=1e-5)
    assert torch.equal(torch.get_rng_state(), state)  # nobody's draws are disturbed


@pytest.mark.parametrize("method", ["smoothgrad", "vargrad", "gradient_shap"])
def test_another_seed_gives_another_map(method: str) -> None:
    model, x = _model(SMALL), _images(SMALL, 1)
    one, other = (attribute(model, x, method=method, target=1, samples=4, seed=s) for s in (0, 1))
    assert not torch.allclose(one, other)


@pytest.mark.slow
def test_long_passes_are_cut_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = _model(SMALL), _images(SMALL, 5)
    settings = {m: {p.name: p.low for p in METHODS[m].parameters if p.name in ("steps", "samples")} for m in METHODS}
    whole = {m: attribute(model, x, method=m, target=1, **settings[m]) for m in METHODS if m != "gradient_shap"}
    strip = gradcam_strip(model, x, target=1)
    monkeypatch.setattr("resnet_viz.attribution.attribute.MEMORY", 1)
    for method, maps in whole.items():
        if "samples" not in settings[method]:  # another cut draws another noise
            cut = attribute(model, x, method=method, target=1, **settings[method])
            torch.testing.assert_close(cut, maps, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(gradcam_strip(model, x, target=1), strip, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_progress_rises_to_1(method: str) -> None:
    model, x, heard, images = _model(SMALL), _images(SMALL, 2), [], 0

    def count(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        nonlocal images
        images += len(inputs[0])

    with model.register_forward_hook(count):
        attribute(model, x, method=method, target=1, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1
    values = {p.name: p.default for p in METHODS[method].parameters}
    assert images == 2 * METHODS[method].passes(values, SMALL.size)  # the price that is shown is the price


# A shared model comes back as it was


def _state(model: nn.Module) -> list:
    """Every hook, every attribute a method could leave behind, every flag."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    found: list = [sum(len(getattr(m, kind)) for kind in hooks) for m in model.modules()]
    found += [sorted(vars(m)) for m in model.modules()]
    found += [m.training for m in model.modules()]
    return found + [(p.requires_grad, p.grad is None) for p in model.parameters()]


class _Stop(Exception):
    pass


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("minus", [None, 2])
def test_hooks_are_gone_after_success_error_and_a_bad_target(method: str, minus: int | None) -> None:
    model, x = _model(SMALL), _images(SMALL)
    few = {p.name: p.low for p in METHODS[method].parameters if p.name in ("steps", "samples")}
    before, weights = _state(model), {k: v.clone() for k, v in model.state_dict().items()}

    def stop(*_: object) -> None:
        raise _Stop

    attribute(model, x, method=method, target=1, minus=minus, **few)
    assert _state(model) == before
    with pytest.raises(AttributionError):
        attribute(model, x, method=method, target=4, minus=minus)
    assert _state(model) == before
    for place in ("fc", "layer2.0"):
        with model.get_submodule(place).register_forward_hook(stop), pytest.raises(_Stop):
            attribute(model, x, method=method, target=1, minus=minus, **few)
        assert _state(model) == before
    with pytest.raises(_Stop):  # as Streamlit stops a page that is run again
        attribute(model, x, method=method, target=1, minus=minus, progress=stop, **few)
    assert _state(model) == before
    assert all(torch.equal(weights[k], v) for k, v in model.state_dict().items())


def test_a_net_in_training_is_asked_as_it_evaluates_and_stays_in_training() -> None:
    model, x = _model(SMALL), _images(SMALL)
    expected = attribute(model, x, method="saliency", target=1)
    model.train()
    before = _state(model)
    with torch.no_grad():  # whatever the caller has switched off
        torch.testing.assert_close(attribute(model, x, method="saliency", target=1), expected)
    assert _state(model) == before


@pytest.mark.parametrize("method", ["gradcam", "guided_backprop", "deeplift", "smoothgrad"])
def test_four_threads_on_one_model_get_right_maps(method: str) -> None:
    model = _model(SMALL)
    few = {p.name: p.low for p in METHODS[method].parameters if p.name == "samples"}
    images = [_images(SMALL, 1, seed) for seed in range(4)]
    expected = [attribute(model, x, method=method, target=1, **few) for x in images]
    start, wrong = threading.Barrier(4), []

    def ask(number: int) -> None:
        torch.set_num_threads(1)
        start.wait()
        for _ in range(10):
            try:
                maps = attribute(model, images[number], method=method, target=1, **few)
                if not torch.allclose(maps, expected[number], rtol=1e-4, atol=1e-6):
                    wrong.append(f"thread {number} got another map")
            except Exception as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_maps_are_the_same_bit_for_bit_while_another_thread_builds_nets() -> None:
    model, x = _model(SMALL), _images(SMALL, 1)
    expected, done = attribute(model, x, method="smoothgrad", target=1), threading.Event()

    def build() -> None:
        while not done.is_set():
            models.build(SMALL)

    thread = threading.Thread(target=build)
    thread.start()
    try:
        changed = [not torch.equal(attribute(model, x, method="smoothgrad", target=1), expected) for _ in range(40)]
    finally:
        done.set()
        thread.join()
    assert sum(changed) == 0


def test_captums_announcements_are_not_the_users() -> None:
    model, x = _model(SMALL), _images(SMALL)
    for method in ("guided_backprop", "deeplift", "saliency"):
        with warnings.catch_warnings(record=True) as heard:
            attribute(model, x, method=method, target=1)
        assert [str(w.message) for w in heard] == []


# What isn't there


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"method": "lrp"}, "Method 'lrp' is not known; choose one of gradcam, integrated_gradients"),
        ({"target": 4}, "Class 4 is not one of this network's 4: 0 to 3."),
        ({"target": -1}, "Class -1 is not one of this network's 4"),
        ({"target": [0, 1, 2]}, "3 classes are given for 2 images"),
        ({"target": 1, "minus": 9}, "Class 9 is not one of"),
        ({"target": 1, "minus": 1}, "Class 1 less itself is 0 everywhere"),
        (
            {"method": "gradcam", "layer": "layer9.0"},
            "This network has no block 'layer9.0'; it has layer1.0 to layer3.0",
        ),
        ({"method": "gradcam", "steps": 9}, "Grad-CAM has no parameter 'steps'; it takes none."),
        ({"method": "integrated_gradients", "steps": 9999}, "Steps 9999 is outside 8 to 512"),
        ({"x": torch.zeros(3, 12, 12)}, r"Images of shape \(3, 12, 12\) don't fit"),
        ({"x": torch.zeros(1, 1, 12, 12)}, r"this network takes \(B, 3, H, W\)"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(question: dict, sentence: str) -> None:
    asked = {"x": _images(SMALL), "method": "saliency", "target": 1} | question
    with pytest.raises(AttributionError, match=sentence) as error:
        attribute(_model(SMALL), asked.pop("x"), **asked)
    assert str(error.value).endswith(".")


@pytest.mark.slow
def test_the_residue_of_integrated_gradients_is_below_1_percent_on_a_public_net(public) -> None:
    """24 test images, the class that is true, from the mean grey: the median of |residue| ÷ |difference of outputs|."""
    model, x, y = public.model, public.prepare(public.images[:24]), torch.from_numpy(public.labels[:24])
    maps = attribute(model, x, method="integrated_gradients", target=y)
    rows = torch.arange(24)
    difference = _logits(model, x)[rows, y] - _logits(model, torch.zeros_like(x[:1]))[0, y]
    residue = (maps.sum((1, 2)) - difference).abs() / difference.abs()
    assert float(residue.median()) < 0.01
