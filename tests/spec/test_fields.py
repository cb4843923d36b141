"""The table of controls: every field of every spec goes through form and command line unchanged; bad values get a sentence."""

import argparse
from dataclasses import fields, replace
from itertools import count

import pytest

from resnet_viz.cli.options import add_fields, add_spec_options, fields_of, spec_of
from resnet_viz.spec.checks import SpecError
from resnet_viz.spec.data import AUGMENTATIONS, DataSpec
from resnet_viz.spec.fields import default_of, item_type, rows, types
from resnet_viz.spec.lab import LABS
from resnet_viz.spec.run import RunSpec, from_json, to_json
from resnet_viz.spec.train import MACHINE
from resnet_viz.spec.values import (
    CONTROLS,
    DEFAULTS,
    FROM_DATA,
    PARTS,
    differences,
    from_link,
    residual_spec,
    to_link,
    values_of,
)

NUMBERS = count(2)


def another(cls: type, name: str):
    """A value of a field that is allowed and is not its default."""
    entry, kind, default = rows(cls)[name], types(cls)[name], default_of(cls, name)
    if entry.choices and item_type(kind) is None:
        return next(value for value in reversed(entry.choices) if value not in (default, "none"))
    if item_type(kind) is not None:
        return {"augment": AUGMENTATIONS[:2], "milestones": (0.25, 0.875), "no_skip": (2, 7)}.get(name, (3, 5))
    if kind is bool:
        return not default
    if kind is str:
        return "another"
    low = entry.low if entry.low is not None else entry.above
    high = entry.high if entry.high is not None else entry.below
    value = (
        kind(0.3125 * high + 0.6875 * (low or 0)) if high is not None and high < 1e6 else kind(default + next(NUMBERS))
    )
    assert value != default
    return value


def changed(part: str, name: str) -> RunSpec:
    spec = RunSpec()
    return replace(spec, **{part: replace(getattr(spec, part), **{name: another(PARTS[part], name)})})


@pytest.mark.parametrize("name", CONTROLS)
def test_a_field_goes_through_the_form_unchanged(name) -> None:
    spec = changed(CONTROLS[name][0], name)
    assert residual_spec(values_of(spec)) == spec
    assert values_of(residual_spec(values_of(spec))) == values_of(spec)
    # A form shows numbers, texts, yes and no; and what is not changed stands at its default.
    assert {k for k, v in values_of(spec).items() if v != DEFAULTS[k]} == {name}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_field_goes_through_a_link_unchanged_and_alone(name) -> None:
    values = values_of(changed(CONTROLS[name][0], name))
    query = to_link(values)
    assert list(query) == [name]
    assert from_link(query) == ({name: values[name]}, [])


@pytest.mark.parametrize("values", [{"data": "own:" + "a" * 64}, {"nets": "plain"}, {"data": "cifar10"}])
def test_data_and_nets_go_through_a_link(values) -> None:
    assert from_link(to_link(DEFAULTS | values)) == (values, [])


def test_a_link_of_an_older_version_is_read_labels_and_all() -> None:
    query = {
        "rate": "0.1",
        "batch": "64",
        "decay": "1e-4",
        "bn": "false",
        "off": "3.9",
        "optimiser": "AdamW",
        "show": "abc",
    }
    values, refused = from_link(query)
    assert refused == []
    assert values == {
        "lr": 0.1, "batch_size": 64, "weight_decay": 1e-4, "reestimate_bn": False, "no_skip": "3.9", "optimizer": "adamw",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"depth": "abc"}, "Depth takes a whole number, not 'abc'"),
        ({"lr": "nan"}, "Learning rate 'nan' is not a finite number"),
        ({"lr": "-1"}, "Learning rate '-1' is not above 0"),
        ({"epochs": "1e999"}, "Epochs takes a whole number"),
        ({"no_skip": "abc"}, "Skips off 'abc' is not a list"),
        ({"no_skip": "[]"}, "Skips off '[]' is not a list"),
        ({"norm": "layer"}, "Norm 'layer' is not known; choose one of batch, group, none"),
        ({"reestimate_bn": "maybe"}, "is true or false, not 'maybe'"),
        ({"data": "imagenet"}, "Data 'imagenet' is not known"),
        ({"nets": "x" * 1000}, "…"),
    ],
)
def test_what_a_link_holds_is_taken_or_said(query, words) -> None:
    values, (sentence,) = from_link(query | {"seed": "7"})
    assert values == {"seed": 7}
    assert words in sentence
    assert len(sentence) < 200


