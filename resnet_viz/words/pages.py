"""The first line of every page: what one looks at, and what to do."""

from __future__ import annotations

LEADS = {
    "Twins": "Two networks learn the same images. In the residual one (blue) each block adds its input to its output, a skip; in "
    "the plain one (orange) it does not. Nothing else differs. Drag the slider, or press Train both.",
    "Learn": "How a residual network works, on one image and one trained network: seven steps, a question each. Predict, "
    "then see it measured.",
    "Inside": "One image on its way through a trained network. Click a block to see what comes in, what its convolutions make of "
    "it, and what the skip adds.",
    "Explain": "Which pixels speak for a class? The residual network and its plain twin answer for one image. Choose an image on "
    "the right.",
    "Runs": "Every training on this machine. Tick two or more to see them together on Twins.",
    "Gradients": "Networks before their first step: how does the gradient, which tells every block how to change, get from the "
    "loss back to the image? Move the depth.",
    "Lesions": "Trained networks, and what is left of them without one of their blocks. Click a block to take it away.",
    "Landscape": "The loss of trained networks, and how it rises when their weights are moved off where training left them.",
    "Sweeps": "One question, many trainings: how depth, the kind of shortcut, or the amount of data changes what is learned.",
}
