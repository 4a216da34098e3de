"""The tool killed with real signals while a real container runs."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.docker

IMAGE = "tyger-local/busybox"
CLEAN_WITHIN_S = 5
DEADLINE_S = 30
TOOL = (sys.executable, "-m", "tyger_local")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Path]:
    current = tmp_path / "work"
    (current / "temporary").mkdir(parents=True)
    monkeypatch.chdir(current)
    monkeypatch.setenv("TMPDIR", str(current / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield current
    for name in _containers(home):
        subprocess.run(("docker", "rm", "--force", name), check=False, capture_output=True)
    for name in _networks(home):
        subprocess.run(("docker", "network", "rm", name), check=False, capture_output=True)


def _until(condition: Callable[[], object], within_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "a condition did not come true"
        time.sleep(0.02)


def _containers(home: Path, *filters: str) -> list[str]:
    """The containers of a store."""
    store = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]
    given = [f"--filter={text}" for text in (f"label=tyger-local.store={store}", *filters)]
    listing = ("docker", "ps", "--all", "--quiet", *given)
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()


def _networks(home: Path) -> list[str]:
    """The networks of a store."""
    store = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]
    listing = ("docker", "network", "ls", "-q", f"--filter=label=tyger-local.store={store}")
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()


def _streaming(*flags: str, output: str = "out") -> subprocess.Popen[bytes]:
    """Start a run that has passed a few bytes on and waits for more."""
    script = "trap '' TERM; cat $INPUT_PIPE > $OUTPUT_PIPE; sleep 600"
    document = {
        "image": IMAGE,
        "buffers": {"inputs": ["input"], "outputs": ["output"]},
        "command": ["sh", "-c", script],
    }
    Path("spec.json").write_text(json.dumps(document))
    argv = (*TOOL, "run", "exec", "-f", "spec.json", "-b", f"output={output}", *flags)
    tool = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert tool.stdin is not None
    tool.stdin.write(b"some bytes")
    tool.stdin.flush()
    parts = Path().glob
    _until(lambda: [path for path in parts(f".{output}.*") if path.read_bytes() == b"some bytes"])
    return tool


def _end(tool: subprocess.Popen[bytes]) -> None:
    tool.wait(DEADLINE_S)
    assert tool.stdin is not None
    tool.stdin.close()


def _left(home: Path) -> list[str]:
    paths = (*(home / "running").glob("*.json"), *Path("temporary").iterdir(), *Path().glob(".*"))
    return [*map(str, paths), *_containers(home), *_networks(home)]


def _check_record() -> None:
    shown = subprocess.run((*TOOL, "run", "show", "1"), capture_output=True, check=True)
    record = json.loads(shown.stdout)
    assert record["status"] == "Failed"
    assert record["statusReason"] == "the process that ran it ended"


def _kill_with_watchdog(tool: subprocess.Popen[bytes]) -> None:
    both = [psutil.Process(tool.pid), *psutil.Process(tool.pid).children()]
    assert len(both) == 2
    for process in both:
        process.suspend()
    for process in both:
        process.kill()
    _end(tool)


def _exec_true() -> subprocess.CompletedProcess[str]:
    Path("true.json").write_text(json.dumps({"image": IMAGE, "command": ["true"]}))
    argv = (*TOOL, "run", "exec", "-f", "true.json")
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
def test_killed_while_streaming(home: Path, number: signal.Signals) -> None:
    tool = _streaming()
    assert len(_left(home)) == 4
    tool.send_signal(number)
    _end(tool)
    _until(lambda: not _left(home), CLEAN_WITHIN_S)
    assert Path("out.partial").read_bytes() == b"some bytes"
    _check_record()


@pytest.mark.parametrize("asked", ["/networks/create", "/containers/create"])
def test_killed_while_the_engine_makes_something(home: Path, asked: str) -> None:
    """It appears after its owner's death."""
    program = """
import os, signal, sys
from tyger_local.cli.watchdog import start_watchdog
def main():
    watchdog = start_watchdog(sys.argv[1:])  # first, as the program does
    from tyger_local.cli.main import run_command_line
    from tyger_local.engine.docker import engine, unix
    from tyger_local.plan.model import NetworkPlan
    create = engine.DockerEngine.create
    def create_in_network(self, plan, pipes, networks, **more):
        network = self.create_network(NetworkPlan("run-1", plan.labels))
        return create(self, plan, pipes, (network.name,), **more)
    engine.DockerEngine.create = create_in_network
    class Exchange(unix.Exchange):
        def __init__(self, path, line, *more):
            self.line = line
            super().__init__(path, line, *more)
        def _read_status(self):
            if REQUEST in self.line:  # it has been sent, and the engine works on it
                os.kill(os.getpid(), signal.SIGKILL)
            return super()._read_status()
    unix.Exchange = Exchange
    run_command_line(sys.argv[1:], watchdog)
main()
"""
    Path("true.json").write_text(json.dumps({"image": IMAGE, "command": ["true"]}))
    program = program.replace("REQUEST", repr(asked))
    argv = (sys.executable, "-c", program, "run", "exec", "-f", "true.json")
    answer = subprocess.run(argv, check=False, timeout=DEADLINE_S)
    assert answer.returncode == -signal.SIGKILL
    _until(lambda: not _left(home), CLEAN_WITHIN_S)
    _check_record()


