from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.docker

IMAGE = "tyger-local/busybox"
TIMEOUT_S = 60

Answer = subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


def _argv(*argv: str) -> list[str]:
    return [sys.executable, "-m", "tyger_local", *argv]


def _exec(*flags: str, stdin: str = "", **env: str) -> Answer:
    return subprocess.run(
        _argv("run", "exec", "-f", "spec.json", *flags),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        env={**os.environ, **env},
    )


def _spec(script: str, inputs: str = "", outputs: str = "", **more: object) -> None:
    document = {
        "image": IMAGE,
        "buffers": {"inputs": inputs.split(), "outputs": outputs.split()},
        "command": ["sh", "-c", script],
        **more,
    }
    Path("spec.json").write_text(json.dumps(document))


def _last_line(answer: Answer) -> str:
    return answer.stderr.splitlines()[-1]


def _record() -> dict[str, object]:
    shown = subprocess.run(_argv("run", "show", "1"), capture_output=True, check=True)
    record: dict[str, object] = json.loads(shown.stdout)
    return record


def _containers(home: Path) -> list[str]:
    """The containers of this test's store."""
    store = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]
    label = f"label=tyger-local.store={store}"
    listing = ("docker", "ps", "--all", "--quiet", "--filter", label)
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()


def _wait_for_line(process: subprocess.Popen[str], words: str) -> str:
    """Read what is said until a line holds `words`."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"{words} was never said: {seen}")


def test_exec(home: Path) -> None:
    _spec(
        'echo "$GREETING $(cat $INPUT_PIPE) from run $TYGER_RUN_ID on $(hostname)" > $OUTPUT_PIPE',
        "input", "output", env={"GREETING": "Hello"},
    )  # fmt: skip
    answer = _exec(stdin="world")
    assert (answer.returncode, answer.stdout) == (0, "Hello world from run 1 on run-1-job-0\n")
    assert _last_line(answer).startswith("Run 1 succeeded: read 5 B from 'input', wrote ")
    record = _record()
    assert (record["status"], record["verdict"]) == ("Succeeded", "succeeded")
    engine, image = record["engine"], record["image"]
    assert isinstance(engine, dict)
    assert isinstance(image, dict)
    assert (engine["name"], image["reference"]) == ("docker", IMAGE)
    assert image["digest"].startswith("sha256:")
    assert _containers(home) == []


def test_megabytes_through_standard_input_and_output(folder: Path, home: Path) -> None:
    _spec("cat $INPUT_PIPE > $OUTPUT_PIPE", "input", "output")
    data = os.urandom(1 << 20) * 20
    answer = subprocess.run(
        _argv("run", "exec", "-q", "-f", "spec.json"),
        input=data, capture_output=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert answer.stdout == data
    assert _containers(home) == []


@pytest.mark.parametrize(
    ("script", "changes", "flags", "code", "words"),
    [
        ("echo why >&2; exit 7", {}, [], 7, "run 1 failed: Main exited with code 7"),
        ("", {"command": ["nope"]}, [], 127, "run 1 start-failed: the container's command was not found"),
        ("", {"command": ["/etc/passwd"]}, [], 126, ("run 1 start-failed: the container's command "
         "cannot be executed")),
        ("tail /dev/zero", {"resources": {"limits": {"memory": "16Mi"}}}, [], 137,
         "run 1 out-of-memory: "),
        ("sleep 60", {}, ["--timeout=1s", "--stop-grace=0"], 124, "run 1 timed-out: "),
        ("", {"image": "tyger-local/no-such-image"}, ["--pull=never"], 125,
         "run 1 engine-failed: The image 'tyger-local/no-such-image' was not found on the system"),
        ("", {"image": "NO IMAGE"}, ["--pull=never"], 125, "run 1 engine-failed: 'NO IMAGE' is no name"),
        ("", {"resources": {"limits": {"memory": "1Mi"}}}, [], 125,
         "run 1 engine-failed: the memory limit 1Mi is below 6 MiB"),
    ],
)  # fmt: skip
def test_exit_codes(
    home: Path, script: str, changes: dict[str, object], flags: list[str], code: int, words: str
) -> None:
    _spec(script, **changes)
    answer = _exec(*flags)
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert _last_line(answer).startswith(f"Error: {words}"), answer.stderr
    assert ("  why\n" in answer.stderr) is (code == 7)
    assert _record()["exitCode"] == code
    assert _containers(home) == []


@pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1"])
def test_no_engine(host: str) -> None:
    _spec("true")
    answer = _exec(DOCKER_HOST=host)
    assert (answer.returncode, answer.stdout) == (125, "")
    assert _last_line(answer).startswith("Error: run 1 engine-failed: no Docker engine answers: ")
    assert "--engine process" in _last_line(answer)
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_no_container(home: Path, number: int, code: int) -> None:
    _spec("trap 'exit 0' TERM; while :; do sleep 0.1; done")
    argv = _argv("run", "exec", "-f", "spec.json")
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_for_line(process, "status=Running")
            assert len(_containers(home)) == 1
            process.send_signal(number)
            _, err = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
    assert process.returncode == code
    assert err.splitlines()[-1].startswith("Error: run 1 canceled: Canceled by ")
    assert _containers(home) == []
    assert _record()["status"] == "Canceled"


def test_logs_arrive_while_it_runs() -> None:
    _spec("echo first; cat $INPUT_PIPE > /dev/null; echo second", "input")
    argv = _argv("run", "exec", "-f", "spec.json", "--logs")
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert "second" not in _wait_for_line(process, "first")
            _, err = process.communicate("", timeout=TIMEOUT_S)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "second\n" in err


def test_keep(home: Path) -> None:
    _spec("echo kept; exit 5")
    answer = _exec("--keep")
    kept = _containers(home)
    try:
        assert answer.returncode == 5
        assert len(kept) == 1
        state = ("docker", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", *kept)
        inspected = subprocess.run(state, capture_output=True, text=True, check=True)
        assert inspected.stdout == "exited 5\n"
    finally:
        subprocess.run(("docker", "rm", "--force", *kept), capture_output=True, check=True)


# --shell


@contextlib.contextmanager
def _in_a_terminal(*argv: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    master, slave = pty.openpty()
    try:
        with subprocess.Popen(
            _argv(*argv), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        ) as process:
            os.close(slave)
            try:
                yield process, master
            finally:
                process.kill()
    finally:
        os.close(master)


def _read_until(end: int, words: bytes | None) -> bytes:
    """Read from a terminal until `words` have come, or until nobody writes to it any more."""
    seen = b""
    deadline = time.monotonic() + TIMEOUT_S
    while words is None or words not in seen:
        assert time.monotonic() < deadline, seen
        try:
            data = os.read(end, 65536)
        except OSError:  # Linux says EIO when the last one has closed the other end
            data = b""
        if not data:
            assert words is None, seen
            break
        seen += data
    return seen


def test_shell(folder: Path, home: Path) -> None:
    _spec("exit 9", "input", env={"MINE": "here"})
    (folder / "in").write_text("data")
    with _in_a_terminal("run", "exec", "-f", "spec.json", "-b", "input=in", "--shell") as (p, end):
        _read_until(end, b"# ")
        os.write(end, b"echo $INPUT_PIPE $MINE $(cat $INPUT_PIPE); exit 3\n")
        seen = _read_until(end, None)
        assert p.wait(TIMEOUT_S) == 3
    assert b"/etc/buffer-fifos/input here data" in seen
    assert b"Error: \x1b" not in seen
    assert b"run 1 failed: Main exited with code 3" in seen
    assert _containers(home) == []


def test_ctrl_c_in_a_shell_is_the_shells(home: Path) -> None:
    _spec("exit 9")
    with _in_a_terminal("run", "exec", "-f", "spec.json", "--shell") as (process, end):
        _read_until(end, b"# ")
        os.write(end, b"echo ready; sleep 600\n")
        _read_until(end, b"ready\r\n")  # said by the shell, which by now has left its line editor
        os.write(end, b"\x03")
        _read_until(end, b"# ")
        os.write(end, b"exit 0\n")
        _read_until(end, None)
        assert process.wait(TIMEOUT_S) == 0
    assert _containers(home) == []


def test_a_shell_without_a_terminal() -> None:
    _spec("true")
    answer = _exec("--shell")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("Error: --shell needs a terminal")
