"""The controls of a training run, drawn from the table in the specs (`spec.fields`); presets; what the next run costs.

Every control stands in the URL under its field's name (`ui.link`), so a link carries the whole setting, the seed included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import streamlit as st

from resnet_viz.data import catalogue, download
from resnet_viz.language import N_, tr
from resnet_viz.runs.store import Store
from resnet_viz.spec import arch
from resnet_viz.spec.checks import SpecError, quote
from resnet_viz.spec.data import AUGMENTATIONS
from resnet_viz.spec.fields import TABS, Row, from_value, item_type, rows, types
from resnet_viz.spec.model import IMAGENET_DEPTHS, block_count
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.values import CONTROLS, DEFAULTS, NETS, PARTS, residual_spec, usual_shortcut
from resnet_viz.ui.live import duration
from resnet_viz.workers import engine

# Depths that the slider offers, by family.
DEPTHS = (*range(8, 111, 6), 164, 302, 602, 1202)
OFFERED = {"cifar": DEPTHS, "imagenet": IMAGENET_DEPTHS, "article": tuple(range(3, 19))}

# Preset: what it shows, and how it differs from the defaults.
PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    N_("Degradation at 56"): (N_("Plain-56 does not even fit its training data; the residual twin does."), {}),
    N_("Depth 20"): (N_("At 20 layers both learn: depth is the point."), {"depth": 20}),
    N_("No BatchNorm"): (
        N_("Without a norm plain's gradients vanish; SkipInit starts every branch at 0 and trains."),
        {"norm": "none", "init": "skipinit", "lr": 0.01},
    ),
    N_("Break it: no norm, He"): (
        N_("Without a norm, every residual block started from He doubles the signal: it explodes."),
        {"norm": "none", "lr": 0.01},
    ),
    N_("110 layers"): (N_("The deepest of He et al. 2015 but one; it wants a warm-up."),
        {"depth": 110, "lr": 0.02, "warmup_steps": 40}),
    N_("The article's net"): (
        N_("Two blocks of BN, ReLU and 1×1 convolution; Adam at 0.0001, 100 epochs."),
        {
            "family": "article", "depth": 4, "shortcut": "maxpool", "order": "article", "optimizer": "adam", "lr": 1e-4,
            "epochs": 100,
        },
    ),
    N_("A learning rate that breaks"): (N_("At a learning rate of 3 both fail: skips do not cure every ill."), {"lr": 3.0}),
}  # fmt: skip

# Augmentations to choose from: the data set's own, none, and every set of them.
AUGMENT = {"default": N_("the data set's usual"), "none": N_("none")} | {
    "+".join(names): " + ".join(names) for n in range(1, 4) for names in combinations(AUGMENTATIONS, n)
}


def chosen(values: Mapping[str, Any]) -> list[RunSpec]:
    """The runs that "Train" would start, residual first: filled in from the data and validated.

    Raises SpecError or DataError with a sentence for the user.
    """
    residual = catalogue.fill(residual_spec(values))
    return {"both": [residual, residual.twin()], "residual": [residual], "plain": [residual.twin()]}[values["nets"]]


def apply(values: Mapping[str, Any]) -> None:
    """Set the controls, those that are not named to their defaults. For callbacks, before the controls are drawn."""
    st.session_state.update(DEFAULTS | dict(values))


def current() -> dict[str, Any]:
    """The controls' values now, defaults where a control has not been drawn yet."""
    return {key: st.session_state.get(key, default) for key, default in DEFAULTS.items()}


# One control


def draw(cls: type, name: str, default: Any, **options: Any) -> Any:
    """The widget of a spec's field, as its row says; ``options`` are the widget's own (``key`` ...), and go before the row's.

    Returns its value, as `spec.values` holds it.
    """
    entry, kind = rows(cls)[name], types(cls)[name]
    label = options.pop("label", tr(entry.label))
    options = {"help": tr(entry.help) or None} | options
    if item_type(kind) is not None and name != "augment":
        return st.text_input(label, default, **options)
    if choices := AUGMENT if name == "augment" else entry.choices:
        offered = options.pop("choices", choices)
        return st.selectbox(label, list(offered), list(offered).index(default), lambda key: tr(offered[key]), **options)
    if kind is bool:
        return st.toggle(label, default, **options)
    return _number(entry, kind, label, default, **options)


