from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from tyger_local import Workspace

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
TIMEOUT_S = 30
NOTE = "limits and isolation were not applied (--engine process)"
API_REFUSAL = (
    "the cluster would fail this run (status Failed, reason "
    "'Failed to create Kubernetes objects. See server logs.'): "
)
CAT = 'cat "$INPUT_PIPE" > "$OUTPUT_PIPE"'
WRITE = 'echo hello > "$OUTPUT_PIPE"'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, the process engine, and a place for temporary files to be counted."""
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "process")
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


@pytest.fixture(autouse=True)
def _no_pipes_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield
    assert list(temporary.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", None)


def _job(script: str, inputs: str = "", outputs: str = "", **more: object) -> dict[str, object]:
    return {
        "image": "x",
        "buffers": {"inputs": inputs.split(), "outputs": outputs.split()},
        "command": ["sh", "-c", script],
        **more,
    }


def _create(name: str, script: str, inputs: str = "", outputs: str = "", **more: object) -> str:
    Workspace(warn=lambda _: None).codespecs.create(name, _job(script, inputs, outputs, **more))
    return name


def _write(name: str, document: object) -> str:
    Path(name).write_text(json.dumps(document))
    return name


def _last_line(answer: Answer) -> str:
    return answer.stderr.splitlines()[-1]


def _record(cli: Cli, run_id: int = 1) -> dict[str, object]:
    record: dict[str, object] = json.loads(cli("run", "show", str(run_id)).stdout)
    return record


def _check_succeeded(answer: Answer, out: str = "") -> None:
    assert (answer.returncode, answer.stdout) == (0, out), answer.stderr
    assert re.fullmatch(rf"Run \d+ succeeded: .*; {re.escape(NOTE)}\.", _last_line(answer))


def _check_refused(answer: Answer, message: str, code: int = 2) -> None:
    """One line on stderr, nothing on stdout, and nothing has run."""
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert re.fullmatch(r"Error: [^\n]+[.!?]\n", answer.stderr), answer.stderr
    assert message in answer.stderr


def _check_ended(answer: Answer, code: int, verdict: str, reason: str) -> None:
    assert answer.returncode == code, answer.stderr
    assert _last_line(answer).startswith(f"Error: run 1 {verdict}: {reason}"), answer.stderr


# where the codespec comes from


@pytest.mark.parametrize(
    "argv",
    [
        ["-c", "a"],
        ["--codespec=a"],
        ["-c", "a/versions/2"],
        ["-c", "a", "--version", "2"],
        ["-f", "spec.json"],
        ["-f", "run.json"],
        ["-f", "named.json"],
        ["-f", "old.json", "-c", "a"],
        ["-f", "old.json", "-c", "a", "--version=2"],
        ["-f", "old.json", "--version", "9", "-c", ""],
    ],
)
def test_where_the_codespec_comes_from(cli: Cli, argv: list[str]) -> None:
    _create("a", "echo old > $OUTPUT_PIPE", outputs="output")
    _create("a", WRITE, outputs="output")
    _write("spec.json", _job(WRITE, outputs="output"))
    _write("run.json", {"job": {"codespec": _job(WRITE, outputs="output")}})
    _write("named.json", {"job": {"codespec": "a/versions/2"}})
    _write("old.json", {"job": {"codespec": "a/versions/1"}})
    expected = "old\n" if argv[-1] == "" else "hello\n"
    _check_succeeded(cli("run", "exec", *argv), expected)


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ([], 2, "a codespec for the job must be specified. Name one with -c NAME or -f FILE."),
        (["-c", "abd"], 1, "The codespec 'abd' was not found. Did you mean 'abc'?"),
        (["-c", "abc", "--version", "3"], 1, ("The version '3' of codespec 'abc' was not found. "
                                             "The latest version is '1'.")),
        (["-c", "abc/versions/x"], 2, "The codespec reference 'abc/versions/x' is invalid. "),
        (["-c", "abc", "--version", "x"], 2, "The codespec reference 'abc/versions/x' is invalid."),
        (["-c", "ABC"], 2, "The codespec reference 'ABC' is invalid."),
        (["-c", "abc/versions/" + "9" * 20], 2, "is not a valid integer"),
        (["-f", "nope.yml"], 2, "failed to read file nope.yml: No such file or directory"),
        (["abc"], 2, 'unknown command "abc" for "tyger-local run exec"'),
        (["-c", "abc", "--", "x"], 2, 'unknown command "x" for "tyger-local run exec"'),
        (["-c", "abc", "--gpu"], 2, "unknown flag: --gpu. Did you mean --no-gpu?"),
        (["-c", "w"], 2, "The codespec for the job is required to be a job codespec"),
        (["-c", "abc", "--timeout", "10"], 2, ('invalid argument "10" for "--timeout" flag: '
                                              'time: missing unit in duration "10"')),
        (["-c", "abc", "--timeout", "1d"], 2, 'time: unknown unit "d" in duration "1d"'),
        (["-c", "abc", "--timeout", "abc"], 2, 'time: invalid duration "abc"'),
        (["-c", "abc", "-r", "x"], 2, 'invalid argument "x" for "-r, --replicas" flag'),
        (["-c", "abc", "-r", "-1"], 2, "replicas must not be negative"),
        (["-c", "abc", "-b", "input"], 2, ('invalid argument "input" for "-b, --buffer" flag: '
                                          "input must be formatted as key=value")),
        (["-c", "abc", "--buffer-ttl", "x"], 2, "invalid buffer TTL format: x (should be D.HH:MM)"),
        (["-c", "abc", "--tag", "a b=c"], 2, "Tag keys must contain up to 128 letters"),
        (["-c", "abc", "--tag", "a=b c"], 2, "Tag values can contain up to 256 letters"),
        (["-c", "abc", "--engine", "podman"], 2, ('"podman" is no value for --engine. '
                                                 "Choose one of docker, process.")),
        (["-c", "abc", "--checksum", "md5"], 2, '"md5" is no value for --checksum'),
        (["-c", "abc", "--pull=sometimes"], 2, '"sometimes" is no value for --pull'),
        (["-c", "abc", "--stop-grace", "-1"], 2, "it must be a number of seconds from 0 to 86400"),
        (["-c", "abc", "--mount", "nope:/x"], 2, "does not exist"),
        (["-c", "abc", "--mount", "/tmp"], 2, "--mount /tmp makes no sense"),
        (["-c", "abc", "--record", "no/where"], 2, "the record cannot be written to no/where"),
        (["-c", "abc", "--record", "."], 2, "the record cannot be written to ."),
        (["-c", "abc", "--shell"], 2, "--shell needs a terminal"),
        (["-c", "abc", "--worker-codespec", "w"], 2, "the process engine cannot give workers"),
        (["-c", "abc", "--wait-endpoints", "2"], 2,
         "--wait-endpoints is about workers, and this run has none"),
        (["-c", "abc", "--wait-endpoints=-1"], 2,
         'invalid argument "-1" for "--wait-endpoints" flag: it must be a number of seconds'),
        (["-c", "abc", "--worker-replicas", "2"], 2, "a codespec for the worker must be specified"),
        (["-f", "system.json"], 2, "System runs cannot be created directly"),
    ],
)  # fmt: skip
def test_what_cannot_be_run(cli: Cli, argv: list[str], code: int, message: str) -> None:
    _create("abc", "true")
    Workspace().codespecs.create("w", {"kind": "worker", "image": "x"})
    _write("system.json", {"kind": "system", "job": {"codespec": "abc"}})
    _check_refused(cli("run", "exec", *argv), message, code)
    assert json.loads(cli("run", "list").stdout) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image: x\ncommand: [a]\nresources:\n  limits: {cpu: 1x}\n", "run.yml:4:17: "),
        ("job:\n  codespec:\n    image: x\n    resources: {gpu: 1.2.3}\n", "run.yml:4:22: "),
        ("job:\n  codespec: {image: x, foo: 1}\n", "run.yml:2:24: "),
        ("job:\n  codespec: {image: x, args: [1]}\n", "run.yml:2:31: "),
        ("job:\n  codespec: abc\nnope: 1\n", "run.yml:3:1: "),
        ("job: {codespec: abc, bufferTtl: x}", "run.yml:1:33: "),
        ("job: [", "run.yml:"),
    ],
)
def test_a_bad_file_is_named_with_its_place(cli: Cli, text: str, message: str) -> None:
    _create("abc", "true")
    Path("run.yml").write_text(text)
    _check_refused(cli("run", "exec", "-f", "run.yml"), f"Error: {message}")


@pytest.mark.parametrize(
    ("changes", "flags", "reason"),
    [
        ({"resources": {"gpu": 0.5}}, [], "the number of GPUs is not an integer (500m)"),
        ({"resources": {"requests": {"cpu": 2}, "limits": {"cpu": 1}}}, [],
         "the cpu request (2) is above the cpu limit (1)"),
        ({"resources": {"limits": {"memory": -1}}}, [], "the memory limit is negative (-1)"),
        ({"env": {"": "x"}}, [], "'' is no name for an environment variable"),
        ({}, ["--timeout", "0s"], "the time-out is below one second (0 s)"),
        ({}, ["--timeout", "500ms"], "the time-out is below one second (0 s)"),
        ({}, ["--timeout=-5s"], "the time-out is below one second (-5 s)"),
        ({"buffers": {"inputs": ["i" * 49]}}, [], "has 49 characters, more than 48"),
    ],
)  # fmt: skip
def test_what_the_cluster_would_refuse(
    cli: Cli, changes: dict[str, object], flags: list[str], reason: str
) -> None:
    _write("spec.json", {**_job("true"), **changes})
    answer = cli("run", "exec", "-f", "spec.json", *flags)
    _check_refused(answer, API_REFUSAL)
    assert reason in answer.stderr
    assert json.loads(cli("run", "list").stdout) == []


# flags over the file


RUN_FILE: dict[str, object] = {
    "job": {
        "codespec": "a", "buffers": {"input": "in", "output": "out"}, "tags": {"p": "1", "q": "2"},
        "bufferTtl": "1.00:00", "nodePool": "pool", "replicas": 1,
    },
    "cluster": "home", "timeoutSeconds": 60, "tags": {"s": "1", "t": "2"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "run", "job"),
    [
        ([], {}, {}),
        (["--timeout", "2m30s"], {"timeoutSeconds": 150}, {}),
        (["--timeout", "1.9s"], {"timeoutSeconds": 1}, {}),
        (["--cluster", "away"], {"cluster": "away"}, {}),
        (["--cluster", ""], {}, {}),
        (["--node-pool", "lake"], {}, {"nodePool": "lake"}),
        (["--buffer-ttl", "2.00:00:01"], {}, {"bufferTtl": "2.00:00:01"}),
        (["--tag", "t=3,u=4"], {"tags": {"s": "1", "t": "3", "u": "4"}}, {}),
        (["--buffer-tag", "q=3"], {}, {"tags": {"p": "1", "q": "3"}}),
        (["-c", "b"], {}, {}),
    ],
)
def test_flags_over_the_file(
    cli: Cli,
    folder: Path,
    flags: list[str],
    run: dict[str, object],
    job: dict[str, object],
) -> None:
    _create("a", CAT, "input", "output")
    _create("b", CAT, "input", "output")
    Path("in").write_text("data")
    _write("run.json", RUN_FILE)
    _check_succeeded(cli("run", "exec", "-f", "run.json", *flags))
    record = _record(cli)
    shown = record["job"]
    assert isinstance(shown, dict)
    codespec = shown.pop("codespec")
    assert (codespec["image"], "name" in codespec) == ("x", False)
    assert shown == {
        "buffers": {"input": str(folder / "in"), "output": str(folder / "out")},
        "tags": {"p": "1", "q": "2"},
        "bufferTtl": "1.00:00",
        "nodePool": "pool",
        "replicas": 1,
        **job,
    }
    expected = {"cluster": "home", "timeoutSeconds": 60, "tags": {"s": "1", "t": "2"}, **run}
    assert {name: record[name] for name in expected} == expected


def test_paths_in_a_run_file_count_from_that_file(cli: Cli, folder: Path) -> None:
    _create("a", CAT, "input", "output")
    (folder / "sub").mkdir()
    (folder / "sub/in").write_text("below")
    (folder / "in").write_text("here")
    _write("sub/run.json", RUN_FILE)
    _check_succeeded(cli("run", "exec", "-f", "sub/run.json"))
    assert (folder / "sub/out").read_text() == "below"
    _check_succeeded(cli("run", "exec", "-f", "sub/run.json", "-b", "input=in,output=out"))
    assert (folder / "out").read_text() == "here"
    _check_succeeded(cli("run", "exec", "-f", "sub/run.json", "-b", "output=-"), "below")
    _check_succeeded(cli("run", "exec", "-f", "sub/run.json", "-b", "output=_"), "below")


def test_a_file_from_standard_input(cli: Cli) -> None:
    job = json.dumps(_job(WRITE, outputs="output")).encode()
    _check_succeeded(cli("run", "exec", "-f", "-", stdin=job), "hello\n")
    job = json.dumps(_job("true", inputs="input")).encode()
    _check_refused(
        cli("run", "exec", "-f", "-", stdin=job),
        "the input 'input' cannot read standard input, which was the run file",
    )


# buffers


def test_standard_input_and_output(program: Cli) -> None:
    _create("cat", CAT, "input", "output")
    text = "".join(f"{number}\n" for number in range(100_000))
    for flags in ([], ["-b", "input=-"], ["-b", "input=-,output=-"], ["-b", "output=_"]):
        _check_succeeded(program("run", "exec", "-c", "cat", *flags, stdin=text), text)
    quiet = program("run", "exec", "-c", "cat", "-q", stdin="x")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "x", "")


@pytest.mark.parametrize(
    ("inputs", "outputs", "flags", "message"),
    [
        ("a b", "", [], "exec cannot be called if the job has multiple unmapped input buffers (a, b)"),
        ("", "a b", [], "exec cannot be called if the job has multiple unmapped output buffers (a, b)"),
        ("a b", "c d", [], "multiple unmapped input buffers (a, b)"),
        ("a b", "", ["-b", "a=_"], "multiple unmapped input buffers (a, b)"),
        ("a b", "", ["-b", "a=-"], "the buffers 'a' and 'b' are both connected to standard input"),
        ("", "a b", ["-b", "a=-,b=-"], "are both connected to standard output"),
        ("input", "", ["-b", "inptu=f"], ("Buffer argument '[inptu, f]' does not correspond to a "
         "buffer parameter on the codespec. Did you mean 'input'?")),
        ("input", "", ["-b", "INPUT=f"], "Did you mean 'input'?"),
        ("input", "", ["-b", "xyz=f"], "Its buffers are: input."),
        ("", "", ["-b", "xyz=f"], "It has no buffers."),
        ("input", "", ["-b", "input="], "the buffer 'input' is connected to nothing"),
        ("input", "", ["-b", "input=nope"], ("the input 'input' cannot be read: nope: "
         "No such file or directory")),
        ("input", "", ["-b", "input=."], "the input 'input' cannot be read: . is a directory"),
        ("input", "", ["-b", "input=f/x"], "cannot be read: f/x: Not a directory"),
        ("", "output", ["-b", "output=."], "the output 'output' cannot be written: . is a directory"),
        ("", "output", ["-b", "output=no/x"], "there is no folder"),
        ("", "output", ["-b", "output=f/x"], "the output 'output' cannot be written"),
        ("input", "output", ["-b", "input=f,output=f"], ("the buffers 'input' and 'output' are both "
         "connected to f. An output needs a file of its own.")),
        ("input", "output", ["-b", "input=f,output=../work/f"], "are both connected to"),
        ("input", "output", ["-b", "input=f,output=link"], "are both connected to"),
        ("input", "output", ["-b", "input=link,output=f"], "are both connected to"),
        ("input", "output", ["-b", "input=f,output=hard"], "are both connected to"),
        ("", "a b", ["-b", "a=new,b=./new"], "the buffers 'a' and 'b' are both connected to"),
        ("", "a b", ["-b", "a=dangling,b=target"], "the buffers 'a' and 'b' are both connected to"),
    ],
)  # fmt: skip
def test_buffers_that_cannot_be_connected(
    cli: Cli, folder: Path, inputs: str, outputs: str, flags: list[str], message: str
) -> None:
    _create("job", "true", inputs, outputs)
    (folder / "f").write_text("kept")
    (folder / "link").symlink_to("f")
    (folder / "hard").hardlink_to(folder / "f")
    (folder / "dangling").symlink_to("target")
    before = sorted(folder.iterdir())
    _check_refused(cli("run", "exec", "-c", "job", *flags), message)
    assert json.loads(cli("run", "list").stdout) == []
    assert sorted(folder.iterdir()) == before
    assert (folder / "f").read_text() == "kept"


def test_files_that_may_be_shared(cli: Cli) -> None:
    Path("f").write_text("data")
    _create("in", 'cat "$A_PIPE" "$B_PIPE" > "$OUTPUT_PIPE"', "a b", "output")
    _check_succeeded(cli("run", "exec", "-c", "in", "-b", "a=f,b=./f"), "datadata")
    _create("out", "echo x > $A_PIPE; echo y > $B_PIPE", "", "a b")
    _check_succeeded(cli("run", "exec", "-c", "out", "-b", "a=/dev/null,b=/dev/null"))


def test_outputs(cli: Cli, folder: Path) -> None:
    _create("good", WRITE, outputs="output")
    _create("bad", f"{WRITE}; exit 3", outputs="output")
    out = folder / "out"
    _check_succeeded(cli("run", "exec", "-c", "good", "-b", "output=out"))
    assert out.read_text() == "hello\n"
    out.write_text("old")
    answer = cli("run", "exec", "-c", "bad", "-b", "output=out")
    assert answer.returncode == 3
    assert "what arrived of the output is in out.partial" in _last_line(answer).lower()
    assert (out.read_text(), (folder / "out.partial").read_text()) == ("old", "hello\n")
    (folder / "link").symlink_to("out")
    _check_succeeded(cli("run", "exec", "-c", "good", "-b", "output=link"))
    assert (out.read_text(), (folder / "link").is_symlink()) == ("hello\n", True)


def test_process_substitution(folder: Path) -> None:
    _create("cat", CAT, "input", "output")
    line = f"{sys.executable} -m tyger_local run exec -q -c cat -b input=<(echo subst)"
    answer = subprocess.run(("bash", "-c", line), capture_output=True, check=False, timeout=30)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"subst\n", b"")


@pytest.mark.parametrize("fd", [0, 1])
def test_a_stream_that_is_closed(fd: int) -> None:
    _create("cat", CAT, "input", "output")
    closing = f"import os, sys; os.close({fd}); os.execv(sys.executable, sys.argv[1:])"
    argv = (sys.executable, "-m", "tyger_local", "run", "exec", "-c", "cat")
    answer = subprocess.run(
        (sys.executable, "-c", closing, *argv),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    _check_refused(answer, f"standard {'output' if fd else 'input'} is closed")


# terminals


@contextlib.contextmanager
def _on_a_terminal(
    *argv: str, stdin: bool = False, stderr: bool = False
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the program with a terminal as some of its streams; gives it and the terminal's other end."""
    master, slave = pty.openpty()
    try:
        with subprocess.Popen(
            (sys.executable, "-m", "tyger_local", *argv),
            stdin=slave if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=slave if stderr else subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                yield process, master
            finally:
                process.kill()
    finally:
        os.close(slave)
        os.close(master)


def test_a_terminal_is_not_read_unasked() -> None:
    _create("cat", CAT, "input", "output")
    with _on_a_terminal("run", "exec", "-c", "cat", stdin=True) as (process, _):
        out, err = process.communicate(timeout=TIMEOUT_S)
    answer = Answer((), process.returncode, out.decode(), err.decode())
    _check_refused(answer, "the input 'input' is not connected, and would read this terminal")
    assert "-b input=FILE" in answer.stderr


def test_a_terminal_is_read_on_purpose_and_never_by_a_dry_run() -> None:
    _create("cat", CAT, "input", "output")
    with _on_a_terminal("run", "exec", "-c", "cat", "-b", "input=-", stdin=True) as (process, end):
        os.write(end, b"typed\n\x04")
        out, err = process.communicate(timeout=TIMEOUT_S)
    _check_succeeded(Answer((), process.returncode, out.decode(), err.decode()), "typed\n")
    with _on_a_terminal("run", "exec", "-c", "cat", "--dry-run", stdin=True) as (process, _):
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, yaml.safe_load(out)["containers"][0]["image"]) == (0, "x")


