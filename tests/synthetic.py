"""Made-up records, for tests of drawing and export alone: smooth curves of known values, not a training."""

import numpy as np

from resnet_viz.runs.naming import first_name
from resnet_viz.runs.record import Record
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec, block_count
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec


def synthetic(
    shortcut: str = "identity",
    depth: int = 56,
    steps: int = 132,
    done: int | None = None,
    seed: int = 0,
    status: str = "finished",
) -> Record:
    """A record of ``done`` of ``steps`` steps. Block b's gradient norm is growth^(B − b), its growth fading with the step."""
    model = ModelSpec(depth=depth, shortcut=shortcut, channels=1, size=8)
    spec = RunSpec(model, DataSpec(augment=()), TrainSpec(seed=seed))
    done = steps if done is None else done
    plain = shortcut == "none"
    rng = np.random.default_rng(seed)
    step = np.arange(1, done + 1)
    count, layers = block_count(model), depth
    growth = 1 + (0.33 if plain else 0.1) / np.sqrt(step)
    gradients = 0.01 * growth[:, None] ** np.arange(count - 1, -1, -1)
    loss = 2.3 * np.exp(-step * (0.002 if plain else 8 / steps)) + 0.02 * rng.random(done)
    epochs = step[10::11]
    looks = step[::8]
    layer = np.arange(1, layers + 1)
    series = {
        "loss": (step, loss),
        "grad_block": (step, gradients),
        "grad_weight": (step, 0.1 / layer + step[:, None] * 1e-4),
        "update_ratio": (step, 1e-3 * layer / step[:, None]),
        "activation_std": (looks, 1 + 0.1 * rng.random((len(looks), layers - 1))),
        "branch_share": (looks, 0.3 + 0.1 * rng.random((len(looks), count))),
        "val_accuracy": (epochs, 1 - np.exp(-epochs / (300 if plain else 30))),
    }
    ended = status == "finished" and done == steps
    result = {"train_loss": float(loss[-1]), "test_accuracy": 0.34 if plain else 0.98} if ended else {}
    return Record(
        id=f"{shortcut}-{seed}", spec=spec, status=status, name=first_name(spec), step=done, steps=steps, result=result,
        series={m: (s.astype(np.int64), v.astype(np.float32)) for m, (s, v) in series.items() if len(s)},
    )  # fmt: skip


def twins(**settings) -> list[Record]:
    """A residual record and a plain one."""
    return [synthetic("identity", **settings), synthetic("none", **settings)]
