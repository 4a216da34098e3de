"""Runs whose buffers go through sockets, on the process engine."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local import ExecOptions, Workspace
from tyger_local.outcome.events import Event, Warned
from tyger_local.outcome.record import RunRecord
from tyger_local.runner import stalls
from tyger_local.runner.setup import Options

Run = Callable[..., tuple[RunRecord, list[str]]]

SERVE_ONCE = """
import socket, sys, time
time.sleep(float(sys.argv[2]))
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    connection, _ = listener.accept()
with connection:
    while data := connection.recv(1 << 16):
        connection.sendall(data.upper())
"""

SERVE_AND_FAIL = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    connection, _ = listener.accept()
for _ in range(int(sys.argv[2])):
    connection.recv(5)
connection.close()
time.sleep(0.2)
sys.exit(3)
"""

BREAK_AND_GO_ON = """
import signal, socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    connection, _ = listener.accept()
connection.recv(1)
connection.close()
signal.pause()
"""


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def run(home: Path, tmp_path: Path, port: int) -> Run:
    """Return what runs a Python program that serves the port; it gives the record and the warnings."""
    (tmp_path / "in").write_bytes(b"some input")

    def start(
        program: str, *arguments: object, pipe: str | None = None, timeout_s: int = 30
    ) -> tuple[RunRecord, list[str]]:
        argv = ["python3", "-c", program, str(port), *(str(one) for one in arguments)]
        outputs = ["out"] if pipe is None else ["out", pipe]
        codespec = {
            "image": "no-image",
            "command": argv,
            "buffers": {"inputs": ["in"], "outputs": outputs},
            "sockets": [{"port": port, "inputBuffer": "in", "outputBuffer": "out"}],
        }
        buffers = {name: str(tmp_path / name) for name in ["in", *outputs]}
        events: list[Event] = []
        record = Workspace(home, engine="process").runs.exec(
            {"job": {"codespec": codespec}, "timeoutSeconds": timeout_s},
            buffers,
            ExecOptions(options=Options(stop_grace_s=0.1), emit=events.append),
        )
        return record, [event.text for event in events if isinstance(event, Warned)]

    return start


def _verdict(record: RunRecord) -> tuple[str, str]:
    assert record.verdict is not None
    return record.verdict.kind.value, record.verdict.reason


@pytest.mark.parametrize("late_s", [0, 1])
def test_buffers_go_through_a_socket(run: Run, tmp_path: Path, late_s: int) -> None:
    record, _ = run(SERVE_ONCE, late_s)
    assert _verdict(record) == ("succeeded", "")
    assert (tmp_path / "out").read_bytes() == b"SOME INPUT"


def test_pipes_and_sockets_go_together(run: Run, tmp_path: Path) -> None:
    program = f"{SERVE_ONCE}\nimport os\nopen(os.environ['LOG_PIPE'], 'w').write('done')"
    record, _ = run(program, 0, pipe="log")
    assert _verdict(record) == ("succeeded", "")
    assert (tmp_path / "out").read_bytes() == b"SOME INPUT"
    assert (tmp_path / "log").read_bytes() == b"done"


def test_one_that_ends_without_listening_fails_its_buffers(run: Run, port: int) -> None:
    record, _ = run("pass")
    kind, reason = _verdict(record)
    assert kind == "buffer-failed"
    assert reason == (
        f"The buffer 'in' failed: the container ended before it accepted a connection on port {port}"
    )


def test_one_that_fails_without_listening_is_judged_by_its_exit_code(run: Run) -> None:
    record, _ = run("raise SystemExit(3)")
    assert _verdict(record)[0] == "failed"
    assert record.verdict is not None
    assert record.verdict.exit_code == 3


@pytest.mark.parametrize("reads", [0, 1, 100])
def test_one_that_fails_in_the_middle_is_judged_by_its_exit_code(run: Run, reads: int) -> None:
    # Its connection is reset where something was left unread, and ends as if all were well where nothing was.
    record, _ = run(SERVE_AND_FAIL, reads)
    assert _verdict(record)[0] == "failed"
    if reads == 1:
        assert "Connection reset by peer" in _verdict(record)[1]
    assert record.verdict is not None
    assert record.verdict.exit_code == 3


def test_one_that_breaks_its_connection_and_goes_on_fails_its_buffers(run: Run) -> None:
    record, _ = run(BREAK_AND_GO_ON)
    kind, reason = _verdict(record)
    assert kind == "buffer-failed"
    assert reason.endswith("broke: Connection reset by peer")


def test_that_nothing_listens_is_told_now_and_then(
    run: Run, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalls, "FIRST_LOOK_S", 0.4)
    monkeypatch.setattr(stalls, "FIRST_LINE_S", 1.0)
    record, warned = run("import signal; signal.pause()", timeout_s=3)
    assert _verdict(record)[0] == "timed-out"
    told = [text for text in warned if "accepted" in text]
    marks = (0, 1, 2)  # and perhaps the next, before the time-out is noticed
    assert told[:3] == [
        f"nothing has accepted a connection on port {port} for {mark} s" for mark in marks
    ]


@pytest.mark.skipif(
    sys.platform != "linux", reason="other kernels do not tell where a process waits"
)
def test_one_with_sockets_is_never_held_for_a_deadlock(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalls, "FIRST_LOOK_S", 0.2)
    monkeypatch.setattr(stalls, "FIRST_LINE_S", 0.4)
    monkeypatch.setattr(stalls, "LOOK_AGAIN_S", 0.1)
    monkeypatch.setattr(stalls, "BELIEVED_S", 0.4)
    real = stalls.StallWatch.__init__
    monkeypatch.setattr(
        stalls.StallWatch, "__init__", lambda *a, is_isolated, **k: real(*a, is_isolated=True, **k)
    )
    # Its only thread waits for somebody to open a pipe of its own, which nobody seems about to do.
    own = tmp_path / "own"
    os.mkfifo(own)

    def help_out() -> None:
        both = os.open(own, os.O_RDWR)  # waits for nobody, whoever is there
        os.write(both, b"go on")
        os.close(both)

    helper = threading.Timer(4, help_out)
    helper.start()
    record, warned = run(f"open({str(own)!r}).read()\n{SERVE_ONCE}", 0)
    helper.join()
    assert _verdict(record) == ("succeeded", "")
    assert any("[pipe-deadlock]" in text for text in warned)
