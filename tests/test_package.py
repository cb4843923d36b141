"""What is built and installed: a wheel and a source archive that carry the app, an editable install that carries nothing."""

import os
import sys
import tarfile
import zipfile

import pytest

from resnet_viz.cli import app, main
from tests.installed import ROOT, build, call, environment, install

CARRIED = ("app.py", "pages", "assets")


def tracked(*paths: str) -> set[str]:
    """The files that the repository has below some paths."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a repository")
    return set(call("git", "ls-files", *paths, cwd=ROOT).splitlines())


@pytest.mark.slow
def test_the_source_archive_makes_the_wheel_and_the_wheel_has_all_that_pages_need(tmp_path) -> None:
    call(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", tmp_path, ROOT, env=environment())
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    with zipfile.ZipFile(build(source, tmp_path)) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert {f"resnet_viz/_app/{name}" for name in tracked(*CARRIED)} <= names
    code = {name for name in tracked("resnet_viz") if not name.startswith("resnet_viz/stage/src/")}
    assert code | {"resnet_viz/_app/.streamlit/config.toml", "resnet_viz/py.typed"} <= names
    assert "License-Expression: MIT" in metadata
    assert {name.rsplit("/", 1)[-1] for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


@pytest.mark.slow
def test_an_editable_install_reads_the_checkout(tmp_path) -> None:
    """And puts no copy of it into the environment."""
    bin = install(tmp_path / "env", "--editable", ROOT)
    code = "from resnet_viz import files; print(files.PACKAGE, files.ROOT, files.served('1'), sep='\\n')"
    shown = call(bin / "python", "-c", code, cwd=tmp_path, env=environment()).split()
    assert shown == [str(ROOT / "resnet_viz"), str(ROOT), str(ROOT)]
    copies = [path for path in tmp_path.rglob("*") if path.name in ("_app", "pages", "assets", "resnet_viz")]
    assert copies == []
    assert "usage: resnet-viz" in call(bin / "resnet-viz", "--help", cwd=tmp_path, env=environment())


@pytest.fixture
def started(monkeypatch) -> list[list[str]]:
    """The commands that would have been started."""
    commands: list[list[str]] = []

    def execute(_program: str, command: list[str]) -> None:
        commands.append(command)
        raise SystemExit  # as a process that became another does nothing more

    monkeypatch.setattr(app.os, "execv", execute)
    return commands


@pytest.mark.skipif(os.name != "posix", reason="a process becomes another on POSIX alone")
@pytest.mark.parametrize("arguments", [[], ["app"]])
def test_the_app_opens_without_a_command_too(arguments, started, monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(SystemExit):
        main.main(arguments)
    (command,) = started
    assert command[-4:] == [
        str(ROOT / "app.py"), "--server.address=127.0.0.1", "--server.headless=false", "--server.showEmailPrompt=false",
    ]  # fmt: skip


def test_port_and_host_are_streamlits_and_headless_opens_no_browser(started, monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(SystemExit):
        main.main(["app", "--port", "8699", "--host", "0.0.0.0", "--headless"])
    (command,) = started
    assert {"--server.port=8699", "--server.address=0.0.0.0"} <= set(command)
    assert "--server.headless=false" not in command


def test_a_port_that_is_none_is_one_sentence(started, capsys) -> None:
    assert main.main(["app", "--port", "99999"]) == 2
    assert "--port 99999" in capsys.readouterr().err
    assert started == []


def test_an_installed_app_is_prepared_in_the_cache(tmp_path, monkeypatch, capsys) -> None:
    """A cache that can't be written is one sentence."""
    monkeypatch.setattr("resnet_viz.files.INSTALLED", True)
    script = app.prepare()
    assert script.is_relative_to(tmp_path / "data")
    for name in ("app.py", ".streamlit/config.toml"):
        assert (script.parent / name).read_bytes() == (ROOT / name).read_bytes()
    assert (script.parent / "static").is_dir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RESNET_VIZ_DATA", str(tmp_path / "file"))
    assert main.main(["app"]) == 2
    assert "set RESNET_VIZ_DATA" in capsys.readouterr().err


def test_help_fits_a_screen(capsys) -> None:
    for arguments in (["--help"], ["app", "--help"]):
        with pytest.raises(SystemExit):
            main.main(arguments)
        assert len(capsys.readouterr().out.splitlines()) <= 24
