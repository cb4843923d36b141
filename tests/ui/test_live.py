"""What a page says of a run while it goes on: how far it is, how fast, and how long it still takes."""

from dataclasses import replace

import pytest

from resnet_viz.data import catalogue
from resnet_viz.runs.events import Point, Status
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from resnet_viz.ui import live
from tests.apps import unrun


def bars(*points: Point, steps: int = 1000, progress: Status | None = None) -> list[str]:
    """The words on the bars of Twins while a run of so many steps, 128 images each, has come to these points."""
    store = Store()
    (run,) = store.create([(replace(RunSpec(), train=replace(RunSpec().train, batch_size=128)), steps)])
    store.claim("w").write(points, progress=progress)
    at = unrun("twins", show=store.run(run).group).run()
    assert not at.exception
    return [bar.proto.text for bar in at.get("progress")]


@pytest.mark.parametrize(
    ("speed", "steps", "words"),
    [
        (
            1280.0,
            300,
            "Residual: 33 % · 1,280 images/s · 26 s left",
        ),  # 200 steps of 128, and 23,627 images evaluated, in a third
        (64.0, 1100, "Residual: 9 % · 64 images/s · 43 min left"),
        (12.8, 2100, "Residual: 5 % · 13 images/s · 7.1 h left"),
    ],
)
def test_time_left_is_what_the_remaining_images_take(speed, steps, words) -> None:
    points = [Point(step, {"loss": 1.0, "speed": speed if step != 95 else 1e6}) for step in range(1, 101)]
    assert bars(*points, steps=steps) == [words]


def test_the_bar_is_the_runs_own_while_it_is_validated() -> None:
    """It neither jumps to its end at each epoch, nor says another number than it is long."""
    store = Store()
    (run,) = store.create([(RunSpec(), 1000)])
    store.claim("w").write([Point(100, {"loss": 1.0, "speed": 1e6})], progress=Status("validation images", 150, 150))
    share, words = live.how_far_is(store.run(run))
    assert share == 0.1
    assert words.startswith("10 % · validation images, ")


def test_a_queued_run_says_its_place_whether_it_will_pause_and_that_it_never_began(monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_WORKERS", "1")
    store = Store()
    ids = store.create([(RunSpec(), 10)] * 3)
    store.claim("w").write([])
    said = [live.how_far_is(store.run(run))[1] for run in ids[1:]]
    assert said == [f"place {n} in the queue · time unknown until all before it are done" for n in (1, 2)]
    monkeypatch.setenv("RESNET_VIZ_WORKERS", "2")
    assert "queue" not in live.how_far_is(store.run(ids[1]))[1], "a worker is free for it"
    assert "place 2" in live.how_far_is(store.run(ids[2]))[1]
    store.want(ids[1], "pause")
    assert live.how_far_is(store.run(ids[1]))[1].endswith("pauses at its first step")
    monkeypatch.setattr(Store, "speeds", lambda self: [(catalogue.fill(RunSpec()), 1280.0)])
    assert "about" in live.how_far_is(store.run(ids[2]))[1]
    store.want(ids[2], "stop")
    assert live.how_far_is(store.run(ids[2])) == (0.0, "stopped before it began")


def test_a_run_that_has_not_stepped_yet_says_what_it_does() -> None:
    assert bars() == ["Residual: 0 % · starting"]
    assert bars(progress=Status("Downloading", 1, 4)) == ["Residual: Downloading · 25 %"]
