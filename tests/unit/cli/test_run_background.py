"""Runs that other processes carry out: create, watch, logs, cancel, and what is remembered of them."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tyger_local import Workspace

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
DEADLINE_S = 20
ENDED = ("Succeeded", "Failed", "Canceled")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to be in, the process engine, and no run left at the end."""
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "process")
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    yield current
    for process in psutil.process_iter():
        try:
            home = process.environ().get("TYGER_LOCAL_HOME")
        except psutil.Error:
            continue
        if home == os.environ["TYGER_LOCAL_HOME"] and process.pid != os.getpid():
            process.wait(DEADLINE_S)


def _spec(script: str, inputs: str = "", outputs: str = "", **more: object) -> str:
    document = {
        "image": "x",
        "buffers": {"inputs": inputs.split(), "outputs": outputs.split()},
        "command": ["sh", "-c", script],
        **more,
    }
    Path("spec.json").write_text(json.dumps(document))
    return "spec.json"


def _create(cli: Cli, script: str, *flags: str, **more: object) -> int:
    answer = cli("run", "create", "-f", _spec(script, **more), *flags)
    assert answer.returncode == 0, answer.stderr
    return int(answer.stdout)


def _show(cli: Cli, run_id: int) -> dict[str, object]:
    document: dict[str, object] = json.loads(cli("run", "show", str(run_id)).stdout)
    return document


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.01)


def _until_status(cli: Cli, run_id: int, *statuses: str) -> dict[str, object]:
    _until(lambda: _show(cli, run_id)["status"] in statuses)
    return _show(cli, run_id)


def _owner(run_id: int, home: Path) -> int:
    entry = json.loads((home / f"running/{run_id}.json").read_text())
    return int(entry["labels"]["tyger-local.pid"])


# create


def test_a_run_goes_on_by_itself(cli: Cli, home: Path) -> None:
    run_id = _create(cli, "until [ -e go ]; do sleep 0.02; done; echo out; echo err >&2")
    assert run_id == 1
    owner = psutil.Process(_owner(run_id, home))
    assert owner.ppid() == os.getpid()
    assert os.getsid(owner.pid) == owner.pid
    assert _show(cli, run_id)["status"] in ("Pending", "Running")
    Path("go").touch()
    record = _until_status(cli, run_id, *ENDED)
    assert (record["status"], record["verdict"], record["exitCode"]) == (
        "Succeeded",
        "succeeded",
        0,
    )
    assert sorted(cli("run", "logs").stdout.split()) == ["err", "out"]
    _until(lambda: not owner.is_running() or owner.status() == psutil.STATUS_ZOMBIE)
    notes = (home / "runs/1/supervisor.log").read_text()
    assert "Run created runId=1" in notes
    assert "Run 1 succeeded" in notes
    assert list((home / "running").iterdir()) == []


def test_paths_count_from_where_they_were_written(cli: Cli, folder: Path) -> None:
    Path("below").mkdir()
    Path("below/in").write_text("hello")
    run = {"job": {"codespec": json.loads(Path(_spec('cat "$INPUT_PIPE" > "$OUTPUT_PIPE"', "input",
           "output")).read_text()), "buffers": {"input": "in"}}}  # fmt: skip
    Path("below/run.json").write_text(json.dumps(run))
    answer = cli("run", "create", "-f", "below/run.json", "-b", "output=out")
    record = _until_status(cli, int(answer.stdout), *ENDED)
    assert record["status"] == "Succeeded"
    assert Path("out").read_text() == "hello"
    job = record["job"]
    assert isinstance(job, dict)
    assert job["buffers"] == {"input": str(folder / "below/in"), "output": str(folder / "out")}


def test_env_keeps_its_order_on_the_way(cli: Cli) -> None:
    run_id = _create(cli, 'echo "$A"', env={"LONG": "x", "A": "$(LONG)"})
    assert _until_status(cli, run_id, *ENDED)["status"] == "Succeeded"
    assert cli("run", "logs", str(run_id)).stdout == "x\n"


