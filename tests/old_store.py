"""A store as version 1 wrote it: three trainings (one stopped at step 6), one queued, and three labs."""

import zipfile
from pathlib import Path

ZIP = Path(__file__).parent / "data" / "store-v1.zip"
# Ids in it: twins, the one that was stopped, the queued one, and the labs.
RESIDUAL, PLAIN, STOPPED, QUEUED = "15629bc0c2d4", "4ecec454271c", "9d36463c8a93", "9c4b367ccbe7"
LESION, LANDSCAPE, RANGE = "9348d1857b81", "9649cd1acb20", "f779b4167e7f"


def unpacked(folder: Path) -> Path:
    """The store's home, below a folder."""
    home = folder / "old"
    with zipfile.ZipFile(ZIP) as file:
        file.extractall(home)
    return home
