"""The files that put the app elsewhere name what there is: commands, ports, folders, variables, versions."""

import json
import os
import re
import shutil
import signal
import subprocess
import tomllib
from pathlib import Path

import pytest

from resnet_viz.cli import main
from tests.installed import ROOT, build, environment, install
from tests.processes import until

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instruction(name: str) -> str:
    """What stands behind the last instruction of a name in the Dockerfile."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.M)[-1]


def command(name: str) -> list[str]:
    """The command of an instruction, in its form of a JSON list."""
    return json.loads(instruction(name).partition("[")[1] + instruction(name).partition("[")[2])


def test_the_container_starts_a_command_that_there_is_on_the_port_that_all_files_name() -> None:
    program, *arguments = command("CMD")
    assert program in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    options = main.parser().parse_args(arguments)
    assert (options.headless, options.host) == (True, "0.0.0.0")
    port = str(options.port)
    assert instruction("EXPOSE") == port
    assert f":{port}/_stcore/health" in instruction("HEALTHCHECK")
    assert f"app_port: {port}\n" in (ROOT / "deploy" / "space" / "README.md").read_text(encoding="utf-8")
    for name in ("Caddyfile", "nginx.conf"):
        assert re.search(rf"(app|127\.0\.0\.1):{port}\b", (ROOT / "deploy" / name).read_text())


def test_the_container_keeps_runs_and_data_in_its_volume_as_another_than_root() -> None:
    assert instruction("USER") not in ("root", "0")
    volume = instruction("VOLUME")
    kept = dict(pair.split("=") for pair in instruction("ENV").split())
    assert set(kept) == {"RESNET_VIZ_HOME", "RESNET_VIZ_DATA"}
    assert all(folder.startswith(f"{volume}/") for folder in kept.values())
    compose = (ROOT / "compose.yaml").read_text()
    assert f"- data:{volume}\n" in compose
    for path in re.findall(r"- \./(\S+?):", compose):
        assert (ROOT / path).exists(), path


def test_torch_is_the_same_everywhere() -> None:
    wanted = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"][:2])
    assert {line.split(">")[0] for line in wanted} == {"torch", "torchvision"}
    assert set(re.findall(r'"(torch[^"]*)"', DOCKERFILE)) == wanted
    assert wanted <= set((ROOT / "requirements.txt").read_text().splitlines())


def test_the_documents_name_every_variable_that_is_read() -> None:
    read = {n for p in (ROOT / "resnet_viz").rglob("*.py") for n in re.findall(r"RESNET_VIZ_[A-Z_]+", p.read_text())}
    text = (ROOT / "docs" / "DEPLOY.md").read_text(encoding="utf-8")
    assert read - {"RESNET_VIZ_SNAPSHOT_SECONDS"} == set(re.findall(r"RESNET_VIZ_[A-Z_]+", text))


def ignored(folder: str, names: list[str]) -> set[str]:
    """What .dockerignore leaves out of a folder: a pattern holds at the top, one that begins with **/ everywhere."""
    patterns = (ROOT / ".dockerignore").read_text().split()
    here = [p.removeprefix("**/") for p in patterns if p.startswith("**/") or Path(folder) == ROOT]
    return shutil.ignore_patterns(*here)(folder, names)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the container is Linux")
def test_the_containers_steps_in_an_empty_folder(tmp_path) -> None:
    """Without an engine: what would be copied, a wheel of it, its command, its variables, its health check."""
    shutil.copytree(ROOT, tmp_path / "src", ignore=ignored)
    bin = install(tmp_path / "env", build(tmp_path / "src", tmp_path / "dist"))
    shutil.rmtree(tmp_path / "src")
    here = tmp_path / "data"
    here.mkdir()
    port = free_port()
    volume = instruction("VOLUME")
    kept = dict(pair.replace(f"={volume}", f"={here}").split("=") for pair in instruction("ENV").split())
    clean = {name: value for name, value in environment().items() if not name.startswith("RESNET_VIZ")}
    own = clean | kept | {"HOME": str(tmp_path)}
    program, *arguments = [port if a == "8501" else "127.0.0.1" if a == "0.0.0.0" else a for a in command("CMD")]
    server = subprocess.Popen([bin / program, *arguments], cwd=here, env=own, stdout=subprocess.DEVNULL)
    python, *check = [part.replace("8501", port) for part in command("HEALTHCHECK")]
    try:
        until(lambda: subprocess.run([bin / python, *check], env=own, capture_output=True).returncode == 0)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    assert {path.name for path in here.iterdir()} <= {"runs", "cache"}


def free_port() -> str:
    """A port that nobody uses."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])
