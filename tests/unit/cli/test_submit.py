"""`tyger-local submit`, with a stand-in for Tyger's client; containers: tests/docker/test_submit.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tyger_local import Workspace

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
DEADLINE_S = 30

UPPER = 'tr a-z A-Z < "$INPUT_PIPE" > "$OUTPUT_PIPE"'
UUID = '{ echo same; cat /proc/sys/kernel/random/uuid; } > "$OUTPUT_PIPE"'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to be in, the process engine, and one for temporary files, where nothing is left."""
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "process")
    current, temporary = tmp_path / "work", tmp_path / "temporary"
    current.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(current)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    Path("in").write_text("hello\n")
    yield current
    _until(lambda: list(temporary.iterdir()) == [])  # a run in the background may just have ended


def _spec(script: str, inputs: str = "", outputs: str = "", **more: object) -> dict[str, object]:
    return {
        "image": "x",
        "buffers": {"inputs": inputs.split(), "outputs": outputs.split()},
        "command": ["sh", "-c", script],
        **more,
    }


def _create(
    script: str, inputs: str = "", outputs: str = "", name: str = "recon", **more: object
) -> None:
    codespecs = Workspace(warn=lambda _: None).codespecs
    codespecs.create(name, _spec(script, inputs, outputs, **more))


def _write(name: str, document: object) -> str:
    Path(name).write_text(json.dumps(document))
    return name


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.01)


def _there(client: Any) -> Workspace:
    return Workspace(client.home, "process")


