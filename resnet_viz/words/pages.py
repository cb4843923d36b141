"""The first line of every page: what one looks at, and what to do."""

from __future__ import annotations

from resnet_viz.language import N_

LEADS = {
    "Twins": N_(
        "Two networks learn the same images. In the residual one (blue) each block adds its input to its "
        "output, a skip; in the plain one (orange) it does not. Nothing else differs. Drag the slider, or "
        "press Train both."
    ),
    "Learn": N_(
        "How a residual network works, on one image and one trained network: seven steps, a question each. "
        "Predict, then see it measured."
    ),
    "Inside": N_(
        "One image on its way through a trained network. Click a block to see what comes in, what its "
        "convolutions make of it, and what the skip adds."
    ),
    "Explain": N_(
        "Which pixels speak for a class? The residual network and its plain twin answer for one image. Choose "
        "an image on the right."
    ),
    "Runs": N_("The trainings that are kept here, newest first. Tick two or more to see them together on Twins."),
    "Gradients": N_(
        "Networks before their first step: how does the gradient, which tells every block how to change, get "
        "from the loss back to the image? Move the depth."
    ),
    "Lesions": N_(
        "Trained networks, and what is left of them without one of their blocks. Click a block to take it away."
    ),
    "Landscape": N_(
        "The loss of trained networks, and how it rises when their weights are moved off where training left them."
    ),
    "Sweeps": N_(
        "One question, many trainings: how depth, the kind of shortcut, or the amount of data changes what is learned."
    ),
}
