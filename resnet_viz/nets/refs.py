"""Which trained networks there are, and where their weights lie: those that ship, runs and their checkpoints, the user's files,
torchvision's. Without torch, for pages list them before they load one; `weights.load` makes a network of a `Source`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.files import TWINS as SHIPPED
from resnet_viz.language import tr
from resnet_viz.nets import heads
from resnet_viz.nets.heads import Head
from resnet_viz.runs.naming import labels
from resnet_viz.runs.rows import Run, Saved
from resnet_viz.runs.schema import StoreError
from resnet_viz.runs.store import Store
from resnet_viz.spec.checks import SpecError, quote
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import IMAGENET_DEPTHS, SHORTCUTS, ModelSpec
from resnet_viz.spec.run import RunSpec

FIRST = "digits-56"  # the recorded twins that the first screen shows


class NetworkError(UserError):
    """Why there is no such network, or why it can't be used, in one sentence."""


@dataclass(frozen=True)
class Source:
    """A network's weights and what is known of them.

    ``ref`` names it in links and lab specs: "shipped:NAME", "run:ID" (its last checkpoint), "file:HASH" or "torchvision:DEPTH";
    "@STEP" behind it means the weights of an earlier step. ``path``: a .safetensors, or a run's checkpoint (.pt); None for
    torchvision's until they are fetched. ``data``: what it was trained on, None where the file does not say. ``step``: of its
    training, 0 where that is not known. ``about``: a sentence on how it was trained. ``unlike``: the strangeness
    (`attribution.familiar`) that 3 in 100 of its test images exceed, 0 where that was not measured.
    """

    ref: str
    label: str
    spec: ModelSpec
    path: Path | None
    data: DataSpec | None
    step: int = 0
    about: str = ""
    unlike: float = 0.0

    @property
    def resize(self) -> int:
        """Pixels that an image's short side is brought to before the middle is cut (`images.fit`); 0: it is cut first.

        256 where ImageNet's nets see 224, as torchvision's transforms have it; nets trained here see the whole square.
        """
        return 256 if self.data is None and (self.spec.family, self.spec.size) == ("imagenet", 224) else 0


def weights_home() -> Path:
    """Where weights that were brought or fetched are kept."""
    return catalogue.home() / "weights"


def torchvision_path(depth: int) -> Path:
    """Where torchvision's weights of a depth lie once they are fetched."""
    return weights_home() / f"torchvision-{depth}.safetensors"


def describe(source: Source, mean: list[float], std: list[float], classes: tuple[str, ...]) -> dict[str, str]:
    """What goes into the head of a .safetensors beside the weights: everything that `Source` and `weights.load` need.

    ``mean`` and ``std`` per channel, in grey levels 0 to 255.
    """
    head = {
        "model": asdict(source.spec),
        "data": asdict(source.data) if source.data else None,
        "mean": mean,
        "std": std,
        "classes": classes,
        "label": source.label,
        "step": source.step,
        "about": source.about,
        "unlike": source.unlike,
    }
    return {name: json.dumps(value) for name, value in head.items()}


def head(path: Path) -> Head:
    """What `describe` wrote into a .safetensors. Raises NetworkError where there is no such file, it is not whole, or its head is
    not one of ours.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return heads.parse(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise NetworkError(f"The weights in {path.name} can't be read ({error}); bring the file again.") from error
    except SpecError as error:
        raise NetworkError(f"The file {path.name} can't be used: {error} Bring its network again.") from error


def _from_file(ref: str, path: Path) -> Source:
    said = head(path)
    return Source(ref, said.label, said.spec, path, said.data, said.step, said.about, said.unlike)


def _shipped(name: str) -> list[Source]:
    """The checkpoints of a network that ships, oldest first, the last one under its plain name."""
    sources = [_from_file(f"shipped:{name}", path) for path in SHIPPED.glob(f"{name}.*.safetensors")]
    sources.sort(key=lambda s: s.step)
    return [*(replace(s, ref=f"{s.ref}@{s.step}") for s in sources[:-1]), *sources[-1:]]


def shipped() -> list[Source]:
    """The networks that ship with the app, CIFAR-10's first, shallow before deep, residual before plain."""
    names = {path.name.split(".")[0] for path in SHIPPED.glob("*.safetensors")}
    sources = [_shipped(name)[-1] for name in names]
    return sorted(sources, key=lambda s: (s.spec.channels == 1, s.spec.depth, not s.spec.residual))


def _newest(run: Run, saved: Sequence[Saved]) -> Saved:
    """Of a run's checkpoints, oldest first, the one it is shown by. Asks the disk from the newest back, so mostly for one file.

    Preferred are weights with BatchNorm's statistics estimated behind them: those of epochs, and a finished run's last state.
    A run that has none of these gives its last state. Raises NetworkError where no file is left.
    """
    order = sorted(saved, key=lambda s: (run.status == "finished" or not s.full, s.step, s.full), reverse=True)
    for checkpoint in order:
        if checkpoint.step > 0 and checkpoint.path.exists():
            return checkpoint
    raise NetworkError(
        f"Run {run.name!r} has left no weights to look at: let it train for an epoch, or choose another."
    )


def _source(run: Run, saved: Saved) -> Source:
    accuracy = run.result.get("test_accuracy")
    tested = f", {100 * accuracy:.1f} % test accuracy" if accuracy is not None else ""
    ended = f"{run.status.capitalize()} at step {run.step:,} of {run.steps:,}{tested}, seed {run.spec.train.seed}"
    return Source(
        f"run:{run.id}@{saved.step}", run.name, run.spec.model, saved.path, run.spec.data, saved.step,
        f"{ended}; weights of step {saved.step:,}.",
    )  # fmt: skip


