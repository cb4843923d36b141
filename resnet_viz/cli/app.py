"""`app`: serve the app, and open it in the browser."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from resnet_viz import __version__
from resnet_viz.errors import UserError
from resnet_viz.files import ROOT, served


def add_parser(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("app", help="open the app in the browser; also what happens without a command")
    command.add_argument("--port", type=int, help="default: 8501, or the next that is free")
    command.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="0.0.0.0 lets in all who reach this machine; default: %(default)s",
    )
    command.add_argument(
        "--demo",
        action="store_true",
        help="for a public link: private runs that go after an hour, limits, no server paths",
    )
    command.add_argument("--headless", action="store_true", help="serve, but open no browser")
    command.set_defaults(call=app)


def app(options: argparse.Namespace) -> int:
    """Serve until interrupted; runs are kept where the command was given. Raises UserError for a port that is none."""
    if options.port is not None and not 1 <= options.port <= 65535:
        raise UserError(f"--port {options.port} is no port; choose one from 1024 to 65535.")
    if options.demo:
        os.environ["RESNET_VIZ_MODE"] = "demo"
    # -P: modules are not looked for in the folder that somebody happens to be in.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(prepare()), f"--server.address={options.host}"]
    if options.port is not None:
        command.append(f"--server.port={options.port}")
    if not options.headless and _has_screen():
        command.append("--server.headless=false")
    command.append("--server.showEmailPrompt=false")
    if os.name == "posix":  # whoever stops this process stops the server
        sys.stdout.flush()
        os.execv(sys.executable, command)
    return subprocess.call(command)


def prepare() -> Path:
    """The script for Streamlit to run; of an installed app that is a copy in the cache, beside its options and static/."""
    folder = served(__version__)
    try:
        (folder / "static").mkdir(parents=True, exist_ok=True)
        for name in ("app.py", ".streamlit/config.toml") if folder != ROOT else ():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    except OSError as error:
        raise UserError(
            f"{str(folder)!r} can't be written to ({error.strerror}); set RESNET_VIZ_DATA to a folder that can."
        ) from error
    return folder / "app.py"


def _has_screen() -> bool:
    """Whether a browser can be opened here: Linux says so in its environment."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
