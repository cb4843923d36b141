"""watch in the kinds of loops there are: each time what is recorded is what autograd gives without a hook."""

import copy
import math
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import resnet_viz as rv
from resnet_viz.runs import presence
from resnet_viz.runs.store import Store
from tests.own.loops import Net, batch, record, train

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).parents[2]


def weight_gradients(model: nn.Module) -> list[float]:
    """‖∂L/∂w‖ of every layer; NaN where there is none."""
    weights = [p for name, p in model.named_parameters() if name.endswith("weight") and p.ndim > 1]
    return [math.nan if w.grad is None else w.grad.norm().item() for w in weights]


def unwatched(model: nn.Module, batches, share: float = 1.0) -> list[float]:
    """The weight gradients that the sum of these batches' losses gives."""
    for x, y in batches:
        (F.cross_entropy(model(x), y) * share).backward()
    return weight_gradients(model)


@pytest.mark.parametrize("unscales", [True, False])
def test_a_gradscaler_leaves_true_gradients(unscales: bool) -> None:
    model, (x, y) = Net(), batch()
    expected = unwatched(copy.deepcopy(model), [(x, y)])
    optimizer, scaler = torch.optim.SGD(model.parameters(), 0.1), torch.amp.GradScaler("cpu", init_scale=1024.0)
    with rv.watch(model) as watch:
        loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        if unscales:
            scaler.unscale_(optimizer)
        watch.step(loss, optimizer, scaler=scaler)
        scaler.step(optimizer)
        scaler.update()
    np.testing.assert_allclose(record().get("grad_weight")[1][0], expected, rtol=1e-4)
    assert len(record().get("update_ratio")[1]) == 1
    assert record().get("grad_block")[1].max() < 1  # at 1024 times the loss it would be past it


def test_gradients_that_add_up_are_those_of_the_whole_batch() -> None:
    model, batches = Net().eval(), [batch(0), batch(1)]
    expected = unwatched(copy.deepcopy(model), batches, 0.5)
    whole = copy.deepcopy(model)
    outputs: list[torch.Tensor] = []
    whole.blocks[1].register_forward_hook(lambda _m, _i, out: (out.retain_grad(), outputs.append(out))[0])
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    F.cross_entropy(whole(x), y).backward()
    with rv.watch(model) as watch:
        for x, y in batches:
            loss = F.cross_entropy(model(x), y) / 2
            loss.backward()
        watch.step(loss)
    np.testing.assert_allclose(record().get("grad_weight")[1][0], expected, rtol=1e-4)
    np.testing.assert_allclose(record().get("grad_block")[1][0, 1], outputs[0].grad.norm().item(), rtol=1e-4)


def test_frozen_layers_have_no_gradient_and_evaluation_between_steps_counts_for_nothing() -> None:
    model, (x, y) = Net(), batch()
    model.stem.requires_grad_(False)
    model.blocks[0].requires_grad_(False)
    with rv.watch(model) as watch:
        with torch.no_grad():
            model(1e6 * x)
        train(model, watch, [(x, y)] * 2)
    seen = record()
    assert np.isnan(seen.get("grad_weight")[1][0]).tolist() == [True, True, True, False, False, False]
    assert np.isnan(seen.get("update_ratio")[1][0]).tolist() == [True, True, True, False, False, False]
    assert np.isnan(seen.get("grad_block")[1][0]).tolist() == [True, False]
    assert seen.get("activation_std")[1].max() < 100


def test_a_block_in_two_places_and_two_passes_a_step() -> None:
    model, (x, y) = Net(), batch()
    model.blocks[1] = model.blocks[0]
    outputs: list[torch.Tensor] = []
    other = copy.deepcopy(model)
    other.blocks[0].register_forward_hook(lambda _m, _i, out: (out.retain_grad(), outputs.append(out))[0])
    (F.cross_entropy(other(x), y) + other(2 * x).square().sum()).backward()
    with rv.watch(model) as watch:
        loss = F.cross_entropy(model(x), y) + model(2 * x).square().sum()
        loss.backward()
        watch.step(loss)
    assert len(outputs) == 4
    together = math.hypot(*(out.grad.norm().item() for out in outputs))
    np.testing.assert_allclose(record().get("grad_block")[1], [[together]], rtol=1e-4)


def test_of_a_compiled_net_what_cant_be_seen_is_said_once(caplog) -> None:
    model, (x, y) = Net(), batch()
    expected = unwatched(copy.deepcopy(model), [(x, y)])
    compiled = torch.compile(model, backend="eager")
    with rv.watch(compiled) as watch:
        train(compiled, watch, [(x, y)] * 2)
    assert [r.getMessage() for r in caplog.records if r.name == "resnet_viz.watch"] == [
        "Net is compiled: blocks and activations can't be seen, the rest is recorded."
    ]
    np.testing.assert_allclose(record().get("grad_weight")[1][0], expected, rtol=1e-4)
    assert set(record().series) == {"loss", "accuracy", "lr", "speed", "grad_weight", "update_ratio"}
    assert record().layout.layers[0] == "stem.weight"


DDP = """
    import os, sys, torch
    import torch.distributed as dist
    import resnet_viz as rv
    from tests.own.loops import Net, batch, train
    rank = int(sys.argv[1])
    dist.init_process_group("gloo", rank=rank, world_size=2)
    model = torch.nn.parallel.DistributedDataParallel(Net())
    with rv.watch(model, name="two processes") as watch:
        train(model, watch, [batch(rank), batch(2 + rank)])
    dist.destroy_process_group()
"""


@pytest.mark.slow
def test_of_two_processes_the_first_records_the_gradients_of_both() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", textwrap.dedent(DDP)]
    both = [subprocess.Popen([*command, rank], env=os.environ | place, cwd=ROOT) for rank in ("0", "1")]
    assert [process.wait(120) for process in both] == [0, 0]
    assert len(Store().runs()) == 1
    seen = record()
    assert (seen.status, seen.step) == ("finished", 2)
    np.testing.assert_allclose(seen.get("grad_weight")[1][0], unwatched(Net(), [batch(0), batch(1)], 0.5), rtol=1e-3)
    assert [block.name for block in seen.layout.blocks] == ["blocks.0", "blocks.1"]


KILLED = """
    import os, signal, time
    import resnet_viz as rv
    from tests.own.loops import Net, batch, train
    with rv.watch(Net(), name="killed") as watch:
        train(watch.model, watch, [batch()] * 3)
        time.sleep(1)
        print("ready", flush=True)
        time.sleep(60)
"""


@pytest.mark.slow
def test_a_script_that_is_killed_leaves_a_run_that_says_so(monkeypatch) -> None:
    command = [sys.executable, "-c", textwrap.dedent(KILLED)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == "ready\n"
    store = Store()
    (run,) = store.runs()
    assert (run.status, run.step, run.live) == ("running", 2, True)  # the third's update may still come
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    monkeypatch.setattr(presence, "SILENCE", 0.5)
    presence.mark_lost(store)
    time.sleep(1)
    assert presence.mark_lost(store) == [run.id]
    lost = store.run(run.id)
    assert lost.message == "The script that trains this network fell silent: it was killed, or crashed."
    store.want(run.id, "run")
    assert store.run(run.id).status == "lost"  # nobody can go on with it
    assert store.waiting() == 0
    assert store.claim("worker") is None
