from dataclasses import replace

import numpy as np
import pytest

from resnet_viz.figures import accuracy, divergence, fan
from resnet_viz.files import TWINS
from resnet_viz.runs.record import Record, load
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.words.numbers import loss
from resnet_viz.words.runs import compared
from resnet_viz.words.twins import announced, aside, claim, in_common, verdict
from resnet_viz.words.why import why
from tests.synthetic import synthetic, twins

SPEC = RunSpec()
LOSS = {"loss": (np.arange(1, 133), np.linspace(3, 0.5, 132, dtype=np.float32))}


def run(spec: RunSpec = SPEC, status: str = "finished", step: int = 132, **result) -> Record:
    return Record("a", spec, status, step=step, steps=132, result=result, series=LOSS)


def test_a_finished_pair_names_its_conditions_and_leads_with_the_training_loss() -> None:
    pair = [run(train_loss=0.012, test_accuracy=0.98), run(SPEC.twin(), train_loss=1.31, test_accuracy=0.441)]
    assert verdict(pair) == (
        "56 layers on Digits 8×8, 12 epochs at learning rate 0.05: training loss 0.01 with skips, 1.3 without."
        " Test accuracy 98 % and 44 %."
    )


def test_a_live_pair_says_how_far_it_is_and_claims_no_test() -> None:
    pair = [run(status="running", step=40), run(SPEC.twin(), "running", step=38)]
    assert verdict(pair) == (
        "56 layers on Digits 8×8, step 40 of 132 at learning rate 0.05: training loss 0.54 with skips, 0.54 without."
    )


def test_before_the_first_step() -> None:
    assert verdict([Record("a", SPEC, "queued")]) == "56 layers on Digits 8×8: waiting for the first step."
    assert verdict([]) == "Nothing trained yet."


def test_what_is_replayed_is_announced_without_its_end() -> None:
    pair = [run(train_loss=0.012, test_accuracy=0.98), run(SPEC.twin(), train_loss=1.31, test_accuracy=0.441)]
    assert announced(pair) == (
        "56 layers on Digits 8×8, 12 epochs at learning rate 0.05: what it comes to is said at the last step."
    )
    assert "last epoch" in aside(pair)
    assert "smoothed" in aside(pair, concealed=True), "the chart's is then the only loss in sight"


def test_a_net_that_ended_beside_a_live_one_has_the_loss_that_the_small_print_names() -> None:
    """One measure for both: the end's mean over the last epoch is another number than the smoothed loss beside it."""
    pair = [run(train_loss=0.012, test_accuracy=0.98), run(SPEC.twin(), "running", step=130)]
    assert "smoothed" in aside(pair)
    assert "training loss 0.54 with skips, 0.54 without" in verdict(pair)
    assert compared([("residual", pair[:1]), ("plain", pair[1:])]).count("training loss 0.54") == 2
    pair[1] = run(SPEC.twin(), train_loss=1.31)
    assert "last epoch" in aside(pair)
    assert "training loss 0.01 with skips, 1.3 without" in verdict(pair)


def test_runs_that_were_picked_bear_the_loss_at_the_end_of_their_lines() -> None:
    """Smoothed over 5 of 132 steps: the mean of the last five, not the last one alone."""
    live = run(status="running", step=132)
    assert f"training loss {loss(float(np.mean(LOSS['loss'][1][-5:])))}" in compared([("residual", [live])])


def test_seeds_are_counted_and_shown_as_a_range() -> None:
    runs = [
        run(
            replace(spec, train=replace(SPEC.train, seed=seed)),
            train_loss=loss + seed / 10,
            test_accuracy=share + seed / 100,
        )
        for seed in (0, 1, 2)
        for spec, loss, share in ((SPEC, 0.01, 0.96), (SPEC.twin(), 1.2, 0.4))
    ]
    sentence = verdict(runs)
    assert "training loss 0.01–0.21 with skips, 1.2–1.4 without" in sentence
    assert "Test accuracy 96–98 % and 40–42 %." in sentence
    assert aside(runs).startswith("Same data, seed and starting weights. 3 pairs, seeds 0, 1, 2; figures are the range")


def test_a_diverged_net_is_said_to_have_diverged() -> None:
    pair = [run(status="diverged", step=3), run(SPEC.twin(), train_loss=2.3, test_accuracy=0.1)]
    assert verdict(pair) == (
        "56 layers on Digits 8×8, 12 epochs at learning rate 0.05: training loss 2.3 without skips. Test accuracy 10 %."
        " The residual net diverged at step 3, at learning rate 0.05."
    )


def test_a_net_alone_and_a_stopped_pair() -> None:
    assert verdict([run(SPEC.twin(), train_loss=1.3, test_accuracy=0.4)]) == (
        "56 layers on Digits 8×8, 12 epochs at learning rate 0.05: training loss 1.3 without skips. Test accuracy 40 %."
    )