@pytest.mark.parametrize("flags", [[], ["--no-progress"], ["--logs"]])
def test_progress_on_a_terminal(flags: list[str]) -> None:
    _create("job", f"echo said; {WRITE}; sleep 0.7", outputs="output")
    argv = ("run", "exec", "-c", "job", "-b", "output=/dev/null", *flags)
    with _on_a_terminal(*argv, stderr=True) as (process, end):
        seen = b""
        deadline = time.monotonic() + TIMEOUT_S
        while b" succeeded: " not in seen and time.monotonic() < deadline:
            seen += os.read(end, 65536)
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert b"\x1b[32mINF\x1b[0m Run created runId=1" in seen
    assert (b"said" in seen) is (flags == ["--logs"])
    assert (b"streaming" in seen or b"complete" in seen) is (flags != ["--no-progress"]) or flags


# how a run ends


@pytest.mark.parametrize(
    ("changes", "flags", "code", "verdict", "reason"),
    [
        ({"command": ["sh", "-c", "exit 3"]}, [], 3, "failed", "Main exited with code 3"),
        ({"command": ["sh", "-c", "exit 255"]}, [], 255, "failed", "Main exited with code 255"),
        ({"command": ["sh", "-c", "kill -9 $$$$"]}, [], 137, "failed", "Main exited with code 137"),
        ({"command": ["sh", "-c", "kill -SEGV $$$$"]}, [], 139, "failed",
         "Main exited with code 139 (SIGSEGV: it crashed: it touched memory that is not its own)"),
        ({"command": ["sleep", "30"]}, ["--timeout", "1s"], 124, "timed-out",
         "The container was still running after 1 s"),
        ({"command": ["no-such-command"]}, [], 127, "start-failed",
         "the command 'no-such-command' was not found: No such file or directory"),
        ({"command": ["/etc/passwd"]}, [], 126, "start-failed",
         "the command '/etc/passwd' cannot be executed: Permission denied"),
        ({"command": ["true"], "workingDir": "/no/where"}, [], 125, "start-failed",
         "the working directory /no/where does not exist"),
        (_job("head -c 1 < $INPUT_PIPE", "input"), ["-b", "input=zeros"], 74, "buffer-failed",
         ("The container closed the input 'input' with more than 65536 bytes unread "
         "(Sidecar exited with code 1)")),
        (_job("head -c 1 < $INPUT_PIPE; exit 4", "input"), ["-b", "input=zeros"], 4, "failed",
         "Main exited with code 4"),
        (_job("cat /dev/zero > $OUTPUT_PIPE", "", "output"), ["-b", "output=/dev/full"], 74,
         "buffer-failed", "The buffer 'output' failed: No space left on device"),
        (_job("echo x > f; mv f $OUTPUT_PIPE", "", "output"), ["-b", "output=o"], 74,
         "buffer-failed", "The container replaced the pipe of 'output'"),
    ],
)  # fmt: skip
def test_verdicts(
    cli: Cli,
    folder: Path,
    changes: dict[str, object],
    flags: list[str],
    code: int,
    verdict: str,
    reason: str,
) -> None:
    (folder / "zeros").write_bytes(bytes(300_000))
    _write("spec.json", {"image": "x", **changes})
    answer = cli("run", "exec", "-f", "spec.json", "--record", "record.json", *flags)
    _check_ended(answer, code, verdict, reason)
    assert answer.stdout in ("", "\0")
    assert _last_line(answer).endswith(f"; {NOTE}.")
    record = _record(cli)
    assert (record["status"], record["verdict"], record["exitCode"]) == ("Failed", verdict, code)
    assert str(record["statusReason"]).startswith(reason)
    assert json.loads((folder / "record.json").read_text()) == record
    assert not list(folder.glob(".*"))


