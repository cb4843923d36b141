"""explain and feature_maps: on anybody's network what autograd gives by hand, and what may be believed of it."""

import copy

import pytest
import torch
import torchvision
from torch import Tensor, nn

import resnet_viz as rv
from resnet_viz.attribution.attribute import attribute, default_layer
from resnet_viz.errors import UserError
from tests.own.loops import Net, batch

pytestmark = pytest.mark.usefixtures("one_thread")


def resnet() -> nn.Module:
    """torchvision's, whose ReLUs and sums work in place; as after some training, so that no two cells are alike."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torchvision.models.resnet18(num_classes=5).train()


def images(count: int = 2, size: int = 64) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def by_hand(model: nn.Module, x: Tensor, layer: str, target: int) -> Tensor:
    """Selvaraju 2017, equations 1 and 2, by autograd alone."""
    model = copy.deepcopy(model).eval()
    kept = []
    model.get_submodule(layer).register_forward_hook(lambda _m, _i, out: kept.append(out))
    logits = model(x)
    (gradient,) = torch.autograd.grad(logits[:, target].sum(), kept[0])
    return (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1).detach()


def test_grad_cam_is_the_papers_at_a_named_layer_and_at_the_one_that_is_found() -> None:
    model, x = resnet(), images()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    answer = rv.explain(model, x, method="Grad-CAM", target=3, layer="layer2.1")
    torch.testing.assert_close(answer.maps, by_hand(model, x, "layer2.1", 3))
    assert answer.enlarged.shape == (2, 64, 64)
    found = rv.explain(model, x, target=3)
    assert found.layer == "layer3.1"  # 4x4 cells of 64 pixels; layer4's blocks have 2x2
    torch.testing.assert_close(found.maps, by_hand(model, x, "layer3.1", 3))
    assert model.training
    assert not any(m._forward_hooks for m in model.modules())
    assert model.relu.inplace
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_net_of_ours_gets_the_maps_that_explain_shows() -> None:
    spec = rv.ModelSpec(depth=8, width=0.5, size=16, classes=4)
    model, x = rv.build(spec).eval(), images(2, 16)
    for method in ("gradcam", "integrated_gradients", "occlusion", "guided_gradcam", "deeplift"):
        answer = rv.explain(model, x, method=method, target=(1, 2), minus=0)
        torch.testing.assert_close(
            answer.maps, attribute(model, x, method=method, target=(1, 2), minus=0), msg=method, rtol=1e-4, atol=1e-6
        )
    assert rv.explain(model, x).layer == default_layer(spec)


def test_what_the_net_says_is_explained_where_no_class_is_given() -> None:
    model, x = Net().eval(), batch()[0]
    answer = rv.explain(model, x, method="saliency")
    assert answer.target == tuple(model(x).argmax(1).tolist())
    torch.testing.assert_close(answer.logits, model(x).detach())
    assert answer.maps.shape == (6, 8, 8)
    one = rv.explain(model, x[0], method="saliency")
    torch.testing.assert_close(one.maps[0], answer.maps[0])


class Linear(nn.Module):
    """A convolution and a mean: its Grad-CAM is weight times activation, whatever the image."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 1, bias=False)
        self.weight = weight
        nn.init.ones_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        mean = self.conv(x).mean((1, 2, 3))
        return torch.stack([self.weight * mean, 0 * mean], 1)


def test_empty_and_negative_maps_and_residues_are_said() -> None:
    x = torch.rand(1, 2, 6, 6) + 0.1
    (negative,) = rv.explain(Linear(-1.0), x, target=0).messages
    assert negative.startswith("Nothing in conv speaks for class 0: all 36 cells are negative")
    (empty,) = rv.explain(Linear(-1.0), x, target=1).messages
    assert empty.startswith("The map is empty: no gradient of class 1 reaches conv")
    (nothing,) = rv.explain(Linear(-1.0), x, target=1, method="saliency").messages
    assert nothing.startswith("The map is empty: no gradient of class 1 reaches the image")
    (sums,) = rv.explain(Linear(2.0), x, target=0, method="Integrated Gradients").messages
    total = f"{2 * x.sum(1).mean().item():.4g}"
    assert sums == f"The map sums to {total}, the outputs differ by {total}: residue 0.0%."
    two = rv.explain(Linear(-1.0), torch.cat([x, -x]), target=0).messages
    assert [message.partition(":")[0] for message in two] == ["Image 1"]
    (plain,) = rv.explain(Linear(2.0), x, target=0, method="guided_backprop").messages
    assert plain == "Linear has no nn.ReLU to change: this map by Guided Backprop is the plain gradient's."


def test_feature_maps_are_the_outputs_of_stem_and_blocks() -> None:
    model, x = Net(), batch()[0]
    maps = rv.feature_maps(model, x)
    assert list(maps) == ["stem", "blocks.0", "blocks.1"]
    net = copy.deepcopy(model).eval()
    h = net.stem(x)
    torch.testing.assert_close(maps["stem"], h)
    torch.testing.assert_close(maps["blocks.0"], net.blocks[0](h))
    assert list(rv.feature_maps(model, x[0], layers="blocks.*.relu")) == ["blocks.0.relu", "blocks.1.relu"]


def test_a_transformer_has_pixels_to_point_at_and_no_maps() -> None:
    model = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=3)
    nn.init.normal_(model.heads.head.weight)
    x = images(1, 32)
    assert rv.explain(model, x, method="input_x_gradient", target=1).maps.any()
    with pytest.raises(UserError, match=r"No block of VisionTransformer gives maps \(B, C, H, W\)"):
        rv.explain(model, x, target=1)
    assert rv.explain(model, x, target=1, layer="conv_proj").maps.shape == (1, 4, 4)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"method": "magic"}, "Method 'magic' is not known; choose one of gradcam, "),
        ({"target": 5}, "Class 5 is not one of this network's 5: 0 to 4"),
        ({"layer": "layer9"}, "ResNet has no module 'layer9'; its parts are conv1, bn1"),
        ({"layer": "fc"}, r"Module 'fc' gives a tensor of shape \(1, 5\), not maps"),
        ({"method": "deeplift"}, r"DeepLIFT can't be asked of ResNet \(.*\); try Grad-CAM"),
        ({"steps": 9}, "Grad-CAM has no parameter 'steps'"),
        ({"image": torch.zeros(1, 4, 64, 64)}, r"ResNet does not take images of shape \(1, 4, 64, 64\)"),
        ({"image": torch.zeros(1, 3, 64, 64, dtype=torch.uint8)}, "uint8, doesn't fit: give what the network takes"),
        ({"model": nn.Conv2d(3, 3, 1)}, r"Conv2d gives a tensor of shape \(1, 3, 64, 64\), not logits"),
    ],
)
def test_what_cant_be_asked_is_said_in_a_sentence(wrong, sentence) -> None:
    asked = {"model": resnet(), "image": images(1), "target": 1} | wrong
    with pytest.raises(UserError, match=sentence):
        rv.explain(asked.pop("model"), asked.pop("image"), **asked)
