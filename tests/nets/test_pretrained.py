"""torchvision's weights: fetched once, whole or not at all, from a server of this test's own."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from resnet_viz.nets import pretrained, refs, weights
from resnet_viz.nets.refs import NetworkError

pytestmark = pytest.mark.slow  # torchvision's smallest weights are 45 MB


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> tuple[Path, torch.nn.Module]:
    """A file as torchvision publishes it, its hash in its name, and the network in it."""
    from torchvision.models import resnet18

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = resnet18(weights=None).eval()
    folder = tmp_path_factory.mktemp("server")
    torch.save(model.state_dict(), folder / "new.pth")
    digest = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()
    return (folder / "new.pth").rename(folder / f"resnet18-{digest[:8]}.pth"), model


@pytest.fixture
def server(published, monkeypatch) -> Iterator[SimpleNamespace]:
    """Serves the file; ``.asked`` counts; ``.cut`` bytes are left out of the answer's end."""
    told = SimpleNamespace(asked=0, cut=0, damaged=False)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked += 1
            content = published[0].read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:-100] + bytes(100) if told.damaged else content[: len(content) - told.cut])

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        theirs = pretrained._weights(18)
        address = f"http://127.0.0.1:{found.server_port}/{published[0].name}"
        theirs_at = SimpleNamespace(url=address, meta=theirs.meta, transforms=theirs.transforms)
        monkeypatch.setattr(pretrained, "_weights", lambda depth: theirs_at)
        yield told
        found.shutdown()


def test_they_are_fetched_once_and_are_torchvisions_network(server, published) -> None:
    told: list[tuple[str, int, int]] = []
    source = pretrained.fetch_torchvision(18, lambda *word: told.append(word))
    assert pretrained.fetch_torchvision(18) == source == refs.torchvision(18)
    assert server.asked == 1
    size = published[0].stat().st_size
    assert ("Downloading ResNet-18 on ImageNet", size, size) in told
    network = weights.load(source)
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network.model(x), published[1](x))
    assert (network.mean / 255).tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert (network.std / 255).tolist() == pytest.approx([0.229, 0.224, 0.225])
    assert network.classes[281] == "tabby"  # as ../shared/data/photos/labels.json has it
    assert [path.suffix for path in refs.weights_home().iterdir() if path.suffix != ".lock"] == [".safetensors"]


def test_a_file_put_there_needs_no_network(server, published) -> None:
    refs.weights_home().mkdir(parents=True)
    (refs.weights_home() / published[0].name).write_bytes(published[0].read_bytes())
    assert pretrained.fetch_torchvision(18).path
    assert server.asked == 0


@pytest.mark.parametrize("fault", ["cut", "damaged"])
def test_what_arrives_damaged_is_not_kept(server, fault) -> None:
    setattr(server, fault, 1000)
    with pytest.raises(NetworkError, match=r"could not be downloaded .*ship and your own need no network") as caught:
        pretrained.fetch_torchvision(18)
    assert str(caught.value).endswith(".")
    assert not [path for path in refs.weights_home().iterdir() if path.suffix != ".lock"]
    setattr(server, fault, 0)
    assert pretrained.fetch_torchvision(18).path


def test_without_a_network_one_sentence_says_so(monkeypatch) -> None:
    def unplugged(*args: object, **options: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.getaddrinfo", unplugged)
    with pytest.raises(NetworkError) as caught:
        pretrained.fetch_torchvision(50)
    sentence = str(caught.value)
    for words in (
        "ResNet-50 on ImageNet",
        "Network is unreachable",
        "put resnet50-0676ba61.pth into",
        "need no network",
    ):
        assert words in sentence
    assert refs.torchvision(50).path is None