def test_without_an_engine(program: Cli, cli: Cli) -> None:
    _create("job", "true")
    answer = program("run", "exec", "-c", "job", "--engine", "docker")
    _check_ended(
        answer, 125, "engine-failed", "no Docker engine answers: No such file or directory"
    )
    assert "--engine process" in _last_line(answer)
    record = _record(cli)
    assert (record["verdict"], record["image"]) == ("engine-failed", None)


def test_a_run_that_goes_well(cli: Cli, folder: Path) -> None:
    _create("cat", CAT, "input", "output", env={"B": "1", "A": "2"})
    (folder / "in").write_text("data")
    answer = cli("run", "exec", "-c", "cat", "-b", "input=in", "--record", "record.json")
    _check_succeeded(answer, "data")
    log = [line.split(" ", 1)[1] for line in answer.stderr.splitlines()[:-1]]
    assert log[:2] == [
        "INF Run created runId=1",
        "INF Run status changed status=Running runningCount=1 runId=1",
    ]
    assert log[-1] == "INF Run status changed status=Succeeded runId=1"
    assert sum(line.startswith("INF Transfer complete buffer=") for line in log) == 2
    record = json.loads((folder / "record.json").read_text())
    assert record == _record(cli)
    assert list(record) == [
        "id", "status", "createdAt", "startedAt", "finishedAt", "kind", "job", "timeoutSeconds",
        "eTag", "verdict", "exitCode", "hint", "engine", "image", "bufferStats", "usage", "phases",
        "warnings",
    ]  # fmt: skip
    assert record["timeoutSeconds"] == 43200
    assert record["bufferStats"]["output"]["bytes"] == 4


