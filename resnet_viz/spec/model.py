"""What a network is: family, depth, and what its blocks are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from resnet_viz.language import N_
from resnet_viz.spec.checks import quote, require
from resnet_viz.spec.fields import check, row

FAMILIES = {"cifar": "CIFAR (6n+2)", "imagenet": "ImageNet (18–152)", "article": N_("the article's")}

IMAGENET_DEPTHS = (18, 34, 50, 101, 152)

# Label of every shortcut, and what it does to (x, F(x)).
SHORTCUTS = {
    "none": N_("none (plain)"),
    "identity": N_("identity, zero-padded (option A)"),
    "projection": N_("projection where the shape changes (option B)"),
    "projection_all": N_("projection everywhere (option C)"),
    "scaling": N_("constant scaling 0.5·x + 0.5·F (He 2016)"),
    "gate_exclusive": N_("exclusive gating (1−g)·x + g·F (He 2016)"),
    "gate_shortcut": N_("shortcut-only gating (1−g)·x + F (He 2016)"),
    "concat": N_("concatenation, then 1×1 convolution"),
    "maxpool": N_("identity, max-pooled where strided (the article)"),
}

ORDERS = {
    "original": N_("original (2015)"),
    "preact": N_("full pre-activation (2016)"),
    "article": N_("the article's block"),
}

NORMS = {"batch": N_("BatchNorm"), "group": N_("GroupNorm"), "none": N_("none")}

INITS = {"he": "He", "zero_gamma": "zero-gamma", "fixup": "Fixup", "skipinit": "SkipInit"}


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

    ``stages`` with ``depth`` says which blocks they are: 2 + 2 layers a basic block, 2 + 3 a bottleneck (`is_bottleneck`). So the
    ResNet-18 that is usual for CIFAR is the CIFAR family's with stages (2, 2, 2, 2), width 4 and projections.
    ``groups``, ``width_per_group``: torchvision's, of bottlenecks; 32 and 4 are ResNeXt's (Xie 2017), 1 and 128 those of Wide
    ResNet-50-2. ``stride_in_1x1``: a bottleneck strides in its first convolution (He 2015, "v1"), not in its 3x3 ("v1.5").
    ``hidden``: units of the hidden layers of the classifier, ReLU behind each; () for a linear classifier.
    ``stem_channels``: where not the first stage's; 16 in Wide ResNets (Zagoruyko 2016), whose stages alone are wide.
    ``raw_projection``: in pre-activation a projection gets x as it is, not, as in He's code, behind its norm and ReLU.
    """

    family: str = row("cifar", N_("Family"), choices=FAMILIES, tab="network")
    depth: int = row(
        56, N_("Depth"), N_("Layers with weights: 6n+2, 18 to 152 (ImageNet), or blocks + 2 (the article's)."), tab="main",
    )  # fmt: skip
    shortcut: str = row("identity", N_("Shortcut"), choices=SHORTCUTS, tab="network")
    order: str = row("original", N_("Block order"), choices=ORDERS, tab="network")
    norm: str = row(
        "batch", N_("Norm"), N_("BatchNorm keeps norms healthy; without it plain gradients vanish."), choices=NORMS, tab="main",
    )  # fmt: skip
    init: str = row(
        "he", N_("Start of residual branches"), N_("Plain blocks always start from He."), choices=INITS, tab="network"
    )
    stochastic_depth: float = row(
        0.0, N_("Stochastic depth"),
        N_("Chance that the last block's branch is dropped in a step, 1 − p_L (Huang 2016). Residual blocks alone."),
        low=0, below=1, step=0.05, usual="0.5", tab="network",
    )  # fmt: skip
    width: float = row(
        1.0, N_("Width factor"), N_("Times the usual channels."), low=0.125, high=16, step=0.5, tab="network"
    )
    stages: tuple[int, ...] = row(
        (), N_("Blocks of each stage"),
        N_("Where they are not the family's; depth is 2 + 2 a basic block or 2 + 3 a bottleneck."),
        low=1, high=400, separator=".", usual="2.2.2.2",
    )  # fmt: skip
    groups: int = row(1, N_("Groups"), N_("Of a bottleneck's 3×3 convolution (ResNeXt: 32)."), low=1, high=256)
    width_per_group: int = row(
        64,
        N_("Width per group"),
        N_("As torchvision counts it (ResNeXt-50: 4; Wide ResNet-50-2: 128)."),
        low=1,
        high=1024,
    )
    stem_channels: int = row(
        0, N_("Stem channels"), N_("0: the first stage's; of CIFAR's Wide ResNets 16."), low=0, high=1024
    )
    norm_groups: int = row(
        8, N_("Groups of GroupNorm"), N_("Where the channels allow; 32 is usual in wide nets."), low=1, high=256
    )
    raw_projection: bool = row(
        False,
        N_("Projection of the raw input"),
        N_("In pre-activation; else of what its first norm and ReLU make of it (He 2016)."),
    )
    stride_in_1x1: bool = row(
        False, N_("Stride in the first 1×1"), N_("v1 (He 2015); else in the 3×3, v1.5, torchvision's.")
    )
    hidden: tuple[int, ...] = row(
        (), N_("Hidden units of the head"), N_("ReLU behind each layer; none: a linear head."), low=1, high=65_536,
        separator=".", usual="512",
    )  # fmt: skip
    gate_bias: float = row(
        -6.0, N_("Gate bias"), N_("Of gated shortcuts at the start (He 2016)."), low=-100, high=100, tab="network"
    )
    no_skip: tuple[int, ...] = row((), N_("Skips off"), N_("Blocks whose skip is off."), separator=".", usual="3.9")
    channels: int = row(3, N_("Input channels"), low=1, high=64)
    classes: int = row(10, N_("Classes"), low=2, high=10_000)
    size: int = row(32, N_("Input size"), N_("In pixels."), low=4, high=1024)

    def validate(self) -> None:
        """Raise SpecError for a combination that means nothing."""
        check(self)
        if self.stages:
            total = sum(self.stages)
            require(
                len(self.stages) <= 6 and total <= 600,
                N_("{stages} stages of {total:,} blocks are too many; 6 of 600 in all are the most."),
                stages=len(self.stages),
                total=total,
            )
            require(
                self.depth in (2 + 2 * total, 2 + 3 * total),
                N_(
                    "Depth {depth} does not fit stages of {blocks} blocks: it is {basic} if they are basic, "
                    "{bottleneck} if bottlenecks."
                ),
                depth=self.depth, blocks=", ".join(map(str, self.stages)), basic=2 + 2 * total, bottleneck=2 + 3 * total,
            )  # fmt: skip
        elif self.family == "cifar":
            below, above = nearest_cifar_depths(self.depth)
            require(
                8 <= self.depth <= 1202 and self.depth % 6 == 2,
                N_("Depth {depth} is not 6n+2 between 8 and 1202; the nearest are {below} and {above}."),
                depth=quote(self.depth), below=below, above=above,
            )  # fmt: skip
        elif self.family == "imagenet":
            require(
                self.depth in IMAGENET_DEPTHS,
                N_("Depth {depth} is not an ImageNet depth; choose one of {depths}."),
                depth=quote(self.depth),
                depths=", ".join(map(str, IMAGENET_DEPTHS)),
            )
        else:
            require(
                3 <= self.depth <= 102,
                N_("Depth {depth} is outside 3 to 102 for the article's network."),
                depth=quote(self.depth),
            )
        article = self.family == "article"
        require(not (article and self.stages), N_("The article's network is one stage; say its blocks by depth alone."))
        require(
            is_bottleneck(self) or (self.groups, self.width_per_group, self.stride_in_1x1) == (1, 64, False),
            N_("Groups, width per group and the place of the stride are a bottleneck's; this network has none."),
        )
        require(
            stage_channels(self)[0] * self.width_per_group >= 64,
            N_(
                "A width per group of {width_per_group} and a width factor of {width:g} leave a group without "
                "a channel."
            ),
            width_per_group=self.width_per_group,
            width=self.width,
        )
        require(
            (self.order == "article") == article,
            N_(
                "Block order {order!r} does not fit family {family!r}: the article's block and its network go together."
            ),
            order=self.order,
            family=self.family,
        )
        require(
            self.shortcut in ("none", "maxpool") if article else self.shortcut != "maxpool",
            N_(
                "Shortcut {shortcut!r} does not fit family {family!r}: max-pooling belongs to the article's "
                "network, which knows only it and none."
            ),
            shortcut=self.shortcut,
            family=self.family,
        )
        require(
            self.family != "imagenet" or self.order == "original",
            N_(
                "Block order {order!r} is for the CIFAR family; the ImageNet family is torchvision's, order 'original'."
            ),
            order=self.order,
        )
        require(
            self.init != "zero_gamma" or (self.norm != "none" and self.order == "original"),
            N_("Zero-gamma needs a norm at the end of the branch: order 'original' with norm 'batch' or 'group'."),
        )
        require(
            self.init != "fixup" or (self.norm == "none" and not article),
            N_("Fixup replaces the norm: set norm to 'none', not {norm!r} (and not in the article's block)."),
            norm=self.norm,
        )
        require(
            not self.raw_projection or self.order == "preact",
            N_("What a projection gets differs in pre-activation alone; this network's get the input as it is."),
        )
        skipless = self.shortcut == "none"
        require(
            not skipless or (self.init == "he" and self.stochastic_depth == 0),
            N_(
                "A plain network starts from He without stochastic depth: other starts act only on blocks that "
                "have a skip."
            ),
        )
        require(
            self.shortcut not in ("concat", "scaling", "gate_exclusive") or self.init != "fixup",
            N_("Fixup is defined for an added branch, not for shortcut {shortcut!r}."),
            shortcut=self.shortcut,
        )
        require(
            self.stochastic_depth == 0 or self.shortcut != "concat",
            N_("Stochastic depth drops an added branch; a concatenating shortcut has none."),
        )
        count = block_count(self)
        bad = [b for b in self.no_skip if not 1 <= b <= count]
        require(
            not bad,
            N_("Block {block} has no skip to switch off: this network has blocks 1 to {count}."),
            block=quote(bad[0]) if bad else 0,
            count=count,
        )
        require(
            not skipless or not self.no_skip,
            N_("A plain network has no skips to switch off; leave the mask of skips empty."),
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
        cifar, bottleneck = self.family == "cifar", is_bottleneck(self)
        grouped = (self.groups, self.width_per_group) != (1, 64)
        tail = f" {self.groups}x{self.width_per_group}d" if grouped else " bottleneck" if bottleneck and cifar else ""
        if self.shortcut == "projection" and (len(stage_lengths(self)) == 4 or self.family == "imagenet"):
            kind = "ResNeXt" if self.groups > 1 else "Wide ResNet" if grouped else "ResNet"
            tail = tail if self.groups > 1 else f"-{self.width_per_group / 64:g}" if grouped else ""
            return f"{'CIFAR ' * cifar}{kind}-{self.depth}{tail}"
        if self.stem_channels and (self.order, self.shortcut, tail) == ("preact", "projection", ""):
            return f"Wide ResNet-{self.depth + 2}-{self.width:g}"  # counted with its projections (Zagoruyko 2016, section 2)
        kind = {"none": "plain", "identity": "residual"}.get(self.shortcut, self.shortcut.replace("_", " "))
        return f"{kind}-{self.depth}{tail}"


def stage_channels(spec: ModelSpec) -> tuple[int, ...]:
    """Channels of each stage before a bottleneck's expansion, twice as many as in the one before it."""
    first = (64 if spec.family == "imagenet" else 16) * spec.width
    return tuple(max(1, round(first * 2**stage)) for stage in range(len(stage_lengths(spec))))


def is_bottleneck(spec: ModelSpec) -> bool:
    """Whether the blocks are bottlenecks of 1x1, 3x3 and 1x1 convolutions (He 2015, section 4.1), not pairs of 3x3."""
    if spec.stages:
        return spec.depth == 2 + 3 * sum(spec.stages)
    return spec.family == "imagenet" and spec.depth >= 50


def stage_lengths(spec: ModelSpec) -> tuple[int, ...]:
    """Blocks in each stage: those it says, else its family's (He 2015, section 4.2, table 1; the article's net is one stage)."""
    if spec.stages:
        return spec.stages
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
