"""`tyger-local doctor` on machines where something is wrong; containers: tests/docker/test_doctor.py."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tyger_local import Workspace
from tyger_local.doctor.model import CanceledError
from tyger_local.engine.process import ProcessEngine
from tyger_local.errors import EngineError
from tyger_local.outcome.facts import CancelReason
from tyger_local.runner.cancel import Cancellation
from tyger_local.streams.leftovers import remove_folder
from tyger_local.workspace import laboratory, trial_ends
from tyger_local.workspace.examination import examine

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]

NOBODY = 65534
QUICK_S = 10


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.glob("tyger-local-*")) == []


def _checks(answer: Answer) -> dict[str, dict[str, Any]]:
    return {check["id"]: check for check in json.loads(answer.stdout)["checks"]}


def _examine(cli: Cli, *flags: str) -> tuple[int, dict[str, dict[str, Any]]]:
    answer = cli("doctor", "--format", "json", *flags)
    assert answer.stderr == ""
    assert json.loads(answer.stdout)["runsWillWork"] == (answer.returncode == 0)
    return answer.returncode, _checks(answer)


def test_the_process_engine_is_examined_without_containers(cli: Cli, home: Path) -> None:
    code, checks = _examine(cli, "--engine", "process")
    assert code == 0
    assert checks["pipes-cross"]["state"] == "ok"
    assert checks["usage"]["state"] == "ok"
    skipped = [name for name, check in checks.items() if check["state"] == "skipped"]
    assert skipped == ["memory-limit", "cpu-limit", "network"]
    assert not home.exists(), "it made a store"


def test_the_page_has_a_line_for_each_check(cli: Cli) -> None:
    answer = cli("doctor", "--engine", "process")
    lines = answer.stdout.splitlines()
    assert answer.returncode == 0
    assert "The engine" in lines
    assert any(line.startswith("  ok       named pipes cross") for line in lines)
    assert lines[-1].startswith("Runs will work: ")


def test_without_an_engine_runs_will_not_work(cli: Cli) -> None:
    code, checks = _examine(cli)
    assert code == 1
    assert [name for name, check in checks.items() if check["state"] == "problem"] == ["engine"]
    assert any("no Docker engine answers" in line for line in checks["engine"]["details"])
    assert "systemctl start docker" in checks["engine"]["fix"]
    assert {checks[name]["state"] for name in ("pipes-cross", "network")} == {"skipped"}


def test_the_last_line_of_the_page_counts_problems(cli: Cli) -> None:
    answer = cli("doctor")
    assert answer.returncode == 1
    assert answer.stdout.splitlines()[-1].startswith("Runs will not work: 1 problem, ")


def test_an_engine_that_never_answers_holds_nobody_up(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent.sock"))
        listener.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/silent.sock")
        for module in ("engine", "places"):
            name = {"engine": "ANSWER_LIMIT_S", "places": "LIMIT_S"}[module]
            monkeypatch.setattr(f"tyger_local.doctor.{module}.{name}", 0.5)
        code, checks = _examine(cli)
        assert _examine(cli, "--engine", "process")[0] == 0
    assert code == 1
    assert any("did not answer within 0.5 s" in line for line in checks["engine"]["details"])
    assert checks["leftovers"]["state"] == "warning"
    for thread in threading.enumerate():
        if thread.name.startswith("doctor: "):
            thread.join(QUICK_S)  # its socket is closed by now


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


@contextmanager
def _somebody_else() -> Iterator[None]:
    """Be a user who may do nothing. Python may be out of reach for that one: all is loaded before."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[Path]:
    """A folder that everybody may use, unlike pytest's, also for temporary files; with everything loaded."""
    cli("doctor")
    cli("doctor", "--engine", "process")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "temporary").mkdir()
        (folder / "temporary").chmod(0o777)
        monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        yield folder