def test_notes_and_leniency(cli: Cli, folder: Path) -> None:
    _create("idle", "true", outputs="output")
    answer = cli("run", "exec", "-c", "idle")
    _check_succeeded(answer)
    assert "Warning: the output 'output' was never opened and is empty" in answer.stderr
    (folder / "zeros").write_bytes(bytes(300_000))
    _create("hasty", "head -c 1 < $INPUT_PIPE > /dev/null", inputs="input")
    for flags, code in (([], 74), (["--lenient"], 0), (["--lenient=false"], 74)):
        answer = cli("run", "exec", "-c", "hasty", "-b", "input=zeros", *flags)
        assert answer.returncode == code
    assert cli("run", "exec", "-c", "hasty", "-b", "input=zeros", "--lenient", "-q").stderr == ""


def test_ends_as_json(cli: Cli) -> None:
    _create("good", "true")
    _create("bad", "echo why; exit 3")
    for name, code, verdict, level in (
        ("good", 0, "succeeded", "info"),
        ("bad", 3, "failed", "error"),
    ):
        answer = cli("run", "exec", "-c", name, "--log-format=json")
        assert answer.returncode == code
        lines = [json.loads(line) for line in answer.stderr.splitlines()]
        assert (lines[-1]["level"], lines[-1]["verdict"], lines[-1]["exitCode"]) == (
            level, verdict, code,
        )  # fmt: skip
        assert [line["lines"] for line in lines if "lines" in line] == ([["why"]] if code else [])


