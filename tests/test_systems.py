"""What Linux has and Windows or macOS lack, taken away one by one."""

import ast
import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from resnet_viz import settings
from resnet_viz.cli import app, main
from resnet_viz.runs.events import Checkpoint
from resnet_viz.runs.store import Store
from resnet_viz.workers import engine
from tests.old_store import unpacked
from tests.processes import claimed

ROOT = Path(__file__).parents[1]


def test_without_affinity_all_cores_count(monkeypatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert settings.cores() == os.cpu_count()


def test_only_signals_that_windows_has_are_used() -> None:
    """SIGKILL, SIGHUP, SIGUSR1 and os.kill, fork, getppid are not everywhere, or mean something else."""
    for path in (ROOT / "resnet_viz").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = f"{node.value.id}.{node.attr}"
                if name.startswith("signal.SIG"):
                    assert name in ("signal.SIGTERM", "signal.SIGINT"), path
                assert name not in ("os.kill", "os.killpg", "os.fork", "os.getppid", "os.getuid"), path


def test_every_text_file_is_read_as_utf_8() -> None:
    """Elsewhere than on Linux a text is in the system's own code page unless one says otherwise."""
    for path in (ROOT / "resnet_viz").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "read_text":
                named = any(k.arg in ("encoding", "errors") for k in node.keywords)
                assert named or path.name == "engine.py", f"{path}:{node.lineno}"  # /sys has digits alone


def test_a_checkpoint_that_somebody_reads_can_not_be_deleted_and_the_run_goes_on(tmp_path, monkeypatch) -> None:
    store = Store(tmp_path / "home")
    claim = claimed(store)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.exists():
            raise PermissionError(errno.EACCES, "used by another process", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    for step in range(1, 6):
        claim.save(Checkpoint(step, 0, True, b"state"))
    assert len(store.checkpoints(claim.run.id, full=True)) == 2
    assert store.prune(0) == 0  # it is live
    claim.end("stopped")
    assert store.prune(0) > 0


def test_a_store_is_brought_up_to_date_where_only_what_may_be_written_is_synced(tmp_path, monkeypatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def sync(file: int) -> None:
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(os, "fsync", sync)
    assert Store(unpacked(tmp_path)).runs()


def test_without_exec_the_app_is_a_process_that_is_waited_for(monkeypatch) -> None:
    called = []
    monkeypatch.setattr(app, "os", SimpleNamespace(name="nt", environ=os.environ))
    monkeypatch.setattr(app.subprocess, "call", lambda command: called.append(command) or 7)
    assert main.main(["app", "--headless", "--port", "8600"]) == 7
    assert called[0][:5] == [sys.executable, "-P", "-m", "streamlit", "run"]


def test_in_a_virtual_environment_of_windows_a_worker_is_the_process_that_was_started(monkeypatch) -> None:
    """And no virtual environment's launcher, whose child it would be: `Popen` knows that one's number alone."""
    environment = {}
    monkeypatch.setattr(engine, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(sys, "_base_executable", r"C:\Python\python.exe")
    assert engine._python(environment) == r"C:\Python\python.exe"
    assert environment == {"__PYVENV_LAUNCHER__": sys.executable}
    monkeypatch.setattr(engine, "os", SimpleNamespace(name="posix"))
    assert engine._python({}) == sys.executable


def test_a_console_of_few_letters_shows_what_it_can(monkeypatch) -> None:
    bytes_ = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_, encoding="cp1252"))
    with pytest.raises(SystemExit):
        main.main(["train", "--help"])
    sys.stdout.flush()
    assert b"Mixup ?" in bytes_.getvalue()


def test_a_worker_leaves_when_its_standard_input_ends(tmp_path) -> None:
    """Whoever started it is gone then, on every system, and no matter how."""
    environment = os.environ | {"RESNET_VIZ_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "resnet_viz", "work", "--tied"]
    ended = subprocess.run(command, env=environment, input=b"", timeout=120, capture_output=True)
    assert ended.returncode == 0, ended.stderr
