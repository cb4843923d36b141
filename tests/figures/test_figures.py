import json
import math
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from resnet_viz.figures import accuracy, apart, divergence, engineer, fan, history, loudness, nets
from resnet_viz.figures.gradients import norms
from resnet_viz.figures.numbers import amount, arrivals, factor, moments, smooth, thin
from resnet_viz.figures.style import LINE_LECTURE, PLAIN, RESIDUAL, TEXT_LECTURE
from resnet_viz.runs.naming import first_name
from resnet_viz.runs.record import Record
from resnet_viz.spec.data import DataSpec
from resnet_viz.stage.payload import pack
from resnet_viz.words.numbers import percent
from tests.synthetic import synthetic, twins


def traces(drawing, role: str) -> list:
    return [t for t in drawing.figure().data if (t.meta or {}).get("role") == role]


def notes(drawing) -> list[str]:
    return [a.text for a in drawing.figure().layout.annotations]


def unpacked(payload: bytes) -> tuple[dict, np.ndarray]:
    length = int.from_bytes(payload[:4], "little")
    return json.loads(payload[4 : 4 + length]), np.frombuffer(payload[4 + length :], "<i2")


@pytest.mark.parametrize("draw", [fan, divergence, accuracy, history, engineer])
@pytest.mark.parametrize(
    "records", [[], twins(), twins(done=0), [synthetic("none", depth=8)], twins(depth=602, steps=20)]
)
def test_every_drawing_is_a_valid_figure(draw, records) -> None:
    assert isinstance(draw(records).figure(), go.Figure)


def test_fan_is_the_log_ratio_to_the_last_block() -> None:
    records = twins()
    lines, boxes = traces(fan(records), "line"), traces(fan(records), "box")
    for record, line, box in zip(records, lines, boxes, strict=True):
        gradients = record.series["grad_block"][1][-1]
        np.testing.assert_allclose(line.y, np.log10(gradients / gradients[-1]), atol=1e-5)
        np.testing.assert_allclose(box.marker.color, line.y)
        assert line.y[-1] == 0
        assert list(line.x) == list(range(1, 28))


def test_pair_is_drawn_as_everywhere() -> None:
    for drawing in (fan(twins()), divergence(twins()), accuracy(twins())):
        residual, plain = traces(drawing, "line")
        assert (residual.line.color, residual.line.dash, residual.marker.symbol) == (RESIDUAL, "solid", "circle")
        assert (plain.line.color, plain.line.dash, plain.marker.symbol) == (PLAIN, "dash", "square-open")


@pytest.mark.parametrize("draw", [fan, divergence, accuracy])
def test_axes_stay_while_a_run_goes_on(draw) -> None:
    def axes(done: int) -> list:
        layout = draw(twins(done=done)).figure().layout
        return [layout.xaxis.range, layout.yaxis.range]

    assert axes(1) == axes(40) == axes(132)


def test_axes_are_those_of_the_plan() -> None:
    assert fan(twins()).figure().layout.yaxis.range == (-5, 5)
    assert divergence(twins(done=3)).figure().layout.xaxis.range == (0, 132)
    assert divergence(twins()).figure().layout.yaxis.range == (0, 7)


def test_fan_grows_only_where_a_run_leaves_it() -> None:
    record = synthetic("none")
    steps, values = record.series["grad_block"]
    wild = replace(
        record, series={"grad_block": (steps, values * np.float32(10) ** np.linspace(9, 0, 27, dtype=np.float32))}
    )
    assert fan([wild]).figure().layout.yaxis.range[1] > 9


@pytest.mark.parametrize(
    ("log10", "words"),
    [
        (3.415, "×2,600, too large"),
        (-4.778, "÷60,000, lost"),
        (0.61, "×4.1, intact"),
        (-0.5, "÷3.2, intact"),
        (0.0, "×1, intact"),
        (1.0, "×10, too large"),
        (9.0, "×10⁹, too large"),
        (math.nan, "not finite"),
    ],
)
def test_loudness_in_words(log10, words) -> None:
    assert loudness(log10) == words


