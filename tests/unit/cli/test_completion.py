"""What a TAB offers: by lines and what is offered for them, and by real shells."""

from __future__ import annotations

import json
import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.cli import completion
from tyger_local.cli.completion_scripts import SCRIPTS
from tyger_local.store.buffers import BufferStore, StoredBuffer
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore
from tyger_local.workspace.owner import this_process

Cli = Callable[..., subprocess.CompletedProcess[str]]
DEADLINE_S = 20
BUFFERS = {"inputs": ["input", "mask"], "outputs": ["output"]}


@pytest.fixture(autouse=True)
def store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two codespecs, one of them in three versions, three runs, and a folder with files."""
    workspace = Workspace()
    for image in ("x:1", "x:2", "x:3"):
        workspace.codespecs.create("recon", {"image": image, "buffers": BUFFERS})
    workspace.codespecs.create("rest", {"image": "y"})
    workspace.codespecs.create("old", {"image": "y"})
    workspace.codespecs.delete("old")
    for run_id, status in ((1, "Succeeded"), (2, "Failed"), (10, "Succeeded")):
        _record(home, run_id, status)
    folder = tmp_path / "here"
    (folder / "data").mkdir(parents=True)
    for name in ("one.mrd", "one two.mrd", ".hidden", "data/raw.mrd"):
        (folder / name).write_bytes(b"")
    monkeypatch.chdir(folder)
    return workspace


def _record(home: Path, run_id: int, status: str) -> None:
    folder = home / "runs" / str(run_id)
    folder.mkdir(parents=True)
    job = {"codespec": {"image": "x:1"}}
    record = {"id": run_id, "status": status, "job": job, "finishedAt": "t", "verdict": "failed"}
    (folder / "run.json").write_text(json.dumps(record))


@pytest.fixture
def offered(cli: Cli) -> Callable[..., list[str]]:
    def ask(line: str, shell: str = "bash", breaks: str = "") -> list[str]:
        answer = cli("__complete", f"--shell={shell}", f"--breaks={breaks}", "--", line)
        assert (answer.returncode, answer.stderr) == (0, "")
        return [row.rstrip("\t") for row in answer.stdout.splitlines()]

    return ask


def _values(rows: list[str]) -> list[str]:
    return [row.split("\t")[1] for row in rows]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("codespec show ", ["recon", "rest"]),
        ("codespec get rec", ["recon"]),
        ("codespecs show r", ["recon", "rest"]),
        ("codespec show recon ", []),
        ("codespec show recon/", [f"recon/versions/{n}" for n in (3, 2, 1)]),
        ("codespec show recon/versions/3", ["recon/versions/3"]),
        ("codespec show nope/", []),
        ("codespec show recon --version ", ["3", "2", "1"]),
        ("codespec show --version=", []),
        ("codespec show recon -v", ["-v3", "-v2", "-v1"]),
        ("codespec show recon -v=", ["-v=3", "-v=2", "-v=1"]),
        ("codespec show recon --version=", ["--version=3", "--version=2", "--version=1"]),
        ("codespec delete recon -v ", ["3", "2", "1"]),
        ("codespec list --prefix re", ["recon", "rest"]),
        ("codespec create re", ["recon", "rest"]),
        ("codespec create recon -- re", []),
        ("codespec create x --kind ", ["job", "worker"]),
        ("codespec list --format ", ["json", "yaml", "table", "name"]),
        ("codespec import one.", ["one.mrd"]),
        ("export re", ["recon", "rest"]),
        ("export one.", ["one.mrd"]),
        ("export recon ", []),
        ("export recon --to ", ["tyger", "kubernetes", "docker-run"]),
        ("export recon -b ", ["input=", "mask=", "output="]),
        ("export recon -o one.", ["one.mrd"]),
        ("run show ", ["10", "2", "1"]),
        ("run show 1", ["10", "1"]),
        ("run show 2 ", []),
        ("run show -- ", ["10", "2", "1"]),
        ("run delete 2 ", ["10", "1"]),
        ("run logs --follow ", ["10", "2", "1"]),
        ("run cancel ", []),
        ("run list --status ", ["canceled", "failed", "pending", "running", "succeeded"]),
        (
            "run list --status failed,",
            [f"failed,{s}" for s in ("canceled", "pending", "running", "succeeded")],
        ),
        ("run list --status=Failed,S", []),
        ("run list --status=Failed,s", ["--status=Failed,succeeded"]),
        ("run exec -c ", ["recon", "rest"]),
        ("run exec -crec", ["-crecon"]),
        ("run create --codespec=rec", ["--codespec=recon"]),
        ("run exec -c recon --version ", ["3", "2", "1"]),
        ("run exec -c recon -b ", ["input=", "mask=", "output="]),
        ("run exec -c recon/versions/1 --buffer o", ["output="]),
        ("run exec -c recon -b input=x -b mask=y -b ", ["output="]),
        ("run exec -b ", []),
        ("run exec -c recon -b input=", ["input=data", "input=one two.mrd", "input=one.mrd"]),
        ("run exec -c recon -b input=.h", ["input=.hidden"]),
        ("run exec -c recon -b input=data/", ["input=data/raw.mrd"]),
        ("run exec -c recon -b input=./data/r", ["input=./data/raw.mrd"]),
        ("run exec -c recon -binput=one.", ["-binput=one.mrd"]),
        ("run exec -c recon -b input=nowhere/", []),
        ("run exec -f one.", ["one.mrd"]),
        ("run exec -f 'one t", ["one two.mrd"]),
        ("run exec --file=one.", ["--file=one.mrd"]),
        ("run exec --engine ", ["docker", "process"]),
        ("run exec --engine=p", ["--engine=process"]),
        ("run exec --dry-run=", ["--dry-run=true", "--dry-run=false"]),
        ("run exec --pull=n", ["--pull=never"]),
        ("run exec --strict --str", []),
        ("run exec --dry-r", ["--dry-run"]),
        ("run exec -q --lo", ["--logs", "--log-level", "--log-format"]),
        ("run exec --worker-v", ["--worker-version"]),
        ("run exec extra ", []),
        ("run s", ["set", "show"]),
        ("run nope ", []),
        ("run show --nope ", []),
        ("completion ", ["bash", "zsh", "fish"]),
        ("comp", ["completion"]),
        ("--log-level w", ["warn"]),
        ("--ver", ["--version"]),
        ("__", []),
        ("nope", []),
    ],
)
def test_what_is_offered(offered: Callable[..., list[str]], line: str, expected: list[str]) -> None:
    found = _values(offered(f"tyger-local {line}"))
    assert sorted(found) == sorted(expected)
    if any(word[-1:].isdigit() for word in expected):
        assert found == expected  # newest first


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--worker-codespec ", ["serve"]),
        ("--worker-codespec=s", ["--worker-codespec=serve"]),
        ("--worker-codespec r", []),
        ("--worker-codespec serve/", ["serve/versions/2", "serve/versions/1"]),
        ("-c recon --worker-codespec serve --worker-version ", ["2", "1"]),
        ("-c recon --worker-codespec serve --version ", ["3", "2", "1"]),
        ("-c recon --worker-version ", []),
    ],
)
def test_workers(
    offered: Callable[..., list[str]], store: Workspace, line: str, expected: list[str]
) -> None:
    for image in ("y:1", "y:2"):
        store.codespecs.create("serve", {"kind": "worker", "image": image})
    assert _values(offered(f"tyger-local run exec {line}")) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--container ", ["worker", "job-0", "worker-0", "worker-1"]),
        ("11 --container=worker-", ["--container=worker-0", "--container=worker-1"]),
        ("10 --container ", ["job-0"]),
        ("99 --container ", []),
    ],
)
def test_the_containers_of_a_run(
    offered: Callable[..., list[str]], home: Path, line: str, expected: list[str]
) -> None:
    _record(home, 11, "Succeeded")
    path = home / "runs" / "11" / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "worker": {"replicas": 2}}))
    assert _values(offered(f"tyger-local run logs {line}")) == expected


@pytest.mark.parametrize(
    "place", ["--home {} run show ", "run --home={} show ", "run show --home {} "]
)
def test_the_store_is_the_one_that_the_line_names(
    offered: Callable[..., list[str]], tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _record(tmp_path / "other", 77, "Succeeded")
    assert _values(offered(f"tyger-local {place.format(tmp_path / 'other')}")) == ["77"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _values(offered(f"tyger-local {place.format('~/other')}")) == ["77"]
    assert _values(offered(f"tyger-local {place.format('$HOME/other')}")) == ["77"]


def test_what_a_candidate_is_stands_beside_it(offered: Callable[..., list[str]]) -> None:
    assert offered("tyger-local run show ") == [
        "plain\t10\tSucceeded x:1",
        "plain\t2\tFailed x:1",
        "plain\t1\tSucceeded x:1",
    ]
    assert offered("tyger-local run exec -c recon -b ")[0] == "open\tinput=\tinput"
    assert offered("tyger-local run sh") == ["plain\tshow\tShow a run."]
    assert offered("tyger-local run show --home") == [
        "plain\t--home\tFolder of the store (default: $TYGER_LOCAL_HOME, else your data folder)"
    ]


def test_no_more_runs_than_can_be_read(offered: Callable[..., list[str]], home: Path) -> None:
    for run_id in range(100, 160):
        _record(home, run_id, "Succeeded")
    assert _values(offered("tyger-local run show ")) == [str(n) for n in range(159, 109, -1)]


def test_buffers(offered: Callable[..., list[str]], store: Workspace) -> None:
    first, second, deleted = (
        str(store.buffers.create(tags)["id"]) for tags in ({"a": "b"}, {}, {})
    )
    store.buffers.delete(deleted)
    assert _values(offered("tyger-local buffer show ")) == [second, first]
    assert offered(f"tyger-local buffer read {first}")[0].endswith("Z empty a=b")
    assert _values(offered(f"tyger-local buffer delete {second} ")) == [first]
    assert _values(offered(f"tyger-local buffer write {second} ")) == []
    assert _values(offered("tyger-local buffer purge ")) == [deleted]
    assert _values(offered("tyger-local buffer show --soft-deleted ")) == [deleted]
    line = f"tyger-local run exec -c recon -b input={first[:5]}"
    assert _values(offered(line)) == [f"input={first}"]
    assert deleted not in "".join(offered(f"tyger-local run exec -b input={deleted[:5]}"))


def test_no_more_buffers_are_read_than_are_offered(
    offered: Callable[..., list[str]], store: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(store.buffers.create()["id"]) for _ in range(6)]
    monkeypatch.setattr(completion, "MOST", 2)
    read: list[str] = []
    get = BufferStore.get

    def noted(store: BufferStore, buffer_id: str) -> StoredBuffer:
        read.append(buffer_id)
        return get(store, buffer_id)

    monkeypatch.setattr(BufferStore, "get", noted)
    assert _values(offered("tyger-local buffer show ")) == ids[:3:-1]
    assert len(read) <= 3
    read.clear()
    assert _values(offered(f"tyger-local buffer show {ids[0]}")) == [ids[0]]
    assert read == [ids[0]]
    assert _values(offered(f"tyger-local buffer delete {ids[5]} {ids[4]} ")) == ids[3:1:-1]


@pytest.mark.parametrize(
    ("line", "breaks", "expected"),
    [
        ("run exec -c recon -b input=one.", "=:", ["one.mrd"]),
        ("run exec -c recon -b input=one.", "", ["input=one.mrd"]),
        ("run exec --codespec=rec", " =", ["recon"]),
        ("run exec -c recon -b 'input=one.", "=:", ["input=one.mrd"]),
        ("run exec -c rec", "=:", ["recon"]),
    ],
)
def test_bash_takes_what_follows_an_equals_sign_for_a_word(
    offered: Callable[..., list[str]], line: str, breaks: str, expected: list[str]
) -> None:
    assert _values(offered(f"tyger-local {line}", breaks=breaks)) == expected


def test_runs_that_have_not_ended_are_offered_to_cancel(
    offered: Callable[..., list[str]], home: Path
) -> None:
    for run_id, owner in ((11, this_process().labels()), (12, {}), (13, this_process().labels())):
        _record(home, run_id, "Running")
        RunningStore(Home(home)).write(run_id, {"labels": owner})
    assert _values(offered("tyger-local run cancel ")) == ["13", "11"]
    assert offered("tyger-local run stop 11") == ["plain\t11\tRunning x:1"]
    assert _values(offered("tyger-local run cancel 11 ")) == []


def test_files_as_each_shell_wants_them(offered: Callable[..., list[str]]) -> None:
    line = "tyger-local run exec -c recon -b input=d"
    assert offered(line, "bash") == ["file\tinput=data"]
    assert offered(line, "fish") == ["file\tinput=data/"]
    assert offered(line, "zsh") == ["file\tinput="]


def test_what_goes_wrong_is_not_told(offered: Callable[..., list[str]], home: Path) -> None:
    (home / "runs" / "2" / "run.json").write_text("{damaged")
    assert offered("tyger-local run show 2") == ["plain\t2"]
    shutil.rmtree(home)
    assert offered("tyger-local run show ") == []
    assert offered("tyger-local codespec show recon/") == []
    assert offered("tyger-local 'run' \"sh") == ["plain\tshow\tShow a run."]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts(cli: Cli, shell: str) -> None:
    answer = cli("completion", shell)
    assert (answer.returncode, answer.stderr) == (0, "")
    before = "" if shell == "fish" else "source <("
    assert f"Turn it on with: {before}tyger-local completion {shell}" in answer.stdout
    assert f"tyger-local completion {shell}" in cli("completion", "--help").stdout


@pytest.mark.parametrize("argv", [(), ("tcsh",), ("bash", "zsh")])
def test_a_shell_has_to_be_named(cli: Cli, argv: tuple[str, ...]) -> None:
    answer = cli("completion", *argv)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "bash, zsh or fish" in answer.stderr


# Real shells


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``tyger-local`` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "tyger-local"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tyger_local "$@"\n')
    program.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PS1": "ready> ",
        "TERM": "dumb",
    }


def _replies(environment: dict[str, str], *words: str, **variables: str) -> list[str]:
    """Call bash's function as bash does, with words broken as bash breaks them."""
    line = " ".join(words).replace(" = ", "=").removesuffix(" ")
    listed = " ".join(map(shlex.quote, words))
    settings = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    script = (
        f"source <(tyger-local completion bash)\nCOMP_WORDS=({listed})\nCOMP_CWORD={len(words) - 1}\n"
        f"COMP_LINE={shlex.quote(line if words[-1] else line + ' ')}\nCOMP_POINT=${{#COMP_LINE}}\n{settings}"
        "_tyger_local\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    answer = subprocess.run(
        ("bash", "--norc", "-c", script),
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=DEADLINE_S,
    )
    assert answer.stderr == ""
    return answer.stdout.splitlines()