def _number(entry: Row, kind: type, label: str, default: Any, **options: Any) -> Any:
    low = entry.low if entry.low is not None else entry.above
    high = entry.high if entry.high is not None else entry.below
    limits = {"min_value": low, "max_value": high, "step": entry.step} | options
    for limit in ("min_value", "max_value", "step"):
        limits[limit] = None if limits[limit] is None else kind(limits[limit])
    return st.number_input(label, value=kind(default), format="%g" if kind is float else "%d", **limits)


def _bound(key: str) -> dict[str, Any]:
    return {"key": key, "persist_state": "session"}


def _draw(name: str, **options: Any) -> None:
    """A control of the form."""
    draw(PARTS[CONTROLS[name][0]], name, DEFAULTS[name], **_bound(name), **options)


def data_names() -> dict[str, str]:
    """Data sets to choose from, with labels: the built-in ones and what the user has brought."""
    names = {n: tr(facts.label) + ("" if download.available(n) else " ↓") for n, facts in catalogue.BUILT_IN.items()}
    return names | {f"own:{s.hash}": f"{s.label} ({s.hash[:4]})" for s in catalogue.own_data()}


def draw_data(**options: Any) -> str:
    """Which data set; returns the control's value."""
    names, entry = data_names(), rows(PARTS["data"])["name"]
    return st.selectbox(tr(entry.label), list(names), 0, names.__getitem__, **({"help": tr(entry.help)} | options))


# The form


def draw_main() -> None:
    """The controls in sight: depth, data, which nets, and the fields of the tab "main"."""
    depths = _depths()
    if current()["depth"] not in depths:
        st.session_state["depth"] = min(depths, key=lambda d: abs(d - current()["depth"]))
    shown = DEFAULTS["depth"] if DEFAULTS["depth"] in depths else depths[0]
    st.select_slider(tr(CONTROLS["depth"][1].label), depths, shown, **_bound("depth"))
    if new := st.session_state.pop("new_data", None):
        st.session_state["data"] = new
    if current()["data"] not in data_names():
        st.session_state["complaint"] = tr(
            "The data set {data} is not on this machine; bring it with Your data, or choose another.",
            data=quote(current()["data"]),
        )
        st.session_state["data"] = DEFAULTS["data"]
    names = [name for name, (_, entry) in CONTROLS.items() if entry.tab == "main" and name != "depth"]
    for pair in batched(["data", "nets", *names]):  # a row at a time, as the keyboard goes
        for name, place in zip(pair, st.columns(2), strict=False):
            with place:
                if name == "data":
                    draw_data(**_bound(name))
                elif name == "nets":
                    st.selectbox(tr("Nets"), list(NETS), 0, lambda key: tr(NETS[key]), **_bound(name))
                else:
                    _draw(name)


def batched(names: Sequence[str]) -> list[Sequence[str]]:
    """Names two by two, in their order."""
    return [names[at : at + 2] for at in range(0, len(names), 2)]


def _depths() -> tuple[int, ...]:
    """What the depth slider offers: the family's; where a link or a run brought the stages, what these may have."""
    stages = from_value(PARTS["model"], "stages", current()["stages"])
    return (2 + 2 * sum(stages), 2 + 3 * sum(stages)) if stages else OFFERED[current()["family"]]


def draw_skips() -> None:
    """Which skips the next net lacks: by keyboard and finger what a click on a block does."""
    if not (count := _blocks()):
        return
    label = CONTROLS["no_skip"][1].label
    st.session_state["skips off"] = [block for block in _off() if block <= count]
    st.multiselect(
        tr(label),
        range(1, count + 1),
        key="skips off",
        on_change=lambda: _switch_off(st.session_state["skips off"]),
        placeholder=tr("Block …"),
        help=tr("Blocks of the next net that lose their skip, as by a click on them in the drawing."),
    )