def test_end_labels() -> None:
    plain = next(n for n in notes(fan(twins(done=1))) if n.startswith("<b>plain</b>"))
    assert plain == f"<b>plain</b><br>{loudness(26 * math.log10(1.33))}"
    assert "guessing 2.30" in notes(divergence(twins()))
    assert "chance 10 %" in notes(accuracy(twins()))


def test_norms_that_recovered_say_the_loss_while_it_is_near_guessing_and_step_1_is_named() -> None:
    """Synthetic plain nets begin at ×1,700 and come back; their loss falls from ln 10 as exp(−0.002 step)."""
    plain = synthetic("none", depth=56)
    said = arrivals(plain)
    assert said[0].endswith("too large")
    assert said[-1].endswith("recovered;<br>loss still 1.8"), "2.3 × exp(−0.264) and a little noise"
    assert any(note.endswith("loss still 1.8") for note in notes(fan([plain])))
    steps, losses = plain.series["loss"]
    learnt = replace(plain, series=plain.series | {"loss": (steps, losses * np.float32(0.5))})
    assert arrivals(learnt)[-1].endswith("intact")
    assert arrivals(synthetic(depth=20))[-1].endswith("intact"), "it never left the band"
    assert notes(fan([plain])).count("step 1") == 1


def test_waiting_run_has_grey_boxes_and_says_so() -> None:
    drawing = fan(twins(done=0))
    assert "waiting for the first step" in notes(drawing)
    assert all(isinstance(box.marker.color, str) for box in traces(drawing, "box"))


def test_a_skip_that_the_next_net_lacks_is_dashed_and_named() -> None:
    drawing = fan(twins(), pending=[6])
    on, pending = traces(drawing, "arcs")
    assert (on.line.dash, pending.line.dash) == (None, "4px,3px")
    assert 5.5 < np.nanmin(pending.x) < 6 < np.nanmax(pending.x) < 6.5
    assert drawing.layout["meta"]["hint"] == "Next net: without skip 6."
    record = twins()[0]
    off = replace(record, spec=replace(record.spec, model=replace(record.spec.model, no_skip=(6,))))
    trained = fan([off], pending=[6])
    assert [arcs.line.dash for arcs in traces(trained, "arcs")] == [None, "dot"]
    assert "Next net" not in trained.layout["meta"]["hint"]


def test_a_skip_that_is_off_has_a_dotted_arc() -> None:
    record = synthetic()
    off = replace(record, spec=replace(record.spec, model=replace(record.spec.model, no_skip=(5, 14))))
    on, dotted = traces(fan([off]), "arcs")
    assert (on.line.dash, dotted.line.dash) == (None, "dot")
    assert {round(x) for x in dotted.x if np.isfinite(x)} >= {5, 14}
    assert max(abs(x - 5) for x in dotted.x[:9]) < 0.5
    assert len(np.flatnonzero(np.isnan(on.x))) == 25
    assert traces(fan([synthetic("none")]), "arcs") == []


def test_seeds_are_one_net_with_a_band() -> None:
    records = [r for seed in range(3) for r in twins(seed=seed)]
    assert [net.label for net in nets(records)] == ["residual", "plain"]
    residual = traces(divergence(records), "line")[0]
    losses = [smooth(r.series["loss"][1], 132) for r in records[::2]]
    np.testing.assert_allclose(residual.y, np.mean(losses, 0), rtol=1e-5)
    filled = [t for t in divergence(records).figure().data if t.fill == "tonexty"]
    np.testing.assert_allclose(filled[0].y, np.max(losses, 0), rtol=1e-5)


def test_labels_of_alike_nets_differ() -> None:
    records = [synthetic(depth=20), synthetic(depth=56), synthetic("projection"), synthetic("none")]
    spec = replace(records[1].spec, model=replace(records[1].spec.model, no_skip=(3,)))
    third = replace(records[1], spec=spec, name=first_name(spec))
    labels = [net.label for net in nets([*records, third])]
    assert len(set(labels)) == 5
    assert labels[3] == "plain"
    assert "skip 3 off" in labels[4]
    assert len({net.colour for net in nets([*records, third])}) == 5