# what the container prints


def test_the_last_lines_of_a_run_that_failed(cli: Cli) -> None:
    _create("bad", "for i in $(seq 25); do echo line $i; done; echo oh; exit 1")
    answer = cli("run", "exec", "-c", "bad")
    shown = [line for line in answer.stderr.splitlines() if line.startswith("  ")]
    assert shown == [*(f"  line {number}" for number in range(17, 26)), "  oh"]
    assert "INF The last lines of the log:" in answer.stderr
    quiet = cli("run", "exec", "-c", "bad", "-q")
    assert quiet.stderr == f"Error: run 2 failed: Main exited with code 1; {NOTE}.\n"


def test_logs(cli: Cli) -> None:
    _create("talks", "printf 'one\\ntwo'; exit 1")
    answer = cli("run", "exec", "-c", "talks", "--logs")
    assert "one\ntwo" in answer.stderr
    assert "The last lines" not in answer.stderr
    stamped = cli("run", "exec", "-c", "talks", "--logs", "--timestamps").stderr
    time_pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z "
    assert re.search(time_pattern + "one$", stamped, re.MULTILINE)
    assert re.search(time_pattern + "two", stamped, re.MULTILINE)


# replicas


def test_replicas(cli: Cli) -> None:
    _create("many", 'cat "$INPUT_PIPE"', inputs="input")
    Path("in").write_text("same\n")
    answer = cli("run", "exec", "-c", "many", "-r", "3", "-b", "input=in", "--logs")
    _check_succeeded(answer)
    for index in range(3):
        assert f"[job-{index}] same\n" in answer.stderr
        fields = f"container=job-{index} buffer=input totalCompletedData=5 B"
        assert f"Transfer complete {fields}" in answer.stderr
    assert "Warning: 3 replicas are more than maxReplicas (1)" in answer.stderr
    _check_refused(
        cli("run", "exec", "-c", "many", "-r", "2"), "2 replicas cannot share standard input"
    )
    os.mkfifo("fifo")
    _check_refused(
        cli("run", "exec", "-c", "many", "-r", "2", "-b", "input=fifo"),
        "2 replicas cannot share fifo, which can be read only once",
    )
    _create("out", WRITE, outputs="output")
    _check_refused(
        cli("run", "exec", "-c", "out", "-r", "2"),
        "2 replicas would all write the output buffer 'output'",
    )