@pytest.mark.parametrize("name", CONTROLS)
def test_what_differs_is_said_by_its_label(name) -> None:
    found = differences(changed(CONTROLS[name][0], name), RunSpec())
    assert [label for label, _, _ in found] == ([] if name in MACHINE else [CONTROLS[name][1].label])
    assert all(shown != asked for _, shown, asked in found)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_field_goes_through_the_command_line_unchanged(name) -> None:
    spec = changed(CONTROLS[name][0], name)
    value = getattr(getattr(spec, CONTROLS[name][0]), name)
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        words = [option if value else option.replace("--", "--no-", 1)]
    else:
        words = [option, *map(str, value if isinstance(value, tuple) else [value])]
    parser = argparse.ArgumentParser()
    add_spec_options(parser)
    assert spec_of(parser.parse_args(words)) == spec


def test_no_option_is_given_means_the_defaults_everywhere() -> None:
    parser = argparse.ArgumentParser()
    add_spec_options(parser)
    assert spec_of(parser.parse_args([])) == RunSpec() == residual_spec(DEFAULTS) == residual_spec({})


@pytest.mark.parametrize("kind", LABS)
def test_every_field_of_a_lab_goes_through_the_command_line(kind) -> None:
    cls = LABS[kind]
    for name in rows(cls):
        if name == "networks":
            continue
        parser = argparse.ArgumentParser()
        add_fields(parser, cls, leave_out=("networks",))
        value = another(cls, name)
        options = parser.parse_args([f"--{name.replace('_', '-')}", str(value)])
        assert cls(**fields_of(cls, options)) == cls(**{name: value})


def test_every_field_of_a_run_has_a_row_and_no_two_parts_have_one_name() -> None:
    names = [f.name for cls in PARTS.values() for f in fields(cls)]
    assert sorted(names) == sorted([*CONTROLS, *FROM_DATA])
    without_place = {
        name for name, (_, entry) in CONTROLS.items() if not entry.tab
    }  # what is drawn where it is not usual
    assert without_place == {
        "no_skip", "stages", "groups", "width_per_group", "stride_in_1x1", "hidden", "stem_channels", "norm_groups",
        "raw_projection",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("part", "name", "value", "words"),
    [
        ("train", "lr", 0.0, "Learning rate 0 is not above 0"),
        ("train", "lr", float("nan"), "Learning rate nan is not a finite number"),
        ("train", "momentum", 1.0, "Momentum 1 is outside 0 to 1"),
        ("train", "batch_size", 1, "Batch size 1 is outside 2 to"),
        ("train", "epochs", "3", "Epochs takes a whole number, not '3'"),
        ("train", "epochs", True, "Epochs takes a whole number, not True"),
        ("train", "reestimate_bn", 1, "takes yes or no, not 1"),
        ("train", "optimizer", "sgdd", "Optimizer 'sgdd' is not known; choose one of sgd, adam, adamw"),
        ("train", "milestones", (0.75, 0.5), "rising order"),
        ("train", "milestones", [0.5], "is not a list"),
        ("model", "depth", 57, "the nearest are 56 and 62"),
        ("model", "depth", 56.0, "Depth takes a whole number"),
        ("model", "no_skip", ("3",), "Skips off takes a whole number"),
        ("model", "width", 1e9, "Width factor 1,000,000,000 is outside 0.125 to 16"),
        (
            "model",
            "stages",
            (2, 2, 2, 2),
            "Depth 56 does not fit stages of 2, 2, 2, 2 blocks: it is 18 if they are basic, 26",
        ),
        ("model", "stages", (9,) * 7, "7 stages of 63 blocks are too many"),
        ("model", "stages", (0, 3), "Blocks of each stage 0 is outside 1 to 400"),
        ("model", "groups", 4, "are a bottleneck's; this network has none"),
        ("model", "stride_in_1x1", True, "are a bottleneck's; this network has none"),
        ("model", "raw_projection", True, "differs in pre-activation alone"),
        ("model", "hidden", (0,), "Hidden units of the head 0 is outside 1 to"),
        ("data", "augment", ("flip", "spin"), "Augmentation 'spin' is not known"),
        ("data", "limit", -1, "Training images at most -1"),
        ("data", "name", "x" * 1000, "…"),
    ],
)
def test_a_bad_value_gets_one_short_sentence(part, name, value, words) -> None:
    spec = replace(RunSpec(), **{part: replace(getattr(RunSpec(), part), **{name: value})})
    with pytest.raises(SpecError) as caught:
        spec.validate()
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["abc", "3.x", "3.1e9"])
def test_a_list_in_a_link_that_is_none_gets_a_sentence(text) -> None:
    with pytest.raises(SpecError, match=r"Skips off .* is not a list"):
        residual_spec({"no_skip": text})


