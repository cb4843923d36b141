"""What the page Learn says: the seven steps of the source article, its three confusions, the story in five pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_viz.words.numbers import percent, signed


@dataclass(frozen=True)
class Lesson:
    """One thing to learn: its title, what happens, a question to answer before it is measured, and the answers offered."""

    title: str
    text: str
    question: str
    choices: tuple[str, ...]


LESSONS = {
    "1": Lesson(
        "Input",
        "A network takes numbers. Of every pixel's value the mean over the training images is taken away, and the rest is"
        " divided by their standard deviation. The result is a tensor: a stack of maps, one a colour channel.",
        "Every pixel becomes 30 brighter (of 255). What happens to the tensor?",
        ("Nothing", "All numbers of a channel rise alike", "All numbers double"),
    ),
    "2": Lesson(
        "Convolution",
        "A kernel of 3×3 weights a channel slides over the image. In each place the weights are multiplied with the "
        "numbers under them, and the products are added up: one cell of a new map. Each kernel makes one map.",
        "The image moves one pixel to the right. What does the map do, away from its border?",
        ("It moves one pixel to the right", "It changes everywhere", "It stays as it is"),
    ),
    "3": Lesson(
        "ReLU",
        "max(0, a): what is below zero becomes zero. Without it, many layers could do no more than one. Before it, "
        "BatchNorm brings every map to a mean and a spread that training chose.",
        "How many cells of the stem's maps does ReLU set to zero?",
        ("Fewer than a quarter", "A quarter to three quarters", "More than three quarters"),
    ),
    "4": Lesson(
        "Residual connection",
        "A block's two convolutions compute F(x), its branch. The block then adds its own input: y = F(x) + x. So F needs"
        " to learn only what is to be changed, and the gradient gets a way back on which nothing shrinks it: the + 1.",
        "The branch is taken away (α = 0), and the block only hands x on. Which class does the net name then?",
        ("The same class", "Another class"),
    ),
    "5": Lesson(
        "Shortcut",
        "The way along which x goes past the branch. Where a stage begins, maps become smaller and more: x is halved "
        "(every second row and column), and maps of zeros are put beside it. He et al. call that option A.",
        "How many parameters more does the residual net have than its plain twin, with these shortcuts?",
        ("None", "A few per cent more", "Twice as many"),
    ),
    "6": Lesson(
        "Pooling and classifier",
        "Each of the last maps becomes one number, its mean: global average pooling. A class's score, its logit, is the "
        "sum of these means, each times a weight. The highest score wins.",
        "The cells of the last maps are shuffled, all maps alike. Which class does the net name then?",
        ("The same class", "Another class"),
    ),
    "7": Lesson(
        "Loss, gradient, step",
        "The loss is −ln of the probability of the true class: 0 where the net is sure of it. Back-propagation gives its "
        "gradient by every weight; a step of gradient descent moves all weights a little against it: w ← w − η·∂L/∂w, η "
        "being the learning rate.",
        "One step on this image alone, at a learning rate of 3. What does the net then say of the flower and the temple?",
        ("What it said before", "That they are cats"),
    ),
    "back": Lesson(
        "Does the addition send data back?",
        "It is said that a skip sends data back to earlier layers. An experiment: one block's addition is taken away, and"
        " every block's output is compared with what it was.",
        "Which blocks' outputs change?",
        ("Only earlier ones", "This one and later ones", "All of them"),
    ),
    "concat": Lesson(
        "Is adding the same as concatenating?",
        "It is said that a shortcut concatenates the residual with the input. An experiment: x and F(x) of one block, "
        "joined in both ways. (Concatenation is DenseNet's shortcut, and a kind of shortcut to choose here.)",
        "How many maps does concatenating leave, if adding leaves {count}?",
        ("As many", "Twice as many"),
    ),
    "trap": Lesson(
        "Is it all about vanishing gradients?",
        "It is said that plain nets fail because their gradients vanish. An experiment: the recorded plain net of 56 "
        "layers, at any step of its training: how much of the gradient arrives at block 1, and what its loss is.",
        "At the last step the gradient arrives at the plain net's first block. Has the net learned then?",
        ("Yes, as well as the residual one", "No, not nearly"),
    ),
}
PARTS = {
    **{n: f"{n} {LESSONS[n].title}" for n in "1234567"},
    "mistakes": "Three confusions",
    "story": "The story",
    "end": "Summary",
    "terms": "Words",
}


def brighter(rise: float, least: float, most: float, std: float) -> str:
    """By how much a channel's numbers rose: the least and the most over its pixels."""
    return f"Red rises by {least:.3f} to {most:.3f}, wherever a pixel stays below 255: 30 ÷ {std:.1f} is {rise:.3f}."


def pixel(value: float, mean: float, std: float, result: float) -> str:
    """How one number of the tensor comes about."""
    return f"({value:.0f} − {mean:.1f}) ÷ {std:.1f} = {signed(result)}"


