"""Labs: why residual connections work, as experiments, one module each. This file and `cli` do without torch.

A quick lab is plain functions. A longer one is a job like a training: its module has ``steps(spec, nets)``, the step of its last
Point, and ``run(spec, nets)``, a generator of events. It ends in a Result whose values say in a ``sentence`` what was measured.
"""

from __future__ import annotations

from resnet_viz import datasets, networks
from resnet_viz.lab_specs import LabSpec
from resnet_viz.spec import RunSpec, TrainSpec
from resnet_viz.store import Store


def run_of(lab: LabSpec, store: Store, train: TrainSpec | None = None) -> RunSpec:
    """The run that carries out a lab of trained networks: model and data are those of its first network.

    Raises NetworkError, DataError or SpecError where a network is not there, its pictures are not, or two networks saw different
    data.
    """
    lab.validate()
    sources = [networks.find(ref, store) for ref in lab.networks]
    for source in sources:
        if source.data is None:
            raise networks.NetworkError(
                f"Nothing says what {source.label} was trained on, so there are no labelled pictures for it; choose another."
            )
        if not datasets.available(source.data.name):
            label = datasets.facts(source.data).label
            raise datasets.DataError(
                f"The pictures of {label} are not on this machine: train on them once on Twins, which fetches them, or choose a "
                "network of other data."
            )
    first = sources[0]
    assert first.data
    for source in sources[1:]:
        assert source.data
        if not _same_test(first, source):
            raise networks.NetworkError(
                f"{first.label} and {source.label} were trained on different data; choose two networks of one data set."
            )
    return datasets.fill(RunSpec(first.spec, first.data, train or TrainSpec(), lab))


def _same_test(a: networks.Source, b: networks.Source) -> bool:
    """Whether two networks have one test split."""
    assert a.data
    assert b.data
    return all(getattr(a.data, name) == getattr(b.data, name) for name in ("name", "hash", "split_seed"))