def test_bash_gets_its_replies(environment: dict[str, str]) -> None:
    tool = "tyger-local"
    assert _replies(environment, tool, "codespec", "show", "") == ["recon", "rest"]
    assert _replies(environment, tool, "run", "show", "2") == ["2"]
    listed = _replies(environment, tool, "run", "show", "")
    assert listed == ["10  (Succeeded x:1)", "2   (Failed x:1)", "1   (Succeeded x:1)"]
    assert _replies(environment, tool, "run", "show", "", COMP_TYPE="37") == ["10", "2", "1"]
    assert _replies(environment, tool, "run", "exec", "-b", "input", "=", "one.") == ["one.mrd"]
    assert _replies(environment, tool, "run", "show", "9") == [""]


class Typist:
    """Types into an interactive shell and reads what it shows."""

    def __init__(self, environment: dict[str, str], *argv: str) -> None:
        self._fd, theirs = pty.openpty()
        self._shell = subprocess.Popen(
            argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self._seen = b""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while text.encode() not in self._seen:
            ready, _, _ = select.select([self._fd], [], [], max(deadline - time.monotonic(), 0))
            assert ready, (text, self._seen)
            self._seen += os.read(self._fd, 4096)
        self._seen = self._seen.partition(text.encode())[2]

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def close(self) -> None:
        os.close(self._fd)  # which is the end of its input
        self._shell.wait(DEADLINE_S)


@pytest.fixture
def bash(environment: dict[str, str]) -> Iterator[Typist]:
    typist = Typist(environment, "bash", "--norc", "--noprofile", "-i")
    typist.wait_for("ready> ")
    yield typist
    typist.close()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("codespec show rec\t", "recon "),
        ("run exec -c recon -b inp\tone.\t", "input=one.mrd "),
        ("run exec -c recon -b input=one\\ \t", r"one\ two.mrd "),
        ("run exec -c recon -b input=da\t", "input=data/"),
        ("run show \t\t", "10  (Succeeded x:1)"),
        ("run exec --eng\tpro\t", "--engine process "),
    ],
)
def test_a_tab_in_bash(bash: Typist, typed: str, shown: str) -> None:
    bash.type("source <(tyger-local completion bash); echo read''y\n")
    bash.wait_for("ready\r\n")
    bash.wait_for("ready> ")
    bash.type(f"tyger-local {typed}")
    bash.wait_for(shown)
