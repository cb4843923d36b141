"""Whole runs in one file, out of one store and into another: a zip of their records (.npz) and of every checkpoint's weights.

What comes in is untrusted. Nothing of it is unpickled, and all of it is checked before any of it is kept.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from resnet_viz.data.archives import open_zip
from resnet_viz.errors import UserError
from resnet_viz.nets import refs
from resnet_viz.nets.refs import NetworkError
from resnet_viz.runs import arrivals
from resnet_viz.runs import record as records
from resnet_viz.runs.events import METRICS
from resnet_viz.runs.layout import layout_of
from resnet_viz.runs.record import ENDED, Record
from resnet_viz.runs.store import Store
from resnet_viz.spec import arch
from resnet_viz.spec.checks import quote

RECORDS = "records.npz"
SERIES = 512 << 20  # bytes of curves in one file, at most; those of 1,202 layers take 100 MB
TEXT = 2000  # characters of a message or note


class BundleError(UserError):
    """Why runs can't be written to one file, or what is wrong with one that is brought."""


def pack(store: Store, ids: Sequence[str]) -> bytes:
    """Trainings that have ended, whole: settings, curves, and the weights of every checkpoint. Raises BundleError."""
    from resnet_viz.nets import weights  # and torch with it

    runs = [store.run(run) for run in ids]
    for run in runs:
        if run.spec.own:
            raise BundleError(
                f"Run {run.id} ({run.name}) is of a network of your own: take its CSV, or its checkpoints."
            )
        if run.kind != "train" or run.status not in ENDED:
            raise BundleError(
                f"Run {run.id} ({run.name}) is {'a lab' if run.kind != 'train' else run.status}; "
                "whole runs are written of trainings that finished or diverged."
            )
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for run in runs:
            try:
                sources = refs.checkpoints(refs.find(f"run:{run.id}", store), store)
            except NetworkError:
                sources = []  # a run that diverged early has none
            for source in sources:
                network = weights.load(source)
                last = source.step == sources[-1].step
                archive.writestr(f"{run.id}/{source.step}.safetensors", weights.as_safetensors(network, half=not last))
        info = [{"group": r.group, "note": r.note, "created": r.created, "started": r.started, "finished": r.finished}
                for r in runs]  # fmt: skip
        whole = [
            replace(store.record(run.id), info=more | {"versions": run.versions})
            for run, more in zip(runs, info, strict=True)
        ]
        part = io.BytesIO()
        records.save(part, whole)
        archive.writestr(RECORDS, part.getvalue())
    return held.getvalue()


def unpack(store: Store, name: str, content: bytes) -> list[str]:
    """Keep the runs of a file that `pack` made under their own ids, which are returned. All or none.

    Raises BundleError for what is wrong with the file, StoreError where one of its runs is here already.
    """
    with _open(name, io.BytesIO(content)) as archive:
        if sum(info.file_size for info in archive.infolist()) > len(content):
            raise BundleError(f"{name!r} is packed, which no exported run is; export it again.")
        found = _records(name, archive)
        for record in found:
            _check(name, record)
        taken = [(record, list(_weights(name, archive, record))) for record in found]
    arrivals.add(store, taken, store.visitor.name if store.visitor else "")
    return [record.id for record in found]


def _open(name: str, file: BinaryIO) -> zipfile.ZipFile:
    try:
        return open_zip(name, file)
    except UserError as error:
        raise BundleError(str(error)) from error


def _records(name: str, archive: zipfile.ZipFile) -> list[Record]:
    try:
        held = io.BytesIO(archive.read(RECORDS))
        with _open(RECORDS, held) as inner:
            if sum(info.file_size for info in inner.infolist()) > SERIES:
                raise BundleError(
                    f"{name!r} holds over {SERIES >> 20} MiB of curves, which no run has; export it again."
                )
        held.seek(0)
        return records.load(held)
    except (KeyError, ValueError, TypeError, AttributeError, EOFError, OSError, RecursionError, MemoryError) as error:
        raise BundleError(_not_one(name, error)) from error
    except (zipfile.BadZipFile, zlib.error, UserError, NotImplementedError) as error:
        raise error if isinstance(error, BundleError) else BundleError(_not_one(name, error)) from error