def gap(values: list[float]) -> list:
    """Two records whose losses differ by these values."""
    steps, base = np.arange(1, len(values) + 1), np.ones(len(values), np.float32)
    a, b = (replace(r, steps=len(values)) for r in twins())
    plain = base + np.array(values, np.float32)
    return [replace(a, series={"loss": (steps, base)}), replace(b, series={"loss": (steps, plain)})]


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.0] * 20 + [1.0] * 30, 21),  # 1/5 of the way after one step: the smoothed gap is 0.2
        ([0.0] * 20 + [-1.0] * 30, 21),
        ([1.0] * 50, 1),
        ([1.0] * 20 + [0.0] * 30, None),  # together again
        ([0.05] * 50, None),  # never apart
        ([0.0] * 48 + [1.0] * 2, None),  # too short to say
        ([1.0] * 10 + [-1.0] * 30, 13),  # they cross: the mean of five turns at the third step
        ([], None),
    ],
)
def test_apart_from(values, step) -> None:
    a, b = gap(values)
    assert apart(a, b) == apart(b, a) == step


def test_apart_is_marked() -> None:
    a, b = gap([0.0] * 20 + [1.0] * 30)
    assert "apart from step 21" in notes(divergence([a, b]))


def test_diverged_run_ends_at_its_last_number() -> None:
    record = synthetic(done=5, status="diverged")
    steps = record.series["loss"][0]
    record = replace(record, series={"loss": (steps, np.array([2, 3, 1e20, np.inf, np.nan], np.float32))})
    drawing = divergence([record])
    assert "<b>residual</b> diverged<br>at step 5" in notes(drawing)
    assert list(traces(drawing, "line")[0].x) == [1, 2, 3]
    assert traces(drawing, "now")[0].y[0] == 7


def test_history_is_every_block_at_every_step() -> None:
    records = twins()
    figure = history(records).figure()
    for record, heat in zip(records, figure.data, strict=True):
        gradients = record.series["grad_block"][1]
        np.testing.assert_allclose(heat.z, np.log10(gradients / gradients[:, -1:]).T, atol=1e-5)
    assert figure.layout.xaxis.type == "log"
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-4, 4)


def test_bet_and_ghost_are_drawn() -> None:
    drawing = divergence(twins(done=10), ghost=twins(), bet=0.7)
    assert len(traces(drawing, "ghost")) == 2
    assert list(traces(drawing, "bet")[0].y) == [0.7, 0.7]


def test_the_accuracy_chart_says_validation_at_its_lines_and_test_at_its_stars() -> None:
    records = twins()
    drawing = accuracy(records)
    assert "★ test" in drawing.layout["meta"]["hint"]
    for record, line, star in zip(records, traces(drawing, "line"), traces(drawing, "test"), strict=True):
        validation = record.series["val_accuracy"][1][-1]
        label = next(n for n in notes(drawing) if n.startswith(f"<b>{line.name}</b>"))
        assert label == f"<b>{line.name}</b><br>{percent(float(validation))}"
        assert line.y[-1] == pytest.approx(100 * validation)
        assert star.y[0] == pytest.approx(100 * record.result["test_accuracy"])
        assert star.hovertemplate.startswith(f"test {percent(record.result['test_accuracy'])}")
    going = accuracy(twins(done=66, status="running"))
    assert traces(going, "test") == []
    assert "test" not in going.layout["meta"]["hint"]


@pytest.mark.parametrize(("epochs", "names"), [(5, "012345"), (12, None), (51, None), (200, None), (1, "01")])
def test_epochs_are_ticked_at_round_numbers_and_named_in_the_tip(epochs, names) -> None:
    drawing = accuracy(twins(steps=11 * epochs))
    ticks = [int(t.replace(",", "")) for t in drawing.layout["xaxis"]["ticktext"]]
    step = ticks[1]
    assert str(step)[0] in "125"
    assert set(str(step)[1:]) <= {"0"}
    assert ticks == list(range(0, epochs + 1, step))
    assert len(ticks) <= 7
    assert names is None or ticks == [*map(int, names)]
    line = traces(drawing, "line")[0]
    assert "epoch" in line.hovertemplate
    np.testing.assert_allclose(line.customdata, np.asarray(line.x) / 11)