@needs_root
def test_a_socket_that_we_may_not_use_is_told_with_its_fix(
    cli: Cli, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = open_folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        monkeypatch.setenv("TYGER_LOCAL_HOME", str(open_folder / "home"))
        with _somebody_else():
            code, checks = _examine(cli)
    assert code == 1
    engine = checks["engine"]
    assert any("you may not use the Docker engine" in line for line in engine["details"])
    assert "usermod -aG docker" in engine["fix"]


@needs_root
@pytest.mark.parametrize("is_there", [True, False])
def test_a_store_that_cannot_be_written_is_a_problem(
    cli: Cli, open_folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    locked = open_folder / "locked"
    locked.mkdir(0o755)
    home = locked if is_there else locked / "home"
    monkeypatch.setenv("TYGER_LOCAL_HOME", str(home))
    with _somebody_else():
        code, checks = _examine(cli, "--engine", "process")
    assert code == 1
    assert [name for name, check in checks.items() if check["state"] == "problem"] == ["store"]
    assert "TYGER_LOCAL_HOME" in checks["store"]["fix"]
    assert checks["pipes-cross"]["state"] == "ok"


def test_a_store_that_is_a_file_is_a_problem(cli: Cli, home: Path) -> None:
    home.write_text("no folder")
    code, checks = _examine(cli, "--engine", "process")
    assert code == 1
    assert "is a file" in checks["store"]["details"][0]


def test_damaged_things_are_listed_and_only_a_warning(cli: Cli, home: Path) -> None:
    (home / "runs/1").mkdir(parents=True)
    (home / "runs/1/run.json").write_text("{")
    code, checks = _examine(cli, "--engine", "process")
    assert code == 0
    health = checks["store-health"]
    assert health["state"] == "warning"
    assert any("run.json" in line for line in health["details"])
    assert sorted(path.name for path in home.iterdir()) == ["runs"], "trying left something"


def test_what_a_dead_run_left_is_found_and_not_touched(cli: Cli, home: Path) -> None:
    (home / "running").mkdir(parents=True)
    (home / "running/1.json").write_text("{")
    code, checks = _examine(cli, "--engine", "process")
    assert code == 0
    assert checks["leftovers"]["state"] == "warning"
    assert checks["leftovers"]["fix"] == "tyger-local prune"
    assert (home / "running/1.json").exists()


def test_a_folder_for_temporary_files_that_is_missing_is_a_problem(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as missing:
        missing.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        code, checks = _examine(cli, "--engine", "process")
    assert code == 1
    assert checks["temporary-files"]["state"] == "problem"
    assert "TMPDIR" in checks["temporary-files"]["fix"]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for pipes and hardly more."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "tmpfs", str(folder))
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(("umount", str(folder)), check=True)


def test_a_disk_that_is_filled_by_trying_is_told_of_and_left_as_it_was(
    cli: Cli, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        here.setattr(tempfile, "tempdir", str(small))
        code, checks = _examine(cli, "--engine", "process")
    assert code == 1
    assert checks["temporary-files"]["state"] == "warning"
    assert checks["pipes-cross"]["state"] == "problem"
    assert "No space left" in checks["pipes-cross"]["details"][0]
    assert list(small.iterdir()) == []


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system without a byte left."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "tmpfs", str(folder))
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        with (folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
        yield folder
    finally:
        subprocess.run(("umount", str(folder)), check=True)


def test_a_full_disk_for_temporary_files_is_a_problem(
    cli: Cli, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        here.setattr(tempfile, "tempdir", str(full))
        code, checks = _examine(cli, "--engine", "process")
    assert code == 1
    assert checks["temporary-files"]["state"] == "problem"
    assert "No space left" in checks["temporary-files"]["details"][0]
    assert [path.name for path in full.iterdir()] == ["filler"]


def test_a_full_disk_for_a_store_that_is_yet_to_be_made_is_a_problem(
    cli: Cli, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TYGER_LOCAL_HOME", str(full / "home"))
    code, checks = _examine(cli, "--engine", "process")
    assert code == 1
    assert checks["store"]["state"] == "problem"
    assert "No space left" in checks["store"]["details"][0]
    assert [path.name for path in full.iterdir()] == ["filler"]


def test_a_folder_for_temporary_files_that_is_passed_over_is_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setenv("TEMP", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    code, checks = _examine(cli, "--engine", "process")
    assert code == 0
    found = checks["temporary-files"]
    assert found["state"] == "warning"
    assert str(tmp_path / "missing") in found["fix"]
    assert str(tmp_path / "temporary") in found["details"][0]


def test_positional_arguments_are_refused(cli: Cli) -> None:
    answer = cli("doctor", "me")
    assert answer.returncode == 2


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> Iterator[None]:
    """The process engine, from which no container comes before the test is over."""
    is_over = threading.Event()

    def hang(*_: object, **__: object) -> None:
        is_over.wait()
        raise EngineError("the engine was shut down")

    monkeypatch.setattr(ProcessEngine, "create", hang)
    monkeypatch.setattr(trial_ends, "RUN_LIMIT_S", 0.5)
    monkeypatch.setattr(trial_ends, "END_LIMIT_S", 0.4)
    yield
    is_over.set()
    for thread in threading.enumerate():
        if thread.name == "laboratory":
            thread.join(QUICK_S)
    for folder in temporary.glob("tyger-local-*"):
        assert (folder / "laboratory").is_dir()
        remove_folder(folder)


def test_an_engine_that_refuses_is_told_of_and_nothing_is_left(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise EngineError("the engine refused")

    monkeypatch.setattr(ProcessEngine, "create", refuse)
    code, checks = _examine(cli, "--engine", "process")
    assert code == 1
    assert "the engine refused" in checks["pipes-cross"]["details"]
    assert "docker run" in checks["pipes-cross"]["fix"]
    assert "TMPDIR" not in checks["pipes-cross"]["fix"]


@pytest.mark.usefixtures("hanging")
def test_an_engine_that_makes_no_container_holds_nobody_up(cli: Cli) -> None:
    code, checks = _examine(cli, "--engine", "process")
    assert code == 1
    assert checks["pipes-cross"]["state"] == "problem"
    assert "not over after 0.5 s" in checks["pipes-cross"]["details"][0]
    assert "tyger-local prune" in checks["pipes-cross"]["fix"]
    assert checks["usage"]["state"] == "skipped"


@pytest.mark.usefixtures("hanging")
def test_whoever_waits_for_an_engine_that_hangs_can_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_ends, "RUN_LIMIT_S", QUICK_S)
    cancellation = Cancellation()

    def interrupt(_: Path) -> None:
        cancellation.request(CancelReason.INTERRUPT)

    with pytest.raises(CanceledError, match="Ctrl-C") as caught:
        list(examine(Workspace(engine="process"), None, cancellation, interrupt))
    assert caught.value.exit_code == 130


def test_a_signal_does_not_interrupt_the_removal(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    cancellation = Cancellation()
    is_heard: list[bool] = []

    def interrupt_and_remove(path: Path) -> bool:
        is_heard.append(cancellation.request(CancelReason.TERMINATE))  # else it raises here
        return remove_folder(path)

    monkeypatch.setattr(laboratory, "remove_folder", interrupt_and_remove)
    with pytest.raises(CanceledError, match="SIGTERM") as caught:
        list(examine(Workspace(engine="process"), None, cancellation))
    assert caught.value.exit_code == 143
    assert is_heard == [True]
    assert list(temporary.iterdir()) == []
