"""Where the project's own files lie: what ships with the app, and what browsers load."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "assets"
TWINS, LABS, IMAGES = ASSETS / "twins", ASSETS / "labs", ASSETS / "images"
STAGE = Path(__file__).parent / "stage"
