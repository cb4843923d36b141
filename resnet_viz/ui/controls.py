"""The controls of a training run: each listed once, with its default; presets; and what they say as specs.

Every control is bound to the URL, so a link carries the whole setting, the seed included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from resnet_viz.data import catalogue, download
from resnet_viz.runs.store import Store
from resnet_viz.spec import arch
from resnet_viz.spec.data import AUGMENTATIONS, DataSpec
from resnet_viz.spec.model import IMAGENET_DEPTHS, INITS, NORMS, ORDERS, SHORTCUTS, ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import DTYPES, OPTIMIZERS, SCHEDULES, TrainSpec
from resnet_viz.ui.live import duration
from resnet_viz.workers import engine

DEPTHS = (*range(8, 111, 6), 164, 302, 602, 1202)
NETS = {"both": "Both", "residual": "Residual", "plain": "Plain"}
FAMILIES = {"cifar": "CIFAR (6n+2)", "imagenet": "ImageNet (18–152)", "article": "the article's"}

DEFAULTS: dict[str, Any] = {
    "depth": 56,
    "data": "digits",
    "nets": "both",
    "norm": "batch",
    "lr": 0.05,
    "family": "cifar",
    "shortcut": "identity",
    "order": "original",
    "init": "he",
    "stochastic_depth": 0.0,
    "width": 1.0,
    "optimizer": "sgd",
    "momentum": 0.9,
    "schedule": "constant",
    "warmup_steps": 0,
    "epochs": 12,
    "steps": 0,
    "batch_size": 128,
    "decay": 0.0,
    "smoothing": 0.0,
    "mixup": 0.0,
    "augment": "default",
    "limit": 0,
    "seed": 0,
    "dtype": "auto",
    "device": "auto",
    "bn": True,
    "off": "",
}

# Preset: label, what it shows, and how it differs from the defaults.
PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "Degradation at 56": ("Plain-56 does not even fit its training data; the residual twin does.", {}),
    "Depth 20": ("At 20 layers both learn: depth is the point.", {"depth": 20}),
    "No BatchNorm": (
        "Without a norm plain's gradients vanish; SkipInit starts every branch at 0 and trains.",
        {"norm": "none", "init": "skipinit", "lr": 0.01},
    ),
    "Break it: no norm, He": (
        "Without a norm, every residual block started from He doubles the signal: it explodes.",
        {"norm": "none", "lr": 0.01},
    ),
    "110 layers": ("He's deepest usual net; it wants a warm-up.", {"depth": 110, "lr": 0.02, "warmup_steps": 40}),
    "The article's net": (
        "Two blocks of BN, ReLU and 1×1 convolution; Adam at 0.0001, 100 epochs.",
        {
            "family": "article",
            "depth": 4,
            "shortcut": "maxpool",
            "order": "article",
            "optimizer": "adam",
            "lr": 1e-4,
            "epochs": 100,
        },
    ),
    "A rate that breaks": ("At a learning rate of 3 both fail: skips do not cure every ill.", {"lr": 3.0}),
}


def residual_spec(values: Mapping[str, Any]) -> RunSpec:
    """The residual run that the controls describe; its `twin()` is the plain one. Not yet validated."""
    augment = {"default": None, "none": ()}.get(values["augment"], tuple(values["augment"].split("+")))
    return RunSpec(
        model=ModelSpec(
            family=values["family"],
            depth=int(values["depth"]),
            shortcut=values["shortcut"],
            order=values["order"],
            norm=values["norm"],
            init=values["init"],
            stochastic_depth=values["stochastic_depth"],
            width=values["width"],
            no_skip=tuple(int(b) for b in values["off"].split(".") if b),
        ),
        data=_data_spec(values["data"], values["limit"], augment),
        train=TrainSpec(
            optimizer=values["optimizer"],
            lr=values["lr"],
            momentum=values["momentum"],
            weight_decay=values["decay"],
            schedule=values["schedule"],
            warmup_steps=int(values["warmup_steps"]),
            batch_size=int(values["batch_size"]),
            epochs=int(values["epochs"]),
            steps=int(values["steps"]),
            label_smoothing=values["smoothing"],
            mixup=values["mixup"],
            seed=int(values["seed"]),
            reestimate_bn=values["bn"],
            device=values["device"],
            dtype=values["dtype"],
        ),
    )


def values_of(spec: RunSpec) -> dict[str, Any]:
    """The controls' values that describe a run, and that start it again: the inverse of `residual_spec`.

    A plain run has no shortcut to show; the family's usual one stands in its place, and "nets" says plain.
    """
    model, data, train = spec.model, spec.data, spec.train
    return DEFAULTS | {
        "nets": "both" if model.residual else "plain",
        "family": model.family,
        "depth": model.depth,
        "shortcut": model.shortcut if model.residual else _usual_shortcut(model.family),
        "order": model.order,
        "norm": model.norm,
        "init": model.init,
        "stochastic_depth": model.stochastic_depth,
        "width": model.width,
        "off": ".".join(map(str, model.no_skip)),
        "data": f"own:{data.hash}" if data.name == "own" else data.name,
        "limit": data.limit,
        "augment": "default" if data.augment is None else "+".join(data.augment) or "none",
        "optimizer": train.optimizer,
        "lr": train.lr,
        "momentum": train.momentum,
        "decay": train.weight_decay,
        "schedule": train.schedule,
        "warmup_steps": train.warmup_steps,
        "batch_size": train.batch_size,
        "epochs": train.epochs,
        "steps": train.steps,
        "smoothing": train.label_smoothing,
        "mixup": train.mixup,
        "seed": train.seed,
        "bn": train.reestimate_bn,
    }


def chosen(values: Mapping[str, Any]) -> list[RunSpec]:
    """The runs that "Train" would start, residual first: filled in from the data and validated.

    Raises SpecError or DataError with a sentence for the user.
    """
    residual = catalogue.fill(residual_spec(values))
    return {"both": [residual, residual.twin()], "residual": [residual], "plain": [residual.twin()]}[values["nets"]]


def _data_spec(name: str, limit: int, augment: tuple[str, ...] | None) -> DataSpec:
    own, _, hash_ = name.partition(":")
    return DataSpec(name=own, hash=hash_, limit=int(limit), augment=augment)


def apply(values: Mapping[str, Any]) -> None:
    """Set the controls, those that are not named to their defaults. For callbacks, before the controls are drawn."""
    st.session_state.update(DEFAULTS | dict(values))


def current() -> dict[str, Any]:
    """The controls' values now, defaults where a control has not been drawn yet."""
    return {key: st.session_state.get(key, default) for key, default in DEFAULTS.items()}


