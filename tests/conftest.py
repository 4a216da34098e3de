"""Guards around every test, and what the tests of several rooms share."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

NO_SKIPS = os.environ.get("TYGER_LOCAL_TEST_NO_SKIPS") == "1"
PID_LABEL = "tyger-local.pid"
CHILD_TIMEOUT_S = 5


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own; a test that forgets it still cannot reach the user's."""
    folder = tmp_path / "tyger-local-home"
    monkeypatch.setenv("TYGER_LOCAL_HOME", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "user-home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-home/data"))
    monkeypatch.delenv("TYGER_LOCAL_ENGINE", raising=False)
    monkeypatch.delenv("TYGER_LOCAL_STRICT", raising=False)
    return folder


@pytest.fixture(autouse=True)
def engine_guard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a Docker engine that a test did not ask for an error."""
    if request.node.get_closest_marker("docker") is None:
        monkeypatch.setenv(
            "DOCKER_HOST", "unix:///nonexistent/a-test-forgot-its-docker-marker.sock"
        )
        monkeypatch.delenv("DOCKER_CONTEXT", raising=False)


def _containers() -> set[str]:
    """Return the containers of runs whose owner is this process or dead.

    Others belong to somebody who uses the tool at the same time.
    """
    shown = f'{{{{.ID}}}} {{{{.Label "{PID_LABEL}"}}}}'
    command = ("docker", "ps", "--all", "--filter", f"label={PID_LABEL}", "--format", shown)
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    rows = [line.split() for line in answer.stdout.splitlines()]
    return {
        name for name, pid in rows if int(pid) == os.getpid() or not psutil.pid_exists(int(pid))
    }


def _engine_answers() -> bool:
    try:
        answer = subprocess.run(("docker", "info"), capture_output=True, check=False, timeout=60)
    except OSError:
        return False
    return answer.returncode == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs an engine where there is none, loudly, or fail where no skip is allowed."""
    marked = [item for item in items if item.get_closest_marker("docker")]
    if not marked or _engine_answers():
        return
    reason = (
        f"NO DOCKER ENGINE ANSWERS: {len(marked)} tests cannot run. Start one: scripts/test does."
    )
    if NO_SKIPS:
        raise pytest.UsageError(reason)
    for item in marked:
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn a skip into a failure where none is allowed."""
    report = yield
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and no skip is allowed here: {report.longrepr}"
    return report


@pytest.fixture(autouse=True, scope="session")
def session_temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the session a folder for temporary files of its own: others may use the tool at the same time."""
    folder = tmp_path_factory.mktemp("temporary")
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # it is looked up again
    yield folder
    if before is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before
    tempfile.tempdir = None


@pytest.fixture(autouse=True, scope="session")
def nothing_is_left(session_temporary: Path) -> Iterator[None]:
    """Fail the session when a container, a child or a folder of pipes is left."""
    before = _containers()
    yield
    deadline = time.monotonic() + CHILD_TIMEOUT_S
    children = psutil.Process().children(recursive=True)
    _, alive = psutil.wait_procs(children, max(deadline - time.monotonic(), 0))
    assert not [process.cmdline() for process in alive if process.is_running()]
    assert not _containers() - before, "containers are left"
    folders = session_temporary.glob("tyger-local-*")
    assert not [path for path in folders if not path.name.startswith("tyger-local-bug-")]
