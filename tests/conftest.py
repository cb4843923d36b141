"""What tests share: a home of their own for runs and data, pages without workers, and the real data where it is at hand."""

import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests import real

if TYPE_CHECKING:
    from torch import Tensor, nn


def pytest_addoption(parser) -> None:
    """How long the fuzz is, and the faults."""
    parser.addoption("--fuzz", type=int, default=100, help="damaged files through each way in (make fuzz: 2,000)")
    parser.addoption(
        "--faults", type=int, default=1, help="kills of a worker, a server and both (make faults: 34 each)"
    )


def pytest_configure() -> None:
    """Code that runs while tests are collected has no home: a page's store there would start workers in the user's own."""
    os.environ["RESNET_VIZ_HOME"] = os.environ["RESNET_VIZ_DATA"] = os.devnull


def pytest_collection_finish() -> None:
    """Keep torch, Streamlit and the tests themselves out of every later garbage collection: they stay to the end."""
    gc.freeze()


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch) -> Path:
    """No test writes to the user's runs or data."""
    monkeypatch.setenv("RESNET_VIZ_HOME", str(tmp_path / "runs"))
    monkeypatch.setenv("RESNET_VIZ_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    return tmp_path


@pytest.fixture
def shared() -> Path:
    """The folder with real data; see `real.data` for where it is absent."""
    return real.data()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch computes on one thread: small nets are faster so, and tests run in as many processes as there are cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_workers(monkeypatch) -> None:
    """No test begins a supervisor in its own process: it would start workers over and over until the last test ends.

    A run that a page starts stays queued; the command line in a process of its own has workers.
    """
    from resnet_viz.workers import engine

    monkeypatch.setattr(engine, "supervise", lambda *_args, **_options: None)
    if live := sys.modules.get("resnet_viz.ui.live"):
        live._store.clear()  # pages keep one store for all visitors, and this test has another home


@dataclass(frozen=True)
class Public:
    """A public net of 20 layers for CIFAR-10, and that data set's test images (N, 32, 32, 3) uint8 and labels (N,)."""

    model: "nn.Module"
    images: np.ndarray
    labels: np.ndarray

    @staticmethod
    def prepare(images: np.ndarray) -> "Tensor":
        """Images as the net's authors prepare them, (N, 3, 32, 32)."""
        import torch

        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        return ((torch.from_numpy(images) / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()


@pytest.fixture
def public(shared: Path) -> Public:
    """Weights that others trained and published, in a model of ours."""
    import torch

    from resnet_viz.nets import models, names
    from resnet_viz.spec.model import ModelSpec

    state = torch.load(shared / "checkpoints" / "resnet20-12fca82f.th", map_location="cpu", weights_only=True)
    model = models.build(ModelSpec(depth=20)).eval().requires_grad_(False)
    model.load_state_dict(names.in_our_names(state["state_dict"], "module.").state)
    with np.load(shared / "cifar10" / "test.npz") as file:
        return Public(model, file["x"], file["y"].astype(np.int64))
