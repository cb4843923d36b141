"""What is said of a network that looks at an image: what a block adds, and what the net then guesses."""

from __future__ import annotations

from resnet_viz.language import tr


def stem(maps: int, guess: str) -> str:
    """Of the stem: how many maps it makes. ``guess``: what the net says, such as "cat, 83 %"."""
    return tr("The stem answers with {maps} maps; the net says {guess}.", maps=maps, guess=guess)


def weighted(block: int, alpha: float, now: str, untouched: str) -> str:
    """Of a block whose branch counts ``alpha`` times: what the net says ``now``, and what it says by itself."""
    done = tr("multiplied by {alpha:g}", alpha=alpha) if alpha else tr("taken away")
    return tr(
        "With block {block}'s branch F(x) {done}, the net says {now}; untouched: {untouched}.",
        block=block,
        done=done,
        now=now,
        untouched=untouched,
    )


def branch(block: int, share: float | None, guess: str) -> str:
    """Of a block as it is: ‖F(x)‖ ÷ ‖x‖, None where it has no skip."""
    if share is None:
        return tr(
            "Block {block} has no skip: what leaves it is its branch alone. The net says {guess}.",
            block=block,
            guess=guess,
        )
    return tr(
        "Block {block} adds a branch {share:.2f} times as large as its input; the net says {guess}.",
        block=block,
        share=share,
        guess=guess,
    )
