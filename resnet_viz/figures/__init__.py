"""Records → drawings, which are Plotly figures: pure functions, without torch, store or Streamlit. `style`: how all looks."""

from resnet_viz.figures.curves import accuracy, divergence
from resnet_viz.figures.depth import engineer, history
from resnet_viz.figures.fan import fan
from resnet_viz.figures.numbers import apart, log_ratio, loudness
from resnet_viz.figures.style import Drawing, nets

__all__ = [
    "Drawing",
    "accuracy",
    "apart",
    "divergence",
    "engineer",
    "fan",
    "history",
    "log_ratio",
    "loudness",
    "nets",
]