VERSION_1 = """{"data": {"augment": ["flip"], "hash": "", "label": "", "limit": 64, "name": "digits", "split_seed": 0,
"validation": 0.1}, "lab": {"images_": 0}, "model": {"channels": 3, "classes": 10, "depth": 20, "drop": 0.5, "family": "cifar",
"gate_bias": -6.0, "init": "he", "no_skip": [3], "norm": "batch", "order": "original", "shortcut": "identity", "size": 32,
"width": 1}, "train": {"batch": 64, "channels_last": true, "device": "cpu", "epochs": 3, "label_smoothing": 0.1,
"milestones": [0.5, 0.75], "mixup": 0.0, "momentum": 0.9, "optimiser": "adamw", "precision": "bfloat16", "rate": 0.001,
"reestimate_bn": true, "schedule": "cosine", "seed": 7, "steps": 0, "threads": 1, "warmup": 4, "weight_decay": 0.01}}"""


def test_a_description_of_version_1_is_read_in_todays_words() -> None:
    spec = from_json(VERSION_1.replace('"lab": {"images_": 0}', '"lab": null'))
    assert (spec.train.optimizer, spec.train.lr, spec.train.batch_size, spec.train.dtype) == (
        "adamw",
        0.001,
        64,
        "bfloat16",
    )
    assert (spec.train.warmup_steps, spec.model.stochastic_depth, spec.model.width) == (4, 0.5, 1.0)
    assert from_json(to_json(spec)) == spec
    lab = '"lab": {"kind": "lr_range", "networks": [], "low": 0.01, "high": 1.0, "rates": 30}'
    read = from_json(VERSION_1.replace('"lab": {"images_": 0}', lab)).lab
    assert (read.min_lr, read.max_lr, read.num_steps) == (0.01, 1.0, 30)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"depth": 56', '"depth": "56"', "ModelSpec.depth: '56' stands where a whole number is wanted"),
        ('"depth": 56', '"depth": null', "ModelSpec.depth: None stands where"),
        ('"no_skip": []', '"no_skip": 5', "ModelSpec.no_skip"),
        ('"lr": 0.05', '"lr": [0.05]', "TrainSpec.lr"),
        ('"lr": 0.05', '"speed": 0.05', "TrainSpec has no field 'speed'"),
        ('"version": 2', '"version": 3', "version is 3"),
        ('"model": {', '"model": 5, "was": {', "not the description of a run"),
        ('"lab": null', '"lab": {"kind": "another"}', "Lab 'another' is not known"),
        ('"lab": null', '"lab": {}', "not the description of a run"),
    ],
)
def test_a_description_that_is_none_gets_a_sentence(old, new, words) -> None:
    text = to_json(RunSpec())
    assert old in text
    with pytest.raises(SpecError) as caught:
        from_json(text.replace(old, new))
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "5", "null", '"text"', "{}", "[" * 100_000, '{"model": {}}'])
def test_a_text_that_is_no_description_gets_a_sentence(text) -> None:
    with pytest.raises(SpecError, match="not the description of a run"):
        from_json(text)


def test_a_run_of_the_users_own_data_goes_through_the_form() -> None:
    spec = replace(RunSpec(), data=DataSpec("own", hash="a" * 64, limit=500))
    assert residual_spec(values_of(spec)) == spec
