"""Descriptions that older versions wrote, in today's words. A name is never used again for something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What `to_json` writes today. 1: "optimiser", "rate", "pictures" ... and no number of its version.
SPEC_VERSION = 2

# Old name → today's, by part of a RunSpec.
RENAMED = {
    "model": {"drop": "stochastic_depth"},
    "data": {},
    "own": {},
    "train": {
        "optimiser": "optimizer",
        "rate": "lr",
        "batch": "batch_size",
        "precision": "dtype",
        "warmup": "warmup_steps",
    },
    "lab": {"pictures": "images", "low": "min_lr", "high": "max_lr", "rates": "num_steps"},
}
# What was recorded, and what a range test ended with.
METRICS = {"rate": "lr", "pictures": "images"}


def upgraded(part: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a part ("model", "data", "train", "lab" or "own") under today's names."""
    return {RENAMED[part].get(name, name): value for name, value in values.items()}


# Query parameters of links.
LINKS = {
    **{old: new for names in RENAMED.values() for old, new in names.items() if names is not RENAMED["lab"]},
    "decay": "weight_decay",
    "smoothing": "label_smoothing",
    "bn": "reestimate_bn",
    "off": "no_skip",
}


def upgraded_link(query: Mapping[str, str]) -> dict[str, str]:
    """Query parameters under today's names."""
    return {LINKS.get(name, name): text for name, text in query.items()}
