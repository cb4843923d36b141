"""`resnet-viz`, or `python -m resnet_viz`: open the app; or train, export, run labs and check the machine without a browser."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from resnet_viz import __version__
from resnet_viz.cli import app, doctor, labs, reference, runs, train
from resnet_viz.errors import UserError
from resnet_viz.runs.schema import default_home, faults
from resnet_viz.runs.store import Store


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    main = argparse.ArgumentParser(
        "resnet-viz", description="See why residual networks work. Without a command: the app."
    )
    main.add_argument("--version", action="version", version=__version__)
    commands = main.add_subparsers(required=True, metavar="COMMAND")
    app.add_parser(commands)
    train.add_parser(commands)
    runs.add_parsers(commands)
    labs.add_parsers(commands)
    reference.add_parser(commands)
    doctor.add_parser(commands)
    _add_work(commands)
    return main


def _add_work(commands: Any) -> None:
    command = commands.add_parser("work", help="be a worker (the app starts these itself)")
    command.add_argument("--tied", action="store_true", help="leave, once idle, when standard input ends")
    command.set_defaults(call=_work)


def _work(options: argparse.Namespace) -> int:
    from resnet_viz.workers import worker

    return worker.main(Store(wait=worker.PATIENCE), options.tied)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user's is one sentence on standard error and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # Windows' code pages know no − and no α: a sign that is lost is better than none.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = parser().parse_args((sys.argv[1:] if arguments is None else arguments) or ["app"])
    try:
        with faults(default_home()):
            code = options.call(options)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"resnet_viz: {error}", file=sys.stderr)
        return 2
    except (
        BrokenPipeError
    ):  # whoever reads has seen enough, as `head` does; the interpreter's own last flush stays quiet too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
