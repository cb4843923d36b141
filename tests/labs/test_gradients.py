"""Networks before their first step: against a training's first step, and against batch norm's law."""

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from resnet_viz.figures.gradients import norms
from resnet_viz.labs.gradients import at_start, growth, one_thread, run_spec
from resnet_viz.runs.events import Point
from resnet_viz.spec.laws import BN_GROWTH
from resnet_viz.spec.model import ModelSpec, block_count
from resnet_viz.spec.run import SpecError
from resnet_viz.train import job

GREY = {"channels": 1, "size": 8}


@pytest.mark.parametrize("shortcut", ["identity", "none"])
def test_it_is_the_first_step_of_a_training(shortcut) -> None:
    model = ModelSpec(depth=14, shortcut=shortcut, **GREY)
    record = at_start(model, seed=3, images="digits")
    events = job.run(run_spec(model, seed=3, images="digits"))
    first = next(event for event in events if isinstance(event, Point) and event.step == 1)
    events.close()
    for metric in ("grad_block", "activation_std", "branch_share"):
        np.testing.assert_allclose(record.get(metric)[1][0], first.values[metric], rtol=1e-4)


def test_batch_norm_multiplies_the_gradient_of_a_plain_net_by_its_law() -> None:
    """Yang 2019: π/(π−1) in the square. The law is for wide layers without borders: 32 × 32 pixels, first stage."""
    record = at_start(ModelSpec(depth=20, shortcut="none", channels=3, size=32), inputs=16)
    logs = np.log(record.get("grad_layer")[1][0][:7])
    assert math.exp(-np.diff(logs).mean()) == pytest.approx(BN_GROWTH, rel=0.02)
    assert pytest.approx(1.211, abs=5e-4) == BN_GROWTH


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_a_record_of_every_block_and_layer(norm) -> None:
    model = ModelSpec(depth=8, norm=norm, no_skip=(2,), **GREY)
    record = at_start(model)
    assert record.get("grad_block")[1].shape == (1, block_count(model))
    assert record.get("grad_layer")[1].shape == record.get("activation_std")[1].shape == (1, 7)
    assert np.isnan(record.get("branch_share")[1][0]).tolist() == [False, True, False]
    assert growth(record) > 0


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    def one(seed: int) -> np.ndarray:
        return at_start(ModelSpec(depth=8, **GREY), seed).get("grad_block")[1]

    np.testing.assert_array_equal(one(1), one(1))
    assert not np.allclose(one(1), one(2))


def test_a_depth_that_is_none_gets_a_sentence() -> None:
    with pytest.raises(SpecError, match="Depth 9 is not 6n"):
        at_start(ModelSpec(depth=9))


@pytest.mark.parametrize(("norm", "laws"), [("batch", 1), ("none", 0), ("group", 0)])
def test_norms_are_drawn_against_the_last_layer_with_the_law_over_them(norm, laws) -> None:
    model = ModelSpec(depth=8, norm=norm, **GREY)
    records = [at_start(model), at_start(model.twin())]
    figure = norms(records).figure()

    def traces(role: str) -> list:
        return [t for t in figure.data if t.meta["role"] == role]

    for record, line in zip(records, traces("gradient"), strict=True):
        gradient = record.get("grad_layer")[1][0]
        np.testing.assert_allclose(10.0**line.y, gradient / gradient[-1], rtol=1e-3)
    assert len(traces("law")) == laws
    if norm == "batch":
        assert 10 ** -np.diff(traces("law")[0].y) == pytest.approx(BN_GROWTH, rel=1e-4)


def in_a_thread(ask: Callable[[], int]) -> int:
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()
    thread.join()
    return answers[0]


def test_calls_that_overlap_leave_torch_as_many_threads_as_before() -> None:
    """One begins, another begins, the first ends, the other ends: as two people do who open the page together."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        second_in, first_out = threading.Event(), threading.Event()
        inside: list[int] = []

        def second() -> None:
            with one_thread():
                inside.append(torch.get_num_threads())
                second_in.set()
                first_out.wait(60)

        other = threading.Thread(target=second)
        with one_thread():
            inside.append(torch.get_num_threads())
            other.start()
            assert second_in.wait(60)
            meanwhile = in_a_thread(torch.get_num_threads)
        first_out.set()
        other.join()
        assert inside == [1, 1]
        assert meanwhile == 3  # others, such as a page that explains an image, keep theirs
        assert torch.get_num_threads() == 3
        assert in_a_thread(torch.get_num_threads) == 3
    finally:
        torch.set_num_threads(before)
