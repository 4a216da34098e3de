"""Guards around every test, and what the tests of several rooms share."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
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


def _in_engine() -> set[str]:
    """Return the containers and networks of runs whose owner is this process or dead.

    Others belong to somebody who uses the tool at the same time.
    """
    return _listed("ps", "--all") | _listed("network", "ls")


def _listed(*listing: str) -> set[str]:
    shown = f'{listing[0]}:{{{{.ID}}}} {{{{.Label "{PID_LABEL}"}}}}'
    command = ("docker", *listing, "--filter", f"label={PID_LABEL}", "--format", shown)
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
    """Fail the session when a container, a network, a child or a folder of pipes is left."""
    before = _in_engine()
    yield
    deadline = time.monotonic() + CHILD_TIMEOUT_S
    children = psutil.Process().children(recursive=True)
    _, alive = psutil.wait_procs(children, max(deadline - time.monotonic(), 0))
    assert not [process.cmdline() for process in alive if process.is_running()]
    assert not _in_engine() - before, "containers or networks are left"
    folders = session_temporary.glob("tyger-local-*")
    assert not [path for path in folders if not path.name.startswith("tyger-local-bug-")]


FOREIGN_PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xef\xbe" + bytes(200)
"""The head of a program for a CPU that nobody has, so that no emulator helps."""

ODD_PROGRAMS = {
    "crlf": b"#!/bin/sh\r\necho hello\r\n",
    "no-interpreter": b"#!/no/such/interpreter\n",
    "no-first-line": b"echo hello\n",
    "foreign": FOREIGN_PROGRAM,
}
"""Files with the mode of programs, none of which can be executed."""


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


@pytest.fixture(scope="session")
def odd_image() -> Iterator[Callable[[str], str]]:
    """Makes images with the odd programs in their root, for any architecture; returns the name of one."""
    names: dict[str, str] = {}

    def load(architecture: str) -> str:
        if architecture not in names:
            layer = _tar(ODD_PROGRAMS)
            config = {
                "architecture": architecture,
                "os": "linux",
                "config": {},
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
                },
            }
            name = f"tyger-local-test/{architecture}-{secrets.token_hex(4)}"
            parts = [{"Config": "c.json", "RepoTags": [f"{name}:latest"], "Layers": ["l.tar"]}]
            files = {"c.json": config, "manifest.json": parts}
            written = {path: json.dumps(value).encode() for path, value in files.items()}
            image = _tar({**written, "l.tar": layer})
            subprocess.run(("docker", "load"), input=image, capture_output=True, check=True)
            names[architecture] = name
        return names[architecture]

    yield load
    for name in names.values():
        subprocess.run(("docker", "image", "rm", name), capture_output=True, check=True)


@pytest.fixture(scope="session")
def odd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the odd programs."""
    folder = tmp_path_factory.mktemp("odd")
    for name, data in ODD_PROGRAMS.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o755)
    return folder


class TygerClient:
    """The stand-in for Tyger's client that is on the PATH (see `tyger_client.py`), and what is behind it.

    Args:
        state: Its folder.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.home = state / "home"

    def log_out(self) -> None:
        (self.state / "logged-in").unlink()

    def misbehave(self, words: str, **wanted: object) -> None:
        """Have the command that begins with two words do something else."""
        file = self.state / "behaviour.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**known, words: wanted}))

    def behave(self) -> None:
        (self.state / "behaviour.json").unlink()

    def use_engine(self, name: str) -> None:
        (self.state / "engine").write_text(name)

    def calls(self, words: str = "") -> list[list[str]]:
        """Return how it was called, in order, by the first two words."""
        file = self.state / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [argv for argv in map(json.loads, lines) if " ".join(argv).startswith(words)]


@pytest.fixture
def tyger_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TygerClient:
    """Tyger's client on the PATH, logged in, with a cluster that executes commands as local children."""
    state = tmp_path / "cluster"
    (state / "bin").mkdir(parents=True)
    program = state / "bin/tyger"
    stand_in = Path(__file__).with_name("tyger_client.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    program.chmod(0o755)
    (state / "logged-in").touch()
    (state / "engine").write_text("process")
    monkeypatch.setenv("TYGER_STAND_IN", str(state))
    monkeypatch.setenv("PATH", f"{state}/bin{os.pathsep}{os.environ['PATH']}")
    return TygerClient(state)
