"""Numbers as sentences and charts say them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from resnet_viz.language import N_, tr
from resnet_viz.spec.run import RunSpec

# The three training losses of a run, as the small print names them.
LAST_EPOCH = N_("Training loss: mean over the last epoch.")
SMOOTHED = N_("Training loss: smoothed, as in the chart.")
FIT = N_("Loss: the fit, of training images as they are, in evaluation mode.")


def loss(value: float) -> str:
    """A loss to two decimals under 1, to one under 100, whole above; one that rounds to 0 as "<0.01"."""
    if value < 0.005:
        return "<0.01"
    return f"{value:.2f}" if value < 0.995 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def guessing(spec: RunSpec) -> float:
    """The loss of guessing among equally likely classes, ln(classes) in nats; infinite where their number is not known."""
    return math.log(spec.model.classes) if spec.model.classes > 1 else math.inf


def smoothed_over(planned: int) -> int:
    """Over how many steps a training loss is smoothed in a run of so many: a fiftieth of them, at least 5."""
    return max(5, planned // 50)


def percent(share: float) -> str:
    """Whole per cents, but 100 % is said of all alone, and 0 % of none."""
    if 0 < share < 0.005:
        return "<1 %"
    return f"{100 * share:.1f} %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def signed(value: float, form: str = ".2f") -> str:
    """A number with a real minus sign."""
    return f"{value:{form}}".replace("-", "−")


def spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    """One value, or the range over seeds."""
    texts = [show(v) for v in (min(values), max(values))]
    return texts[0] if texts[0] == texts[1] else f"{texts[0].removesuffix(' %')}–{texts[1]}"


def high(value: float) -> str:
    """A loss of any size in two digits, or as a power of ten."""
    if not math.isfinite(value):
        return tr("past all numbers")
    if value >= 1e7:
        return f"10{str(round(math.log10(value))).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else loss(value)
