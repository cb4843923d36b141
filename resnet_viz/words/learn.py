"""What the page Learn says of what was measured: its formulas in numbers, and the answers to its questions (`lessons`)."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_viz.language import tr
from resnet_viz.words.numbers import percent, signed


def brighter(rise: float, least: float, most: float, std: float) -> str:
    """By how much a channel's numbers rose: the least and the most over its pixels."""
    return tr(
        "Red rises by {least:.3f} to {most:.3f}, wherever a pixel stays below 255: 30 ÷ {std:.1f} is {rise:.3f}.",
        least=least,
        most=most,
        std=std,
        rise=rise,
    )


def pixel(value: float, mean: float, std: float, result: float) -> str:
    """How one number of the tensor comes about."""
    return f"({value:.0f} − {mean:.1f}) ÷ {std:.1f} = {signed(result)}"


def window(products: int, value: float, own: float) -> str:
    """One cell of a convolution by hand, and as the network has it."""
    return tr(
        "Sum of {products} products, by hand: {value}. The layer's own number there: {own}.",
        products=products,
        value=signed(value, ".3f"),
        own=signed(own, ".3f"),
    )


def moved(difference: float) -> str:
    """How far the moved map is from the map of the moved image, as a share of its largest number."""
    if difference == 0:
        return tr("The map of the moved image is the moved map, number by number.")
    return tr("The two maps differ by at most {difference:.1g} of the largest number: rounding.", difference=difference)


def added(x: float, branch: float, alpha: float, total: float) -> str:
    """y = x + αF(x) in one cell."""
    times = "" if alpha == 1 else f"{alpha:g} · "
    return f"y = x + {'α·' * (alpha != 1)}F(x): {signed(x)} + {times}({signed(branch)}) = {signed(total)}"


def slopes(branch: float, total: float) -> str:
    """∂y/∂x = ∂F/∂x + 1 in one cell, each measured."""
    return tr(
        "∂y/∂x = ∂F/∂x + 1: {total} = {branch} + 1 (each by its own backward pass)",
        total=signed(total, ".3f"),
        branch=signed(branch, ".3f"),
    )


def then_says(before: str, after: str) -> str:
    """What the net said before, and after what was done to it."""
    return tr("It said {before}; now it says {after}.", before=before, after=after)


def parameters(depth: int, residual: int, plain: int) -> str:
    """The parameters of twins."""
    return tr(
        "At {depth} layers: {residual:,} with skips, {plain:,} without. Zeros and additions have nothing to learn.",
        depth=depth,
        residual=residual,
        plain=plain,
    )


def logit(name: str, means: int, value: float, own: float) -> str:
    """A class's score by hand, and the network's own."""
    return tr(
        "Score of {name}: {means} means times {means} weights, and a bias: {value}. The net's own: {own}.",
        name=name,
        means=means,
        value=signed(value),
        own=signed(own),
    )


def step(p: float, before: float, lr: float, after: float) -> str:
    """The loss of one image before and after a step."""
    return tr(
        "L = −ln {p:.3f} = {before:.3f}. After one step with η = {lr:g}: L = {after:.3g}.",
        p=p,
        before=before,
        lr=lr,
        after=after,
    )


def others(before: Sequence[str], after: Sequence[str]) -> str:
    """What the net said of the other photos before the step, and after it."""
    return tr(
        "It said {before}; now {after}. Training takes small steps, on many images at once.",
        before=tr(" and ").join(before),
        after=tr(" and ").join(after),
    )


def reached(block: int, earlier: float, later: float) -> str:
    """The largest change before the block, and the smallest from it on."""
    head = (
        tr("Before block {block} nothing changes (by {earlier:.1g})", block=block, earlier=earlier)
        if block > 1
        else tr("No block comes before")
    )
    return tr(
        "{head}; from it on every output changes, by {later} at least. Data goes forward alone; what goes "
        "back is the gradient.",
        head=head,
        later=percent(later),
    )


def joined(maps: int, both: int, added_: int, concatenated: int) -> str:
    """Shapes of a sum and of a concatenation, and what nets with them learn."""
    return tr(
        "Added: {maps} maps. Concatenated: {both}, which another convolution has to bring down to {maps} "
        "again. A net of 20 layers has {added:,} parameters with additions, {concatenated:,} with "
        "concatenations.",
        maps=maps,
        both=both,
        added=added_,
        concatenated=concatenated,
    )


def trap(step_: int, factor: str, plain: float, residual: float) -> str:
    """The plain net's gradient at block 1 and both losses at a step."""
    return tr(
        "Step {step:,}: plain's gradient at block 1 is {factor} the last block's; training loss "
        "{plain:.2f} plain, {residual:.2f} residual.",
        step=step_,
        factor=factor,
        plain=plain,
        residual=residual,
    )


def errors(found: dict[tuple[bool, int], float], step_: int) -> str:
    """Training errors by (skips, depth) at one step: He 2015's figure 1 and 6."""
    said = []
    for skips, name in ((False, tr("Without skips")), (True, tr("With skips"))):
        depths = sorted(depth for kind, depth in found if kind == skips)
        at = [tr("{error} at {depth} layers", error=percent(found[skips, depth]), depth=depth) for depth in depths]
        said.append(tr("{name}: {errors}", name=name, errors=tr(", ").join(at)))
    return tr("Training error at step {step:,} of CIFAR-10. {said}.", step=step_, said=tr(". ").join(said))


def score(right: int, answered: int, questions: int) -> str:
    """How many predictions held."""
    if not answered:
        return tr(
            "Nothing predicted yet: {questions} questions wait in the seven steps and the three confusions.",
            questions=questions,
        )
    return tr(
        "{right} of {answered} predictions held; {open} of {questions} questions are still open.",
        right=right,
        answered=answered,
        open=questions - answered,
        questions=questions,
    )


def shattered(depth: int, residual: float, plain: float) -> str:
    """How far the gradients of neighbouring inputs agree in fully connected nets of a depth."""
    return tr(
        "At {depth} layers the gradients at neighbouring inputs correlate by {residual:.2f} with skips, by "
        "{plain} without.",
        depth=depth,
        residual=residual,
        plain=signed(plain),
    )