def test_the_next_run_cleans_up_when_the_watchdog_was_killed_too(home: Path) -> None:
    _kill_with_watchdog(_streaming())
    assert len(_left(home)) == 4
    answer = _exec_true()
    assert answer.returncode == 0
    words = "cleaned up what run 1 had left: removed tyger-local-run-1-job-0-"
    assert words in answer.stderr
    assert _left(home) == []
    assert Path("out.partial").read_bytes() == b"some bytes"
    _check_record()


def test_what_a_living_owner_or_another_store_has_stays(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = _streaming(output="living")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TYGER_LOCAL_HOME", str(tmp_path / "another"))
        _kill_with_watchdog(_streaming(output="another"))
    _kill_with_watchdog(_streaming(output="dead"))
    assert len(_containers(home)) == 2
    pruned = subprocess.run((*TOOL, "prune"), capture_output=True, text=True, check=True)
    assert [line.split(":")[0] for line in pruned.stdout.splitlines()] == ["run 2"] * 4
    assert len(_containers(home, "status=running")) == 1
    assert len(_containers(tmp_path / "another", "status=running")) == 1
    assert _exec_true().returncode == 0
    assert len(_containers(home, "status=running")) == 1
    monkeypatch.setenv("TYGER_LOCAL_HOME", str(tmp_path / "another"))
    subprocess.run((*TOOL, "prune"), capture_output=True, check=True)
    assert _containers(tmp_path / "another") == []
    living.kill()
    _end(living)
    _until(lambda: not _left(home), CLEAN_WITHIN_S)


def test_a_container_that_nothing_is_written_about_is_found_by_prune(home: Path) -> None:
    _kill_with_watchdog(_streaming())
    (home / "running/1.json").unlink()
    pruned = subprocess.run((*TOOL, "prune"), capture_output=True, text=True, check=True)
    assert "run 1: removed tyger-local-run-1-job-0-" in pruned.stdout
    assert "run 1: removed /" in pruned.stdout
    assert _containers(home) == []


def test_a_container_that_is_to_be_kept_is_stopped_and_stays(home: Path) -> None:
    tool = _streaming("--keep")
    tool.kill()
    _end(tool)
    _until(lambda: len(_left(home)) == 1, CLEAN_WITHIN_S)
    assert _containers(home, "status=exited") == _containers(home) != []
    pruned = subprocess.run((*TOOL, "prune"), capture_output=True, text=True, check=True)
    assert (pruned.stdout, len(_containers(home))) == ("", 1)


# the engine is lost on the way


def _relay(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def _engine_at(path: Path) -> Iterator[None]:
    """Offer the engine at another address inside the block; its end is as the end of an engine."""
    ends: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(64)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    near, _ = server.accept()
                    far = socket.socket(socket.AF_UNIX)
                    far.connect("/var/run/docker.sock")
                    ends.extend((near, far))
                    for pair in ((near, far), (far, near)):
                        threading.Thread(target=_relay, args=pair, daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            path.unlink()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE_S)
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


def test_what_a_lost_engine_has_is_removed_when_it_is_back(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.sock"
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("DOCKER_HOST", f"unix://{path}")
        with _engine_at(path):
            tool = _streaming()
        assert tool.wait(DEADLINE_S) == 125
        _end(tool)
        shown = subprocess.run((*TOOL, "run", "show", "1"), capture_output=True, check=True)
        assert json.loads(shown.stdout)["verdict"] == "engine-failed"
        assert [path.name for path in Path("temporary").iterdir()] == []
        entry = json.loads((home / "running/1.json").read_text())
        assert entry["isOver"]
        with _engine_at(path):
            answer = _exec_true()
    assert answer.returncode == 0
    assert "cleaned up what run 1 had left" in answer.stderr
    assert _left(home) == []
