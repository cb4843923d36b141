"""What the page Learn teaches: the seven steps of the source article, its three confusions, the story in five pictures."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_viz.language import N_, tr


@dataclass(frozen=True)
class Lesson:
    """One thing to learn: its title, what happens, a question to answer before it is measured, and the answers offered."""

    title: str
    text: str
    question: str
    choices: tuple[str, ...]


LESSONS = {
    "1": Lesson(
        N_("Input"),
        N_(
            "A network takes numbers. Of every pixel's value the mean over the training images is taken away, "
            "and the rest is divided by their standard deviation. The result is a tensor: a stack of maps, one "
            "a colour channel."
        ),
        N_("Every pixel becomes 30 brighter (of 255). What happens to the tensor?"),
        (N_("Nothing"), N_("All numbers of a channel rise alike"), N_("All numbers double")),
    ),
    "2": Lesson(
        N_("Convolution"),
        N_(
            "A kernel of 3×3 weights a channel slides over the image. In each place the weights are multiplied "
            "with the numbers under them, and the products are added up: one cell of a new map. Each kernel "
            "makes one map."
        ),
        N_("The image moves one pixel to the right. What does the map do, away from its border?"),
        (N_("It moves one pixel to the right"), N_("It changes everywhere"), N_("It stays as it is")),
    ),
    "3": Lesson(
        N_("ReLU"),
        N_(
            "max(0, a): what is below zero becomes zero. Without it, many layers could do no more than one. "
            "Before it, BatchNorm brings every map to a mean and a spread that training chose."
        ),
        N_("How many cells of the stem's maps does ReLU set to zero?"),
        (N_("Fewer than a quarter"), N_("A quarter to three quarters"), N_("More than three quarters")),
    ),
    "4": Lesson(
        N_("Residual connection"),
        N_(
            "A block's two convolutions compute F(x), its branch. The block then adds its own input: y = F(x) "
            "+ x. So F needs to learn only what is to be changed, and the gradient gets a way back on which "
            "nothing shrinks it: the + 1."
        ),
        N_("The branch is taken away (α = 0), and the block only hands x on. Which class does the net name then?"),
        (N_("The same class"), N_("Another class")),
    ),
    "5": Lesson(
        N_("Shortcut"),
        N_(
            "The way along which x goes past the branch. Where a stage begins, maps become smaller and more: x "
            "is halved (every second row and column), and maps of zeros are put beside it. He et al. call that "
            "option A."
        ),
        N_("How many parameters more does the residual net have than its plain twin, with these shortcuts?"),
        (N_("None"), N_("A few per cent more"), N_("Twice as many")),
    ),
    "6": Lesson(
        N_("Pooling and classifier"),
        N_(
            "Each of the last maps becomes one number, its mean: global average pooling. A class's score, its "
            "logit, is the sum of these means, each times a weight. The highest score wins."
        ),
        N_("The cells of the last maps are shuffled, all maps alike. Which class does the net name then?"),
        (N_("The same class"), N_("Another class")),
    ),
    "7": Lesson(
        N_("Loss, gradient, step"),
        N_(
            "The loss is −ln of the probability of the true class: 0 where the net is sure of it. "
            "Back-propagation gives its gradient by every weight; a step of gradient descent moves all weights "
            "a little against it: w ← w − η·∂L/∂w, η being the learning rate."
        ),
        N_(
            "One step on this image alone, at a learning rate of 3. What does the net then say of the flower "
            "and the temple?"
        ),
        (N_("What it said before"), N_("That they are cats")),
    ),
    "back": Lesson(
        N_("Does the addition send data back?"),
        N_(
            "It is said that a skip sends data back to earlier layers. An experiment: one block's addition is "
            "taken away, and every block's output is compared with what it was."
        ),
        N_("Which blocks' outputs change?"),
        (N_("Only earlier ones"), N_("This one and later ones"), N_("All of them")),
    ),
    "concat": Lesson(
        N_("Is adding the same as concatenating?"),
        N_(
            "It is said that a shortcut concatenates the residual with the input. An experiment: x and F(x) of "
            "one block, joined in both ways. (Concatenation is DenseNet's shortcut, and a kind of shortcut to "
            "choose here.)"
        ),
        N_("How many maps does concatenating leave, if adding leaves {count}?"),
        (N_("As many"), N_("Twice as many")),
    ),
    "trap": Lesson(
        N_("Is it all about vanishing gradients?"),
        N_(
            "It is said that plain nets fail because their gradients vanish. An experiment: the recorded plain "
            "net of 56 layers, at any step of its training: how much of the gradient arrives at block 1, and "
            "what its loss is."
        ),
        N_("At the last step the gradient arrives at the plain net's first block. Has the net learned then?"),
        (N_("Yes, as well as the residual one"), N_("No, not nearly")),
    ),
}
PARTS = {
    **{n: LESSONS[n].title for n in "1234567"},
    "mistakes": N_("Three confusions"),
    "story": N_("The story"),
    "end": N_("Summary"),
    "terms": N_("Words"),
}


def part(name: str) -> str:
    """How a part of the page is called: a step by its number and title."""
    return f"{name} {tr(PARTS[name])}" if name in LESSONS else tr(PARTS[name])


STORY = {
    "curves": (
        N_("Does depth help?"),
        N_(
            "He et al. 2015 begin with it: without skips more layers can mean more error, even on the images "
            "that were trained on."
        ),
    ),
    "fan": (
        N_("What happens to the gradient"),
        N_(
            "At the first step, block by block, against the last block. BatchNorm lets it grow toward the "
            "image in a plain net."
        ),
    ),
    "shattering": (
        N_("What its size does not show"),
        N_(
            "The gradient at neighbouring inputs: in a deep plain net it is noise, whatever its size (Balduzzi "
            "et al. 2017)."
        ),
    ),
    "lesion": (
        N_("One block taken away"),
        N_(
            "A residual net is many paths, a plain net is one (Veit et al. 2016). What is left of each without "
            "one of its blocks:"
        ),
    ),
    "gradcam": (
        N_("What the nets look at"),
        N_("Grad-CAM: where the last maps speak for the class that both nets are asked about."),
    ),
}
