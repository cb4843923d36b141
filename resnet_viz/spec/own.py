"""What is said of a network that isn't ours, watched in a loop of its user's."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_viz.spec.fields import row


@dataclass(frozen=True)
class OwnSpec:
    """A watched network. What is known of it beside stands where it stands for ours, as measured at the first step.

    That is: ``model.depth``, its layers with weights; ``model.shortcut``, "identity" where it has skips, else "none";
    ``model.classes``, 1 where no logits were given; ``train``'s lr and batch_size. The other fields say nothing of it.
    """

    name: str = row("", "Name", "What its user calls it.")
    network: str = row("", "Network", "Its class.")
    optimizer: str = row("", "Optimizer", "Its class.")
