"""Networks that aren't ours, trained by our trainer: torchvision's, and a function of a user's."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from resnet_viz.cli import main
from resnet_viz.data import catalogue
from resnet_viz.nets import refs
from resnet_viz.own import factory
from resnet_viz.own.plain import plain_twin
from resnet_viz.runs.events import Checkpoint, Point
from resnet_viz.runs.store import Store
from resnet_viz.spec.own import OwnSpec
from resnet_viz.spec.run import RunSpec, from_json, to_json
from resnet_viz.spec.train import TrainSpec, seed_from
from resnet_viz.train.job import run
from tests.apps import headline, unrun
from tests.own.loops import Net

HERE, ROOT = f"{__name__}:", Path(__file__).parents[2]


class Dropping(Net):
    """As our users' nets may, it draws from torch's global generator at every pass."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(4, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(nn.functional.dropout(self.blocks(self.stem(x)).mean((2, 3)), 0.3, self.training))


def nothing() -> int:
    return 3


def made(name: str, plain: bool = False, **train: int) -> RunSpec:
    train = {"batch_size": 64, "steps": 5, "threads": 1} | train
    spec = replace(catalogue.fill(RunSpec(train=TrainSpec(**train))), own=OwnSpec(factory=name))
    return factory.described(spec.twin() if plain else spec)[0]


def test_torchvisions_net_and_its_plain_twin_start_from_the_seeds_weights() -> None:
    spec = made("torchvision:resnext50_32x4d")
    plain = made("torchvision:resnext50_32x4d", plain=True)
    torch.manual_seed(seed_from(0, "factory"))
    theirs = torchvision.models.resnext50_32x4d(num_classes=10).eval()
    x = torch.randn(2, 1, 64, 64)
    for ours, reference in ((spec, theirs), (plain, plain_twin(theirs))):
        assert torch.equal(factory.build(ours).eval()(x), reference(x.expand(-1, 3, -1, -1)))
    assert spec.model.depth == 54, "50 layers, and four projections"
    assert plain.model.depth == 50
    assert from_json(to_json(plain)) == plain


def test_a_resumed_run_of_a_net_that_draws_equals_an_undisturbed_one() -> None:
    before = torch.random.get_rng_state()
    spec = made(f"{HERE}Dropping", steps=6)
    whole = [event for event in run(spec) if isinstance(event, Point)]
    job = run(spec)
    while not isinstance(event := next(job), Point) or event.step < 3:
        pass
    saved = job.send("checkpoint")
    assert isinstance(saved, Checkpoint)
    rest = [event for event in run(spec, saved.data) if isinstance(event, Point)]
    assert [p.values["loss"] for p in rest[:3]] == [p.values["loss"] for p in whole[3:6]]
    assert torch.equal(torch.random.get_rng_state(), before), "the user's own draws go on as they would have"


def test_what_is_recorded_is_what_the_loss_says() -> None:
    spec = made(f"{HERE}Dropping")
    point = next(event for event in run(spec) if isinstance(event, Point))
    layers = len(factory.described(spec)[1].layers)
    assert {len(point.values[m]) for m in ("grad_weight", "update_ratio", "activation_std")} == {layers}
    assert {len(point.values[m]) for m in ("grad_block", "branch_share")} == {2}
    assert (point.values["grad_block"] > 0).all()
    # The first step moves each weight by lr times its gradient (no momentum yet).
    weights = dict(factory.build(spec).named_parameters())
    sizes = [weights[name].detach().norm().item() for name in factory.described(spec)[1].layers]
    moved = spec.train.lr * point.values["grad_weight"] / sizes
    assert point.values["update_ratio"] == pytest.approx(moved, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18", "names no network"),
        ("torchvision:resnet19", "gives no network here"),
        ("nowhere:net", "No module named 'nowhere'"),
        (f"{HERE}nothing", "no torch.nn.Module"),
        ("tests.own.loops:Net", "gives (2, 3) for 2 images"),
        ("torchvision:squeezenet1_0", "takes no images of 8×8"),
    ],
)
def test_what_gives_no_network_for_this_data_is_one_sentence(name, words, capsys) -> None:
    assert main.main(["train", "--model", name]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert Store().runs() == []


def test_options_of_our_networks_and_a_model_exclude_each_other(capsys) -> None:
    assert main.main(["train", "--model", "torchvision:resnet18", "--depth", "20"]) == 2
    assert "leave them out" in capsys.readouterr().err


@pytest.mark.slow
def test_twins_of_a_users_file_are_trained_from_the_command_line_and_shown(tmp_path, monkeypatch) -> None:
    (tmp_path / "mine.py").write_text("import torchvision\nsmall = torchvision.models.resnet18\n")
    command = [sys.executable, "-m", "resnet_viz", "train", "--twins", "--model", "mine:small", "--lr", "0.01"]
    done = subprocess.run(
        [*command, "--steps", "3", "--batch-size", "32"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "small on digits: " in done.stdout
    assert "plain small on digits: " in done.stdout
    residual, plain = Store().runs(Store().runs()[0].group)
    assert [block.name for block in residual.layout.blocks][:2] == ["layer1.0", "layer1.1"]
    assert all(block.has_skip for block in residual.layout.blocks)
    assert not any(block.has_skip for block in plain.layout.blocks)
    assert {run.name for run in (residual, plain)}.isdisjoint(s.label for s in refs.available(Store()))
    at = unrun("twins", show=residual.group).run()
    assert not at.exception
    assert "plain" in headline(at)
    assert not unrun("runs").run().exception
