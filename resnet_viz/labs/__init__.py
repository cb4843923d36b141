"""Labs: why residual connections work, as experiments, one module each. This file does without torch until one begins.

A quick lab is plain functions. A longer one is a job like a training: its module has ``steps(spec, nets)``, the step of its last
Point, and ``run(spec, nets, store)``, a generator of events. ``spec.lab`` says what is measured on ``nets``, the networks that it
names; the store has what else is kept of them, such as checkpoints. The last event is a Result, whose values say what was
measured in a ``sentence`` (from `words/`).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from resnet_viz.data import catalogue, download
from resnet_viz.nets import refs
from resnet_viz.runs.events import Event
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LabSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec


def begin(spec: RunSpec, store: Store) -> tuple[int, Iterator[Event]]:
    """A lab's number of steps, and the job that carries it out. Imports torch, and has it use the spec's threads.

    ``spec``: resolved (`train.job.resolve`), with a lab. Raises NetworkError where one of its networks is gone.
    """
    import torch

    from resnet_viz.nets import weights

    assert spec.lab
    torch.set_num_threads(spec.train.threads)
    module: Any = importlib.import_module(f"resnet_viz.labs.{spec.kind}")
    nets = [weights.load(refs.find(ref, store)) for ref in spec.lab.networks]
    return module.steps(spec, nets), module.run(spec, nets, store)


def run_of(lab: LabSpec, store: Store, train: TrainSpec | None = None) -> RunSpec:
    """The run that carries out a lab of trained networks: model and data are those of its first network.

    Raises NetworkError, DataError or SpecError where a network is not there, its images are not, or two networks saw different
    data.
    """
    lab.validate()
    sources = [refs.find(ref, store) for ref in lab.networks]
    for source in sources:
        if source.data is None:
            raise refs.NetworkError(
                f"Nothing says what {source.label} was trained on, so there are no labelled images for it; choose another."
            )
        if not download.available(source.data.name):
            label = catalogue.facts(source.data).label
            raise catalogue.DataError(
                f"The images of {label} are not on this machine: train on them once on Twins, which fetches them, or choose a "
                "network of other data."
            )
    first = sources[0]
    assert first.data
    for source in sources[1:]:
        assert source.data
        if not _same_test(first, source):
            raise refs.NetworkError(
                f"{first.label} and {source.label} were trained on different data; choose two networks of one data set."
            )
    return catalogue.fill(RunSpec(first.spec, first.data, train or TrainSpec(), lab))


def _same_test(a: refs.Source, b: refs.Source) -> bool:
    """Whether two networks have one test split."""
    assert a.data
    assert b.data
    return all(getattr(a.data, name) == getattr(b.data, name) for name in ("name", "hash", "split_seed"))
