"""The tool as a program of its own, killed with real signals; on the process engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tyger_local.cli.watchdog import start_watchdog

CLEAN_WITHIN_S = 5
DEADLINE_S = 20
TOOL = (sys.executable, "-m", "tyger_local")

# Kills itself where `sys.argv[1]` is about to be called for the `sys.argv[2]`th time.
KILLED_AT = """
import os, pkgutil, signal, sys
place, count, *sys.argv[1:] = sys.argv[1:]
owner, _, name = place.rpartition(".")
thing = pkgutil.resolve_name(owner.replace("/", ":"))
real, left = getattr(thing, name), int(count)

def call(*args, **named):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **named)

setattr(thing, name, call)
from tyger_local.__main__ import main
main()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in, with one for pipes; no process of its store may outlive the test."""
    folder = tmp_path / "work"
    (folder / "temporary").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    _until(lambda: not _processes(), DEADLINE_S)


def _processes() -> list[psutil.Process]:
    """Find every process of this test: tool, watchdog, children, by their folder for pipes."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            alive = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get("TMPDIR") == os.environ["TMPDIR"]:
                found.append(process)
    return found


def _until(condition: Callable[[], object], within_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "a condition did not come true"
        time.sleep(0.01)


def _spec(script: str, inputs: str = "input", outputs: str = "output") -> None:
    document = {
        "image": "x",
        "buffers": {"inputs": inputs.split(), "outputs": outputs.split()},
        "command": ["sh", "-c", script],
    }
    Path("spec.json").write_text(json.dumps(document))


def _start(*flags: str, program: tuple[str, ...] = TOOL, **more: object) -> subprocess.Popen[bytes]:
    argv = (*program, "run", "exec", "--engine", "process", "-f", "spec.json", *flags)
    given = {
        "stdin": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
        "start_new_session": True,
        **more,
    }
    return subprocess.Popen(argv, **given)  # type: ignore[call-overload,no-any-return]


def _streaming(then: str = "sleep 600") -> subprocess.Popen[bytes]:
    """Start a run that has passed a few bytes on and waits for more."""
    _spec(f"trap '' TERM; cat $INPUT_PIPE > $OUTPUT_PIPE; {then}")
    tool = _start("-b", "output=out")
    assert tool.stdin is not None
    tool.stdin.write(b"some bytes")
    tool.stdin.flush()
    _until(lambda: [path for path in Path().glob(".out.*") if path.read_bytes() == b"some bytes"])
    return tool


def _end(tool: subprocess.Popen[bytes]) -> None:
    tool.wait(DEADLINE_S)
    if tool.stdin is not None:
        tool.stdin.close()


def _left(home: Path) -> list[str]:
    """Name what is left of runs."""
    paths = (*(home / "running").glob("*.json"), *Path("temporary").iterdir(), *Path().glob(".*"))
    return [str(path) for path in (*paths, *_processes())]


def _show(run_id: int = 1) -> dict[str, object]:
    answer = subprocess.run(
        (*TOOL, "run", "show", str(run_id)), capture_output=True, check=True, timeout=DEADLINE_S
    )
    record: dict[str, object] = json.loads(answer.stdout)
    return record


def _check_record() -> None:
    record = _show()
    assert record["status"] == "Failed"
    assert record["statusReason"] == "the process that ran it ended"
    assert record["finishedAt"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
@pytest.mark.parametrize("whole_group", [False, True])
def test_killed_while_streaming(home: Path, number: signal.Signals, *, whole_group: bool) -> None:
    tool = _streaming()
    (os.killpg if whole_group else os.kill)(tool.pid, number)
    _end(tool)
    assert tool.returncode == -number
    _until(lambda: not _left(home), CLEAN_WITHIN_S)
    assert Path("out.partial").read_bytes() == b"some bytes"
    assert not Path("out").exists()
    _check_record()


@pytest.mark.parametrize(
    ("turn", "count", "has_record"),
    [
        ("tyger_local.store.runs/RunStore.write", 1, False),
        ("tyger_local.streams.fifo/PipeFolder._fill", 1, True),
        ("tyger_local.engine.child/ChildProcess.start", 1, True),
        ("tyger_local.store.runs/RunStore.write", 2, True),
        ("tyger_local.runner.ends/HostEnds.publish", 1, True),
        ("tyger_local.store.runs/RunStore.write", 3, True),
        ("tyger_local.engine.child/ChildProcess.remove", 1, None),
        ("tyger_local.workspace.registration/Registration.__exit__", 1, None),
    ],
)
def test_killed_at_every_turn(home: Path, turn: str, count: int, has_record: bool | None) -> None:
    """None: the run has ended, and its record says so."""
    _spec("cat $INPUT_PIPE > $OUTPUT_PIPE")
    tool = _start(
        "-b", "input=spec.json", "-b", "output=out",
        program=(sys.executable, "-c", KILLED_AT, turn, str(count)),
    )  # fmt: skip
    assert tool.wait(DEADLINE_S) == -signal.SIGKILL
    _end(tool)
    _until(lambda: not _left(home), CLEAN_WITHIN_S)
    if has_record is None:
        assert _show()["status"] == "Succeeded"
    elif has_record:
        _check_record()
    else:
        assert list((home / "runs/1").iterdir()) == []
    assert subprocess.run((*TOOL, "run", "list"), check=False, capture_output=True).returncode == 0


def _kill_all(tool: subprocess.Popen[bytes]) -> None:
    """Kill the tool and its watchdog at once, as the end of a control group does."""
    both = [process for process in _processes() if "tyger_local" in process.cmdline()]
    assert len(both) == 2
    for process in both:
        process.suspend()
    for process in both:
        process.kill()
    _end(tool)


def test_the_next_run_cleans_up_when_the_watchdog_was_killed_too(home: Path) -> None:
    _kill_all(_streaming())
    assert len(_left(home)) >= 4
    assert _show()["status"] == "Failed"  # it is told before it is written
    _spec("true", "", "")
    answer = subprocess.run(
        (*TOOL, "run", "exec", "--engine", "process", "-f", "spec.json"),
        capture_output=True, text=True, check=False, timeout=DEADLINE_S,
    )  # fmt: skip
    assert answer.returncode == 0
    assert "cleaned up what run 1 had left: removed process " in answer.stderr
    assert _left(home) == []
    assert Path("out.partial").read_bytes() == b"some bytes"
    _check_record()


def test_prune_cleans_up_on_request(home: Path) -> None:
    def prune(*flags: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*TOOL, "prune", *flags), capture_output=True, text=True, check=True, timeout=DEADLINE_S
        )

    _kill_all(_streaming())
    before = sorted(_left(home))
    said = prune("--dry-run").stdout.splitlines()
    assert [line.split()[:4] for line in said[:2]] == [["run", "1:", "would", "remove"]] * 2
    assert sorted(_left(home)) == before
    done = json.loads(prune("--format", "json").stdout)
    assert [one["done"] for one in done["done"]] == ["removed", "removed", "kept", "recorded"]
    assert _left(home) == []
    again = prune()
    assert again.stdout == ""
    assert again.stderr.splitlines()[-1].endswith("INF nothing was left")


def test_a_living_run_is_left_in_peace(home: Path) -> None:
    living = _streaming(then="true")
    before = sorted(_left(home))
    assert subprocess.run((*TOOL, "prune"), capture_output=True, check=True).stdout == b""
    assert sorted(_left(home)) == before
    living.communicate(timeout=DEADLINE_S)
    assert living.returncode == 0
    assert _left(home) == []


def test_a_run_that_comes_to_nothing_leaves_no_trace(home: Path) -> None:
    """Its number is given again: nobody has seen it."""
    _spec("true")
    tool = _start("-b", "input=no-such-file", "-b", "output=out")
    _end(tool)
    assert tool.returncode == 2
    assert _left(home) == []
    assert list((home / "runs").iterdir()) == []


# the watchdog itself


def test_it_holds_no_pipe_open_and_ends_with_us() -> None:
    """`communicate` would wait for whoever holds stdout, stderr or stdin."""
    _spec("echo through > $OUTPUT_PIPE", "")
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    tool = _start(
        "--log-level", "error", stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(writer,)
    )
    os.close(writer)
    out, err = tool.communicate(timeout=DEADLINE_S)
    assert (tool.returncode, out) == (0, b"through\n"), err
    assert _processes() == []
    assert os.read(reader, 1) == b""
    os.close(reader)


BUGGY = """
import sys
import tyger_local.runner.run as run, tyger_local.runner.watch as watch

def fail(*args, **named):
    raise RuntimeError("can't start new thread")

run.let_go = watch.Watch.until_end = fail
from tyger_local.__main__ import main
main()
"""


def test_after_a_bug_it_cleans_up_too(home: Path) -> None:
    _spec("sleep 600", "", "")
    tool = _start(program=(sys.executable, "-c", BUGGY), stderr=subprocess.PIPE)
    _, err = tool.communicate(timeout=DEADLINE_S)
    assert tool.returncode == 70
    assert b"a bug" in err
    (report,) = Path("temporary").glob("tyger-local-bug-*")
    report.unlink()
    _until(lambda: not _left(home), CLEAN_WITHIN_S)
    _check_record()


def test_it_does_not_mind_signals_to_everybody(home: Path) -> None:
    tool = _streaming()
    (dog,) = [process for process in _processes() if process.ppid() == tool.pid and
              "tyger_local" in process.cmdline()]  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        dog.send_signal(number)
    assert os.getsid(dog.pid) == dog.pid
    tool.kill()
    _end(tool)
    _until(lambda: not _left(home), CLEAN_WITHIN_S)


def test_only_what_runs_something_has_one() -> None:
    for argv in (["codespec", "list"], ["run", "list"], ["prune"], []):
        assert start_watchdog(argv) is None
