from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.errors import (
    BufferArgumentError,
    ClusterDifferenceError,
    NotFoundError,
    SpecError,
    StoreError,
    UsageError,
)
from tyger_local.outcome.events import Event, LogLine, RunCreated, StatusChanged
from tyger_local.outcome.record import RunRecord, with_etag
from tyger_local.outcome.verdict import Status, VerdictKind
from tyger_local.runner.remains import Remains
from tyger_local.runner.setup import Options
from tyger_local.spec.flags import CodespecFlags
from tyger_local.spec.runs import RunFlags, TargetFlags
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.workspace.codespecs import CreatedVersion
from tyger_local.workspace.execution import ExecOptions
from tyger_local.workspace.labels import run_labels
from tyger_local.workspace.owner import Owner, is_alive, owner_in, this_process
from tyger_local.workspace.truth import OWNER_ENDED
from tyger_local.workspace.workspace import default_home

CAT: dict[str, object] = {
    "image": "x",
    "buffers": {"inputs": ["input"], "outputs": ["output"]},
    "command": ["sh", "-c", 'cat "$INPUT_PIPE" > "$OUTPUT_PIPE"; echo said'],
}


@pytest.fixture
def workspace(home: Path) -> Workspace:
    return Workspace(engine="process")


@pytest.fixture(autouse=True)
def _nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> object:
    yield
    assert capfd.readouterr() == ("", "")


# where it is, and what runs


def test_the_default_home(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Workspace().home == default_home() == home
    assert Workspace(tmp_path / "other").home == tmp_path / "other"
    assert Workspace(str(tmp_path)).home == tmp_path
    monkeypatch.setenv("TYGER_LOCAL_HOME", "")
    for variable in ("", None):
        if variable is None:
            monkeypatch.delenv("TYGER_LOCAL_HOME")
        assert tmp_path in default_home().parents
        assert default_home().name == "tyger-local"
    assert not default_home().exists()


def test_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Workspace().engine == "docker"
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "process")
    assert Workspace().engine == "process"
    assert Workspace(engine="docker").engine == "docker"
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "podman")
    assert Workspace().codespecs.list() == []  # which needs no engine
    with pytest.raises(UsageError, match="there is no engine 'podman'"):
        Workspace().runs.plan({"image": "x"})


def test_nothing_is_made_until_something_is_written(workspace: Workspace, home: Path) -> None:
    assert workspace.codespecs.list() == []
    assert workspace.runs.list() == []
    for missing in (lambda: workspace.codespecs.show("a"), lambda: workspace.runs.show(1)):
        with pytest.raises(NotFoundError):
            missing()
    assert not home.exists()
    workspace.codespecs.create("a", CAT)
    assert home.stat().st_mode & 0o777 == 0o700


# codespecs


def test_codespecs(workspace: Workspace) -> None:
    codespecs = workspace.codespecs
    assert codespecs.create("a", CAT) == CreatedVersion("a", 1, is_new=True)
    assert codespecs.create("a", CAT) == CreatedVersion("a", 1, is_new=False)
    flags = CodespecFlags(image="y", env={"B": "1", "A": "2"})
    assert codespecs.create("a", CAT, flags) == CreatedVersion("a", 2, is_new=True)
    latest = codespecs.show("a")
    assert (latest["version"], latest["image"]) == (2, "y")
    assert list(latest["env"]) == ["A", "B"]  # type: ignore[call-overload]  # it is a mapping
    assert codespecs.stored("a")["env"] == {"B": "1", "A": "2"}
    assert list(codespecs.stored("a")["env"]) == ["B", "A"]  # type: ignore[call-overload]  # too
    assert codespecs.show("a", 1)["image"] == "x"
    codespecs.create("b", {"image": "z"})
    assert [doc["name"] for doc in codespecs.list()] == ["a", "b"]
    assert [doc["name"] for doc in codespecs.list("b")] == ["b"]
    assert [doc["name"] for doc in codespecs.list(limit=1)] == ["a"]
    assert codespecs.resolve({"image": "z", "args": []}) == {"kind": "job", "image": "z"}


