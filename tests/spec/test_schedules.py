import pytest
import torch

from resnet_viz.spec.schedules import checkpoint_epochs, lr_at
from resnet_viz.spec.train import TrainSpec

TOTAL = 200


def torch_rates(make) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = make(optimizer)
    rates = []
    for _ in range(TOTAL):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("constant", lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
        ("multistep", lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [100, 150])),
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, TOTAL)),
        (
            "onecycle",
            lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=TOTAL, cycle_momentum=False),
        ),
    ],
)
def test_rates_are_those_of_torch(name, make) -> None:
    train = TrainSpec(lr=0.1, schedule=name)
    assert [lr_at(train, s, TOTAL) for s in range(1, TOTAL + 1)] == pytest.approx(
        torch_rates(make), rel=1e-9, abs=1e-12
    )


def test_warm_up_rises_to_the_rate() -> None:
    train = TrainSpec(lr=0.2, warmup_steps=40)
    rates = [lr_at(train, s, TOTAL) for s in (1, 20, 40, 41)]
    assert rates == pytest.approx([0.005, 0.1, 0.2, 0.2])


@pytest.mark.parametrize("epochs", [1, 2, 12, 20, 100, 10_000])
def test_checkpoints_are_few_and_span_the_run(epochs) -> None:
    kept = checkpoint_epochs(epochs)
    assert len(kept) <= 20
    assert {0, 1, epochs} <= kept
    assert max(kept) == epochs
