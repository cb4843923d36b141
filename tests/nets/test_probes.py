"""probes.alone: one thread at a time on one model. What the other probes measure is tested where training is."""

import gc
import threading
import weakref

import pytest
from torch import nn

from resnet_viz.nets import probes


def _enters(model: nn.Module, wait: float) -> bool:
    """Whether another thread gets the model to itself within ``wait`` seconds."""
    entered = threading.Event()

    def enter() -> None:
        with probes.alone(model):
            entered.set()

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    return entered.wait(wait)


def test_one_thread_has_a_model_to_itself_and_may_ask_again() -> None:
    model, other = nn.Linear(1, 1), nn.Linear(1, 1)
    with probes.alone(model), probes.alone(model):
        assert not _enters(model, 0.2)
        assert _enters(other, 10)
    assert _enters(model, 10)


def test_an_error_gives_the_model_back() -> None:
    model = nn.Linear(1, 1)
    with pytest.raises(ZeroDivisionError), probes.alone(model):
        1 / 0  # noqa: B018
    assert _enters(model, 10)


def test_a_lock_keeps_no_model_alive() -> None:
    model = nn.Linear(1, 1)
    with probes.alone(model):
        pass
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