def _bound(key: str) -> dict[str, Any]:
    return {"key": key, "bind": "query-params", "persist_state": "session"}


def _select(label: str, key: str, names: Mapping[str, str], **more: Any) -> None:
    options = list(names)
    st.selectbox(label, options, options.index(DEFAULTS[key]), names.__getitem__, **_bound(key), **more)


def _number(label: str, key: str, **more: Any) -> None:
    st.number_input(label, value=DEFAULTS[key], **_bound(key), **more)


def data_names() -> dict[str, str]:
    """Data sets to choose from, with labels: the built-in ones and what the user has brought."""
    names = {n: about.label + ("" if download.available(n) else " ↓") for n, about in catalogue.BUILT_IN.items()}
    return names | {f"own:{s.hash}": f"{s.label} ({s.hash[:4]})" for s in catalogue.own_data()}


def draw_main() -> None:
    """The five controls in sight: depth, data, which nets, norm and rate."""
    depths = {"cifar": DEPTHS, "imagenet": IMAGENET_DEPTHS, "article": tuple(range(3, 19))}[current()["family"]]
    if current()["depth"] not in depths:
        st.session_state["depth"] = min(depths, key=lambda d: abs(d - current()["depth"]))
    st.select_slider(
        "Depth", depths, DEFAULTS["depth"] if DEFAULTS["depth"] in depths else depths[0], **_bound("depth")
    )
    names = data_names()
    if new := st.session_state.pop("new_data", None):
        st.session_state["data"] = new
    left, right = st.columns(2)
    with left:
        _select("Data", "data", names, help="↓: downloaded when first used.")
        _select("Norm", "norm", NORMS, help="BatchNorm keeps norms healthy; without it plain gradients vanish.")
    with right:
        _select("Nets", "nets", NETS)
        _number("Learning rate", "lr", format="%g", step=0.01, min_value=0.0)


