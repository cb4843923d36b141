"""What a network is: family, depth, and what its blocks are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from resnet_viz.spec.checks import require
from resnet_viz.spec.fields import check, row

FAMILIES = {"cifar": "CIFAR (6n+2)", "imagenet": "ImageNet (18–152)", "article": "the article's"}


IMAGENET_DEPTHS = (18, 34, 50, 101, 152)


# Label of every shortcut, and what it does to (x, F(x)).
SHORTCUTS = {
    "none": "none (plain)",
    "identity": "identity, zero-padded (option A)",
    "projection": "projection where the shape changes (option B)",
    "projection_all": "projection everywhere (option C)",
    "scaling": "constant scaling 0.5·x + 0.5·F (He 2016)",
    "gate_exclusive": "exclusive gating (1−g)·x + g·F (He 2016)",
    "gate_shortcut": "shortcut-only gating (1−g)·x + F (He 2016)",
    "concat": "concatenation, then 1×1 convolution",
    "maxpool": "identity, max-pooled where strided (the article)",
}


ORDERS = {
    "original": "original (2015)",
    "preact": "full pre-activation (2016)",
    "article": "the article's block",
}


NORMS = {"batch": "BatchNorm", "group": "GroupNorm", "none": "none"}


INITS = {
    "he": "He",
    "zero_gamma": "zero-gamma",
    "fixup": "Fixup",
    "skipinit": "SkipInit",
}


def nearest_cifar_depths(depth: int) -> tuple[int, int]:
    """The two depths of the form 6n+2 on either side of ``depth``, within 8 to 1202."""
    below = max(8, min(1196, (depth - 2) // 6 * 6 + 2))
    return below, below + 6


GREY: dict[str, Any] = {"channels": 1, "size": 8}  # what the digits ask of a network


@dataclass(frozen=True)
class ModelSpec:
    """One network: family, depth and what its blocks are made of.

    ``family``: "cifar" (He 2015, section 4.2; depth 6n+2), "imagenet" (He 2015, table 1) or "article" (depth = blocks + 2).
    ``no_skip``: numbers (from 1) of the blocks whose skip is switched off. ``stochastic_depth``: 1 − p_L of stochastic depth.
    ``init`` and ``stochastic_depth`` act only on blocks that have a skip; plain blocks always start from He.
    """

    family: str = row("cifar", "Family", choices=FAMILIES, tab="network")
    depth: int = row(
        56, "Depth", "Layers with weights: 6n+2, 18 to 152 (ImageNet), or blocks + 2 (the article's).", tab="main"
    )
    shortcut: str = row("identity", "Shortcut", choices=SHORTCUTS, tab="network")
    order: str = row("original", "Block order", choices=ORDERS, tab="network")
    norm: str = row(
        "batch", "Norm", "BatchNorm keeps norms healthy; without it plain gradients vanish.", choices=NORMS, tab="main"
    )
    init: str = row(
        "he", "Start of residual branches", "Plain blocks always start from He.", choices=INITS, tab="network"
    )
    stochastic_depth: float = row(
        0.0, "Stochastic depth",
        "Chance that the last block's branch is dropped in a step, 1 − p_L (Huang 2016). Residual blocks alone.",
        low=0, below=1, step=0.05, usual="0.5", tab="network",
    )  # fmt: skip
    width: float = row(1.0, "Width factor", "Times the usual channels.", low=0.125, high=16, step=0.5, tab="network")
    gate_bias: float = row(
        -6.0, "Gate bias", "Of gated shortcuts at the start (He 2016).", low=-100, high=100, tab="network"
    )
    no_skip: tuple[int, ...] = row((), "Skips off", "Blocks whose skip is off.", separator=".", usual="3.9")
    channels: int = row(3, "Input channels", low=1, high=64)
    classes: int = row(10, "Classes", low=2, high=10_000)
    size: int = row(32, "Input size", "In pixels.", low=4, high=1024)

    def validate(self) -> None:
        """Raise SpecError for a combination that means nothing."""
        check(self)
        if self.family == "cifar":
            below, above = nearest_cifar_depths(self.depth)
            require(
                8 <= self.depth <= 1202 and self.depth % 6 == 2,
                f"Depth {self.depth} is not 6n+2 between 8 and 1202; the nearest are {below} and {above}.",
            )
        elif self.family == "imagenet":
            require(
                self.depth in IMAGENET_DEPTHS,
                f"Depth {self.depth} is not an ImageNet depth; choose one of {', '.join(map(str, IMAGENET_DEPTHS))}.",
            )
        else:
            require(3 <= self.depth <= 102, f"Depth {self.depth} is outside 3 to 102 for the article's network.")
        article = self.family == "article"
        require(
            (self.order == "article") == article,
            f"Block order {self.order!r} does not fit family {self.family!r}: the article's block and its network go together.",
        )
        require(
            self.shortcut in ("none", "maxpool") if article else self.shortcut != "maxpool",
            f"Shortcut {self.shortcut!r} does not fit family {self.family!r}: max-pooling belongs to the article's network, "
            "which knows only it and none.",
        )
        require(
            self.family != "imagenet" or self.order == "original",
            f"Block order {self.order!r} is for the CIFAR family; the ImageNet family is torchvision's, order 'original'.",
        )
        require(
            self.init != "zero_gamma" or (self.norm != "none" and self.order == "original"),
            "Zero-gamma needs a norm at the end of the branch: order 'original' with norm 'batch' or 'group'.",
        )
        require(
            self.init != "fixup" or (self.norm == "none" and not article),
            f"Fixup replaces the norm: set norm to 'none', not {self.norm!r} (and not in the article's block).",
        )
        skipless = self.shortcut == "none"
        require(
            not skipless or (self.init == "he" and self.stochastic_depth == 0),
            "A plain network starts from He without stochastic depth: other starts act only on blocks that have a skip.",
        )
        require(
            self.shortcut not in ("concat", "scaling", "gate_exclusive") or self.init != "fixup",
            f"Fixup is defined for an added branch, not for shortcut {self.shortcut!r}.",
        )
        require(
            self.stochastic_depth == 0 or self.shortcut != "concat",
            "Stochastic depth drops an added branch; a concatenating shortcut has none.",
        )
        count = block_count(self)
        bad = [b for b in self.no_skip if not 1 <= b <= count]
        require(
            not bad,
            f"Block {bad[0] if bad else 0} has no skip to switch off: this network has blocks 1 to {count}.",
        )
        require(
            not skipless or not self.no_skip,
            "A plain network has no skips to switch off; leave the mask of skips empty.",
        )

    def twin(self) -> ModelSpec:
        """The plain twin: the same network with every shortcut taken away (and so started from He)."""
        return replace(self, shortcut="none", init="he", stochastic_depth=0.0, no_skip=())

    @property
    def residual(self) -> bool:
        """Whether any block has a skip."""
        return self.shortcut != "none"

    @property
    def called(self) -> str:
        """Kind and depth, such as "residual-20"; of torchvision's own networks the usual name, "ResNet-18"."""
        if (self.family, self.shortcut) == ("imagenet", "projection"):
            return f"ResNet-{self.depth}"
        kind = {"none": "plain", "identity": "residual"}.get(self.shortcut, self.shortcut.replace("_", " "))
        return f"{kind}-{self.depth}"


def stage_lengths(spec: ModelSpec) -> tuple[int, ...]:
    """Blocks in each stage (He 2015, section 4.2 and table 1; the article's network is one stage)."""
    if spec.family == "cifar":
        return ((spec.depth - 2) // 6,) * 3
    if spec.family == "imagenet":
        return {
            18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3),
        }[spec.depth]  # fmt: skip
    return (spec.depth - 2,)


def block_count(spec: ModelSpec) -> int:
    """Number of blocks in the network."""
    return sum(stage_lengths(spec))
