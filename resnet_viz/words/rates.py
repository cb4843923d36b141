"""What is said of a learning-rate range test."""

from __future__ import annotations

from resnet_viz.language import tr


def range_test(name: str, lr: float | None, last: float | None, too_small: bool = False) -> str:
    """At which learning rate the loss of the net called ``name`` falls fastest: ``lr``, None where it falls nowhere.

    ``last``: the highest one that was tried; None where even the first gave no finite loss. ``too_small``: whether the
    loss, up to there, neither fell nor rose by much.
    """
    if too_small:
        return tr(
            "The loss of {name} hardly moves up to a learning rate of {last:.2g}: all that were tried are too small.",
            name=name,
            last=last,
        )
    if lr is not None:
        return tr("The loss of {name} falls fastest at a learning rate of {lr:.2g}.", name=name, lr=lr)
    tried = f"{last:.2g}" if last is not None else tr("the first one")
    return tr("The loss of {name} falls at no learning rate up to {tried}: none to suggest.", name=name, tried=tried)
