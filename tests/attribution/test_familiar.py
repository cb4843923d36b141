import numpy as np
import pytest
import torch

from resnet_viz.attribution.familiar import strangeness
from resnet_viz.data import images
from resnet_viz.data.splits import load_splits
from resnet_viz.nets import models, refs, weights
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec


def test_the_image_that_batchnorm_remembers_is_not_strange() -> None:
    model = models.build(ModelSpec(depth=8))
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 1.0  # what it remembers is the last batch
    model.train()(x)
    model.eval()
    assert strangeness(model, x).item() == pytest.approx(0, abs=0.02)  # remembered variances are unbiased ones
    assert strangeness(model, 3 * x + 2).item() > 0.5


@pytest.mark.parametrize("dead", [slice(0, 1), slice(None)], ids=["one channel", "a whole layer"])
def test_channels_that_never_varied_make_no_image_infinitely_strange(dead) -> None:
    model = models.build(ModelSpec(depth=8))
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        model.layer2[0].conv1.weight[dead] = 0
    model.train()(x)
    model.eval()
    assert (model.layer2[0].bn1.running_var[dead] == 0).all()
    assert strangeness(model, x).max().item() < 0.1
    assert strangeness(model, 3 * x + 2).min().item() > 0.5


@pytest.mark.parametrize("kind", ["residual", "plain"])
def test_photos_are_familiar_to_shipped_nets_and_noise_and_blanks_are_not(kind) -> None:
    network = weights.load(next(s for s in refs.shipped() if s.ref == f"shipped:cifar10-{kind}-20"))
    photos = [images.fit(images.read(path.read_bytes(), path.name), 32, 3) for path in images.SAMPLES.values()]
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    blanks = [np.full((32, 32, 3), level, np.uint8) for level in (0, 120, 255)]
    found = strangeness(network.model, network.prepare(np.stack([*photos, noise, *blanks]))).tolist()
    usual, (noisy, *blank) = found[: len(photos)], found[len(photos) :]
    assert max(usual) < network.source.unlike < min(blank)
    assert noisy > network.source.unlike


@pytest.mark.parametrize("source", [s for s in refs.shipped() if s.spec.channels == 1], ids=lambda s: s.ref)
def test_three_in_a_hundred_test_images_exceed_the_limit_in_a_shipped_nets_head(source) -> None:
    network = weights.load(source)
    found = strangeness(network.model, network.prepare(load_splits(DataSpec("digits")).images["test"]))
    assert (found > source.unlike).float().mean().item() == pytest.approx(0.03, abs=0.005)


def test_hooks_go_and_a_net_without_batchnorm_can_not_say() -> None:
    model = models.build(ModelSpec(depth=8, norm="group")).eval()
    assert strangeness(model, torch.zeros(2, 3, 32, 32)).isnan().all()
    model = models.build(ModelSpec(depth=8)).eval()
    with pytest.raises(RuntimeError):
        strangeness(model, torch.zeros(1, 5, 32, 32))
    assert not any(m._forward_pre_hooks for m in model.modules())
