"""Ends of runs that went wrong once: who stops reading, what overwrites what, what hides the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
TIMEOUT_S = 30


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "process")
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


def _job(script: str, inputs: str = "", outputs: str = "") -> str:
    document = {
        "image": "x",
        "buffers": {"inputs": inputs.split(), "outputs": outputs.split()},
        "command": ["sh", "-c", script],
    }
    Path("job.json").write_text(json.dumps(document))
    return "job.json"


def _status(cli: Cli) -> object:
    return json.loads(cli("run", "show", "1").stdout)["status"]


def test_a_reader_of_stderr_that_stops_reading_stops_no_time_out(folder: Path, cli: Cli) -> None:
    # In long lines: once they are read, they are soon through.
    script = "echo $$$$ > pid; yes `printf %01000d 7` | head -c 3000000; exec sleep 60"
    file = _job(script)
    argv = (
        sys.executable,
        "-m",
        "tyger_local",
        "run",
        "exec",
        "-f",
        file,
        "--logs",
        "--timeout",
        "1s",
    )
    with subprocess.Popen(argv, stderr=subprocess.PIPE) as tool:
        deadline = time.monotonic() + TIMEOUT_S
        while _status_of_child(folder) != "gone":
            assert time.monotonic() < deadline, "the command outlived its time-out"
            time.sleep(0.05)
        tool.communicate(timeout=TIMEOUT_S)
    assert tool.returncode == 124
    assert _status(cli) == "Failed"


def _status_of_child(folder: Path) -> str:
    try:
        pid = int((folder / "pid").read_text())
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError):
        return "not started"
    except ProcessLookupError:
        return "gone"
    return "runs"


def test_a_code_of_the_container_is_never_silent(cli: Cli) -> None:
    answer = cli("run", "exec", "-f", _job("exit 141"))
    assert answer.returncode == 141
    assert "Error: run 1 failed: Main exited with code 141" in answer.stderr


def test_too_few_descriptors_is_a_buffer_failure() -> None:
    names = " ".join(f"b{index}" for index in range(8))
    flags = " ".join(f"-b b{index}=job.json" for index in range(8))
    file = _job("true", names)
    script = f"ulimit -n 40; exec {sys.executable} -m tyger_local run exec -f {file} {flags}"
    answer = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert answer.returncode == 74, answer.stderr
    assert "buffer-failed" in answer.stderr.splitlines()[-1]
    assert "ulimit -n" in answer.stderr.splitlines()[-1]


def test_how_the_container_ended_comes_before_who_left_later() -> None:
    file = _job("head -c 100000 /dev/zero > $O_PIPE; exit 3", outputs="o")
    script = f"{{ {sys.executable} -m tyger_local run exec -f {file}; echo $? > code; }} | (sleep 2; true)"
    subprocess.run(["sh", "-c", script], capture_output=True, check=True, timeout=TIMEOUT_S)
    assert Path("code").read_text() in (
        "3\n",
        "141\n",
    )  # by what is seen first; never a buffer's fault


@pytest.mark.parametrize("victim", ["in", "job.json", "./in", "link"])
def test_a_record_replaces_nothing_that_the_run_uses(cli: Cli, folder: Path, victim: str) -> None:
    Path("in").write_text("data")
    Path("link").symlink_to("in")
    file = _job("cat $I_PIPE", "i")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    answer = cli("run", "exec", "-f", file, "-b", "i=in", "--record", victim)
    assert answer.returncode == 2
    assert "the record would replace" in answer.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_record_that_cannot_be_written_is_no_success(cli: Cli) -> None:
    answer = cli("run", "exec", "-q", "-f", _job("true"), "--record", "/dev/full")
    assert answer.returncode == 1
    assert "No space left on device" in answer.stderr


@pytest.mark.parametrize(
    "flags",
    [
        ["--record", f"/tmp/{'x' * 300}/r"],
        ["--mount", f"/tmp/{'x' * 300}:/m"],
        ["-b", f"i=/tmp/{'x' * 300}"],
        ["-b", f"i={'x' * 300}", "-r", "2"],
        ["--stop-grace", "1e10"],
        ["--stop-grace", "x"],
    ],
)
def test_what_no_file_system_takes_is_no_bug(cli: Cli, flags: list[str]) -> None:
    answer = cli("run", "exec", "-f", _job("true", "i"), *flags)
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("argument", ["i=folder/", "i=job.json/"])
def test_a_trailing_slash_names_a_folder(cli: Cli, argument: str) -> None:
    answer = cli("run", "exec", "-f", _job("true", "i"), "-b", argument)
    assert answer.returncode == 2
    assert "is connected to a folder" in answer.stderr


def test_one_fifo_is_not_both_input_and_output(cli: Cli) -> None:
    os.mkfifo("fifo")
    answer = cli("run", "exec", "-f", _job("true", "i", "o"), "-b", "i=fifo,o=fifo")
    assert answer.returncode == 2
    assert "are both connected to fifo" in answer.stderr


def test_an_output_that_is_opened_again_ends_the_run_at_once(cli: Cli) -> None:
    script = "echo a > $O_PIPE; sleep 0.3; head -c 1000000 /dev/zero > $O_PIPE; sleep 60"
    began = time.monotonic()
    answer = cli("run", "exec", "-f", _job(script, outputs="o"), "-b", "o=out")
    assert answer.returncode == 74
    assert "[output-reopened]" in answer.stderr.splitlines()[-1]
    assert time.monotonic() - began < 10


def test_a_log_cannot_drive_the_terminal(cli: Cli) -> None:
    answer = cli("run", "exec", "-f", _job(r"printf '\033[2Jred\n'; exit 3"))
    assert "\\x1b[2Jred" in answer.stderr
    assert "\x1b" not in answer.stderr


@pytest.mark.parametrize("loaded", ["watchdog", "main", "argv", "execute", "narrator"])
def test_ctrl_c_while_code_loads_is_no_traceback(loaded: str) -> None:
    program = f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "tyger_local.cli.{loaded}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from tyger_local.__main__ import main
main()
"""
    argv = (sys.executable, "-c", program, "run", "exec", "-f", _job("sleep 60"))
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as tool:
        _, err = tool.communicate(timeout=TIMEOUT_S)
    assert (tool.returncode, err) == (130, "Error: ended by Ctrl-C.\n")


@pytest.mark.parametrize(
    "argv",
    [
        ("buffer", "gen", "10", "-o", "f"),
        ("run", "exec", "-f", "JOB", "--record", "r"),
        ("run", "exec", "-f", "JOB", "--mount", ".:/x"),
        ("run", "create", "-f", "JOB", "-b", "input=x"),
        ("run", "report", "1", "--html", "h"),
    ],
)
def test_a_current_folder_that_was_removed(
    argv: tuple[str, ...], folder: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("run", "exec", "-f", _job("true")).returncode == 0
    file = tmp_path / "job.json"
    Path(_job("true", inputs="input" if "create" in argv else "")).rename(file)
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    answer = cli(*(str(file) if word == "JOB" else word for word in argv))
    assert (answer.returncode, answer.stdout) == (1, "")
    last = answer.stderr.splitlines()[-1]
    assert last == (
        "Error: the current folder does not exist any more. Change to one that does (cd)."
    )