def test_a_bet_is_answered_where_a_plain_net_has_finished_and_drawn_only_where_one_trains() -> None:
    records = twins()
    off = abs(records[1].result["train_loss"] - 0.7)
    assert traces(divergence(records, bet=0.7), "bet")[0].text[0] == f"your bet: {off:.1f} off"
    assert traces(divergence(twins(done=10, status="running"), bet=0.7), "bet")[0].text[0] == "your bet"
    exact = records[1].result["train_loss"]
    assert traces(divergence(records, bet=exact), "bet")[0].text[0] == "your bet: right"
    assert traces(divergence(twins(done=5, status="diverged"), bet=1), "bet")[0].text[0] == "your bet: it diverged"
    assert traces(divergence(records[:1], bet=0.7), "bet") == []


def test_lecture_mode_is_thick_and_large() -> None:
    figure = fan(twins(), lecture=True).figure()
    assert figure.layout.font.size == TEXT_LECTURE >= 20
    assert traces(fan(twins(), lecture=True), "line")[0].line.width == LINE_LECTURE == 5


def test_thinning_keeps_ends_extremes_and_the_limit() -> None:
    x = np.arange(64_000)
    y = np.sin(x / 100).astype(np.float32)
    y[12_345] = 9
    tx, ty = thin(x, y, 600)
    assert len(tx) <= 600
    assert (tx[0], tx[-1], ty.max()) == (0, 63_999, 9)
    kept = moments(64_000, 150)
    assert len(kept) <= 150
    assert (kept[0], kept[-1]) == (0, 63_999)


def test_vectors_in_the_payload_are_exact_to_a_thousandth_of_a_decade() -> None:
    records = twins()
    head, values = unpacked(pack(records))
    for record, net in zip(records, head["nets"], strict=True):
        place, gradients = net["vectors"]["grad_block"], record.series["grad_block"][1]
        assert place["steps"] == list(range(1, 133))
        got = values[place["at"] : place["at"] + 132 * 27].reshape(132, 27) / 1000
        np.testing.assert_allclose(got, np.log10(gradients / gradients[:, -1:]), atol=0.00051)
        assert net["words"][0] == loudness(float(np.log10(gradients[0, 0] / gradients[0, -1])))


def test_a_refresh_is_small() -> None:
    for tab in ("twins", "history", "engineer"):
        assert len(pack(twins(), tabs=(tab,), live=True, ghost=twins())) < 70 * 1024
    long = twins(depth=110, steps=64_000)
    assert len(pack(long, live=True, ghost=long)) < 110 * 1024
    assert set(unpacked(pack(twins(), tabs=("history",)))[0]["figures"]) == {"history"}


@pytest.mark.parametrize(
    ("log10", "said"), [(0.45, "2.8"), (-1.2, "0.063"), (3.08, "1,200"), (-6.6, "2.5·10⁻⁷"), (np.nan, "not finite")]
)
def test_an_amount_is_said_in_two_digits_and_never_as_a_power_to_work_out(log10, said) -> None:
    assert amount(log10) == said
    for drawing in (history(twins()), engineer(twins()), norms(twins())):
        for trace in drawing.data:
            assert "10^" not in (trace.get("hovertemplate") or "")


@pytest.mark.parametrize(
    ("log10", "said"),
    [
        (0.0, "×1"), (0.45, "×2.8"), (1.08, "×12"), (3.4149, "×2,600"), (-0.61, "÷4.1"), (-4.78, "÷60,000"), (7.2, "×10⁷"),
        (-12.0, "÷10¹²"), (math.nan, "not finite"),
    ],
)  # fmt: skip
def test_a_factor_is_said_in_two_digits(log10, said) -> None:
    assert factor(log10) == said


def test_the_limits_of_the_band_stand_at_its_axis_and_the_word_follows_them() -> None:
    axis = fan(twins()).layout["yaxis"]
    ticks = dict(zip(axis["ticktext"], axis["tickvals"], strict=True))
    assert {"×0.1", "×10"} <= ticks.keys()
    for label, log10 in ticks.items():
        inside = abs(log10) < 1
        assert loudness(log10 * 0.999).endswith("intact") == (abs(log10 * 0.999) < 1), label
        assert loudness(log10 * 1.001).endswith("intact") == inside, label


