"""What a run is called before somebody names it."""

from __future__ import annotations

from resnet_viz.spec.run import RunSpec


def first_name(spec: RunSpec) -> str:
    """What the net is, on which data, such as "residual-20 on digits"; of a lab, what is done to which net."""
    model = spec.model
    lab = f"{spec.lab.title}: " if spec.lab else ""
    more = f" and {len(spec.lab.networks) - 1} more" if spec.lab and len(spec.lab.networks) > 1 else ""
    traits = [
        {"batch": "", "none": "no norm"}.get(model.norm, f"{model.norm} norm"),
        model.init if model.init != "he" else "",
        f"skips off: {', '.join(map(str, model.no_skip))}" if model.no_skip else "",
    ]
    tail = "".join(f", {trait}" for trait in traits if trait)
    family = "" if model.family == "cifar" else f" ({model.family})"
    return f"{lab}{model.called}{family}{tail} on {spec.data.label or spec.data.name}{more}"