# --dry-run, --strict, the process engine's limits, --record


def test_a_dry_run(cli: Cli, home: Path) -> None:
    job = _job(
        CAT, "input", "output", workingDir="/w", env={"LONG": "x", "B": "$(LONG)"},
        resources={"limits": {"cpu": 2, "memory": "1Gi"}, "gpu": 1},
    )  # fmt: skip
    _write("spec.json", job)
    answer = cli("run", "exec", "-f", "spec.json", "--dry-run", "--engine=docker", "-b", "input=no")
    assert (answer.returncode, answer.stderr) == (0, "")
    plan = yaml.safe_load(answer.stdout)
    (container,) = plan["containers"]
    assert container["entrypoint"] == ["sh", "-c", CAT]
    assert container["env"] == {
        "TYGER_RUN_ID": "[run id]",
        "INPUT_PIPE": "/etc/buffer-fifos/input",
        "OUTPUT_PIPE": "/etc/buffer-fifos/output",
        "LONG": "x",
        "B": "x",
    }
    assert container["buffers"]["output"]["host"] == "standard output"
    assert container["limits"]["capacity"] == "not checked"
    assert container["dockerRun"].startswith("docker run ")
    assert len(plan["warnings"]) == 2
    assert not home.exists()
    _write("bare.json", {"image": "x"})
    (bare,) = yaml.safe_load(
        cli("run", "exec", "-f", "bare.json", "--dry-run", "--engine=docker").stdout
    )["containers"]
    assert (bare["entrypoint"], bare["arguments"]) == ("[image's ENTRYPOINT]", "[image's CMD]")


DIFFERENCES = [
    ({"workingDir": "/"}, [], "workingDir is honoured here and ignored by the cluster (/)"),
    ({"identity": "me"}, [], "the identity 'me' is ignored here"),
    ({"env": {"LONG": "x", "B": "$(LONG)"}}, [], "env B would be '$(LONG)' on the cluster"),
    (
        {"env": {"MINE": "$(A_PIPE)"}, "buffers": {"outputs": ["a"]}},
        [],
        "env MINE refers to a pipe",
    ),
    ({}, ["--mount", "/tmp:/x"], "--mount does not exist on the cluster"),
    ({}, ["--user", "1"], "--user does not exist on the cluster"),
    ({}, ["--network", "host"], "--network does not exist on the cluster"),
]


@pytest.mark.parametrize(("changes", "flags", "text"), DIFFERENCES)
def test_strict(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    flags: list[str],
    text: str,
) -> None:
    _write("spec.json", {**_job("true"), **changes})
    argv = ("run", "exec", "-f", "spec.json", "--engine=docker", "--dry-run", *flags)
    for mild in ((), ("--strict=false",)):
        answer = cli(*argv, *mild)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert text in " ".join(yaml.safe_load(answer.stdout)["warnings"])
    _check_refused(cli(*argv, "--strict"), f"--strict: {text}")
    for value, refuses in (("1", True), ("true", True), ("0", False), ("", False)):
        monkeypatch.setenv("TYGER_LOCAL_STRICT", value)
        assert cli(*argv).returncode == (2 if refuses else 0), value
    monkeypatch.setenv("TYGER_LOCAL_STRICT", "1")
    assert cli(*argv, "--strict=false").returncode == 0
    monkeypatch.setenv("TYGER_LOCAL_STRICT", "maybe")
    _check_refused(cli(*argv), 'invalid argument "maybe" for "--strict" flag')


