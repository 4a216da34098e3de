"""`tyger-local doctor` on a real Docker engine: what it finds, and that nothing is left of its trials."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tyger_local import Workspace
from tyger_local.doctor.model import Check, Section, State, exit_code
from tyger_local.workspace.examination import examine

pytestmark = pytest.mark.docker

TOOL = (sys.executable, "-m", "tyger_local")
IMAGE = "tyger-local/busybox"
MISSING_IMAGE = "tyger-local.invalid/no-such-image:1"
DEADLINE_S = 60
CLEAN_WITHIN_S = 10

Answer = subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []


def _doctor(*flags: str, before: tuple[str, ...] = ()) -> Answer:
    return subprocess.run(
        (*before, *TOOL, "doctor", "--format", "json", *flags),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


def _checks(answer: Answer) -> dict[str, dict[str, Any]]:
    return {check["id"]: check for check in json.loads(answer.stdout)["checks"]}


def _of(pid: int, *what: str) -> list[str]:
    """The containers or networks that a process made."""
    listing = ("docker", *what, "--quiet", "--filter", f"label=tyger-local.pid={pid}")
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()


def _left(pid: int) -> list[str]:
    return _of(pid, "ps", "--all") + _of(pid, "network", "ls")


def _until(condition: Callable[[], object], within_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "a condition did not come true"
        time.sleep(0.02)


def test_a_machine_on_which_runs_work(home: Path) -> None:
    answer = _doctor("--image", IMAGE)
    assert answer.returncode == 0, answer.stdout
    checks = _checks(answer)
    tried = ("pipes-cross", "memory-limit", "cpu-limit", "usage", "network")
    assert {name: checks[name]["state"] for name in tried} == dict.fromkeys(tried, "ok")
    assert checks["sockets"]["state"] in ("ok", "warning")  # by our rights
    assert checks["image"]["title"].endswith(IMAGE)
    titles = " ".join(checks["engine"]["details"])
    assert all(word in titles for word in ("API version", "cgroups", "storage driver", "rights"))
    assert not home.exists(), "it made a store"


def test_an_image_is_found_by_itself() -> None:
    checks = _checks(_doctor())
    assert checks["image"]["state"] == "ok"
    assert checks["pipes-cross"]["state"] == "ok"


def test_an_image_without_a_shell_is_told(odd_image: Callable[[str], str]) -> None:
    answer = _doctor("--image", odd_image("amd64"))
    checks = _checks(answer)
    assert checks["pipes-cross"]["state"] == "skipped"
    assert "no sh" in checks["pipes-cross"]["title"]
    assert "--image" in checks["pipes-cross"]["fix"]
    assert checks["memory-limit"]["state"] == "skipped"


def test_an_image_that_cannot_be_had_is_a_problem() -> None:
    answer = _doctor("--image", MISSING_IMAGE)
    assert answer.returncode == 1
    checks = _checks(answer)
    assert checks["image"]["state"] == "problem"
    assert checks["image"]["fix"]
    assert "pipes-cross" in checks


def _in_process(monkeypatch: pytest.MonkeyPatch, *images: str) -> dict[str, Check]:
    """Examine an engine as if it had but these images."""
    monkeypatch.setattr("tyger_local.doctor.examine.candidates", lambda _: images)
    return {check.id: check for check in examine(Workspace())}


def test_the_next_image_is_tried_when_the_first_has_no_shell(
    monkeypatch: pytest.MonkeyPatch, odd_image: Callable[[str], str]
) -> None:
    checks = _in_process(monkeypatch, MISSING_IMAGE, odd_image("amd64"), IMAGE)
    assert checks["image"].title.endswith(IMAGE)
    assert checks["pipes-cross"].state is State.OK
    assert checks["memory-limit"].state is State.OK


def test_without_an_image_nothing_is_tried_and_it_is_said_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checks = _in_process(monkeypatch)
    assert exit_code(tuple(checks.values())) == 0
    tried = [check for check in checks.values() if check.section is Section.TRIALS]
    assert len(tried) == 6
    assert {check.state for check in tried} == {State.SKIPPED}
    assert all("no image to try with" in check.title for check in tried)
    assert all("docker pull" in check.fix for check in tried)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_folder_that_the_engine_does_not_see_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    monkeypatch.setenv("TMPDIR", str(hidden))
    # In a mount namespace of its own the tool sees what the engine does not.
    mount = 'mount -t tmpfs tmpfs "$TMPDIR" || exit 99; exec "$@"'
    answer = _doctor(before=("unshare", "--mount", "sh", "-c", mount, "sh"))
    if answer.returncode in (1, 99) and not answer.stdout:
        pytest.skip("no file system may be mounted here")
    assert answer.returncode == 1
    checks = _checks(answer)
    assert checks["temporary-files"]["state"] == "ok"
    assert checks["pipes-cross"]["state"] == "problem"
    assert "TMPDIR" in checks["pipes-cross"]["fix"]


def _start() -> subprocess.Popen[str]:
    """Start the examination, and return once it has a container."""
    argv = (*TOOL, "doctor", "--image", IMAGE)
    tool = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _until(lambda: _of(tool.pid, "ps", "--all"))
    return tool


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_is_left(number: signal.Signals) -> None:
    tool = _start()
    tool.send_signal(number)
    _, said = tool.communicate(timeout=DEADLINE_S)
    assert tool.returncode == 128 + number
    assert said.startswith("Error: ")
    assert "Traceback" not in said
    assert _left(tool.pid) == []


def test_killed_it_leaves_nothing_either(temporary: Path) -> None:
    tool = _start()
    tool.kill()
    tool.communicate(timeout=DEADLINE_S)
    _until(lambda: not _left(tool.pid) and not list(temporary.iterdir()), CLEAN_WITHIN_S)


def test_killed_with_its_watchdog_it_is_cleaned_up_by_prune(temporary: Path, home: Path) -> None:
    tool = _start()
    both = [psutil.Process(tool.pid), *psutil.Process(tool.pid).children()]
    for process in both:
        process.suspend()
    for process in both:
        process.kill()
    tool.communicate(timeout=DEADLINE_S)
    assert list(temporary.iterdir()) != []
    leftovers = _checks(_doctor("--engine", "process"))["leftovers"]
    assert leftovers["state"] == "warning"
    assert leftovers["fix"] == "tyger-local prune"
    _until(lambda: _prune() == 0)
    assert _left(tool.pid) == []
    assert list(temporary.iterdir()) == []


def _prune() -> int:
    return subprocess.run((*TOOL, "prune"), check=False, timeout=DEADLINE_S).returncode