def overlay(first: int, second: int, classes: int = 10) -> list[Record]:
    """Two runs of as many epochs as steps allow: one epoch of ``first`` steps, one of ``second``."""
    records = [synthetic(depth=20, steps=6 * first), synthetic(depth=56, steps=6 * second)]
    found = []
    for record, length in zip(records, (first, second), strict=True):
        epochs = np.arange(1, 7) * length
        series = record.series | {"val_accuracy": (epochs, np.linspace(0.1, 0.9, 6, dtype=np.float32))}
        found.append(replace(record, series=series))
    model = replace(found[1].spec.model, classes=classes)
    return [found[0], replace(found[1], spec=replace(found[1].spec, model=model))]


def test_runs_of_different_steps_an_epoch_have_their_own_epochs() -> None:
    drawing = accuracy(overlay(11, 60), still=True)
    for line in traces(drawing, "line"):
        np.testing.assert_allclose(line.x, np.arange(1, 7), rtol=1e-6)
    assert drawing.layout["xaxis"]["title"]["text"] == "epoch"
    assert drawing.layout["xaxis"]["range"] == [0, 6]
    assert [mark.x[0] for mark in traces(drawing, "now")] == [6, 6]
    stage = accuracy(overlay(11, 60))
    assert [line.x[-1] for line in traces(stage, "line")] == [66, 360], "in steps, which the stage's slider counts"
    assert stage.layout["xaxis"]["title"]["text"] == "step"
    assert unpacked(pack(overlay(11, 60)))[0]["perEpoch"] == 0
    alike = accuracy(overlay(11, 11), still=True)
    assert traces(alike, "line")[0].x[-1] == 66
    assert alike.layout["xaxis"]["title"]["text"] == "epoch"


def test_each_number_of_classes_has_its_own_level_of_guessing() -> None:
    mixed = overlay(11, 11, classes=3)
    assert {"chance 10 %, 10 classes", "chance 33 %, 3 classes"} <= set(notes(accuracy(mixed)))
    assert {"guessing 2.30, 10 classes", "guessing 1.10, 3 classes"} <= set(notes(divergence(mixed)))
    levels = [t.y[0] for t in traces(accuracy(mixed), "level")]
    np.testing.assert_allclose(sorted(levels), [10, 100 / 3])


def test_a_run_that_its_user_named_bears_that_name_in_charts() -> None:
    residual, plain = twins()
    assert [net.label for net in nets([replace(residual, name="my <b>run</b>"), plain])] == ["my <b>run</b>", "plain"]


def test_labels_at_line_ends_do_not_cover_each_other() -> None:
    records = [
        replace(r, series=r.series | {"loss": (np.arange(1, 133), np.full(132, 0.5, np.float32))}) for r in twins()
    ]
    records += [replace(r, spec=replace(r.spec, train=replace(r.spec.train, lr=0.3))) for r in records]
    drawing = divergence(records)
    drawing.part_labels(300)
    pixel = (drawing.layout["yaxis"]["range"][1] - drawing.layout["yaxis"]["range"][0]) / (300 - 44)
    ends = sorted(n["y"] for n in drawing.layout["annotations"] if n.get("name", "").startswith("net-"))
    assert len(ends) == 4
    assert min(np.diff(ends)) >= 17 * pixel
    assert ends[0] == pytest.approx(0.5), "the lowest stays where its line ends"
    longest = max(len(n["text"]) for n in drawing.layout["annotations"] if n.get("name", "").startswith("net-")) - 7
    assert drawing.layout["margin"]["r"] >= 7 * longest, "room for what is written there"


def test_labels_say_no_more_than_tells_nets_apart_and_data_before_rates() -> None:
    here = twins()
    there = [
        replace(r, spec=replace(r.spec, data=DataSpec("mnist"), train=replace(r.spec.train, lr=0.1)), name="")
        for r in here
    ]
    labels = [net.label for net in nets([*here, *there])]
    assert labels == ["residual, digits", "plain, digits", "residual, mnist", "plain, mnist"]


def test_nets_of_other_data_do_not_part() -> None:
    residual, plain = twins()
    assert any("apart from" in n for n in notes(divergence([residual, plain])))
    other = replace(plain, spec=replace(plain.spec, data=DataSpec("mnist")), name="")
    assert not any("apart from" in n for n in notes(divergence([residual, other])))