def _last(run: Run, saved: Sequence[Saved]) -> Source:
    """The source that a run's plain ref names. Raises NetworkError."""
    return replace(_source(run, _newest(run, saved)), ref=f"run:{run.id}")


def _of_run(run: Run, store: Store) -> list[Source]:
    """A run's weights epoch by epoch, oldest first, the last one under its plain name. Raises NetworkError."""
    if run.spec.own:
        raise NetworkError(
            f"Run {run.name!r} is of a network of your own: its weights can't be opened here, only its curves."
        )
    saved = store.checkpoints(run.id)
    last = _last(run, saved)
    epochs = (s for s in saved if not s.full and 0 < s.step != last.step and s.path.exists())
    return [*(_source(run, s) for s in epochs), last]


def recordings() -> dict[str, str]:
    """The recorded twins by data and depth, such as "cifar10-20", with their labels; the first screen's first."""
    names = sorted((path.stem for path in SHIPPED.glob("*.npz")), key=lambda name: (name != FIRST, name))
    parts = {name: name.rsplit("-", 1) for name in names}
    return {
        name: tr("{data}, {depth} layers", data=tr(catalogue.BUILT_IN[data].label), depth=depth)
        for name, (data, depth) in parts.items()
    }


def torchvision(depth: int) -> Source:
    """torchvision's pretrained network of a depth."""
    path = torchvision_path(depth)
    spec = ModelSpec("imagenet", depth, "projection", channels=3, classes=1000, size=224)
    about = "torchvision's weights, trained on ImageNet-1k."
    return Source(
        f"torchvision:{depth}", f"ResNet-{depth} on ImageNet", spec, path if path.exists() else None, None, 0, about
    )


def available(store: Store) -> list[Source]:
    """All networks one may choose from: what ships, runs (newest first), the user's files, torchvision's."""
    sources = shipped()
    saved, runs = store.checkpoints_by_run(), [run for run in store.runs() if run.kind == "train" and not run.spec.own]
    called = labels(runs)
    for run in runs:
        with contextlib.suppress(NetworkError):
            sources.append(replace(_last(run, saved.get(run.id, ())), label=called[run.id]))
    return [*sources, *brought()[0], *(torchvision(depth) for depth in IMAGENET_DEPTHS)]


def brought() -> tuple[list[Source], list[str]]:
    """The user's files; and of those that can't be used, why, a sentence each."""
    sources, unusable = [], []
    for path in sorted(weights_home().glob("*.safetensors")):
        if path.name.startswith("torchvision-"):
            continue
        try:
            sources.append(_from_file(f"file:{path.stem}", path))
        except NetworkError as error:
            unusable.append(str(error))
    return sources, unusable


def checkpoints(source: Source, store: Store) -> list[Source]:
    """The same network over its training, oldest first; itself alone where nothing else was kept."""
    kind, _, name = source.ref.partition("@")[0].partition(":")
    if kind == "shipped":
        return _shipped(name)
    return _of_run(_run(name, store), store) if kind == "run" else [source]


def _run(name: str, store: Store) -> Run:
    try:
        return store.run(name)
    except StoreError as error:
        raise NetworkError(str(error)) from error


def find(ref: str, store: Store) -> Source:
    """The source of a ref. Raises NetworkError for one that is not there (any more)."""
    base, _, step = ref.partition("@")
    kind, _, name = base.partition(":")
    safe = Path(name).name == name and "*" not in name
    if kind == "torchvision" and name in map(str, IMAGENET_DEPTHS):
        return torchvision(int(name))
    if kind == "file" and safe and (path := weights_home() / f"{name}.safetensors").exists():
        return _from_file(ref, path)
    sources: list[Source] = []
    if kind == "shipped" and safe:
        sources = _shipped(name)
    elif kind == "run":
        sources = _of_run(_run(name, store), store)
    if step:
        sources = [s for s in sources if str(s.step) == step]
    if not sources:
        raise NetworkError(f"There is no network {quote(ref)} on this machine; choose one from the list.")
    return sources[-1]


def twin(source: Source, store: Store) -> Source | None:
    """Its counterpart without (or with) skips, at the same step where that was kept; None where there is none.

    Of a run it is the run of the same group that differs in nothing but the skips (`RunSpec.twin`). A plain run beside several
    kinds of shortcut gets the one that stands first in SHORTCUTS.
    """
    base, _, step = source.ref.partition("@")
    kind, _, name = base.partition(":")
    other = ""
    if kind == "shipped":
        swap = ("plain", "residual") if not source.spec.residual else ("residual", "plain")
        other = f"shipped:{name.replace(*swap)}"
    elif kind == "run":
        run = _run(name, store)
        mates = [r for r in store.runs(run.group) if r.spec.model.residual != run.spec.model.residual]
        mates = [r for r in mates if _plain(r.spec) == _plain(run.spec)]
        mates.sort(key=lambda r: list(SHORTCUTS).index(r.spec.model.shortcut))
        other = f"run:{mates[0].id}" if mates else ""
    for ref in (f"{other}@{step}" if step else other, other):
        with contextlib.suppress(NetworkError):
            if other:
                return find(ref, store)
    return None


def _plain(spec: RunSpec) -> RunSpec:
    """The plain twin's spec, as it was asked for: what each run's worker chose for its machine makes no other twin."""
    return replace(spec.twin(), train=replace(spec.train, device="auto", dtype="auto", threads=0))