def test_differences_are_warnings(cli: Cli) -> None:
    _write("spec.json", _job("true", workingDir="/", resources={"limits": {"cpu": 1}}))
    argv = ("run", "exec", "-f", "spec.json")
    answer = cli(*argv, "--node-pool", "p")
    _check_succeeded(answer)
    assert [line for line in answer.stderr.splitlines() if line.startswith("Warning: ")] == [
        "Warning: workingDir is honoured here and ignored by the cluster (/)",
        "Warning: the node pool 'p' is ignored here",
        "Warning: the process engine does not apply the codespec's limits",
    ]
    _check_refused(cli(*argv, "--strict"), "--strict: workingDir")


@pytest.mark.parametrize(
    ("changes", "flags", "what"),
    [
        ({"resources": {"gpu": 1}}, [], "cannot give a GPU"),
        ({"resources": {"shm": "1Mi"}}, [], "cannot give shm"),
        ({}, ["--user", "1"], "cannot give --user"),
        ({}, ["--mount", "/tmp:/x"], "cannot give --mount"),
        ({}, ["--network", "x"], "cannot give --network"),
        ({}, ["--platform", "linux/arm64"], "cannot give --platform"),
        ({"command": []}, [], "the process engine needs a codespec with a command"),
    ],
)
def test_what_the_process_engine_cannot_give(
    cli: Cli, changes: dict[str, object], flags: list[str], what: str
) -> None:
    _write("spec.json", {**_job("true"), **changes})
    _check_refused(cli("run", "exec", "-f", "spec.json", *flags), what)


def test_a_record_goes_where_it_is_told(cli: Cli, folder: Path) -> None:
    _create("job", "true")
    (folder / "link").symlink_to("target")
    assert cli("run", "exec", "-c", "job", "--record", "link").returncode == 0
    assert (folder / "link").is_symlink()
    assert json.loads((folder / "target").read_text())["id"] == 1
    os.mkfifo("fifo")  # what is no regular file is written, not replaced
    reader = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert cli("run", "exec", "-c", "job", "--record", "fifo").returncode == 0
        assert json.loads(os.read(reader, 65536))["id"] == 2
    finally:
        os.close(reader)
    assert (folder / "fifo").is_fifo()


# signals, and readers that go away