def draw_unusual(*but: str) -> None:
    """What the next net has that no control shows: skips switched off by clicks on its drawing, and what a link or a run brought.

    It is kept in the URL like every control. ``but``: fields that the page shows in another way.
    """
    for name, (_, entry) in CONTROLS.items():
        if name in but or entry.tab or st.session_state.setdefault(name, DEFAULTS[name]) == DEFAULTS[name]:
            continue
        left, right = st.columns([3, 1], vertical_alignment="center")
        shown = {True: tr("yes")}.get(
            st.session_state[name], str(st.session_state[name]).replace(entry.separator or ".", ", ")
        )
        label = tr(entry.label)
        left.text(tr("Next net: {label} {shown}", label=label[:1].lower() + label[1:], shown=shown[:60]))
        usual = {"no_skip": tr("All on")}.get(name, tr("Usual"))
        right.button(
            usual, on_click=st.session_state.update, kwargs={name: DEFAULTS[name]}, key=f"usual {name}", type="tertiary"
        )


def draw_more() -> None:
    """Everything else, for who wants it: behind "More"."""
    tabs = {tab: label for tab, label in TABS.items() if label}
    for tab, place in zip(tabs, st.tabs([tr(label) for label in tabs.values()]), strict=True):
        names = [name for name, (_, entry) in CONTROLS.items() if entry.tab == tab]
        with place:
            for pair in batched(names):
                for name, column in zip(pair, st.columns(2), strict=False):
                    with column:
                        _draw(name, **_OPTIONS.get(name, {}))


def _family_changed() -> None:
    """The article's block and network go together; so do their shortcut and order."""
    family = st.session_state["family"]
    st.session_state.update(order="article" if family == "article" else "original", shortcut=usual_shortcut(family))


# What a row can't say: the form is of residual nets, whose plain twin is made for them.
_OPTIONS: dict[str, dict[str, Any]] = {
    "family": {"on_change": _family_changed},
    "shortcut": {"choices": {k: v for k, v in (CONTROLS["shortcut"][1].choices or {}).items() if k != "none"}},
}


def costs(store: Store) -> str:
    """Parameters, multiply-adds, memory and expected time of what the controls would train. Raises SpecError, DataError."""
    specs = chosen(current())
    model, batch_size = specs[0].model, specs[0].train.batch_size
    parameters, memory = arch.parameters(model), arch.training_bytes(model, batch_size)
    seconds = engine.expected_seconds(store, specs)
    time = (
        tr("about {time}", time=duration(seconds))
        if seconds
        else tr("time unknown until this machine has trained such a net")
    )
    parts = (
        tr("{parameters:,} parameters", parameters=parameters),
        tr("{millions:,.1f} M multiply-adds", millions=arch.multiply_adds(model) / 1e6),
        f"{memory / 1e6:,.0f} MB",
    )
    return " · ".join((*parts, time))


def pending_skips(blocks: int) -> list[int]:
    """Blocks whose skips the form's net lacks; none where it has not so many ``blocks`` as what is shown."""
    try:
        model = residual_spec(current()).model
        return list(model.no_skip) if block_count(model) == blocks else []
    except (SpecError, KeyError):
        return []


def _blocks() -> int:
    """How many blocks the form's net has; 0 where the form describes none."""
    try:
        return block_count(residual_spec(current() | {"no_skip": ""}).model)
    except (SpecError, KeyError):
        return 0


def _off() -> list[int]:
    """Blocks of the form's net whose skips are off."""
    return sorted({int(part) for part in str(current()["no_skip"]).split(".") if part.isdecimal()})


def _switch_off(blocks: Iterable[int]) -> None:
    st.session_state["no_skip"] = ".".join(map(str, sorted(blocks)))


def toggle_skip(block: int) -> None:
    """Switch the skip of a block (from 1) off, or on again; of a block that the form's net has not, say so."""
    count = _blocks()
    if count and block > count:
        st.session_state["complaint"] = tr(
            "The form's net has {count} blocks, and no block {block}: set the form to what is shown first.",
            count=count,
            block=block,
        )
    elif count:
        _switch_off({*_off()} ^ {block})
