"""The form of Twins as a person uses it: a preset sets every control, and what a run costs is what training it takes."""

import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from resnet_viz.nets import models
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.ui import controls
from tests.apps import unrun


def without_threads(spec: RunSpec) -> RunSpec:
    """How many threads a run gets is decided when it starts."""
    return replace(spec, train=replace(spec.train, threads=0))


def test_every_preset_sets_all_controls_and_trains() -> None:
    at = unrun("twins", depth=14, seed=5, lr=0.2, nets="plain").run()
    for name, (says, changes) in controls.PRESETS.items():
        at.pills(key="preset").set_value(name).run()
        assert not at.error
        assert says in [caption.value for caption in at.caption]
        at.button(key="train").click().run()
        assert not at.exception
        assert not at.error
        plain, residual = (without_threads(run.spec) for run in Store().runs()[:2])
        assert [residual, plain] == controls.chosen(controls.DEFAULTS | changes), name
    assert len(Store().runs()) == 2 * len(controls.PRESETS)


def test_skips_are_switched_without_a_mouse_and_controls_stand_in_the_order_of_their_rows() -> None:
    at = unrun("twins", depth=20).run()
    at.multiselect(key="skips off").set_value([7, 3]).run()
    assert at.session_state["no_skip"] == "3.7"
    at.select_slider(key="depth").set_value(8).run()  # of 3 blocks
    assert at.multiselect(key="skips off").value == [3]
    assert at.error
    at.multiselect(key="skips off").set_value([]).run()
    assert not at.error
    assert at.session_state["no_skip"] == ""
    drawn = [w.key for w in at.main if getattr(w, "key", None) in ("data", "nets", "norm", "lr")]
    assert drawn == ["data", "nets", "norm", "lr"]


def test_what_comes_and_goes_does_not_move_the_button_that_trains() -> None:
    before, after = unrun("twins").run(), unrun("twins", no_skip="3", lr=0.01).run()
    places = [[getattr(element, "key", None) for element in at.main].index("train") for at in (before, after)]
    assert any("Next net" in text.value for text in after.text)
    assert any("Not what is shown" in caption.value for caption in after.caption)
    assert places[0] == places[1]


def shown_costs(depth: int, batch_size: int) -> dict[str, float]:
    """The numbers in the caption over the button, by what they count."""
    at = unrun("twins", depth=depth, batch_size=batch_size).run()
    caption = next(c.value for c in at.caption if "multiply-adds" in c.value)
    return {
        what: float(count.replace(",", "")) for count, what in re.findall(r"([\d,.]+) (parameters|M mul|MB)", caption)
    }


def test_what_a_run_costs_is_what_a_step_takes() -> None:
    """Counted at a step of SGD with momentum: torch's multiply-adds; float32 weights, gradients, momentum, kept activations."""
    batch_size = 64
    model = models.build(ModelSpec(depth=20, channels=1, size=8))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        model(torch.zeros(1, 1, 8, 8))
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def keep(t: torch.Tensor) -> torch.Tensor:
        storage = t.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        loss = F.cross_entropy(model(torch.zeros(batch_size, 1, 8, 8)), torch.zeros(batch_size, dtype=torch.long))
    loss.backward()
    optimizer.step()
    parameters = list(model.parameters())
    held = sum(t.nbytes for p in parameters for t in (p, p.grad, optimizer.state[p]["momentum_buffer"]))
    shown = shown_costs(depth=20, batch_size=batch_size)
    assert shown["parameters"] == sum(p.numel() for p in parameters)
    assert shown["M mul"] == pytest.approx(flops.get_total_flops() / 2e6, abs=0.06)  # it counts a multiply-add as two
    assert shown["MB"] == pytest.approx((held + sum(kept.values())) / 1e6, rel=0.02, abs=0.5)