@pytest.mark.parametrize(
    ("name", "document", "error", "message"),
    [
        ("A", {"image": "x"}, UsageError, "codespec names must contain only lower case letters"),
        ("a", {}, SpecError, "The image field is required"),
        ("a", {"image": "x", "nope": 1}, SpecError, 'unknown field "nope"'),
        ("a", {"image": "x", "args": "b"}, SpecError, "args"),
        ("a", {"image": "x", "resources": {"gpu": "x"}}, SpecError, "quantities must match"),
    ],
)
def test_codespecs_that_are_refused(
    workspace: Workspace,
    name: str,
    document: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        workspace.codespecs.create(name, document)
    assert workspace.codespecs.list() == []


def test_a_file_is_read(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("name: a\nimage: x\nargs: [1]\n")
    file = workspace.codespecs.read(str(path))
    assert (file.name, file.args) == ("a", ("1",))
    assert workspace.codespecs.create(file.name, file).version == 1
    with pytest.raises(SpecError, match=r"failed to read file .*: No such file or directory"):
        workspace.codespecs.read(str(tmp_path / "nope"))


def test_warnings_go_where_they_are_asked_for(home: Path) -> None:
    told: list[str] = []
    Workspace(warn=told.append).codespecs.create("a", {"image": "x", "resources": {"shm": "-1"}})
    assert len(told) == 1
    assert told[0].startswith("the cluster stores this codespec, but would refuse every run of it")
    with pytest.warns(UserWarning, match="the cluster stores this codespec"):
        Workspace().codespecs.create("a", {"image": "x", "resources": {"shm": "-1"}})


def test_a_store_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    workspace = Workspace(tmp_path / "file", engine="process")
    for use in (
        lambda: workspace.codespecs.create("a", CAT),
        workspace.codespecs.list,
        workspace.runs.list,
        lambda: workspace.runs.exec({"image": "x", "command": ["true"]}),
    ):
        with pytest.raises(StoreError, match="is a file, not a folder"):
            use()


# runs


@pytest.mark.parametrize("form", ["name", "version", "mapping", "run file", "request"])
def test_exec_takes_all_forms(workspace: Workspace, tmp_path: Path, form: str) -> None:
    workspace.codespecs.create("cat", CAT)
    (tmp_path / "in").write_text("data")
    buffers = {"input": str(tmp_path / "in"), "output": str(tmp_path / "out")}
    flags = RunFlags(job=TargetFlags(codespec="cat"), buffers=buffers)
    forms = {
        "name": "cat",
        "version": "cat/versions/1",
        "mapping": CAT,
        "run file": {"job": {"codespec": CAT, "buffers": buffers}},
        "request": workspace.runs.request(None, flags),
    }
    given = None if form in ("run file", "request") else buffers
    record = workspace.runs.exec(forms[form], given)  # type: ignore[arg-type]  # any of its types
    assert isinstance(record, RunRecord)
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.SUCCEEDED, 0)
    assert (record.id, record.status) == (1, Status.SUCCEEDED)
    assert (tmp_path / "out").read_text() == "data"
    assert workspace.runs.show(1) == workspace.runs.list()[0] == record.document()
    assert workspace.runs.log_tail(1, "job-0", 5) == ["said"]
    assert [stats.bytes for stats in record.buffers] == [4, 4]


def test_a_run_that_fails_is_a_value_and_no_error(workspace: Workspace) -> None:
    record = workspace.runs.exec({"image": "x", "command": ["sh", "-c", "echo a; echo b; exit 3"]})
    assert record.verdict is not None
    assert (record.verdict.kind, record.verdict.exit_code) == (VerdictKind.FAILED, 3)
    assert record.status is Status.FAILED
    assert workspace.runs.log_tail(record.id, "job-0", 1) == ["b"]
    assert workspace.runs.log_tail(record.id, "job-1", 1) == []


def test_progress_is_reported(workspace: Workspace) -> None:
    events: list[Event] = []
    options = ExecOptions(emit=events.append, options=Options(follow_logs=True))
    document = {"image": "x", "command": ["echo", "said"]}
    workspace.runs.exec(document, options=options)
    assert isinstance(events[0], RunCreated)
    assert [e.status for e in events if isinstance(e, StatusChanged)] == [
        Status.RUNNING,
        Status.SUCCEEDED,
    ]
    assert [(e.container, e.data) for e in events if isinstance(e, LogLine)] == [
        ("job-0", b"said\n")
    ]


@pytest.mark.parametrize(
    ("run", "buffers", "error", "message"),
    [
        ("nope", None, NotFoundError, "The codespec 'nope' was not found"),
        ("cat/versions/2", None, NotFoundError, "The version '2' of codespec 'cat' was not found"),
        ("a/b", None, SpecError, "The codespec reference 'a/b' is invalid"),
        ({}, None, UsageError, "a codespec for the job must be specified"),
        ({"job": {}}, None, UsageError, "a codespec for the job must be specified"),
        ("cat", {"inptu": "x"}, BufferArgumentError, "Did you mean 'input'?"),
        ("cat", {"input": "/nope"}, BufferArgumentError, "No such file or directory"),
        ({"image": "x"}, None, UsageError, "the process engine needs a codespec with a command"),
        ({"image": "x", "command": ["a"], "resources": {"gpu": "-1"}}, None, ClusterDifferenceError,
         "the cluster would fail this run"),
    ],
)  # fmt: skip
def test_runs_that_are_refused(
    workspace: Workspace,
    run: dict[str, object] | str,
    buffers: dict[str, str] | None,
    error: type[Exception],
    message: str,
) -> None:
    workspace.codespecs.create("cat", CAT)
    with pytest.raises(error) as caught:
        workspace.runs.exec(run, buffers)
    assert message in str(caught.value)
    assert workspace.runs.list() == []


def test_plan(home: Path) -> None:
    workspace = Workspace(engine="docker")
    plan = workspace.runs.plan(CAT, {"input": "nope"})
    (container,) = plan["containers"]  # type: ignore[misc]  # a document
    assert container["entrypoint"] == CAT["command"]
    assert container["buffers"] == {
        "input": {"direction": "input", "pipe": "/etc/buffer-fifos/input", "host": "nope"},
        "output": {
            "direction": "output", "pipe": "/etc/buffer-fifos/output", "host": "standard output",
        },
    }  # fmt: skip
    json.dumps(plan)
    strict = ExecOptions(strict=True)
    with pytest.raises(ClusterDifferenceError, match="--strict: workingDir"):
        workspace.runs.plan({**CAT, "workingDir": "/w"}, options=strict)
    assert not home.exists()


def test_list_is_newest_first(workspace: Workspace) -> None:
    for _ in range(3):
        workspace.runs.exec({"image": "x", "command": ["true"]})
    assert [record["id"] for record in workspace.runs.list()] == [3, 2, 1]
    assert [record["id"] for record in workspace.runs.list(limit=2)] == [3, 2]


# who owns a run


def _dead() -> Owner:
    """A process that has been here and is gone."""
    program = "from tyger_local.workspace.owner import *; print(this_process().started)"
    child = subprocess.Popen((sys.executable, "-c", program), stdout=subprocess.PIPE, text=True)
    started = child.communicate()[0].strip()
    return replace(this_process(), pid=child.pid, started=started)


def test_owners() -> None:
    me = this_process()
    assert me.pid == os.getpid()
    assert is_alive(me)
    assert owner_in(json.loads(json.dumps(me.labels()))) == me
    assert not is_alive(_dead())
    for changes, alive in (
        ({"started": "1"}, False),  # the same number, another process
        ({"boot_id": "another"}, False),
        ({"host": "another"}, True),  # we cannot look
        ({"host": f"{me.host}/pid:[1]"}, True),
        ({"pid": 2**22 + 1}, False),
    ):
        assert is_alive(replace(me, **changes)) is alive, changes
    for labels in ({}, {**me.labels(), "tyger-local.pid": "x"}):
        assert owner_in(labels) is None


def test_an_owner_that_nobody_has_reaped_yet_is_dead() -> None:
    program = "from tyger_local.workspace.owner import *; print(this_process().started, flush=True)"
    with subprocess.Popen(
        (sys.executable, "-c", f"{program}; input()"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        owner = replace(this_process(), pid=child.pid, started=child.stdout.readline().strip())
        assert is_alive(owner)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(owner)


def _running(home: Path, owner: Owner, **changes: object) -> None:
    """Write down that `owner` runs the run 1."""
    remains = Remains(1, run_labels(home, owner, 1), "process", "")
    RunningStore(Home(home)).write(1, {**remains.document(), **changes})


def test_a_run_whose_owner_died_is_shown_as_failed(workspace: Workspace, home: Path) -> None:
    store = RunStore(Home(home), lambda _: None)
    record = {
        "id": 1, "status": "Running", "runningCount": 1, "createdAt": "T", "job": {"codespec": {}},
    }  # fmt: skip
    failed = {
        "id": 1, "status": "Failed", "statusReason": OWNER_ENDED, "createdAt": "T",
        "job": {"codespec": {}},
    }  # fmt: skip
    store.allocate()
    store.write(1, dict(record))
    failed = with_etag(failed)
    assert workspace.runs.show(1) == failed  # nobody knows the owner
    _running(home, _dead())
    shown = workspace.runs.show(1)
    assert (shown, list(shown)) == (failed, list(failed))
    assert workspace.runs.list() == [failed]
    _running(home, this_process())
    assert workspace.runs.show(1) == with_etag(record)
    _running(home, this_process(), isOver=True)
    assert workspace.runs.show(1) == failed
    store.write(1, {**record, "status": "Succeeded"})
    _running(home, _dead())
    assert workspace.runs.show(1)["status"] == "Succeeded"
