"""A worksheet: the curve stands on the second page alone, the answers on the last, and every figure in them was measured."""

import re
from dataclasses import replace

from resnet_viz.figures.numbers import apart
from resnet_viz.nets import refs
from resnet_viz.publish.worksheet import worksheet
from resnet_viz.runs.record import load
from resnet_viz.words import twins
from tests.synthetic import twins as synthetic


def pages(records) -> list[str]:
    return re.findall("<section>(.*?)</section>", worksheet(records), re.S)


def test_predictions_come_before_the_curves_and_answers_last() -> None:
    records = load(refs.SHIPPED / f"{refs.FIRST}.npz")[:2]
    predict, read, answers = pages(records)
    assert [page.count("<polyline") for page in (predict, read, answers)] == [0, 2, 0]
    assert twins.verdict(records).split(".")[0] in answers.replace("&lt;", "<")
    assert twins.verdict(records).split(":")[1][:20] not in predict + read
    assert f"step {apart(*records)}" in answers
    assert f"step {apart(*records)}" not in predict + read
    assert "×" in read, "the gradient at the first step"


def test_a_curve_ends_where_the_run_ended() -> None:
    records = load(refs.SHIPPED / f"{refs.FIRST}.npz")[:2]
    lines = re.findall(r'<polyline points="([^"]*)"', pages(records)[1])
    top = int(re.findall(r'text-anchor="end">([\d.]+)</text>', pages(records)[1])[-1])
    for record, line in zip(records, lines, strict=True):
        x, y = map(float, line.split()[-1].split(","))
        assert abs(x - 690) < 0.1
        assert abs((260 - y) / 250 * top - twins.smoothed(record)) < 0.01


def test_names_are_text_and_nothing_is_fetched() -> None:
    records = [replace(record, name="<script>x</script>") for record in synthetic(steps=20)]
    page = worksheet(records)
    assert "<script" not in page
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://", page)
