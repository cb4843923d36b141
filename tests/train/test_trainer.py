"""One step of training, taken by hand: how tensors lie in memory."""

import pytest
import torch
from torch import nn

from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches
from resnet_viz.data.splits import load_splits
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.trainer import Trainer


@pytest.mark.parametrize("channels_last", [True, False])
def test_weights_and_activations_lie_in_memory_as_the_spec_says(channels_last) -> None:
    train = TrainSpec(batch_size=8, device="cpu", dtype="float32", threads=1, channels_last=channels_last)
    spec = catalogue.fill(RunSpec(ModelSpec(depth=8), DataSpec(limit=16), train))
    trainer = Trainer(spec, Batches(load_splits(spec.data), spec))
    convolutions = [m for m in trainer.model.modules() if isinstance(m, nn.Conv2d) and m.in_channels > 1]
    outputs: list[torch.Tensor] = []
    for module in convolutions:
        module.register_forward_hook(lambda _m, _x, out: outputs.append(out))
    trainer.advance()
    assert len(outputs) == len(convolutions)
    assert {m.weight.is_contiguous(memory_format=torch.channels_last) for m in convolutions} == {channels_last}
    if channels_last:  # grey images lie either way, and torch chooses
        assert all(out.is_contiguous(memory_format=torch.channels_last) for out in outputs)
