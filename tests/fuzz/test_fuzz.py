"""Damaged files through every way in: they are taken, or refused in one sentence, in little time and memory; nothing else.

100 a way; `make fuzz` brings 2,000, each from its own seed: what fails is named by its kind and number, and comes back by them.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_viz.data import catalogue, images
from resnet_viz.data.own import import_own
from resnet_viz.errors import UserError
from resnet_viz.nets import weights
from resnet_viz.nets.bring import import_checkpoint
from resnet_viz.words.data_sets import summary
from tests.fuzz.damage import damaged
from tests.fuzz.made import KINDS

SECONDS, MEGABYTES = 10, {"image": 300}  # of the processor; of memory that is new, 1,000 where nothing else is said
STATUS = Path("/proc/self/status")


def data(name: str):
    def take(content: bytes) -> str:
        facts = catalogue.facts(import_own((name, content)))
        return summary(facts)

    return take


def network(content: bytes) -> str:
    """Taken, kept, loaded again as a page does, and asked of a grey image."""
    source = import_checkpoint("it.pth", content, mean=[0.5] * 3, std=[0.25] * 3)
    net = weights.load(source)
    grey = np.full((1, source.spec.size, source.spec.size, source.spec.channels), 128, np.uint8)
    with torch.inference_mode():
        assert net.model(net.prepare(grey)).shape == (1, len(net.classes))
    assert all(isinstance(label, str) for label in net.classes)
    return f"{source.label} {source.about}"


WAYS = {
    "archive": data("it.zip"),
    "arrays": data("it.npz"),
    "image": lambda content: f"{images.read(content, 'it').shape}",
    "checkpoint": network,
}


def memory(what: str) -> float:
    """Megabytes of this process: VmRSS now, VmHWM at most; 0 where the system does not say."""
    return int(re.search(what + r":\s+(\d+) kB", STATUS.read_text())[1]) / 1024 if STATUS.exists() else 0


def check(sentence: str) -> None:
    """One sentence or a few, encodable, without a long piece of what was brought."""
    sentence.encode()
    assert "\n" not in sentence
    assert not re.search(r"'[^' ]{70}", sentence), sentence


def tried(take: Callable[[bytes], str], content: bytes) -> str:
    """Whether a file was "taken" or "refused"; what is said of it is checked."""
    try:
        sentence, outcome = take(content), "taken"
    except UserError as error:
        sentence, outcome = str(error), "refused"
    check(sentence)
    if outcome == "refused":
        assert sentence.endswith("."), sentence
        assert len(sentence) < 600, sentence
    return outcome


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow's, of metadata
def test_damaged_files_are_taken_or_refused_in_a_sentence(way, request, monkeypatch, tmp_path) -> None:
    count, take = request.config.getoption("fuzz"), WAYS[way]
    whole = {kind: make() for kind, make in KINDS[way].items()}
    for content in whole.values():
        take(content)
    outcomes: Counter[str] = Counter()
    slowest, most, kinds, failed = 0.0, 0.0, list(whole), []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        content = damaged(whole[kind], np.random.default_rng([number, len(kind)]))
        before = memory("VmRSS")
        if STATUS.exists():
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
        started = time.process_time()
        try:
            outcomes[tried(take, content)] += 1
        except Exception as error:
            failed.append(f"{kind} {number}: {error!r:.300}")
        seconds, new = time.process_time() - started, memory("VmHWM") - before
        slowest, most = max(slowest, seconds), max(most, new)
        if seconds > SECONDS or new > MEGABYTES.get(way, 1000):
            failed.append(f"{kind} {number}: {seconds:.1f} s, {new:,.0f} MB")
    print(f"{way}: {count:,} files, {dict(outcomes)}, slowest {slowest:.1f} s, most memory {most:,.0f} MB")
    assert not failed, "\n".join(failed)
    assert outcomes["refused"] > count / 10
    assert {path.name for path in tmp_path.iterdir()} <= {"data", "runs"}
