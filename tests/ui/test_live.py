"""What a page says of a run while it goes on: how far it is, how fast, and how long it still takes."""

from dataclasses import replace

import pytest

from resnet_viz.runs.events import Point, Status
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from tests.apps import unrun

pytestmark = pytest.mark.usefixtures("no_workers")


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
        (1280.0, 300, "Residual: 33 % · 1,280 images/s · 20 s left"),  # 200 steps of 128 images are left
        (64.0, 1100, "Residual: 9 % · 64 images/s · 33 min left"),
        (12.8, 2100, "Residual: 5 % · 13 images/s · 5.6 h left"),
    ],
)
def test_time_left_is_what_the_remaining_images_take(speed, steps, words) -> None:
    points = [Point(step, {"loss": 1.0, "speed": speed if step != 95 else 1e6}) for step in range(1, 101)]
    assert bars(*points, steps=steps) == [words]


def test_a_run_that_has_not_stepped_yet_says_what_it_does() -> None:
    assert bars() == ["Residual: 0 % · starting"]
    assert bars(progress=Status("Downloading", 1, 4)) == ["Residual: Downloading · 25 %"]