def test_each_net_of_a_stopped_pair_has_its_own_step_and_the_loss_at_the_end_of_its_line() -> None:
    pair = twins(done=26, status="stopped")
    pair[1] = synthetic("none", done=23, status="stopped")
    ends = [line.y[-1] for line in divergence(pair).figure().data if (line.meta or {}).get("role") == "line"]
    residual, plain = map(loss, ends)
    expected = (
        f"stopped, at learning rate 0.05: training loss {residual} with skips (step 26), {plain} without (step 23)."
    )
    assert expected in verdict(pair)
    pair[1] = synthetic("none", done=26, status="stopped")
    assert "stopped at step 26 at learning rate 0.05: training loss" in verdict(pair)


def test_a_net_that_ends_far_above_guessing_is_said_to_have_broken() -> None:
    pair = [run(train_loss=1_394_006.0, test_accuracy=0.1), run(SPEC.twin(), train_loss=2.31, test_accuracy=0.1)]
    assert verdict(pair).endswith("The residual net broke at this learning rate: guessing would give 2.3.")


def test_all_is_not_said_of_almost_all() -> None:
    assert "Test accuracy 99.7 %" in verdict([run(train_loss=0.001, test_accuracy=0.997)])
    assert "training loss <0.01" in verdict([run(train_loss=0.001, test_accuracy=1.0)])


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (SPEC, SPEC.twin(), "Same data, seed and starting weights."),
        (SPEC, replace(SPEC, model=ModelSpec(shortcut="projection")), "Same data and seed."),
        (SPEC, replace(SPEC, model=ModelSpec(depth=20)), "Same data and seed."),
        (SPEC, replace(SPEC, train=TrainSpec(lr=0.1)), "Same data."),
        (SPEC, replace(SPEC, data=replace(SPEC.data, limit=100)), ""),
    ],
)
def test_what_two_runs_share_is_read_from_their_specs(a, b, said) -> None:
    assert in_common(a, b) == said


@pytest.mark.parametrize(
    ("skips", "plain", "said"),
    [
        ([0.01], [1.67], "With skips it learns, without them it hardly learns."),
        ([0.01], [2.29], "With skips it learns, without them it does not learn."),
        ([0.01], [None], "With skips it learns, without them it diverges."),
        ([0.6], [0.8], "Both learn, with skips to a lower loss."),
        ([0.8], [0.6], "Both learn, without skips to a lower loss."),
        ([0.1, 0.3], [0.2, 0.4], "Both learn."),
        ([2.3], [2.31], "With skips and without, it does not learn."),
        ([0.01, 0.02, 1.9], [1.9, 1.8, 1.7], "With skips it learns in 2 of 3 runs, without them it hardly learns."),
        ([], [1.9], "Without skips it hardly learns."),
    ],
)
def test_the_claim_is_what_the_training_losses_say(skips, plain, said) -> None:
    """ln 10 = 2.30 is guessing: a loss of at most half of it is learning."""
    runs = [
        run(spec, "diverged") if loss is None else run(spec, train_loss=loss)
        for spec, losses in ((SPEC, skips), (SPEC.twin(), plain))
        for loss in losses
    ]
    assert claim(runs) == said


def test_nothing_is_claimed_of_a_run_that_is_not_over() -> None:
    assert claim([run(train_loss=0.01), run(SPEC.twin(), "running", 40)]) == ""
    assert claim([run(train_loss=0.01), run(SPEC.twin(), "stopped", 40)]) == ""


def test_of_the_twins_that_ship_each_claim_fits_its_figures() -> None:
    deep, shallow = (load(TWINS / f"digits-{depth}.npz") for depth in (56, 20))
    assert claim(deep) == "With skips it learns, without them it hardly learns."
    assert claim(shallow).startswith("Both learn")


def test_why_speaks_of_the_charts_by_name_and_of_the_runs_shown() -> None:
    pair = [run(train_loss=0.012), run(SPEC.twin(), train_loss=1.31)]
    text = why(pair, {"residual": ("×12", "×4.1"), "plain": ("×2,600", "×1.2")})
    for drawing in (divergence(pair), accuracy(pair), fan(pair)):
        assert f"**{drawing.layout['meta']['title']}" in text
    assert "plain ×2,600 at the first step, ×1.2 at the latest" in text
    assert "degradation" in text
    assert "1.21 a layer" in text
    bare = replace(SPEC, model=replace(SPEC.model, norm="none"))
    both = why([run(bare, train_loss=0.1), run(bare.twin(), train_loss=0.2)], {})
    assert "Both learn" in both
    assert "degradation" not in both
    assert "BatchNorm" not in both