@pytest.mark.parametrize(
    ("flags", "message", "code"),
    [
        (["-c", "nope"], "The codespec 'nope' was not found", 1),
        (["-f", "spec.json", "--timeout", "0s"], "the time-out is below one second", 2),
        (["-f", "spec.json", "-b", "input=nope"], "the input 'input' cannot be read: ", 2),
        (["-f", "spec.json", "-b", "input=-"], "a run in the background has none", 2),
        (["-f", "spec.json", "--engine", "podman"], "Choose one of docker, process", 2),
        (["-f", "spec.json", "extra"], 'unknown command "extra" for "tyger-local run create"', 2),
        ([], "a codespec for the job must be specified", 2),
    ],
)
def test_what_is_not_accepted_leaves_nothing(
    cli: Cli, home: Path, flags: list[str], message: str, code: int
) -> None:
    _spec('cat "$INPUT_PIPE"', "input")
    answer = cli("run", "create", *flags)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (home / "runs").exists() or list((home / "runs").iterdir()) == []


def test_differences_are_told_by_create(cli: Cli) -> None:
    answer = cli("run", "create", "-f", _spec("true", workingDir="/"))
    assert "workingDir is honoured here" in answer.stderr
    record = _until_status(cli, int(answer.stdout), *ENDED)
    warnings = record["warnings"]
    assert isinstance(warnings, list)
    assert any("workingDir is honoured here" in text for text in warnings)
    strict = cli("run", "create", "-f", "spec.json", "--strict")
    assert (strict.returncode, strict.stdout) == (2, "")


def test_it_outlives_its_terminal_and_whoever_ordered_it(cli: Cli, home: Path) -> None:
    _spec("until [ -e go ]; do sleep 0.02; done")
    program = (sys.executable, "-m", "tyger_local", "run", "create", "-f", "spec.json")
    shell = subprocess.Popen(
        ("script", "--quiet", "--return", "--command", " ".join(program), "/dev/null"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    said, _ = shell.communicate(timeout=DEADLINE_S)
    assert said.split() == [b"1"]
    owner = psutil.Process(_owner(1, home))
    assert owner.terminal() is None
    assert owner.ppid() != os.getpid()
    Path("go").touch()
    assert _until_status(cli, 1, *ENDED)["status"] == "Succeeded"


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (signal.SIGINT, 130, "SIGINT"),
        (signal.SIGTERM, 143, "SIGTERM"),
        (signal.SIGHUP, 129, "SIGHUP"),
    ],
)
def test_a_signal_while_it_is_ordered_ends_it(
    home: Path, tmp_path: Path, number: int, code: int, words: str
) -> None:
    """The process that is to carry out the run hangs before it answers."""
    hanging = f"""
import sys, tyger_local.workspace.detached as detached
from tyger_local.cli.main import run_command_line
detached.start.__defaults__ = (("sh", "-c", "cat; echo $$ > {tmp_path}/pid; exec sleep 60"),)
sys.exit(run_command_line(["run", "create", "-f", "spec.json"]))
"""
    _spec("true")
    ordering = subprocess.Popen((sys.executable, "-c", hanging), stderr=subprocess.PIPE, text=True)
    _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    ordering.send_signal(number)
    _, err = ordering.communicate(timeout=DEADLINE_S)
    assert (ordering.returncode, err) == (code, f"Error: ended by {words}.\n")
    _until(lambda: not psutil.pid_exists(int((tmp_path / "pid").read_text())))
    assert not home.exists()


