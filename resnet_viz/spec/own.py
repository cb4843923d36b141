"""What is said of a network that isn't ours: watched in a loop of its user's, or trained by ours."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_viz.spec.fields import row


@dataclass(frozen=True)
class OwnSpec:
    """A network that isn't ours. What is known of it beside stands where it stands for ours, as measured at the first pass.

    Of both kinds: ``model.depth``, its layers with weights; ``model.shortcut``, "identity" where it has skips, else "none";
    ``model.classes``, 1 where no logits were given; of one that is watched, ``train``'s lr and batch_size. The model's other
    fields say nothing of it. What our trainer trains has a ``factory``, and its data and training as they were asked for.
    """

    name: str = row("", "Name", "What its user calls it.")
    network: str = row("", "Network", "Its class.")
    optimizer: str = row("", "Optimizer", "Its class, of one that is watched.")
    factory: str = row("", "Factory", "What makes it: torchvision:NAME, timm:NAME or package.module:function.")
