"""ResNet Viz: see why residual networks work."""

__version__ = "0.2.0"
