"""Where the project's own files lie, in a checkout and in an installed wheel: what ships with the app, what browsers load."""

import contextlib
import os
from pathlib import Path

PACKAGE = Path(__file__).parent
# By a wheel, which carries these there; a checkout and an editable install have none.
INSTALLED = (PACKAGE / "_app").is_dir()
ROOT = PACKAGE / "_app" if INSTALLED else PACKAGE.parent  # of app.py, pages/, assets/ and .streamlit/
ASSETS = ROOT / "assets"
TWINS, LABS, IMAGES = ASSETS / "twins", ASSETS / "labs", ASSETS / "images"
STAGE = PACKAGE / "stage"


def cache() -> Path:
    """Where data sets, weights and what an installed app serves are kept: RESNET_VIZ_DATA, else ~/.cache/resnet_viz."""
    return Path(os.environ.get("RESNET_VIZ_DATA") or Path.home() / ".cache" / "resnet_viz")


def remove(path: Path) -> None:
    """Delete a file that may be gone already. One that somebody reads stays on Windows, which has no other way."""
    with contextlib.suppress(PermissionError):
        path.unlink(missing_ok=True)


def taken(folder: Path) -> int:
    """Bytes of the files right in a folder; 0 where there is none."""
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file()) if folder.is_dir() else 0


def served(version: str) -> Path:
    """The folder that Streamlit runs app.py in: it serves static/ beside the main script only, and nothing is written into an
    installed package.
    """
    return cache() / "app" / version if INSTALLED else ROOT
