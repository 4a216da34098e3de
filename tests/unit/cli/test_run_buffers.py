"""Runs whose buffers are in the store: read while they are written, written by the run alone."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tyger_local import ExecOptions, Workspace
from tyger_local.errors import MORE_FILES, BufferArgumentError, SpecError, StoreError
from tyger_local.runner.ends import Connection, HostEnds
from tyger_local.spec.buffers import Direction
from tyger_local.workspace.buffer_bytes import writing
from tyger_local.workspace.owner import this_process
from tyger_local.workspace.run_buffers import look_up

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
DEADLINE_S = 30
TOOL = (sys.executable, "-m", "tyger_local")
CAT = 'cat "$INPUT_PIPE" > "$OUTPUT_PIPE"'
NOBODY = "a" * 26


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "process")
    current = tmp_path / "work"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


@pytest.fixture(autouse=True)
def _no_run_goes_on() -> Iterator[None]:
    yield
    for process in psutil.process_iter():
        try:
            home = process.environ().get("TYGER_LOCAL_HOME")
        except psutil.Error:
            continue
        if home == os.environ["TYGER_LOCAL_HOME"] and process.pid != os.getpid():
            process.wait(DEADLINE_S)


@pytest.fixture
def here() -> Workspace:
    return Workspace()


def _job(script: str, inputs: str = "", outputs: str = "", **more: object) -> dict[str, object]:
    codespec = {
        "image": "x",
        "buffers": {"inputs": inputs.split(), "outputs": outputs.split()},
        "command": ["sh", "-c", script],
    }
    return {"job": {"codespec": codespec, **more}}


def _spec(script: str, inputs: str = "", outputs: str = "", **more: object) -> str:
    Path("run.json").write_text(json.dumps(_job(script, inputs, outputs, **more)))
    return "run.json"


def _new(here: Workspace, data: bytes | None = None) -> str:
    buffer = str(here.buffers.create()["id"])
    if data is not None:
        Path("data").write_bytes(data)
        here.buffers.write(buffer, "data")
    return buffer


def _state(here: Workspace, buffer: str) -> tuple[object, object]:
    shown = here.buffers.show(buffer)
    return shown["state"], shown.get("bytes")


def _bytes(here: Workspace, buffer: str) -> bytes:
    here.buffers.read(buffer, "read")
    return Path("read").read_bytes()


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _start(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (*TOOL, "run", "exec", "-f", "run.json", *flags), stderr=subprocess.PIPE, text=True
    )


def _check_refused(answer: Answer, message: str, code: int) -> None:
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert answer.stderr.startswith(f"Error: {message}"), answer.stderr


# from buffer to buffer


@pytest.mark.parametrize("in_file", [False, True])
def test_from_a_buffer_to_a_buffer(cli: Cli, here: Workspace, in_file: bool) -> None:
    source, target = _new(here, b"Paul"), _new(here)
    ids = {"input": source, "output": target}
    flags = [] if in_file else [f"--buffer=input={source}", "-b", f"output={target}"]
    _spec(CAT, "input", "output", **({"buffers": ids} if in_file else {}))
    answer = cli("run", "exec", "-f", "run.json", *flags)
    assert answer.returncode == 0, answer.stderr
    assert _bytes(here, target) == b"Paul"
    record = here.runs.show(1)
    assert record["job"]["buffers"] == ids  # type: ignore[index]  # a document
    shown = here.buffers.show(target)
    assert (shown["state"], shown["bytes"]) == ("complete", 4)
    assert shown["sha256"] == here.buffers.show(source)["sha256"]
    _check_refused(
        cli("run", "exec", "-f", "run.json", *flags),
        f"the output 'output' cannot be written: The buffer '{target}' has been written already, and",
        2,
    )
    assert len(here.runs.list()) == 1


def test_a_plan_names_the_buffers(cli: Cli, here: Workspace) -> None:
    source = _new(here)
    _spec(CAT, "input", "output")
    answer = cli("run", "exec", "-f", "run.json", "-b", f"input={source},output=out", "--dry-run")
    assert f"buffer {source}" in answer.stdout
    assert _state(here, source) == ("empty", None)


def test_an_input_is_followed_from_before_its_first_byte(here: Workspace, cli: Cli) -> None:
    source, target = _new(here), _new(here)
    _spec(CAT, "input", "output")
    run = _start("-b", f"input={source}", "-b", f"output={target}")
    _until(lambda: here.buffers.show(target)["state"] == "writing")
    with writing(here.buffers.data(source)) as writer:
        for size, step in ((3, b"one"), (6, b"two")):
            os.write(writer.fd, step)
            _until(lambda expected=size: here.buffers.show(target)["bytes"] == expected)
        assert run.poll() is None
    assert run.communicate(timeout=DEADLINE_S)[1]
    assert run.returncode == 0
    assert _bytes(here, target) == b"onetwo"


def test_much_is_followed(here: Workspace) -> None:
    data = os.urandom(1 << 20) * 8
    source, target = _new(here), _new(here)

    def write() -> None:
        with writing(here.buffers.data(source)) as writer:
            for place in range(0, len(data), 100_000):
                os.write(writer.fd, data[place : place + 100_000])

    thread = threading.Thread(target=write)
    thread.start()
    ids = {"input": source, "output": target}
    record = Workspace(engine="process").runs.exec(_job(CAT, "input", "output"), ids)
    thread.join()
    assert record.verdict is not None
    assert record.verdict.exit_code == 0
    assert _bytes(here, target) == data


def test_an_input_that_fails_is_no_end_of_the_bytes(here: Workspace) -> None:
    source, target = _new(here), _new(here)
    _spec('cat "$INPUT_PIPE" > got; echo "clean end" > ended', "input", "output")
    run = _start("-b", f"input={source}", "-b", f"output={target}")
    writer = here.buffers.data(source).claim(this_process().labels())
    os.write(writer.fd, b"some")
    _until(lambda: Path("got").exists() and Path("got").read_bytes() == b"some")
    writer.fail("now")
    writer.close()
    _, stderr = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 74
    assert stderr.splitlines()[-1].startswith(
        "Error: run 1 buffer-failed: The buffer 'input' failed: "
        "the buffer is in a permanently failed state"
    )
    assert not Path("ended").exists()
    assert _state(here, target) == ("failed", 0)


def test_an_input_whose_writer_is_killed_fails_the_run(here: Workspace) -> None:
    source = _new(here)
    _spec('cat "$INPUT_PIPE" > got; touch ended', "input")
    run = _start("-b", f"input={source}")
    writer = subprocess.Popen((*TOOL, "buffer", "write", source), stdin=subprocess.PIPE)
    assert writer.stdin is not None
    writer.stdin.write(b"some")
    writer.stdin.flush()
    _until(lambda: Path("got").exists() and Path("got").read_bytes() == b"some")
    writer.kill()
    writer.communicate()
    assert "permanently failed state" in run.communicate(timeout=DEADLINE_S)[1]
    assert run.returncode == 74
    assert not Path("ended").exists()


@pytest.mark.parametrize(
    ("script", "timeout", "code", "state"),
    [
        ('echo data > "$OUTPUT_PIPE"; exit 3', "60s", 3, "complete"),
        ("exit 3", "60s", 3, "complete"),
        ("true", "60s", 0, "complete"),
        (
            'echo a > "$OUTPUT_PIPE"; sleep 1; echo b > "$OUTPUT_PIPE"; sleep 60',
            "60s",
            74,
            "failed",
        ),
        ("sleep 60", "1s", 124, "failed"),
        ('exec 3> "$OUTPUT_PIPE"; echo data >&3; sleep 60', "1s", 124, "failed"),
    ],
)
def test_how_an_output_ends(
    cli: Cli, here: Workspace, script: str, timeout: str, code: int, state: str
) -> None:
    target = _new(here)
    _spec(script, "", "output")
    answer = cli("run", "exec", "-f", "run.json", "-b", f"output={target}", "--timeout", timeout)
    assert answer.returncode == code, answer.stderr
    size = 5 if "echo data" in script and state == "complete" else 0
    assert _state(here, target)[0] == state
    assert state == "failed" or _state(here, target)[1] == size


def test_a_run_that_does_not_start_fails_its_output(cli: Cli, here: Workspace) -> None:
    target = _new(here)
    Path("run.json").write_text(json.dumps({"job": {"codespec": {
        "image": "x", "command": ["no-such-command"], "buffers": {"outputs": ["output"]}}}}))  # fmt: skip
    assert cli("run", "exec", "-f", "run.json", "-b", f"output={target}").returncode == 127
    assert _state(here, target) == ("failed", 0)


def test_a_killed_run_fails_its_output(here: Workspace) -> None:
    target = _new(here)
    _spec('exec 3> "$OUTPUT_PIPE"; echo data >&3; sleep 60', "", "output")
    run = _start("-b", f"output={target}")
    _until(lambda: here.buffers.show(target).get("bytes") == 5)
    assert _state(here, target) == ("writing", 5)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert _state(here, target) == ("failed", 5)


def test_a_full_disk_fails_the_run_and_its_output(
    cli: Cli, here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("No space left on device", "Free some")

    target = _new(here)
    _spec('echo data > "$OUTPUT_PIPE"', "", "output")
    monkeypatch.setattr("tyger_local.store.writing.BufferWriter.complete", full)
    answer = cli("run", "exec", "-f", "run.json", "-b", f"output={target}")
    assert answer.returncode == 74
    assert "No space left on device. Free some" in answer.stderr.splitlines()[-1]
    assert _state(here, target) == ("failed", 5)


# what is refused, and spoils no buffer


def test_a_buffer_that_is_not_there_comes_before_all_else(cli: Cli, here: Workspace) -> None:
    _spec(CAT, "input", "output")
    deleted = _new(here)
    here.buffers.delete(deleted)
    for argument in (f"input={NOBODY}", f"no-such-parameter={NOBODY}"):
        _check_refused(
            cli("run", "exec", "-f", "run.json", "-b", argument),
            f"The buffer '{NOBODY}' was not found. See what there is with 'tyger-local buffer "
            "list'; to name a file, write its path as ./FILE.",
            1,
        )
    answer = cli("run", "exec", "-f", "run.json", "-b", f"input={deleted}")
    _check_refused(answer, f"The buffer '{deleted}' was not found. It is soft-deleted: ", 1)


def test_a_file_may_be_named_like_a_buffer(here: Workspace) -> None:
    buffer = _new(here, b"buffer")
    Path(NOBODY).write_bytes(b"file")
    Path(buffer).write_bytes(b"file too")
    for text, data in (
        (NOBODY, b"file"), (f"./{buffer}", b"file too"), (buffer, b"buffer"),
    ):  # fmt: skip
        ends = {"input": text, "output": "out"}
        Workspace(engine="process").runs.exec(_job(CAT, "input", "output"), ends)
        assert Path("out").read_bytes() == data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("input=FAILED", ("the input 'input' is connected to buffer FAILED, and the buffer is in a "
         "permanently failed state")),
        ("input=EMPTY,output=EMPTY", ("the buffers 'input' and 'output' are both connected to buffer "
         "EMPTY. An output needs a buffer of its own")),
        ("output=FAILED", "the output 'output' cannot be written: The buffer 'FAILED' is in a perm"),
        ("input=no-file,output=EMPTY", "the input 'input' cannot be read: no-file"),
        ("input=WHOLE,output=EMPTY,other=no/folder", "the output 'other' cannot be written"),
    ],
)  # fmt: skip
def test_what_is_refused_spoils_no_buffer(
    cli: Cli, here: Workspace, arguments: str, message: str
) -> None:
    ids = {"EMPTY": _new(here), "WHOLE": _new(here, b"data"), "FAILED": _new(here)}
    with pytest.raises(KeyError), writing(here.buffers.data(ids["FAILED"])):
        raise KeyError
    for name, buffer in ids.items():
        arguments, message = arguments.replace(name, buffer), message.replace(name, buffer)
    outputs = "output other" if "other" in arguments else "output"
    _spec(CAT, "input", outputs)
    answer = cli("run", "exec", "-f", "run.json", "-b", arguments)
    _check_refused(answer, message, 2)
    assert _state(here, ids["EMPTY"]) == ("empty", None)
    assert here.runs.list() == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"dat", "it has 3 bytes and not 4"),
        (b"data, and more", "it has 14 bytes and not 4"),
        (None, "it is not there"),
    ],
)
def test_an_input_that_has_lost_bytes_is_refused_before_the_run(
    cli: Cli, here: Workspace, data: bytes | None, problem: str
) -> None:
    buffer = _new(here, b"data")
    file = here.buffers.path(buffer)
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    _spec("cat $INPUT_PIPE > got", "input")
    answer = cli("run", "exec", "-f", "run.json", "-b", f"input={buffer}")
    _check_refused(answer, f"the input 'input' cannot be read: The file '{file}' is damaged", 2)
    assert problem in answer.stderr
    assert here.runs.list() == []


def test_where_there_are_no_descriptors_an_input_is_refused_and_none_is_lost(
    here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, made = os.pipe, []

    def pipe() -> tuple[int, int]:
        if len(made) == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        made.append(make())
        return made[-1]

    buffer = _new(here)
    input_ = Connection("input", Direction.INPUT, look_up(here.buffers, buffer))
    with writing(here.buffers.data(buffer)):
        before = _descriptors()
        monkeypatch.setattr(os, "pipe", pipe)
        with pytest.raises(BufferArgumentError, match="Too many open files") as caught:
            HostEnds({"input": input_}, 5)
        assert caught.value.hint == MORE_FILES
        _until(lambda: _descriptors() == before)


def _descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_replicas_may_share_an_input(here: Workspace) -> None:
    runs = Workspace(engine="process").runs
    script = 'cat "$INPUT_PIPE" > "`mktemp got-XXXXXX`"'
    record = runs.exec(_job(script, "input", replicas=2), {"input": _new(here, b"data")})
    assert record.verdict is not None
    assert record.verdict.exit_code == 0
    assert [path.read_bytes() for path in Path.cwd().glob("got-*")] == [b"data", b"data"]


def test_who_is_faster_writes_it(here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    target = _new(here)
    monkeypatch.setattr(
        "tyger_local.runner.stored.StoreBuffer.check_writable",
        lambda *_: here.buffers.write(target, "/dev/null"),
    )
    with pytest.raises(BufferArgumentError, match="the output 'output' cannot be written: The buf"):
        Workspace(engine="process").runs.exec(_job("true", "", "output"), {"output": target})
    assert _state(here, target) == ("complete", 0)


# buffers that a run makes for itself


def test_a_run_in_the_background_makes_what_is_left_out(here: Workspace) -> None:
    job = _job(CAT, "input", "output", tags={"a": "b"}, bufferTtl="1.00:00")
    run = Workspace(engine="process").runs.create(job, {"output": "_"})
    ids = here.runs.show(run)["job"]["buffers"]  # type: ignore[index]  # a document
    for name, buffer in ids.items():
        shown = here.buffers.show(buffer)
        assert shown["tags"] == {"a": "b", "bufferName": name}
        assert "expiresAt" in shown
        stored = json.loads((here.home / "buffers" / buffer / "buffer.json").read_text())
        assert stored["run"] == run
    Path("data").write_bytes(b"Paul")
    here.buffers.write(ids["input"], "data")
    assert _bytes(here, ids["output"]) == b"Paul"
    _until(lambda: here.runs.show(run)["status"] == "Succeeded")


@pytest.mark.parametrize("in_file", [False, True])
def test_a_time_to_live_of_zero_is_refused_where_buffers_are_made(
    cli: Cli, here: Workspace, in_file: bool
) -> None:
    _spec(CAT, "input", "output", **({"bufferTtl": "0.00:00"} if in_file else {}))
    flags = [] if in_file else ["--buffer-ttl", "0.00:00:00"]
    answer = cli("run", "create", "-f", "run.json", *flags)
    place, text = (r"run\.json:1:\d+", "0.00:00") if in_file else ("--buffer-ttl", "0.00:00:00")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert re.match(rf"Error: {place}: with a buffer TTL of zero \({text}\), the", answer.stderr)
    assert here.buffers.list(soft_deleted=True) == here.runs.list() == []
    Path("data").write_bytes(b"Paul")
    files = ("-b", "input=data", "-b", "output=out")
    answer = cli("run", "exec", "-f", "run.json", *flags, *files)
    assert (answer.returncode, Path("out").read_bytes()) == (0, b"Paul")


def test_a_run_with_many_of_them(cli: Cli, here: Workspace) -> None:
    _spec("true", "a b", "c d")
    answer = cli("run", "create", "-f", "run.json")
    assert answer.returncode == 0, answer.stderr
    assert len(here.buffers.list()) == 4
    _until(lambda: here.runs.show(1)["status"] == "Succeeded")
    assert sorted(str(one["state"]) for one in here.buffers.list()) == [
        "complete", "complete", "empty", "empty",
    ]  # fmt: skip


def test_a_stream_is_an_error_in_the_background(cli: Cli, here: Workspace) -> None:
    _spec(CAT, "input", "output")
    answer = cli("run", "create", "-f", "run.json", "-b", "input=-")
    _check_refused(answer, "the buffer 'input' cannot use standard input: a run in the backgrou", 2)
    assert here.buffers.list() == []


@pytest.mark.parametrize("trouble", ["tags", "ends"])
def test_a_run_that_is_not_accepted_leaves_none(
    here: Workspace, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    job = _job("true", "", "one two")
    if trouble == "tags":
        job = _job("true", "", "one two", tags={f"a{n}": "" for n in range(100)})
    else:
        claim = "tyger_local.runner.ends.HostEnds.__init__"
        monkeypatch.setattr(claim, lambda *_: (_ for _ in ()).throw(StoreError("no")))
    with pytest.raises((SpecError, StoreError)):
        Workspace(engine="process").runs.exec(job, options=ExecOptions(is_detached=True))
    assert here.buffers.list() == []
    assert here.runs.list() == []