def _started(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-m", "tyger_local", "submit", *flags),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


# the way of a run


def test_a_run_there_is_as_one_here(cli: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output", env={"N": "1e6", "TEXT": "a, b: {c} \U0001f600 \x85\n"})
    answer = cli("submit", "-c", "recon", "-b", "input=in", "-b", "output=out")
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr
    assert Path("out").read_text() == "HELLO\n"
    words = [line.split(" ", 2)[2] for line in answer.stderr.splitlines()[:-1]]
    (buffer_id,) = (word.split("id=")[1].split()[0] for word in words if "Input written" in word)
    assert words[0] == (
        "Tyger's client answers client=tyger version v0.9.1 you are logged into "
        "https://tyger.example.org as somebody"
    )
    assert words[1] == "Codespec created name=recon version=1"
    assert words[2] == f"Input written buffer=input id={buffer_id} bytes=6B"
    assert words[3] == "Run created runId=1"
    assert words[-2] == "Run status changed status=Succeeded runId=1"
    assert words[-1].startswith("Output read buffer=output id=")
    assert answer.stderr.splitlines()[-1] == "Run 1 succeeded there."
    assert _there(tyger_client).codespecs.show("recon")["env"] == {
        "N": "1e6", "TEXT": "a, b: {c} \U0001f600 \x85\n",
    }  # fmt: skip


def test_the_same_codespec_is_the_same_version_there(cli: Cli, tyger_client: Any) -> None:
    _create(
        'cat "$INPUT_PIPE"', "input", resources={"limits": {"memory": "1.5Gi", "cpu": 0.5}},
        workingDir="", env={"YES": "yes", "OCT": "0777", "B": "", "Y": "n"}, args=["", "null"],
    )  # fmt: skip
    for _ in range(2):
        answer = cli("submit", "-c", "recon", "-b", "input=in")
        assert answer.returncode == 0, answer.stderr
    assert "Codespec created name=recon version=1" in answer.stderr
    here, there = (w.codespecs.show("recon") for w in (Workspace(), _there(tyger_client)))
    assert {**here, "createdAt": ""} == {**there, "createdAt": ""}


def test_streams_are_connected_as_by_exec(program: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    answer = program("submit", "-c", "recon", stdin="from stdin")
    assert (answer.returncode, answer.stdout) == (0, "FROM STDIN"), answer.stderr


def test_a_fifo_may_be_written_late(program: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    os.mkfifo("fifo")
    started = _started("-c", "recon", "-b", "input=fifo")
    _until(lambda: tyger_client.calls("buffer create"))
    Path("fifo").write_text("late")
    assert started.communicate(timeout=DEADLINE_S)[0] == "LATE"
    assert started.returncode == 0


def test_buffers_of_the_store_are_taken_and_filled(cli: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    store = Workspace().buffers
    source, target = (str(store.create()["id"]) for _ in range(2))
    assert cli("buffer", "write", source, "-i", "in").returncode == 0
    answer = cli("submit", "-c", "recon", "-b", f"input={source}", "-b", f"output={target}")
    assert answer.returncode == 0, answer.stderr
    assert cli("buffer", "read", target).stdout == "HELLO\n"


def test_everything_about_the_run_gets_there(cli: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    answer = cli(
        "submit", "-c", "recon", "-b", "input=in", "-b", "output=out", "--timeout", "90s", "--tag",
        "a=b", "--buffer-tag", "c=d", "--buffer-ttl", "7.00:00", "--cluster", "west", "--node-pool",
        "cpu", "--record", "record.json",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    record = json.loads(Path("record.json").read_text())
    assert record == _there(tyger_client).runs.show(1)
    assert (record["timeoutSeconds"], record["tags"], record["cluster"]) == (90, {"a": "b"}, "west")
    assert (record["job"]["nodePool"], record["job"]["tags"]) == ("cpu", {"c": "d"})
    shown = _there(tyger_client).buffers.show(record["job"]["buffers"]["input"])
    assert shown["tags"] == {"c": "d", "bufferName": "input"}
    assert "expiresAt" in shown


def test_what_stands_in_a_run_file_stays_there(cli: Cli, tyger_client: Any) -> None:
    run = {"job": {"codespec": _spec(UPPER, "input", "output"), "buffers": {"input": "../in"}}}
    Path("below").mkdir()
    answer = cli("submit", "-f", _write("below/run.json", run))
    assert answer.returncode == 0, answer.stderr
    assert tyger_client.calls("codespec") == []
    assert _there(tyger_client).codespecs.names() == []


def test_workers_go_along(cli: Cli, tyger_client: Any) -> None:
    _create('echo "$TYGER_SERVE_WORKER_ENDPOINT_ADDRESSES" > "$OUTPUT_PIPE"', "", "output")
    Workspace().codespecs.create(
        "serving", {"kind": "worker", "image": "x", "command": ["sleep", "60"], "endpoints": {"serve": 5000}}
    )  # fmt: skip
    flags = ("--worker-codespec", "serving", "--worker-replicas", "2", "--worker-node-pool", "gpu")
    answer = cli("submit", "-c", "recon", *flags, "--dry-run")
    assert answer.returncode == 0, answer.stderr
    commands, job, worker, run = answer.stdout.split("\n\n")
    assert "tyger codespec create -f job.json\ntyger codespec create -f worker.json\n" in commands
    assert json.loads(job.split("\n", 1)[1])["kind"] == "job"
    assert json.loads(worker.split("\n", 1)[1])["endpoints"] == {"serve": 5000}
    assert json.loads(run.split("\n", 1)[1])["worker"] == {
        "codespec": "serving/versions/[version]", "nodePool": "gpu", "replicas": 2,
    }  # fmt: skip


def test_detached_it_prints_the_id(cli: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    answer = cli("submit", "-c", "recon", "-b", "input=in", "--detach")
    assert (answer.returncode, answer.stdout) == (0, "1\n"), answer.stderr
    runs = _there(tyger_client).runs
    assert list(runs.watch(1))[-1]["status"] == "Succeeded"


# what it says and how it ends


def test_a_run_that_fails_there(cli: Cli, tyger_client: Any) -> None:
    _create('echo about to fail; echo part > "$OUTPUT_PIPE"; exit 7', "", "output")
    Path("out").write_text("old")
    answer = cli("submit", "-c", "recon", "-b", "output=out", "--record", "record.json")
    assert (answer.returncode, answer.stdout) == (1, "")
    lines = answer.stderr.splitlines()
    assert lines[-1] == "Error: run 1 ended there with status Failed (Main exited with code 7)."
    assert "about to fail" in lines
    assert Path("out").read_text() == "old"
    assert json.loads(Path("record.json").read_text())["status"] == "Failed"


def test_logs_are_shown_when_asked_for(cli: Cli, tyger_client: Any) -> None:
    _create("echo said there")
    assert "said there" not in cli("submit", "-c", "recon").stderr
    assert "said there\n" in cli("submit", "-c", "recon", "--logs").stderr


def test_a_run_that_is_canceled_there(cli: Cli, tyger_client: Any) -> None:
    _create("sleep 60")
    started = _started("-c", "recon")
    _until(lambda: tyger_client.calls("run watch"))
    there = _there(tyger_client).runs
    _until(lambda: there.show(1)["status"] == "Running")
    there.cancel(1)
    _, err = started.communicate(timeout=DEADLINE_S)
    assert started.returncode == 130, err
    assert "Error: run 1 ended there with status Canceled" in err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_cancels_the_run_there(tyger_client: Any, number: int, code: int) -> None:
    _create("sleep 60")
    started = _started("-c", "recon")
    _until(lambda: tyger_client.calls("run watch"))
    _until(lambda: _there(tyger_client).runs.show(1)["status"] == "Running")
    started.send_signal(number)
    out, err = started.communicate(timeout=DEADLINE_S)
    assert (started.returncode, out) == (code, ""), err
    assert "Run canceled there runId=1" in err
    assert err.splitlines()[-1] == f"Error: ended by {signal.Signals(number).name}."
    assert _there(tyger_client).runs.show(1)["status"] == "Canceled"


def test_a_signal_while_an_input_is_written(tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    tyger_client.misbehave("buffer write", hangs=True)
    started = _started("-c", "recon", "-b", "input=in")
    _until((tyger_client.state / "hangs").exists)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=DEADLINE_S)
    assert started.returncode == 130
    assert "what was made there stays there: the buffer of input; 'tyger buffer delete " in err
    assert tyger_client.calls("run") == []


def test_a_signal_while_the_run_is_created_loses_no_run(tyger_client: Any) -> None:
    _create("sleep 60")
    tyger_client.misbehave("run create", lingers=True)
    started = _started("-c", "recon")
    _until((tyger_client.state / "hangs").exists)
    started.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(0.3)  # it is let alone, so that its answer is known
    (tyger_client.state / "go").touch()
    _, err = started.communicate(timeout=DEADLINE_S)
    assert started.returncode == 130
    assert "Run canceled there runId=1" in err
    assert list(_there(tyger_client).runs.watch(1))[-1]["status"] == "Canceled"


def test_a_second_signal_waits_for_nothing(tyger_client: Any) -> None:
    _create("sleep 60")
    tyger_client.misbehave("run create", hangs=True)
    started = _started("-c", "recon")
    _until((tyger_client.state / "hangs").exists)
    started.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(0.3)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=DEADLINE_S)
    assert started.returncode == 130
    assert "the run may have begun there: see 'tyger run list'" in err


def test_a_client_that_hears_no_signal_is_killed_by_the_second(tyger_client: Any) -> None:
    _create("true")
    tyger_client.misbehave("login status", hangs=True, deaf=True)
    started = _started("-c", "recon")
    _until((tyger_client.state / "hangs").exists)
    _until(lambda: tyger_client.calls("login"))
    started.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(0.3)
    started.send_signal(signal.SIGINT)
    assert started.communicate(timeout=DEADLINE_S)[1] == "Error: ended by SIGINT.\n"
    assert started.returncode == 130


# what goes wrong


def test_without_the_client(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    _create("true")
    monkeypatch.setenv("PATH", "/nonexistent")
    answer = cli("submit", "-c", "recon")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == (
        "Error: Tyger's client 'tyger' is not on the PATH. Install it (https://github.com/microsoft/tyger), "
        "and log in with 'tyger login SERVER_URL'.\n"
    )


def test_a_client_that_cannot_be_executed(cli: Cli, tyger_client: Any) -> None:
    _create("true")
    (tyger_client.state / "bin/tyger").write_bytes(b"\x7fELF nonsense")
    answer = cli("submit", "-c", "recon")
    assert answer.returncode == 1
    assert "Tyger's client 'tyger' cannot be run: Exec format error" in answer.stderr


def test_not_logged_in(cli: Cli, tyger_client: Any) -> None:
    _create("true")
    tyger_client.log_out()
    answer = cli("submit", "-c", "recon")
    assert answer.returncode == 1
    assert answer.stderr == (
        "Error: Tyger's client is not logged in: 'tyger login status' failed: you are not currently "
        "logged in to any Tyger server. Log in with 'tyger login SERVER_URL'.\n"
    )


@pytest.mark.parametrize(
    ("words", "wanted", "message"),
    [
        ("codespec create", {"exit": 1, "stderr": "noise\nError: InvalidInput: no\n"},
         "'tyger codespec create' failed: InvalidInput: no."),
        ("codespec create", {"stdout": "<html>\nproxy\n"},
         "'tyger codespec create' printed no version, but '<html> proxy'. See whether"),
        ("buffer create", {"stdout": "no id!"},
         "'tyger buffer create' printed no id of a buffer, but"),
        ("buffer write", {"exit": 1, "stderr": "2026 FTL Failed to write input\n"},
         "'tyger buffer write' failed: 2026 FTL Failed to write input."),
        ("buffer write", {"signal": 9}, "'tyger buffer write' was killed by SIGKILL."),
        ("run create", {"exit": 3}, "'tyger run create' failed: exit code 3, and no word of why."),
        ("run create", {"stdout": ""}, "'tyger run create' printed no id of a run, but ''."),
        ("run show", {"stdout": "null"}, "'tyger run show' printed no run, but 'null'."),
        ("run show", {"stdout": '{"status": "Succeeded"}'},
         "'tyger run show' printed no id of the buffer 'output', but"),
        ("buffer read", {"exit": 1, "stderr": "Error: the buffer is in a permanently failed state\n"},
         "'tyger buffer read' failed: the buffer is in a permanently failed state."),
    ],
)  # fmt: skip
def test_the_clients_words_are_quoted(
    cli: Cli, tyger_client: Any, words: str, wanted: dict[str, Any], message: str
) -> None:
    _create(UPPER, "input", "output")
    tyger_client.misbehave(words, **wanted)
    answer = cli("submit", "-c", "recon", "-b", "input=in", "-b", "output=out")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert f"Error: {message}" in answer.stderr.splitlines()[-1]
    assert not list(Path().glob("*out*"))
    has_buffer = words in ("buffer write", "run create")
    assert ("what was made there stays there: the buffer of input" in answer.stderr) is has_buffer
    is_read = words == "buffer read"
    assert ("the output 'output' is there still, in the buffer" in answer.stderr) is is_read


def test_what_arrived_of_an_output_is_kept(cli: Cli, tyger_client: Any) -> None:
    _create("true", "", "output")
    tyger_client.misbehave("buffer read", stdout="half", signal=9)
    Path("out").write_text("old")
    answer = cli("submit", "-c", "recon", "-b", "output=out")
    assert answer.returncode == 1
    assert "what arrived is kept as out.partial" in answer.stderr
    assert (Path("out").read_text(), Path("out.partial").read_text()) == ("old", "half")


@pytest.mark.parametrize("wanted", [{"exit": 1, "stderr": "lost"}, {"stdout": "nonsense\n"}, {}])
def test_a_watch_that_breaks_off_is_no_end(
    cli: Cli, tyger_client: Any, wanted: dict[str, Any]
) -> None:
    _create("until [ -e go ]; do sleep 0.02; done")
    tyger_client.misbehave("run watch", **wanted)
    answer = cli("submit", "-c", "recon")
    Path("go").touch()
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("Error: 'tyger run watch' ")
    assert "It goes on there: see 'tyger run watch 1'." in answer.stderr
    assert list(_there(tyger_client).runs.watch(1))[-1]["status"] == "Succeeded"


def test_whoever_closes_stdout_hears_no_more(tyger_client: Any) -> None:
    _create('head -c 3000000 /dev/zero > "$OUTPUT_PIPE"', "", "output")
    started = _started("-c", "recon")
    assert started.stdout is not None
    assert started.stdout.buffer.read(10) == bytes(10)
    started.stdout.close()
    assert started.stderr is not None
    err = started.stderr.read()
    started.stderr.close()
    assert started.wait(DEADLINE_S) == 141
    assert "Error" not in err


REFUSED: list[tuple[list[str], dict[str, Any], str, int]] = [
    (["-b", "output=_"], {}, "Ephemeral buffers are not supported.", 2),
    (["-r", "2"], {}, "2 replicas would write the same buffer 'output'", 2),
    (["--timeout", "0s"], {}, "the time-out is below one second", 2),
    ([], {"resources": {"gpu": 0.5}}, "the number of GPUs is not an integer", 2),
    (["--strict"], {"workingDir": "/tmp"}, "--strict: workingDir", 2),
    (["-b", "output=nowhere/out"], {}, "there is no folder", 2),
    (["-b", "input=nope"], {}, "the input 'input' cannot be read: nope: No such file", 2),
    (["-b", "output=in"], {}, "are both connected to in", 2),
    (["--detach", "-b", "output=out"], {}, "nobody waits for it with --detach", 2),
    (["--detach", "--compare"], {}, "nobody waits for outputs to compare", 2),
    (["--compare", "-b", "output=-"], {}, "cannot be compared once it went to standard output", 2),
    (["--compare", "-b", "input=-"], {}, "is read twice by --compare", 2),
    (["--compare", "--run", "1"], {}, "both say with what to compare", 2),
    (["--run", "9"], {}, "The run '9' was not found", 1),
    (["--version", "7"], {}, "The version '7' of codespec 'recon' was not found", 1),
    (["extra"], {}, 'unknown command "extra" for "tyger-local submit"', 2),
]


@pytest.mark.parametrize(("flags", "more", "message", "code"), REFUSED)
def test_what_is_known_to_be_refused_creates_nothing(
    cli: Cli, tyger_client: Any, flags: list[str], more: dict[str, Any], message: str, code: int
) -> None:
    _create(UPPER, "input", "output", **more)
    answer = cli("submit", "-c", "recon", "-b", "input=in", *flags)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert message in answer.stderr
    assert tyger_client.calls() == []
    assert not Path("out").exists()


def test_differences_are_told(cli: Cli, tyger_client: Any) -> None:
    _create("true", workingDir="/")
    assert "workingDir is honoured here" in cli("submit", "-c", "recon").stderr


def test_the_commands_are_shown_and_not_run(cli: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    Path("a b").touch()
    answer = cli("submit", "-c", "recon", "-b", "input=a b", "-b", "output=out", "--dry-run")
    assert answer.returncode == 0, answer.stderr
    commands, *files = answer.stdout.split("\n\n")
    assert commands.splitlines() == [
        "tyger --version",
        "tyger login status",
        "tyger codespec create -f job.json",
        "tyger buffer create --tag bufferName=input",
        "tyger buffer write '[id of input]' < 'a b'",
        "tyger run create -f run.json",
        "tyger run watch '[run id]'",
        "tyger run show '[run id]'",
        "tyger buffer read '[id of output]' > out",
    ]
    assert [text.splitlines()[0] for text in files] == ["# job.json", "# run.json"]
    documents = [json.loads(text.split("\n", 1)[1]) for text in files]
    assert documents[1]["job"]["codespec"] == "recon/versions/[version]"
    assert tyger_client.calls() == []


def test_the_commands_shown_are_those_that_are_run(cli: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    flags = ("submit", "-c", "recon", "-b", "input=in", "-b", "output=out")
    shown = [line.split(" <")[0].split(" >")[0].split()[1:] for line in
             cli(*flags, "--dry-run").stdout.split("\n\n")[0].splitlines()]  # fmt: skip
    assert cli(*flags).returncode == 0
    run = tyger_client.calls()
    assert [argv[:2] for argv in run] == [words[:2] for words in shown]


def test_a_rehearsal_of_a_comparison(cli: Cli, tyger_client: Any) -> None:
    _create("true", "", "output")
    lines = cli("submit", "-c", "recon", "--compare", "--dry-run").stdout.splitlines()
    assert lines[0] == "# First the same run here, as by 'tyger-local run exec'."
    assert "tyger buffer read '[id of output]' > '[temporary file]'" in lines
    assert "tyger run watch '[run id]'" in lines
    detached = cli("submit", "-c", "recon", "--detach", "--dry-run").stdout
    assert "run create" in detached
    assert "run watch" not in detached


def test_names_are_completed(cli: Cli) -> None:
    _create(UPPER, "input", "output")
    assert cli("run", "exec", "-c", "recon", "-b", "input=in", "-b", "output=out").returncode == 0

    def offered(line: str) -> list[str]:
        answer = cli("__complete", "--shell=fish", "--", f"tyger-local submit {line}")
        return [each.split("\t")[1] for each in answer.stdout.splitlines()]

    assert offered("-c re") == ["recon"]
    assert offered("-c recon -b i") == ["input="]
    assert offered("-c recon --run ") == ["1"]
    assert "--compare" in offered("--comp")


def test_outputs_that_were_not_read_are_told(cli: Cli, tyger_client: Any) -> None:
    _create("true", "", "one two three")
    answer = cli(
        "submit", "-c", "recon", "-b", "one=one", "-b", "two=/dev/full", "-b", "three=three"
    )
    assert answer.returncode == 0, answer.stderr  # nothing was written to it
    _create('echo x > "$TWO_PIPE"', "", "one two three")
    answer = cli(
        "submit", "-c", "recon", "-b", "one=one", "-b", "two=/dev/full", "-b", "three=three"
    )
    assert answer.returncode == 1
    assert "the output 'one' is there" not in answer.stderr
    assert "the output 'two' is there still" in answer.stderr
    assert "the output 'three' is there still" in answer.stderr


# comparing


def test_equal_outputs_are_identical(cli: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    answer = cli("submit", "-c", "recon", "-b", "input=in", "--compare")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("output: identical, 6 B, sha256 ")
    assert "Run succeeded here runId=1" in answer.stderr


def test_different_texts_are_shown(cli: Cli, tyger_client: Any) -> None:
    _create(UUID, "", "output")
    answer = cli("submit", "-c", "recon", "-b", "output=out", "--compare")
    assert answer.returncode == 1
    lines = answer.stdout.splitlines()
    assert lines[0] == "output: different"
    assert lines[2].split()[:2] == ["here", "42"]
    there = Path("out").read_text().splitlines()
    assert lines[-1] == f"  line 2 there: {there[1]}"
    assert lines[-2].startswith("  line 2 here:  ")
    assert "with other bytes than here in 'output'" in answer.stderr.splitlines()[-1]


def test_a_run_that_fails_here_is_not_submitted(cli: Cli, tyger_client: Any) -> None:
    _create("echo broken; exit 5", "", "output")
    answer = cli("submit", "-c", "recon", "--compare")
    assert (answer.returncode, answer.stdout) == (5, "")
    assert "Error: run 1 failed: " in answer.stderr
    assert answer.stderr.endswith("Nothing was submitted, since the run did not succeed here\n")
    assert tyger_client.calls("codespec") == tyger_client.calls("run") == []


def test_a_run_that_is_interrupted_here_is_not_submitted(home: Path, tyger_client: Any) -> None:
    _create("sleep 60", "", "output")
    started = _started("-c", "recon", "--compare")
    _until((home / "runs/1/run.json").exists)
    _until(lambda: Workspace().runs.show(1)["status"] == "Running")
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=DEADLINE_S)
    assert started.returncode == 130, err
    assert tyger_client.calls("codespec") == []


def test_an_earlier_run_is_compared_with(cli: Cli, tyger_client: Any) -> None:
    _create(UPPER, "input", "output")
    flags = ("-c", "recon", "-b", "input=in", "-b")
    assert cli("run", "exec", *flags, "output=out").returncode == 0
    Path("out").unlink()
    answer = cli("submit", *flags, "output=out", "--run", "1")
    assert (answer.returncode, answer.stdout[:18]) == (0, "output: identical,"), answer.stderr
    Path("in").write_text("other")
    answer = cli("submit", *flags, "output=out", "--run", "1")
    assert (answer.returncode, answer.stdout[:18]) == (1, "output: different\n")
    assert "first difference" not in answer.stdout


def test_only_the_same_codespec_is_compared_with(cli: Cli, tyger_client: Any) -> None:
    _create("true", "", "output")
    for script, checksum in (("true", "never"), ("exit 1", "auto"), ("echo", "auto")):
        spec = _write("spec.json", _spec(script, "", "output"))
        cli("run", "exec", "-f", spec, "-b", "output=out", "--checksum", checksum)
    for run_id, message in (
        ("1", "no sha256 of 'output' is in the record of run 1. Run it with --checksum always"),
        ("2", "run 2 cannot be compared with: it is Failed"),
        ("3", "run 3 cannot be compared with: it ran another codespec"),
    ):
        assert message in cli("submit", "-c", "recon", "--run", run_id).stderr
    _create("true", name="none")
    assert "the codespec has no outputs" in cli("submit", "-c", "none", "--compare").stderr
    assert tyger_client.calls() == []
