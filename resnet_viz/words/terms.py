"""The glossary: each technical word of the app in a sentence or two. Learn lists all; where a word stands, `tip` explains it."""

from __future__ import annotations

from resnet_viz.language import N_, tr

TERMS = {
    N_("residual, plain"): N_("A residual network's blocks add their input to their output; a plain network's do not."),
    N_("skip, shortcut"): N_(
        "The way along which a block's input goes past its convolutions, to be added to what they make of it."
    ),
    N_("branch"): N_("F(x): what a block's convolutions make of its input x. The block's sum is x + F(x)."),
    N_("branch share"): N_(
        "‖F(x)‖ ÷ ‖x‖: the size (2-norm over all channels and cells) of the branch against that of the block's "
        "input. A small share: the block corrects what it is given rather than replacing it."
    ),
    N_("option A"): N_(
        "Where a stage begins, x is halved (every second row and column), and padded with maps of zeros: a "
        "shortcut without parameters (He et al. 2015, section 3.3)."
    ),
    N_("α"): N_(
        "How often the branch counts in a block's sum, x + α·F(x). At 0 the block only hands x on; at 1 it is "
        "as trained."
    ),
    N_("feature map, channel"): N_(
        "A layer answers with a stack of maps, one a channel: how strongly its pattern is found in each place."
    ),
    N_("ReLU"): N_("max(0, a): what is below zero becomes zero."),
    N_("BatchNorm"): N_(
        "Brings every channel to a mean and a spread that training chose, by the mean and spread over a batch."
    ),
    N_("BN statistics"): N_(
        "The means and spreads that BatchNorm uses outside training. Running averages lag behind; here they "
        "are estimated again over training images before each evaluation."
    ),
    N_("loss, nats"): N_(
        "−ln of the probability of the true class, mean over images. Its unit is the nat; guessing among 10 "
        "classes costs ln 10 = 2.30."
    ),
    N_("degradation"): N_(
        "A deeper plain net fits even its training images worse. That is no overfitting (He et al. 2015)."
    ),
    N_("shattering"): N_(
        "The gradients at two near inputs have nothing to do with each other, as in deep plain nets (Balduzzi "
        "et al. 2017)."
    ),
    N_("log scale"): N_("An axis on which each step multiplies: from 1 to 10 is as far as from 10 to 100."),
    N_("filter-normalised"): N_(
        "A random direction in which every filter is as large as the net's own, so that heights around two "
        "nets can be compared (Li et al. 2018)."
    ),
    N_("lesion"): N_("A block taken away from a trained network, which is then tested as it is (Veit et al. 2016)."),
    N_("Grad-CAM"): N_(
        "A block's maps, each weighted by how much the class's score follows it: where the block sees what "
        "speaks for the class."
    ),
    N_("learning rate"): N_("How far a step moves the weights against the gradient: w ← w − η·∂L/∂w."),
    N_("epoch"): N_("As many steps as it takes to see every training image once."),
}


def tip(*names: str) -> str:
    """Some terms and what they mean, as Markdown."""
    return "  \n".join(tr("**{name}**: {meaning}", name=tr(name), meaning=tr(TERMS[name])) for name in names)
