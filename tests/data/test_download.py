"""How data sets are found, fetched, checked and read; torchvision is the authority."""

import gzip
import hashlib
import io
import pickle
import shutil
import socket
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import torchvision

from resnet_viz.data import catalogue, download
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.splits import Splits, load_splits
from resnet_viz.spec.data import DataSpec
from tests.data.brought import whole

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RESNET_VIZ_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    def refuse(*_a, **_k):
        raise OSError(113, "no route to host")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


ARCHIVES = {"cifar10": "cifar-10-python.tar.gz", "fashion": "FashionMNIST/raw/train-images-idx3-ubyte.gz"}


@pytest.mark.parametrize("name", ["mnist", "fashion", "cifar10", "cifar100"])
def test_without_a_network_the_way_on_is_said(name, home) -> None:
    assert not download.available(name)
    with pytest.raises(DataError) as caught:
        load_splits(DataSpec(name))
    sentence = str(caught.value)
    for word in (catalogue.BUILT_IN[name].label, "no route to host", "digits", ".npz", str(home)):
        assert word in sentence
    assert sentence.endswith(".")
    assert not [path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.slow
@pytest.mark.parametrize("packed", [True, False])
def test_mnist_is_found_offline_and_read_as_torchvision_reads_it(packed, home, shared) -> None:
    raw = home / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (shared / "MNIST" / "raw").glob("*.gz"):
        if packed:
            shutil.copy(path, raw)
        else:
            (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    assert download.available("mnist")
    splits = load_splits(DataSpec("mnist"))
    for names, train in ((("train", "validation"), True), (("test",), False)):
        expected = torchvision.datasets.MNIST(str(home), train=train)
        pairs = zip(expected.data.numpy(), expected.targets.numpy(), strict=True)
        assert whole(splits, *names) == sorted(x.tobytes() + bytes([y]) for x, y in pairs)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"cut short")
    with pytest.raises(DataError, match="damaged"):
        load_splits(DataSpec("mnist"))


def cifar(kind: type, folder: Path, monkeypatch) -> None:
    """Write small files in the form of the CIFAR pickles, and have torchvision expect their checksums."""
    base = folder / kind.base_folder
    base.mkdir(parents=True)
    fine = "fine_labels" if kind is torchvision.datasets.CIFAR100 else "labels"

    def write(name: str, content: dict) -> str:
        data = pickle.dumps(content)
        (base / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    def part(name: str) -> list[str]:
        x = RNG.integers(0, 256, (20, 3072), np.uint8)
        return [name, write(name, {"data": x, fine: [i % 10 for i in range(20)]})]

    for field in ("train_list", "test_list"):
        monkeypatch.setattr(kind, field, [part(name) for name, _ in getattr(kind, field)])
    names = list(catalogue.BUILT_IN["cifar100" if fine == "fine_labels" else "cifar10"].classes)
    meta = dict(kind.meta)
    monkeypatch.setattr(kind, "meta", meta | {"md5": write(meta["filename"], {meta["key"]: names})})


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_found_offline_and_read_as_torchvision_reads_it(name, home, monkeypatch) -> None:
    kind = getattr(torchvision.datasets, name.upper())
    cifar(kind, home, monkeypatch)
    count = 100 if name == "cifar10" else 20
    about = replace(catalogue.BUILT_IN[name], train=count, test=20)
    monkeypatch.setitem(catalogue.BUILT_IN, name, about)
    assert download.available(name)
    splits = load_splits(DataSpec(name))
    for names, train in ((("train", "validation"), True), (("test",), False)):
        expected = kind(str(home), train=train)
        assert tuple(expected.classes) == about.classes
        assert whole(splits, *names) == sorted(
            x.tobytes() + bytes([y]) for x, y in zip(expected.data, expected.targets, strict=True)
        )
    victim = home / kind.base_folder / kind.test_list[0][0]
    victim.write_bytes(victim.read_bytes()[:-10])
    with pytest.raises(DataError, match="could not be downloaded"):
        load_splits(DataSpec(name))


@pytest.fixture
def server(monkeypatch):
    """A server of this machine: {path: content}, and the list of what was asked for."""
    files: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_a) -> None:
            pass

    monkeypatch.undo()
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", files, asked
        http.shutdown()
        thread.join()


def idx(array: np.ndarray) -> bytes:
    """The IDX form of LeCun's files, packed."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


def test_mnist_is_downloaded_checked_unpacked_and_found_again(server, tmp_path, monkeypatch) -> None:
    address, files, asked = server
    monkeypatch.setenv("RESNET_VIZ_DATA", str(tmp_path))
    kind = torchvision.datasets.FashionMNIST
    x, y = RNG.integers(0, 256, (60, 28, 28), np.uint8), np.arange(60) % 10
    contents = [idx(x), idx(y), idx(x[:10]), idx(y[:10])]
    resources = [(name, hashlib.md5(c).hexdigest()) for (name, _), c in zip(kind.resources, contents, strict=True)]
    monkeypatch.setattr(kind, "mirrors", [f"{address}/gone/", f"{address}/there/"])
    monkeypatch.setattr(kind, "resources", resources)
    monkeypatch.setitem(catalogue.BUILT_IN, "fashion", replace(catalogue.BUILT_IN["fashion"], train=60, test=10))
    files |= {f"/there/{name}": content for (name, _), content in zip(resources, contents, strict=True)}

    told: list[tuple[str, int, int]] = []
    good, files["/there/" + resources[2][0]] = contents[2], contents[2][:-1] + b"x"
    with pytest.raises(DataError, match="arrived damaged"):
        load_splits(DataSpec("fashion"), lambda *word: told.append(word))
    assert not list(tmp_path.rglob("*.part"))
    files["/there/" + resources[2][0]] = good

    asked.clear()
    splits = load_splits(DataSpec("fashion"), lambda *word: told.append(word))
    assert whole(splits, "train", "validation") == sorted(a.tobytes() + bytes([b]) for a, b in zip(x, y, strict=True))
    assert ("Downloading Fashion-MNIST", len(good), len(good)) in told
    assert len(asked) == 4  # the two files that had come whole were not fetched again
    asked.clear()
    assert download.available("fashion")
    load_splits(DataSpec("fashion"))
    assert asked == []


@pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter:DeprecationWarning")  # torchvision unpacks
def test_cifar_is_downloaded_once_by_two_runs_at_the_same_time(server, tmp_path, monkeypatch) -> None:
    address, files, asked = server
    monkeypatch.setenv("RESNET_VIZ_DATA", str(tmp_path / "home"))
    kind = torchvision.datasets.CIFAR10
    cifar(kind, tmp_path / "source", monkeypatch)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(tmp_path / "source" / kind.base_folder, kind.base_folder)
    files[f"/{kind.filename}"] = packed.getvalue()
    monkeypatch.setattr(kind, "url", f"{address}/{kind.filename}")
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(packed.getvalue()).hexdigest())
    monkeypatch.setitem(catalogue.BUILT_IN, "cifar10", replace(catalogue.BUILT_IN["cifar10"], train=100, test=20))
    found: list[Splits] = []
    threads = [threading.Thread(target=lambda: found.append(load_splits(DataSpec("cifar10")))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [f"/{kind.filename}"]
    assert whole(found[0], "train") == whole(found[1], "train")


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_was_cut_short_is_said(name, home) -> None:
    archive = home / ARCHIVES[name]
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(gzip.compress(RNG.bytes(2000))[:1000])
    with pytest.raises(DataError, match="damaged; delete"):
        load_splits(DataSpec(name))