def window(products: int, value: float, own: float) -> str:
    """One cell of a convolution by hand, and as the network has it."""
    return f"Sum of {products} products, by hand: {signed(value, '.3f')}. The layer's own number there: {signed(own, '.3f')}."


def moved(difference: float) -> str:
    """How far the moved map is from the map of the moved image, as a share of its largest number."""
    if difference == 0:
        return "The map of the moved image is the moved map, number by number."
    return f"The two maps differ by at most {difference:.1g} of the largest number: rounding."


def added(x: float, branch: float, alpha: float, total: float) -> str:
    """y = x + αF(x) in one cell."""
    times = "" if alpha == 1 else f"{alpha:g} · "
    return f"y = x + {'α·' * (alpha != 1)}F(x): {signed(x)} + {times}({signed(branch)}) = {signed(total)}"


def slopes(branch: float, total: float) -> str:
    """∂y/∂x = ∂F/∂x + 1 in one cell, each measured."""
    return f"∂y/∂x = ∂F/∂x + 1: {signed(total, '.3f')} = {signed(branch, '.3f')} + 1 (each by its own backward pass)"


def then_says(before: str, after: str) -> str:
    """What the net said before, and after what was done to it."""
    return f"It said {before}; now it says {after}."


def parameters(depth: int, residual: int, plain: int) -> str:
    """The parameters of twins."""
    return f"At {depth} layers: {residual:,} with skips, {plain:,} without. Zeros and additions have nothing to learn."


def logit(name: str, means: int, value: float, own: float) -> str:
    """A class's score by hand, and the network's own."""
    return f"Score of {name}: {means} means times {means} weights, and a bias: {signed(value)}. The net's own: {signed(own)}."


def step(p: float, before: float, lr: float, after: float) -> str:
    """The loss of one image before and after a step."""
    return f"L = −ln {p:.3f} = {before:.3f}. After one step with η = {lr:g}: L = {after:.3g}."


def others(before: Sequence[str], after: Sequence[str]) -> str:
    """What the net said of the other photos before the step, and after it."""
    return f"It said {' and '.join(before)}; now {' and '.join(after)}. Training takes small steps, on many images at once."


def reached(block: int, earlier: float, later: float) -> str:
    """The largest change before the block, and the smallest from it on."""
    head = f"Before block {block} nothing changes (by {earlier:.1g})" if block > 1 else "No block comes before"
    return (
        f"{head}; from it on every output changes, by {percent(later)} at least. Data goes forward alone; what goes back is "
        f"the gradient."
    )


def joined(maps: int, both: int, added_: int, concatenated: int) -> str:
    """Shapes of a sum and of a concatenation, and what nets with them learn."""
    return (
        f"Added: {maps} maps. Concatenated: {both}, which another convolution has to bring down to {maps} again. A net of "
        f"20 layers has {added_:,} parameters with additions, {concatenated:,} with concatenations."
    )


def trap(step_: int, factor: str, plain: float, residual: float) -> str:
    """The plain net's gradient at block 1 and both losses at a step."""
    return (
        f"Step {step_:,}: plain's gradient at block 1 is {factor} the last block's; training loss {plain:.2f} plain, "
        f"{residual:.2f} residual."
    )


def errors(found: dict[tuple[bool, int], float], step_: int) -> str:
    """Training errors by (skips, depth) at one step: He 2015's figure 1 and 6."""
    said = []
    for skips, name in ((False, "Without skips"), (True, "With skips")):
        depths = sorted(depth for kind, depth in found if kind == skips)
        said.append(f"{name}: " + ", ".join(f"{percent(found[skips, d])} at {d} layers" for d in depths))
    return f"Training error at step {step_:,} of CIFAR-10. {'. '.join(said)}."


def score(right: int, answered: int, questions: int) -> str:
    """How many predictions held."""
    if not answered:
        return f"Nothing predicted yet: {questions} questions wait in the seven steps and the three confusions."
    return f"{right} of {answered} predictions held; {questions - answered} of {questions} questions are still open."


STORY = {
    "curves": (
        "Does depth help?",
        "He et al. 2015 begin with it: without skips more layers can mean more error, even on the images that were trained on.",
    ),
    "fan": (
        "What happens to the gradient",
        "At the first step, block by block, against the last block. BatchNorm lets it grow toward the image in a plain net.",
    ),
    "shattering": (
        "What its size does not show",
        "The gradient at neighbouring inputs: in a deep plain net it is noise, whatever its size (Balduzzi et al. 2017).",
    ),
    "lesion": (
        "One block taken away",
        "A residual net is many paths, a plain net is one (Veit et al. 2016). What is left of each without one of its blocks:",
    ),
    "gradcam": (
        "What the nets look at",
        "Grad-CAM: where the last maps speak for the class that both nets are asked about.",
    ),
}


def shattered(depth: int, residual: float, plain: float) -> str:
    """How far the gradients of neighbouring inputs agree in fully connected nets of a depth."""
    return (
        f"At {depth} layers the gradients at neighbouring inputs correlate by {residual:.2f} with skips, by {signed(plain)} "
        f"without."
    )