def test_an_owner_that_cannot_begin_says_why(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("sh", "-c", "cat > /dev/null; echo broken >&2; exit 3")
    monkeypatch.setattr("tyger_local.workspace.detached.start.__defaults__", (command,))
    answer = cli("run", "create", "-f", _spec("true"))
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "has ended: broken. 'run exec' does the same" in answer.stderr


def test_errors_of_the_owner_come_back_as_they_were(cli: Cli, home: Path) -> None:
    (home / "runs").mkdir(parents=True)
    (home / "running").touch()
    answer = cli("run", "create", "-f", _spec("true"))
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(f"Error: The store cannot use '{home}/running")


@pytest.mark.parametrize("order", [b"", b"nonsense", pickle.dumps("no order")])
def test_supervise_is_not_for_people(program: Cli, order: bytes) -> None:
    answer = program("run", "supervise", stdin=order.decode("latin-1"))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "Use 'tyger-local run create'" in answer.stderr
    assert "supervise" not in program("run", "--help").stdout


def test_the_library_does_not_keep_zombies(workspace_runs: Workspace) -> None:
    run_id = workspace_runs.runs.create({"image": "x", "command": ["true"]})
    last = list(workspace_runs.runs.watch(run_id))[-1]
    assert last["status"] == "Succeeded"
    _until(lambda: not psutil.Process().children())


@pytest.fixture
def workspace_runs() -> Workspace:
    return Workspace(engine="process", warn=lambda _: None)


def test_modules_in_the_current_folder_are_not_taken_for_pythons_own(program: Cli) -> None:
    """The tool itself is started from elsewhere, as its own command is."""
    for name in ("platform", "signal", "pickle", "tyger_local"):
        Path(f"{name}.py").write_text("raise SystemExit(9)")
    _spec("true")
    path = json.dumps([place for place in sys.path if place])
    start = f"import sys; sys.path[:] = {path}; from tyger_local.__main__ import main; main()"
    argv = (sys.executable, "-c", start, "run", "create", "-f", "spec.json")
    answer = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert (answer.returncode, answer.stdout) == (0, "1\n"), answer.stderr
    for name in ("platform", "signal", "pickle", "tyger_local"):
        Path(f"{name}.py").unlink()
    assert program("run", "watch", "1", "--exit-code").returncode == 0


@pytest.mark.parametrize(
    ("path", "buffer"), [("/dev/stdin", "i"), ("/dev/stdout", "o"), ("/dev/fd/0", "i")]
)
def test_what_only_this_process_has_open_is_refused(program: Cli, path: str, buffer: str) -> None:
    _spec('cat "$I_PIPE" > "$O_PIPE"', "i", "o")
    others = {"i": "/dev/null", "o": "out", buffer: path}
    flags = [f"--buffer={name}={place}" for name, place in others.items()]
    answer = program("run", "create", "-f", "spec.json", *flags, stdin="lost")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert f"the buffer '{buffer}' cannot use {path}: a run in the background" in answer.stderr


def test_standard_input_that_is_a_file_is_that_file(cli: Cli) -> None:
    _spec('cat "$I_PIPE" > "$O_PIPE"', "i", "o")
    Path("in").write_text("hello")
    argv = (sys.executable, "-m", "tyger_local", "run", "create", "-f", "spec.json",
            "-b", "i=/dev/stdin", "-b", "o=out")  # fmt: skip
    with Path("in").open() as file:
        answer = subprocess.run(argv, stdin=file, capture_output=True, text=True, check=True)
    assert _until_status(cli, int(answer.stdout), *ENDED)["status"] == "Succeeded"
    assert Path("out").read_text() == "hello"


def test_a_system_that_gives_no_descriptors_is_no_bug(program: Cli) -> None:
    _spec("true")
    argv = f"ulimit -n 8; exec {sys.executable} -m tyger_local run create -f spec.json"
    answer = subprocess.run(
        ("sh", "-c", argv), capture_output=True, text=True, check=False, timeout=DEADLINE_S
    )
    assert answer.returncode == 1
    assert "Too many open files" in answer.stderr
    assert "ulimit -n" in answer.stderr


@pytest.mark.parametrize("redirection", [">&-", "> /dev/full"])
def test_an_id_that_cannot_be_told_is_told_elsewhere(cli: Cli, redirection: str) -> None:
    _spec("until [ -e go ]; do sleep 0.02; done")
    line = f"{sys.executable} -m tyger_local run create -f spec.json {redirection}"
    answer = subprocess.run(
        ("sh", "-c", line), capture_output=True, text=True, check=False, timeout=DEADLINE_S
    )
    assert answer.returncode == 1
    assert "Error: run 1 has begun, and standard output " in answer.stderr
    assert "tyger-local run cancel 1" in answer.stderr
    assert cli("run", "cancel", "1").returncode == 0


def test_warnings_are_in_the_record_while_the_run_goes_on(cli: Cli) -> None:
    run_id = _create(cli, "until [ -e go ]; do sleep 0.02; done", workingDir="/")
    Path("/go").unlink(missing_ok=True)
    _until(lambda: "warnings" in _show(cli, run_id))
    shown = _show(cli, run_id)
    assert shown["status"] == "Running"
    assert "workingDir is honoured here" in str(shown["warnings"])
    assert cli("run", "cancel", str(run_id)).returncode == 0
    assert "workingDir is honoured here" in str(_show(cli, run_id)["warnings"])


# cancel


@pytest.mark.parametrize("word", ["cancel", "stop"])
def test_cancel(cli: Cli, word: str) -> None:
    run_id = _create(cli, "sleep 60")
    _until_status(cli, run_id, "Running")
    answer = cli("run", word, str(run_id))
    assert (answer.returncode, answer.stdout) == (0, f"Job {run_id} has been canceled\n")
    record = _show(cli, run_id)
    assert (record["status"], record["statusReason"]) == ("Canceled", "Canceled by user")
    assert (record["verdict"], record["exitCode"]) == ("canceled", 130)
    assert f"process {os.getpid()})" in str(record["hint"])
    report = cli("run", "report", str(run_id)).stdout
    assert "Canceled by user. Asked for by " in report
    again = cli("run", word, str(run_id))
    assert (again.returncode, again.stdout) == (0, answer.stdout)


def test_what_has_ended_cannot_be_canceled(cli: Cli) -> None:
    run_id = _create(cli, "exit 3")
    _until_status(cli, run_id, *ENDED)
    answer = cli("run", "cancel", str(run_id))
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(
        f"Error: unable to cancel job {run_id} because its status is Failed (Main exited with code 3)"
    )


def test_what_is_executed_elsewhere_is_canceled_too(cli: Cli, home: Path) -> None:
    program = (sys.executable, "-m", "tyger_local", "run", "exec", "-f", _spec("sleep 60"))
    executing = subprocess.Popen(program, stderr=subprocess.PIPE, text=True)
    _until((home / "runs/1/run.json").exists)
    assert cli("run", "cancel", "1").stdout == "Job 1 has been canceled\n"
    _, err = executing.communicate(timeout=DEADLINE_S)
    assert executing.returncode == 130
    last = err.splitlines()[-1]
    assert last.startswith("Error: run 1 canceled: Canceled by user. Asked for by ")
    assert f"(tyger-local run cancel, process {os.getpid()})" in last


def test_a_run_whose_owner_was_killed_says_so(cli: Cli, home: Path) -> None:
    run_id = _create(cli, "sleep 60")
    _until_status(cli, run_id, "Running")
    os.kill(_owner(run_id, home), signal.SIGKILL)
    _until(lambda: _show(cli, run_id)["status"] == "Failed")
    assert _show(cli, run_id)["statusReason"] == "the process that ran it ended"
    answer = cli("run", "cancel", str(run_id))
    assert answer.returncode == 1
    assert "because its status is Failed (the process that ran it ended)" in answer.stderr
    assert cli("run", "watch", str(run_id), "--exit-code").returncode == 1
    _until(lambda: list((home / "running").iterdir()) == [])  # its watchdog has cleaned up


@pytest.mark.parametrize("command", ["cancel", "watch", "logs", "set", "show", "delete"])
@pytest.mark.parametrize("run_id", ["7", "nope", "0", "1" * 30])
def test_an_unknown_run(cli: Cli, command: str, run_id: str) -> None:
    answer = cli("run", command, run_id)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert f"The run '{run_id}' was not found" in answer.stderr


@pytest.mark.parametrize("command", ["cancel", "watch", "set", "show", "delete"])
def test_an_id_is_needed(cli: Cli, command: str) -> None:
    answer = cli("run", command)
    assert answer.returncode == 2
    assert "run id" in answer.stderr


# watch


SERVES_ON = """
import socket, time
with socket.create_server(("127.0.0.1", {port})) as listener:
    listener.accept()[0].close()
time.sleep(60)
"""


def test_a_job_that_was_stopped_after_all_went_through_has_succeeded(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    codespec = {
        "image": "none",
        "command": [sys.executable, "-c", SERVES_ON.format(port=port)],
        "buffers": {"outputs": ["out"]},
        "sockets": [{"port": port, "outputBuffer": "out"}],
    }
    Path("server.json").write_text(json.dumps(codespec))
    run_id = cli("run", "create", "-f", "server.json").stdout.strip()
    answer = cli("run", "watch", run_id, "--exit-code")
    assert (json.loads(answer.stdout.splitlines()[-1])["status"], answer.returncode) == (
        "Succeeded",
        0,
    )
    assert json.loads(cli("run", "show", run_id).stdout)["exitCode"] is None


def test_watch_shows_each_change_until_the_end(cli: Cli) -> None:
    run_id = _create(cli, "until [ -e go ]; do sleep 0.02; done; exit 3")
    _until_status(cli, run_id, "Running")
    threading.Timer(0.2, Path("go").touch).start()
    answer = cli("run", "watch", str(run_id), "--exit-code")
    states = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [state["status"] for state in states] == ["Running", "Failed"]
    assert list(states[0]) == ["id", "status", "runningCount", "createdAt", "startedAt"]
    assert states[-1]["statusReason"].startswith("Main exited with code 3")
    assert answer.returncode == 3
    again = cli("run", "watch", str(run_id))
    assert (again.returncode, again.stdout) == (0, answer.stdout.splitlines(keepends=True)[-1])
    full = json.loads(cli("run", "watch", str(run_id), "--full-resource").stdout)
    assert full == _show(cli, run_id)


def test_watch_says_the_same_only_once(cli: Cli) -> None:
    run_id = _create(cli, "until [ -e go ]; do sleep 0.02; done")
    _until_status(cli, run_id, "Running")

    def change() -> None:
        cli_ = Workspace(engine="process").runs
        cli_.set(run_id, {"a": "b"})
        time.sleep(0.1)
        Path("go").touch()

    thread = threading.Thread(target=change)
    thread.start()
    states = [json.loads(line) for line in cli("run", "watch", str(run_id)).stdout.splitlines()]
    thread.join()
    assert [state["status"] for state in states] == ["Running", "Succeeded"]


@pytest.mark.parametrize("argv", [["watch"], ["logs", "--follow"]])
def test_a_reader_that_leaves_is_noticed_although_nothing_comes(cli: Cli, argv: list[str]) -> None:
    run_id = _create(cli, "echo first; until [ -e go ]; do sleep 0.02; done")
    _until_status(cli, run_id, "Running")
    _until(lambda: cli("run", "logs", str(run_id)).stdout)
    program = (sys.executable, "-m", "tyger_local", "run", *argv, str(run_id))
    reading = subprocess.Popen(program, stdout=subprocess.PIPE)
    assert reading.stdout is not None
    assert reading.stdout.readline()
    reading.stdout.close()
    assert reading.wait(DEADLINE_S) == 141
    assert _show(cli, run_id)["status"] == "Running"
    Path("go").touch()
    _until_status(cli, run_id, *ENDED)


# logs


def test_logs_of_one_container(cli: Cli) -> None:
    run_id = _create(cli, "echo one; echo two >&2; printf three")
    _until_status(cli, run_id, *ENDED)
    logs = ("run", "logs", str(run_id))
    assert cli(*logs).stdout == cli("run", "logs").stdout
    assert sorted(cli(*logs).stdout) == sorted("one\ntwo\nthree")
    assert cli(*logs, "--stream", "stderr").stdout == "two\n"
    assert cli(*logs, "--stream", "stdout").stdout == "one\nthree"
    assert cli(*logs, "--tail", "0").stdout == ""
    assert cli(*logs, "--tail", "1", "--stream", "stdout").stdout == "three"
    assert cli(*logs, "--since", "1 hour ago").stdout == cli(*logs).stdout
    assert cli(*logs, "--since", "2100-01-01").stdout == ""
    stamped = cli(*logs, "--timestamps", "--stream", "stderr").stdout
    assert stamped.endswith("Z two\n")
    assert len(stamped.split()[0]) == len("2026-01-01T00:00:00.000000Z")
    assert cli("run", "logs", "--tail", "-1").returncode == 2
    assert cli("run", "logs", "--since", "nonsense").returncode == 2


def test_logs_of_several_containers_say_whose_they_are(cli: Cli) -> None:
    run_id = _create(cli, 'echo "$TYGER_RUN_ID"', "--replicas", "2")
    _until_status(cli, run_id, *ENDED)
    lines = cli("run", "logs").stdout.splitlines()
    assert sorted(lines) == [f"[job-0] {run_id}", f"[job-1] {run_id}"]
    (stamped,) = cli("run", "logs", "--timestamps", "--tail", "1").stdout.splitlines()
    assert stamped.split(" ", 1)[1] == lines[-1]


def test_lines_of_several_containers_that_do_not_end_stay_apart(cli: Cli) -> None:
    run_id = _create(cli, "printf part", "--replicas", "3")
    _until_status(cli, run_id, *ENDED)
    lines = ["[job-0] part", "[job-1] part", "[job-2] part"]
    assert sorted(cli("run", "logs").stdout.splitlines()) == lines
    assert sorted(cli("run", "logs", "--tail", "3").stdout.splitlines()) == lines


def test_where_all_runs_are_damaged_that_is_told(cli: Cli, home: Path) -> None:
    for run_id in (1, 2):
        (home / "runs" / str(run_id)).mkdir(parents=True)
        (home / "runs" / str(run_id) / "run.json").write_text("{")
    answer = cli("run", "logs")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(f"Error: The file '{home}/runs/2/run.json' is damaged")
    record = {"id": 1, "status": "Succeeded", "job": {}}
    (home / "runs/1/run.json").write_text(json.dumps(record))
    answer = cli("run", "logs")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert answer.stderr.startswith(f"Warning: The file '{home}/runs/2/run.json' is damaged")


def test_no_runs_no_logs(cli: Cli) -> None:
    answer = cli("run", "logs")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "There are no runs yet" in answer.stderr


def test_logs_are_followed_until_the_end(cli: Cli) -> None:
    run_id = _create(cli, "echo before; until [ -e go ]; do sleep 0.02; done; echo after; exit 3")
    program = (sys.executable, "-m", "tyger_local", "run", "logs", str(run_id), "--follow")
    following = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert following.stdout is not None
    assert following.stdout.readline() == "before\n"
    Path("go").touch()
    out, _ = following.communicate(timeout=DEADLINE_S)
    assert (following.returncode, out) == (0, "after\n")


def test_whoever_follows_may_leave(cli: Cli) -> None:
    run_id = _create(cli, "until [ -e go ]; do echo y; done")
    program = (sys.executable, "-m", "tyger_local", "run", "logs", str(run_id), "--follow")
    following = subprocess.Popen(program, stdout=subprocess.PIPE)
    assert following.stdout is not None
    assert following.stdout.readline() == b"y\n"
    following.stdout.close()
    assert following.wait(DEADLINE_S) == 141
    Path("go").touch()
    _until_status(cli, run_id, *ENDED)


# list, counts, set, delete


def _three(cli: Cli) -> None:
    for script, flags in (
        ("true", ["--tag", "a=1,b=2"]),
        ("exit 3", ["--tag", "a=1"]),
        ("true", []),
    ):
        cli("run", "exec", "-f", _spec(script), *flags)


def _ids(cli: Cli, *flags: str) -> list[int]:
    answer = cli("run", "list", *flags)
    assert answer.returncode == 0, answer.stderr
    return [run["id"] for run in json.loads(answer.stdout)]


def test_runs_are_picked_by_status_tags_and_time(cli: Cli) -> None:
    _three(cli)
    assert _ids(cli) == [3, 2, 1]
    assert _ids(cli, "--status", "failed") == [2]
    assert _ids(cli, "--status", "Succeeded,FAILED") == [3, 2, 1]
    assert _ids(cli, "--status", "succeeded", "--status", "canceled") == [3, 1]
    assert _ids(cli, "--tag", "a=1") == [2, 1]
    assert _ids(cli, "--tag", "a=1", "--tag", "b=2") == [1]
    assert _ids(cli, "--tag", "a=2") == []
    assert _ids(cli, "--since", "1 hour ago", "--limit", "2") == [3, 2]
    created = _show(cli, 2)["createdAt"]
    assert _ids(cli, "--since", str(created)) == [3]
    assert _ids(cli, "-s", "2100-01-01") == []
    assert _ids(cli, "--limit", "0") == []
    answer = cli("run", "list", "--status", "done")
    assert answer.returncode == 2
    assert (
        "for \"--status\" flag: must be 'canceled', 'canceling', 'failed', 'pending', "
        "'running', 'succeeded'" in answer.stderr
    )


def test_counts(cli: Cli) -> None:
    assert json.loads(cli("run", "counts").stdout) == {}
    _three(cli)
    assert cli("run", "counts").stdout == '{\n  "failed": 1,\n  "succeeded": 2\n}\n'
    assert json.loads(cli("run", "count", "--tag", "a=1").stdout) == {"failed": 1, "succeeded": 1}
    assert json.loads(cli("run", "counts", "--since", "2100-01-01").stdout) == {}


def test_tags_are_set_and_replaced(cli: Cli) -> None:
    _three(cli)
    before = _show(cli, 1)
    changed = json.loads(cli("run", "set", "1", "--tag", "b=3", "--tag", "c=4").stdout)
    assert changed["tags"] == {"a": "1", "b": "3", "c": "4"}
    assert changed == _show(cli, 1)
    assert changed["eTag"] != before["eTag"]
    assert list(before)[list(before).index("tags") + 1] == "eTag"
    stale = cli("run", "set", "1", "--tag", "d=5", "--etag", str(before["eTag"]))
    assert (stale.returncode, stale.stdout) == (1, "")
    assert "the server's ETag does not match the provided ETag" in stale.stderr
    fresh = cli("run", "set", "1", "--clear-tags", "--tag", "d=5", "--etag", changed["eTag"])
    assert json.loads(fresh.stdout)["tags"] == {"d": "5"}
    assert "tags" not in json.loads(cli("run", "set", "1", "--clear-tags").stdout)
    assert cli("run", "set", "1", "--tag", "ä=1").returncode == 2


def test_tags_that_a_run_began_with_can_be_cleared(cli: Cli) -> None:
    _three(cli)
    answer = cli("run", "set", "1", "--clear-tags", "--etag", "*")
    assert "tags" not in json.loads(answer.stdout)
    assert "tags" not in _show(cli, 1)
    assert json.loads(cli("run", "set", "1", "--tag", "a=1").stdout)["tags"] == {"a": "1"}


def test_tags_of_a_run_that_goes_on_stay_when_it_ends(cli: Cli) -> None:
    run_id = _create(cli, "until [ -e go ]; do sleep 0.02; done", "--tag", "a=1")
    cli("run", "set", str(run_id), "--tag", "b=2")
    Path("go").touch()
    record = _until_status(cli, run_id, *ENDED)
    assert record["tags"] == {"a": "1", "b": "2"}


def test_runs_are_deleted(cli: Cli, home: Path) -> None:
    _three(cli)
    answer = cli("run", "delete", "1", "3", "1")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert _ids(cli) == [2]
    assert not (home / "runs/1").exists()
    assert cli("run", "delete", "2", "7").returncode == 1
    assert _ids(cli) == [2]
    assert cli("run", "exec", "-f", _spec("true")).returncode == 0
    assert _ids(cli) == [4, 2]


def test_a_run_that_cannot_be_judged_is_believed_to_go_on(cli: Cli, home: Path) -> None:
    run_id = _create(cli, "until [ -e go ]; do sleep 0.02; done")
    _until_status(cli, run_id, "Running")
    entry = home / f"running/{run_id}.json"
    whole = entry.read_bytes()
    entry.write_text("{")
    answer = cli("run", "show", str(run_id))
    assert json.loads(answer.stdout)["status"] == "Running"
    assert (
        f"Warning: whether run {run_id} goes on cannot be told: The file '{entry}'" in answer.stderr
    )
    assert cli("run", "delete", str(run_id)).returncode == 1
    entry.write_bytes(whole)
    Path("go").touch()
    assert _until_status(cli, run_id, *ENDED)["status"] == "Succeeded"


def test_a_run_that_goes_on_is_not_deleted(cli: Cli) -> None:
    run_id = _create(cli, "until [ -e go ]; do sleep 0.02; done")
    answer = cli("run", "delete", str(run_id), "--force")
    assert answer.returncode == 1
    assert f"run {run_id} has not ended. Cancel it first" in answer.stderr
    Path("go").touch()
    assert _until_status(cli, run_id, *ENDED)["status"] == "Succeeded"
