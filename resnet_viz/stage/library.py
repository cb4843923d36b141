"""Which plotly.js browsers load: the small one, of charts in the plane, where `make stage` fetched it; else the whole one."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import plotly

from resnet_viz.files import STAGE

# A third of the whole one, which takes a second longer to evaluate. Not committed: npm has it, and a wheel carries it.
SMALL = STAGE / "plotly-cartesian.min.js"
SHA256 = "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"
WHOLE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"  # carried by Python's plotly


@cache
def plotly_js() -> Path:
    """The file to load; a small one that is not the very file whose hash stands here counts as missing."""
    right = SMALL.exists() and hashlib.sha256(SMALL.read_bytes()).hexdigest() == SHA256
    return SMALL if right else WHOLE
