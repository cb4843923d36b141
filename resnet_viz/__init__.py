"""ResNet Viz: see why residual networks work. What Python programs use; each name is imported when it is asked for.

import resnet_viz as rv
for event in rv.run(rv.RunSpec(rv.ModelSpec(depth=20), train=rv.TrainSpec(epochs=2))): ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resnet_viz.nets.models import build as build
    from resnet_viz.own.explain import explain as explain
    from resnet_viz.own.explain import feature_maps as feature_maps
    from resnet_viz.own.plain import plain_twin as plain_twin
    from resnet_viz.own.plain import without as without
    from resnet_viz.own.watch import watch as watch
    from resnet_viz.runs.events import Point as Point
    from resnet_viz.runs.events import Result as Result
    from resnet_viz.spec.data import DataSpec as DataSpec
    from resnet_viz.spec.model import ModelSpec as ModelSpec
    from resnet_viz.spec.run import RunSpec as RunSpec
    from resnet_viz.spec.train import TrainSpec as TrainSpec
    from resnet_viz.train.job import run as run

__version__ = "0.2.0"

_FACE = {
    "build": "nets.models",
    "explain": "own.explain",
    "feature_maps": "own.explain",
    "plain_twin": "own.plain",
    "run": "train.job",
    "watch": "own.watch",
    "without": "own.plain",
    "DataSpec": "spec.data",
    "ModelSpec": "spec.model",
    "Point": "runs.events",
    "Result": "runs.events",
    "RunSpec": "spec.run",
    "TrainSpec": "spec.train",
}
__all__ = [
    "DataSpec",
    "ModelSpec",
    "Point",
    "Result",
    "RunSpec",
    "TrainSpec",
    "build",
    "explain",
    "feature_maps",
    "plain_twin",
    "run",
    "watch",
    "without",
]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FACE[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_FACE]