def _wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@contextlib.contextmanager
def _running(script: str, *flags: str, ignored: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run `script`, which begins by writing its process id to ``pid``, until it has done so."""
    _create("job", f"echo $$$$ > part; mv part pid; {script}")
    argv = [sys.executable, "-m", "tyger_local", "run", "exec", "-c", "job", *flags]
    if ignored:
        argv = ["sh", "-c", f'trap "" {ignored}; exec "$@"', "sh", *argv]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_until(lambda: Path("pid").exists() or process.poll() is not None, "no start")
            yield process
        finally:
            process.kill()


def _check_nothing_runs() -> None:
    pid = int(Path("pid").read_text())
    with contextlib.suppress(psutil.NoSuchProcess):
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (signal.SIGINT, 130, "Canceled by Ctrl-C"),
        (signal.SIGTERM, 143, "Canceled by SIGTERM"),
        (signal.SIGHUP, 129, "Canceled by SIGHUP"),
    ],
)
def test_a_signal_cancels(cli: Cli, number: int, code: int, reason: str) -> None:
    with _running("sleep 60") as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=TIMEOUT_S)
    _check_ended(Answer((), process.returncode, "", err), code, "canceled", reason)
    assert "Traceback" not in err
    _check_nothing_runs()
    record = _record(cli)
    assert (record["status"], record["exitCode"]) == ("Canceled", code)


def test_a_second_ctrl_c_kills_at_once() -> None:
    script = "trap 'touch told' TERM; while :; do sleep 0.02; done"
    with _running(script, "--stop-grace", "600") as process:
        process.send_signal(signal.SIGINT)
        _wait_until(Path("told").exists, "SIGTERM did not arrive")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)
    _check_ended(Answer((), process.returncode, "", err), 130, "canceled", "Canceled by Ctrl-C")
    _check_nothing_runs()


def test_a_container_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    with _running("trap '' TERM; while :; do sleep 0.02; done", "--stop-grace", "0.1") as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)
    _check_ended(Answer((), process.returncode, "", err), 130, "canceled", "Canceled by Ctrl-C")
    _check_nothing_runs()


def test_an_ignored_hang_up_stays_ignored() -> None:
    script = "until [ -e go ]; do sleep 0.02; done"
    with _running(script, ignored="HUP") as process:
        process.send_signal(signal.SIGHUP)
        Path("go").touch()
        _, err = process.communicate(timeout=TIMEOUT_S)
    _check_succeeded(Answer((), process.returncode, "", err))


def test_head_closes_the_output(cli: Cli) -> None:
    _create("endless", "yes > $OUTPUT_PIPE", outputs="output")
    line = (
        f"{sys.executable} -m tyger_local run exec -c endless | head -c 10; exit ${{PIPESTATUS[0]}}"
    )
    answer = subprocess.run(
        ("bash", "-c", line), capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert (answer.returncode, answer.stdout) == (141, "y\n" * 5)
    assert "Error" not in answer.stderr
    assert _record(cli)["status"] == "Canceled"


def test_nobody_reads_what_is_said(cli: Cli) -> None:
    _create("talks", "echo said; exit 3")
    reader, writer = os.pipe()
    os.close(reader)
    argv = (sys.executable, "-m", "tyger_local", "run", "exec", "-c", "talks")
    try:
        for flags in ((), ("--logs",)):
            answer = subprocess.run((*argv, *flags), stderr=writer, check=False, timeout=TIMEOUT_S)
            assert answer.returncode == 3
    finally:
        os.close(writer)


# run show and run list


def test_show_and_list(cli: Cli) -> None:
    assert cli("run", "list").stdout == "[]\n"
    _create("good", "true")
    _create("bad", "exit 3")
    for name in ("good", "bad", "good"):
        cli("run", "exec", "-c", name)
    documents = json.loads(cli("run", "list").stdout)
    assert [document["id"] for document in documents] == [3, 2, 1]
    assert documents[1] == _record(cli, 2)
    assert json.loads(cli("runs", "get", "2").stdout) == documents[1]
    assert yaml.safe_load(cli("run", "show", "2", "--format=yaml").stdout) == documents[1]
    assert yaml.safe_load(cli("run", "list", "--format", "yaml").stdout) == documents
    assert cli("run", "list", "--format=name").stdout == "3\n2\n1\n"
    assert cli("run", "list", "--format=name", "-l", "2").stdout == "3\n2\n"
    assert cli("run", "list", "--limit=0").stdout == "[]\n"
    table = cli("run", "list", "--format=table").stdout.splitlines()
    assert table[0].split() == ["ID", "STATUS", "VERDICT", "CREATED", "IMAGE", "REASON"]
    assert re.fullmatch(r"2 +Failed +failed +\S+Z +x +Main exited with code 3", table[2])


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["show"], 2, "one run id positional argument is required"),
        (["show", "1", "2"], 2, "unexpected positional arguments after the run id: [2]"),
        (["show", "0"], 1, "The run '0' was not found"),
        (["show", "1"], 1, "The run '1' was not found. See what there is with 'tyger-local run list'."),
        (["show", "--", "-1"], 1, "The run '-1' was not found"),
        (["show", "abc"], 1, "The run 'abc' was not found. A run's id is a number."),
        (["show", "9" * 5000], 1, "was not found"),
        (["show", "\uff11"], 1, "was not found"),
        (["list", "x"], 2, 'unknown command "x" for "tyger-local run list"'),
        (["list", "--limit", "-1"], 2, "Limit must be a non-negative integer."),
        (["list", "--limit", "x"], 2, 'invalid argument "x" for "-l, --limit" flag'),
        (["frob"], 2, 'unknown command "frob" for "tyger-local run"'),
    ],
)  # fmt: skip
def test_runs_that_are_not_there(cli: Cli, argv: list[str], code: int, message: str) -> None:
    _check_refused(cli("run", *argv), message, code)


def test_damaged_records_are_named(cli: Cli, home: Path) -> None:
    _create("good", "true")
    for _ in range(3):
        cli("run", "exec", "-c", "good")
    damaged = home / "runs/2/run.json"
    damaged.write_text("{")
    (home / "runs/1/run.json").write_text('{"id": 1, "status": "Failed"}')
    for output_format in ("name", "table", "json", "yaml"):
        answer = cli("run", "list", "--format", output_format)
        assert answer.returncode == 0
        assert re.fullmatch(rf"Warning: [^\n]*{re.escape(str(damaged))}[^\n]*\n", answer.stderr)
    _check_refused(cli("run", "show", "2"), str(damaged), code=1)


def test_what_standard_output_leads_to_is_written_on_and_not_replaced(program: Cli) -> None:
    """Others write to the same file before and after."""
    _create("write", WRITE, "", "output")
    tool = f"{sys.executable} -m tyger_local"
    script = f"echo before; {tool} run exec -c write -b output=/dev/stdout --record /dev/fd/3; echo after"
    for mode in (">", ">>"):
        Path("out").write_text("")
        line = f"{{ {script}; }} {mode} out 3> record"
        answer = subprocess.run(
            ("sh", "-c", line), capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
        assert answer.returncode == 0, answer.stderr
        assert Path("out").read_text() == "before\nhello\nafter\n"
        assert json.loads(Path("record").read_text())["verdict"] == "succeeded"


def test_a_full_disk_does_not_make_a_failure_of_a_success(
    program: Cli, full_disk_home: Path
) -> None:
    script = f"cat /dev/zero > {full_disk_home}/filler 2> /dev/null; true"
    _write("spec.json", _job(script))
    answer = program("run", "exec", "-f", "spec.json", TYGER_LOCAL_HOME=str(full_disk_home))
    assert answer.returncode == 0, answer.stderr
    shown = program("run", "show", "1", TYGER_LOCAL_HOME=str(full_disk_home))
    record = json.loads(shown.stdout)
    assert (record["status"], record["verdict"]) == ("Succeeded", "succeeded")
    assert sorted(path.name for path in (full_disk_home / "runs/1").iterdir()) == [
        *("job-0.log", "run.json"),
    ]


@pytest.fixture
def full_disk_home(tmp_path: Path) -> Iterator[Path]:
    """A store on a small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root on Linux")
    yield folder
    subprocess.run(("umount", str(folder)), check=True)
