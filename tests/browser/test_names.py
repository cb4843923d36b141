"""What people call their runs, data, classes and checkpoints is shown letter by letter, and fetches nothing from a stranger."""

import io
import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from resnet_viz import labs
from resnet_viz.data import catalogue
from resnet_viz.data.catalogue import Facts
from resnet_viz.runs.events import Checkpoint, Point
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.workers import engine
from tests.browser.conftest import READY, free_port, serve

pytestmark = pytest.mark.browser
BOUND = "\u2060"  # what `plain` puts between letters that would be an address; of no width


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[str]]]:
    """A server of somebody else: its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_args) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def evil(address: str) -> list[str]:
    return [
        f'<img src="{address}/html">',
        f"![]({address}/markdown)",
        f"<style>@import url({address}/style)</style>",
        f"[a]({address}/link)",
        "*b* _c_ `d` $e$ :red[f] :smile: 1. # ~g~ https://www.example.org me@example.org",
    ]


def own_data(names: list[str]) -> DataSpec:
    """Own images of as many classes as there are names, which are theirs and, all together, the data set's."""
    spec = DataSpec("own", hash="ab" * 32)
    rng, count = np.random.default_rng(0), len(names)
    x, y = rng.integers(0, 256, (30 * count, 8, 8, 1), np.uint8), np.arange(30 * count) % count
    folder = catalogue.home() / "own"
    folder.mkdir(parents=True)
    np.savez(folder / f"{spec.hash}.npz", x=x, y=y, x_test=x[:20], y_test=y[:20])
    facts = Facts(" ".join(names), 1, 8, tuple(names), len(x), 20)
    (folder / f"{spec.hash}.json").write_text(json.dumps(asdict(facts)))
    return spec


def trained(names: list[str]) -> list[str]:
    """A pair of twins on that data whose weights can be looked at, each called by all the names; their ids."""
    import torch

    from resnet_viz.nets import models

    store, title = Store(), " ".join(names)
    spec = RunSpec(ModelSpec(depth=8), own_data(names), TrainSpec(epochs=1, batch_size=16))
    ids = engine.start(store, [spec, spec.twin()])
    for _ in ids:
        claim = store.claim("w")
        assert claim
        run = claim.run
        torch.manual_seed(0)
        state = {
            "model": models.build(run.spec.model).state_dict(), "mean": torch.tensor([127.0]), "std": torch.tensor([64.0]),
            "classes": tuple(names),
        }  # fmt: skip
        file = io.BytesIO()
        torch.save(state, file)
        claim.write([Point(s, {"loss": 1.0 / s}) for s in range(1, 9)])
        claim.save(Checkpoint(8, 1, False, file.getvalue()))
        claim.end("finished", title, result={"sentence": title, "test_accuracy": 0.2})
        store.rename(run.id, title)
        store.set_note(run.id, title)
    return ids


def landscape(nets: list[str], title: str) -> str:
    """A landscape of these runs, whose record calls them so; its id."""
    store = Store()
    (id_,) = engine.start(store, [labs.run_of(LandscapeSpec(tuple(f"run:{n}" for n in nets), size=5), store)])
    claim = store.claim("w")
    assert claim
    values = {"axes": np.array([-1, 1, -1, 1], np.float32), "images": 20.0, "0.skips": 1.0, "1.skips": 0.0}
    grid = [(0.0, 0.0), *((x, y) for x in np.linspace(-1, 1, 5) for y in np.linspace(-1, 1, 5) if (x, y) != (0, 0))]
    points = [
        Point(n, values | {"x": float(x), "y": float(y), "0.loss": 1.0 + x * x, "1.loss": 2.0 + y * y})
        for n, (x, y) in enumerate(grid, 1)
    ]
    claim.write(points)
    about = [{"label": title, "about": title} for _ in nets]
    claim.end("finished", title, result={"nets": about, "sentence": title})
    return id_


def test_names_are_shown_letter_by_letter_and_nothing_is_fetched_from_a_stranger(chromium, own_home, stranger) -> None:
    address, asked = stranger
    names = evil(address)
    title = " ".join(names)
    nets = trained(names)
    lab = landscape(nets, title)
    server = serve(own_home, free_port())
    context = chromium.new_context(viewport={"width": 1440, "height": 1200})
    context.set_default_timeout(120_000)
    page = context.new_page()
    elsewhere: list[str] = []
    page.on(
        "request", lambda r: elsewhere.append(r.url) if not r.url.startswith((server.url, "data:", "blob:")) else None
    )

    def visit(path: str, *texts: str) -> None:
        page.goto(f"{server.url}/{path}")
        page.wait_for_selector(READY)
        look(path, *texts)

    def look(where: str, *texts: str) -> None:
        for text in texts:
            page.wait_for_function(
                "([t, b]) => document.body.innerText.replaceAll(b, '').includes(t)", arg=[text, BOUND]
            )
        page.wait_for_selector(READY)
        page.wait_for_timeout(300)
        assert page.locator(f"a[href*='{address}'], a[href*='example.org'], img[src*='{address}']").count() == 0, where
        assert page.get_by_text("This is a bug").count() == 0, where
        assert asked == [], where

    try:
        for net in nets:
            visit(f"inside?net=run:{net}", "It shows: " + names[0], title)
            visit(f"explain?net=run:{net}", "It knows 5 classes: " + ", ".join(names))
        visit(f"lesions?lesion_net=run:{nets[0]}", names[3])
        visit(f"landscape?landscape={lab}", title)
        visit(f"?show={Store().run(nets[0]).group}", title)
        visit("runs")
        table = page.locator("[data-testid=stDataFrame]").bounding_box()
        for row in (0, 1, 2):  # their ticks stand at the left
            page.mouse.click(table["x"] + 16, table["y"] + 52 + 35 * row)
            page.wait_for_timeout(500)
            page.wait_for_selector(READY)
        look("runs, ticked", title)
        page.get_by_role("button", name="Delete", exact=True).click()
        look("runs, the dialog", f"{title}: seed 0")
        assert elsewhere == []
    finally:
        context.close()
        server.process.send_signal(signal.SIGINT)
        server.process.wait(20)
