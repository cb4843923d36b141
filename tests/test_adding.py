"""What is added in one place works everywhere: ARCHITECTURE.md says where; here it is done."""

import numpy as np

from resnet_viz.data import catalogue, download
from resnet_viz.data.catalogue import Facts
from resnet_viz.spec import data as data_specs
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec


def test_a_data_set_is_a_row_and_its_arrays(monkeypatch) -> None:
    """It is filled, found, split and trained on, and its classes are those of the row."""
    from resnet_viz.runs.events import Point
    from resnet_viz.train.job import run

    stripes = Facts("Stripes", 1, 8, ("across", "along", "none"), 40, 10)
    monkeypatch.setitem(catalogue.BUILT_IN, "stripes", stripes)
    monkeypatch.setattr(data_specs, "DATASETS", (*data_specs.DATASETS, "stripes"))
    assert not download.available("stripes")
    folder = catalogue.home() / "stripes"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), np.uint8)
    for name, rows in (("train", slice(40)), ("test", slice(40, 50))):
        np.savez(folder / f"{name}.npz", x=images[rows], y=np.arange(50)[rows] % 3)
    assert download.available("stripes")

    train = TrainSpec(steps=1, batch_size=8, threads=1, dtype="float32")
    spec = catalogue.fill(RunSpec(ModelSpec(depth=8, width=0.25), DataSpec("stripes"), train))
    assert (spec.model.classes, spec.model.channels, spec.model.size) == (3, 1, 8)
    assert catalogue.split_sizes(spec.data) == (36, 4, 10)
    losses = [event.values["loss"] for event in run(spec) if isinstance(event, Point) and "loss" in event.values]
    assert len(losses) == 1
    assert np.isfinite(losses[0])