def _not_one(name: str, error: Exception) -> str:
    return (
        f"{name!r} is no exported run, or is damaged ({str(error)[:200].rstrip('.')}); "
        "export it with `export RUN --whole FILE.zip`."
    )


def _check(name: str, record: Record) -> None:
    """Raise BundleError for the first thing in a record that no run of ours says."""

    def require(condition: bool, what: str) -> None:
        if not condition:
            raise BundleError(f"{name!r} holds a run that can't be kept: {what}; export it again.")

    try:
        record.spec.validate()
    except UserError as error:
        raise BundleError(f"{name!r} holds a run that can't be kept: {error}") from error
    info = record.info
    held = record.result, info, info.get("versions") if isinstance(info, dict) else None
    require(all(isinstance(one, dict) for one in held), "its result, its times or its versions are no table")
    require(record.spec.own is None, "its network is its user's own, and is not in the file")
    require(record.spec.lab is None, "it is a lab, whose networks are elsewhere")
    require(_matches(record.id, r"[0-9a-f]{12}"), f"its id {quote(record.id)} is none")
    require(_matches(info.get("group"), r"[0-9a-f]{8}"), f"its group {quote(info.get('group'))} is none")
    require(record.status in ENDED, f"its status {quote(record.status)} is none of {', '.join(ENDED)}")
    for key, text in (("name", record.name), ("message", record.message), ("note", info.get("note"))):
        require(isinstance(text, str) and len(text) <= TEXT, f"its {key} is no text of up to {TEXT:,} characters")
    steps = (record.step, record.steps)
    require(all(type(n) is int for n in steps) and 0 <= steps[0] <= steps[1] <= 10**9, f"steps {quote(steps)} are none")
    for key in ("created", "started", "finished"):
        when: Any = info.get(key)
        missing = when is None and key != "created"
        require(missing or (_number(when) and 0 <= when < 2**33), f"the time {key} {quote(when)} is none")
    for key, value in record.result.items():
        require(value is None or _number(value), f"its result {quote(key)} is {quote(value)}, no number")
    for key, value in info["versions"].items():
        require(isinstance(value, str) and len(value) < TEXT, f"its version of {quote(key)} is {quote(value)}, no text")
    require(record.layout == layout_of(record.spec.model), "its blocks and layers are not those of its network")
    for metric, (at, values) in record.series.items():
        require(metric in METRICS, f"its metric {quote(metric)} is not known")
        width = _width(record, metric)
        shape = values.shape[:1] if width is None else (*values.shape[:1], width)
        require(
            values.shape == shape and at.shape == shape[:1],
            f"{metric} of shape {values.shape} does not fit its network",
        )
        require(bool((np.diff(at) > 0).all()) and (not len(at) or 0 <= at[0] <= at[-1] <= record.step),
                f"the steps of its {metric} are not in order, or past its end")  # fmt: skip


def _matches(value: Any, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _width(record: Record, metric: str) -> int | None:
    """How many numbers a step of a metric has; None: one, not in a row."""
    axis = METRICS[metric].axis
    if axis is None:
        return None
    if axis == "block":
        return len(record.layout.blocks)
    if metric == "activation_std":  # before each ReLU: the stem, and the convolutions of the branches
        return 1 + sum(len(block.convs) for block in arch.blocks(record.spec.model))
    return len(record.layout.layers)


def _weights(name: str, archive: zipfile.ZipFile, record: Record) -> Iterator[tuple[int, bytes]]:
    """Step and .safetensors of each checkpoint of a run, checked as the file of a stranger. Raises BundleError."""
    from resnet_viz.nets import bring  # and torch with it

    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        if path.parent.name != record.id:
            continue
        try:
            content = archive.read(info)
            network = bring.described(info.filename, content)
        except (UserError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise BundleError(f"{name!r}: {error}") from error
        step = network.source.step
        if network.spec != record.spec.model or not 0 < step <= record.steps:
            raise BundleError(f"{name!r}: the weights {info.filename!r} are not of their run; export it again.")
        yield step, content
