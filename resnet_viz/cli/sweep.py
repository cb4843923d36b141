"""The labs that train, on the command line: the range test of a net, and sweeps of many runs in the queue."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from resnet_viz import labs
from resnet_viz.cli.options import add_fields, add_spec_options, fields_of, spec_of
from resnet_viz.cli.output import print_data, say_why_they_wait
from resnet_viz.data import catalogue
from resnet_viz.labs import grids
from resnet_viz.runs import record, sweeps
from resnet_viz.runs.events import Event, Result, Status
from resnet_viz.runs.record import LIVE
from resnet_viz.runs.rows import Run
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import RangeSpec
from resnet_viz.spec.model import SHORTCUTS
from resnet_viz.words import sweeps as sweep_words
from resnet_viz.workers import engine

# Of a sweep's runs these curves are kept in a file, beside what they came to.
SLIM = ("loss", "val_loss", "val_accuracy")


def range_options(parser: argparse.ArgumentParser) -> None:
    """The net, and the rates to test."""
    add_fields(parser, RangeSpec, leave_out=("networks",))
    add_spec_options(parser)


def lr_range(options: argparse.Namespace) -> Iterator[Event]:
    """The events of a range test, in this process."""
    from resnet_viz.train import job

    lab = RangeSpec(**fields_of(RangeSpec, options))
    spec = job.resolve(catalogue.fill(replace(spec_of(options), lab=lab)))
    print_data(spec)
    total, events = labs.begin(spec, Store())
    yield Status(lab.title, 0, total)
    yield from events


def sweep_options(parser: argparse.ArgumentParser) -> None:
    """The grid: depths and shortcuts, or remedies; and what its runs have in common."""
    grid = parser.add_argument_group("grid")
    grid.add_argument("--depths", nargs="+", type=int, help="default: --depth alone")
    grid.add_argument(
        "--shortcuts",
        nargs="+",
        choices=SHORTCUTS,
        default=["identity", "none"],
        metavar="KIND",
        help=f"of {', '.join(SHORTCUTS)}; default: identity none",
    )
    grid.add_argument("--seeds", type=int, default=2, help="0 to so many less one; default: %(default)s")
    grid.add_argument(
        "--remedies", nargs="*", choices=sweeps.REMEDIES, metavar="REMEDY",
        help=f"compare these against overfitting instead, of {', '.join(sweeps.REMEDIES)}; needs a --limit",
    )  # fmt: skip
    grid.add_argument("--save", type=Path, metavar="FILE", help="keep what was measured, as the page reads it (.npz)")
    add_spec_options(parser)


def sweep(options: argparse.Namespace) -> Iterator[Event]:
    """Queue the grid, and say of each run, as it ends, what it came to; then the sentence and every cell.

    Interrupted, it stops all its runs; they can be gone on with on the page.
    """
    base = spec_of(options)
    print_data(base)
    if options.remedies is None:
        specs = grids.depth_grid(base, options.depths or [base.model.depth], options.shortcuts, options.seeds)
    else:
        specs = grids.remedy_grid(base, options.remedies or list(sweeps.REMEDIES), options.seeds)
    grids.check(specs)
    store = Store()
    ids = engine.start(store, specs)
    engine.supervise(store, spares=0)
    try:
        for number, run in enumerate(_as_they_end(store, ids), 1):
            yield Status(f"{run.name}, seed {run.spec.train.seed}: {_outcome(run)}", number, len(ids))
    except KeyboardInterrupt:
        for run_id in ids:
            store.want(run_id, "stop")
        yield Result("stopped", {"group": store.run(ids[0]).group}, "Stopped; go on with it on the page Sweeps.")
        return
    records = [store.record(run_id, SLIM) for run_id in ids]
    if options.save:
        record.save(options.save, records)
    cells = [
        {
            "cell": list(cell.key), "runs": len(cell.records), "test_error": cell.errors.tolist(),
            "fit_accuracy": cell.values("fit_accuracy").tolist(), "val_accuracy": cell.validation.tolist(),
        }
        for cell in sweeps.cells(records)
    ]  # fmt: skip
    failed = [r for r in records if r.status in ("failed", "lost", "stopped")]
    values = {"sentence": sweep_words.verdict(records), "about": sweep_words.aside(records), "cells": cells}
    yield Result("failed" if failed else "finished", values, failed[0].message if failed else "")


def _as_they_end(store: Store, ids: Sequence[str]) -> Iterator[Run]:
    waiting, said = list(ids), ""
    while waiting:
        runs = [store.run(run_id) for run_id in waiting]
        said = say_why_they_wait(store, runs, said)
        for run in runs:
            if run.status not in LIVE:
                waiting.remove(run.id)
                yield run
        time.sleep(0.2)


def _outcome(run: Run) -> str:
    accuracy = run.result.get("test_accuracy")
    return run.status if accuracy is None else f"test error {sweep_words.number(100 * (1 - accuracy))} %"