def draw_skips() -> None:
    """Which skips the next net trains without, chosen by clicks on its drawing; kept in the URL like every control."""
    off = st.session_state.setdefault("off", st.query_params.get("off", ""))
    if not off:
        st.query_params.pop("off", None)
        return
    st.query_params["off"] = off
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.caption(f"Next net: skip off at block {off.replace('.', ', ')}")
    right.button("All on", on_click=st.session_state.update, kwargs={"off": ""}, key="all_on", type="tertiary")


def draw_more() -> None:
    """Everything else, for who wants it: behind "More"."""
    tabs = st.tabs(["Network", "Training", "Data", "Machine"])
    with tabs[0]:
        _select("Family", "family", FAMILIES, on_change=_family_changed)
        shortcuts = {k: v for k, v in SHORTCUTS.items() if k != "none"}
        _select("Shortcut", "shortcut", shortcuts)
        _select("Block order", "order", ORDERS)
        _select("Start of residual branches", "init", INITS, help="Plain blocks always start from He.")
        st.slider(
            "Stochastic depth",
            0.0,
            0.9,
            DEFAULTS["stochastic_depth"],
            help="Chance that the last block's branch is dropped in a step (Huang 2016; 0.5 is usual). Residual blocks alone.",
            **_bound("stochastic_depth"),
        )
        _number("Width factor", "width", step=0.5, format="%g")
    with tabs[1]:
        left, right = st.columns(2)
        with left:
            _select("Optimizer", "optimizer", OPTIMIZERS)
            _number("Epochs", "epochs", min_value=1, step=1)
            _number("Batch", "batch_size", min_value=1, step=1)
            _number("Seed", "seed", min_value=0, step=1)
            _number("Weight decay", "decay", format="%g", step=1e-4, min_value=0.0)
        with right:
            _select("Schedule", "schedule", SCHEDULES)
            _number("Warm-up, steps", "warmup_steps", min_value=0, step=10)
            _number("Momentum", "momentum", step=0.05, format="%g")
            _number("Label smoothing", "smoothing", step=0.05, format="%g")
            _number("Mixup α", "mixup", step=0.1, format="%g")
        _number("Steps (0: as many as the epochs take)", "steps", min_value=0, step=10)
    with tabs[2]:
        choices = {"default": "the data set's usual", "none": "none"}
        choices |= {a: a for a in AUGMENTATIONS} | {
            "flip+crop": "flip + crop",
            "flip+crop+cutout": "flip + crop + cutout",
        }
        _select("Augmentation", "augment", choices)
        _number("Training images at most (0: all)", "limit", min_value=0, step=500)
    with tabs[3]:
        _select("Precision", "dtype", {p: p for p in DTYPES}, help="auto: bfloat16 where the processor has it.")
        _select("Device", "device", {d: d for d in ("auto", "cpu", "cuda", "mps")})
        st.toggle(
            "Estimate BatchNorm's statistics again before each test",
            DEFAULTS["bn"],
            help="Running averages lag behind; a plain 56-layer net tests 20-30 points lower with them.",
            **_bound("bn"),
        )


def _family_changed() -> None:
    """The article's block and network go together; so do their shortcut and order."""
    article = st.session_state["family"] == "article"
    shortcut = _usual_shortcut(st.session_state["family"])
    st.session_state.update(order="article" if article else "original", shortcut=shortcut)


def _usual_shortcut(family: str) -> str:
    return {"article": "maxpool", "imagenet": "projection"}.get(family, "identity")


def costs(store: Store) -> str:
    """Parameters, multiply-adds, memory and expected time of what the controls would train. Raises SpecError, DataError."""
    specs = chosen(current())
    model, batch = specs[0].model, specs[0].train.batch_size
    parameters = arch.parameters(model)
    # Weights, gradients and momentum in float32, and what a batch keeps for the backward pass.
    memory = 12 * parameters + batch * arch.activation_bytes(model)
    seconds = engine.expected_seconds(store, specs)
    time = f"about {duration(seconds)}" if seconds else "time unknown until this machine has trained once"
    parts = (
        f"{parameters:,} parameters",
        f"{arch.multiply_adds(model) / 1e6:,.1f} M multiply-adds",
        f"{memory / 1e6:,.0f} MB",
    )
    return " · ".join((*parts, time))


def toggle_skip(block: int) -> None:
    """Switch the skip of a block (from 1) off, or on again."""
    off = set(filter(None, current()["off"].split(".")))
    off ^= {str(block)}
    st.session_state["off"] = ".".join(sorted(off, key=int))
