"""Room that the store takes, and what is removed because somebody asked for it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.runner.remains import Remains
from tyger_local.store.buffers import BufferStore, StoredBuffer, new_buffer_id
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.workspace.labels import run_labels
from tyger_local.workspace.owner import this_process

Answer = subprocess.CompletedProcess[str]
Cli = Callable[..., Answer]
CTRL_C, CTRL_D = "\x03", "\x04"
QUIET_S = 1.0
LONG_AGO = "2020-01-01T00:00:00.000000Z"


@pytest.fixture(autouse=True)
def _process_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TYGER_LOCAL_ENGINE", "process")


@pytest.fixture
def runs(home: Path) -> RunStore:
    return RunStore(Home(home), lambda _: None)


def _run(runs: RunStore, finished_at: str | None = LONG_AGO, **more: object) -> int:
    run_id = runs.allocate()
    status = (
        {"status": "Pending"}
        if finished_at is None
        else {"status": "Succeeded", "finishedAt": finished_at}
    )
    runs.write(run_id, {"id": run_id, "createdAt": LONG_AGO, **status, **more})
    (runs.folder(run_id) / "job-0.log").write_bytes(b"x" * 1000)
    return run_id


def _ids(cli: Cli) -> list[int]:
    return [run["id"] for run in json.loads(cli("run", "list").stdout)]


# a store that cannot be looked into


@pytest.mark.parametrize(
    "argv",
    [
        ("run", "list"),
        ("run", "show", "1"),
        ("run", "logs", "1"),
        ("run", "cancel", "1"),
        ("run", "delete", "1"),
        ("run", "set", "1", "--tag", "a=b"),
        ("df",),
        ("prune", "--older-than", "1d"),
    ],
)
def test_a_store_that_the_system_does_not_open(cli: Cli, argv: tuple[str, ...]) -> None:
    """A name that is too long is refused like another user's folder, and to root as well."""
    answer = cli(*argv, "--home", f"/tmp/{'x' * 300}")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert re.match(
        r"Error: The store cannot use '/tmp/x+[^']*': File name too long", answer.stderr
    )


# df


def test_an_empty_store_takes_no_room(cli: Cli, home: Path) -> None:
    answer = json.loads(cli("df", "--format", "json").stdout)
    assert answer["totalBytes"] == 0
    assert not home.exists()
    assert "total" in cli("df").stdout


def test_room(cli: Cli, home: Path, runs: RunStore) -> None:
    workspace = Workspace()
    for image in "xy":
        workspace.codespecs.create("a", {"image": image})
    _run(runs)
    workspace.buffers.create()
    gone = workspace.buffers.create()
    workspace.buffers.delete(str(gone["id"]))
    answer = json.loads(cli("df", "--format", "json").stdout)
    assert answer["home"] == str(home)
    assert answer["codespecs"]["count"] == 1
    assert answer["codespecs"]["versions"] == 2
    assert (answer["runs"]["count"], answer["runs"]["active"]) == (1, 0)
    assert answer["runs"]["logBytes"] == 1000
    assert answer["runs"]["bytes"] > 1000
    assert (answer["buffers"]["count"], answer["buffers"]["softDeleted"]) == (2, 1)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert answer["totalBytes"] == sum(path.stat().st_size for path in files)
    table = cli("df").stdout
    assert re.search(r"^runs +1 +1\.\d+ kB +0 not ended, 1 kB of it logs$", table, re.MULTILINE)
    assert re.search(r"^buffers +2 .* 1 soft-deleted$", table, re.MULTILINE)


def test_links_are_not_followed(cli: Cli, runs: RunStore, tmp_path: Path) -> None:
    run_id = _run(runs)
    (tmp_path / "large").write_bytes(bytes(10**6))
    (runs.folder(run_id) / "link").symlink_to(tmp_path / "large")
    (runs.folder(run_id) / "loop").symlink_to(runs.folder(run_id))
    assert json.loads(cli("df", "--format", "json").stdout)["runs"]["bytes"] < 10_000


# prune --older-than


def test_old_runs_go_when_they_are_asked_to(cli: Cli, runs: RunStore) -> None:
    old = _run(runs)
    young = _run(runs, "2100-01-01T00:00:00.000000Z")
    assert _ids(cli) == [young, old]
    assert cli("prune").returncode == 0
    assert _ids(cli) == [young, old]
    dry = cli("prune", "--older-than", "30d", "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, f"would remove run {old}\n")
    assert "would free room=1" in dry.stderr
    assert _ids(cli) == [young, old]
    answer = cli("prune", "--older-than", "30d")
    assert (answer.returncode, answer.stdout) == (0, f"removed run {old}\n")
    assert _ids(cli) == [young]
    assert not runs.folder(old).exists()
    assert runs.allocate() == young + 1
    again = cli("prune", "--older-than", "30d", "--format", "json")
    assert json.loads(again.stdout) == {
        "dryRun": False,
        "done": [],
        "problems": [],
        "freedBytes": 0,
    }


def test_what_goes_on_stays_however_old_it_is(cli: Cli, runs: RunStore, home: Path) -> None:
    script = "until [ -e go ]; do sleep 0.02; done"
    os.chdir(home.parent)
    run_id = Workspace().runs.create({"image": "x", "command": ["sh", "-c", script]})
    lost = _run(runs, None)  # nobody runs it: it has ended, at some time after it began
    answer = cli("prune", "--older-than", "0s", "--force")
    assert answer.stdout == f"removed run {lost}\n"
    Path("go").touch()
    last = list(Workspace().runs.watch(run_id))[-1]
    assert last["status"] == "Succeeded"


def test_buffers_go_with_their_runs_or_once_they_are_deleted(cli: Cli, runs: RunStore) -> None:
    buffers = Workspace().buffers
    made_by_hand, deleted, expired = (str(buffers.create()["id"]) for _ in range(3))
    run_id = _run(runs)
    made_for_it, shared = (str(buffers.create(run=run_id)["id"]) for _ in range(2))
    _run(runs, "2100-01-01T00:00:00.000000Z", job={"buffers": {"in": shared}})
    buffers.delete(deleted)
    buffers.set(expired, ttl="0.00:00")
    answer = cli("prune", "--older-than", "0s")
    assert set(answer.stdout.splitlines()) == {
        f"removed run {run_id}",
        *(f"removed buffer {name}" for name in (made_for_it, deleted, expired)),
    }
    left = {str(document["id"]) for document in buffers.list()}
    assert left == {made_by_hand, shared}


def _old_buffer(home: Path, run: int | None = None, deleted_at: str | None = None) -> str:
    buffer = StoredBuffer(new_buffer_id(), LONG_AGO, run, deleted_at=deleted_at)
    BufferStore(Home(home), lambda _: None, lambda _: False).create(buffer)
    return buffer.id


def test_what_is_used_or_brought_back_meanwhile_stays(runs: RunStore, home: Path) -> None:
    run_id = _run(runs)
    used, restored = _old_buffer(home, run_id), _old_buffer(home, deleted_at=LONG_AGO)
    workspace = Workspace()
    old = workspace.housekeeping.find_old(datetime.now(timezone.utc) - timedelta(days=1))
    assert set(old.buffers) == {used, restored}
    workspace.buffers.restore(restored)
    young = _run(runs, "2100-01-01T00:00:00.000000Z", job={"buffers": {"in": used}})
    assert [thing.what for thing in workspace.housekeeping.remove(old)] == [f"run {run_id}"]
    assert runs.ids() == [young]
    assert {document["id"] for document in workspace.buffers.list()} == {used, restored}


def test_what_does_not_say_when_it_ended_is_not_old(cli: Cli, runs: RunStore, home: Path) -> None:
    timeless = [_run(runs, "yesterday"), _run(runs, "", createdAt=None)]
    kept = {_old_buffer(home, timeless[0]), _old_buffer(home, deleted_at="yesterday")}
    assert cli("prune", "--older-than", "0s").stdout == ""
    assert runs.ids() == timeless[::-1]
    assert {path.name for path in (home / "buffers").iterdir()} == kept


def test_a_damaged_record_may_use_any_buffer_of_runs(cli: Cli, runs: RunStore, home: Path) -> None:
    old, damaged = _run(runs), _run(runs)
    (runs.folder(damaged) / "run.json").write_text("{")
    kept = {_old_buffer(home, run_id) for run_id in (old, damaged, 77)}
    deleted = _old_buffer(home, deleted_at=LONG_AGO)
    answer = cli("prune", "--older-than", "1d")
    assert answer.stdout.splitlines() == [f"removed run {old}", f"removed buffer {deleted}"]
    assert answer.stderr.count(f"/{damaged}/run.json' is damaged") == 1
    assert {path.name for path in (home / "buffers").iterdir()} == kept


def test_a_damaged_buffer_is_passed_over(cli: Cli, home: Path) -> None:
    damaged, deleted = (_old_buffer(home, deleted_at=LONG_AGO) for _ in range(2))
    (home / "buffers" / damaged / "end.json").write_text("{")
    answer = cli("prune", "--older-than", "1d")
    assert (answer.returncode, answer.stdout) == (0, f"removed buffer {deleted}\n")
    assert answer.stderr.count("end.json' is damaged") == 1


def test_buffers_of_runs_that_are_gone(cli: Cli, runs: RunStore, home: Path) -> None:
    deleted, starting, never = _run(runs), runs.allocate(), runs.allocate()
    RunningStore(Home(home)).write(starting, _remains(home, starting, is_over=False))
    runs.delete(deleted)
    lost = [_old_buffer(home, run_id) for run_id in (deleted, never)]
    kept = [_old_buffer(home, starting), _old_buffer(home)]
    kept += [str(Workspace().buffers.create(run=run_id)["id"]) for run_id in (deleted, never)]
    answer = cli("prune", "--older-than", "1d")
    assert answer.stdout.splitlines() == [f"removed buffer {name}" for name in sorted(lost)]
    assert {path.name for path in (home / "buffers").iterdir()} == set(kept)


@pytest.mark.parametrize("age", ["", "x", "-1d", "30"])
def test_a_bad_age(cli: Cli, runs: RunStore, age: str) -> None:
    run_id = _run(runs)
    answer = cli("prune", "--older-than", age)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "--older-than" in answer.stderr
    assert _ids(cli) == [run_id]


# Asking first


def _answer_on_a_terminal(word: str, *argv: str) -> tuple[int, str]:
    """Run a command on a terminal, type `word`, and return exit code and what was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "tyger_local", *argv])
    if word != CTRL_C:
        os.write(terminal, word.encode() + (b"" if word == CTRL_D else b"\n"))
    shown = b""
    try:
        while True:
            # Typed right before Python waits for an answer, it is not noticed; so it may take two.
            while word == CTRL_C and not select.select((terminal,), (), (), QUIET_S)[0]:
                if b"[y/N]:" in shown and b"ended by" not in shown:
                    os.write(terminal, CTRL_C.encode())
            data = os.read(terminal, 4096)
            if not data:
                break
            shown += data
    except OSError:  # the other side has closed it
        pass
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):  # what the kernel still had on the way when it told the end
        while data := os.read(terminal, 4096):
            shown += data
    os.close(terminal)
    return code, shown.decode()


@pytest.mark.parametrize("word", ["n", "y", CTRL_D])
@pytest.mark.parametrize(
    ("argv", "question"),
    [
        (["run", "delete", "1"], "Delete run 1, record and logs? [y/N]"),
        (["codespec", "delete", "a"], "Delete all versions of the codespec 'a'? [y/N]"),
        (["codespec", "delete", "a", "-v", "1"], "Delete version 1 of the codespec 'a'? [y/N]"),
        (["prune", "--older-than", "1d"], "Remove them? [y/N]"),
    ],
)
def test_a_terminal_is_asked(
    cli: Cli, runs: RunStore, word: str, argv: list[str], question: str
) -> None:
    _run(runs)
    Workspace().codespecs.create("a", {"image": "x"})
    code, shown = _answer_on_a_terminal(word, *argv)
    assert question in shown
    assert code == (0 if word == "y" else 1)
    refused = "nothing that is old was removed" if argv[0] == "prune" else "nothing was changed"
    assert (refused in shown) is (word != "y")
    assert "Ctrl-C" not in shown
    if "--older-than" in argv:
        assert "1 run and 0 buffers, " in shown
    there = len(_ids(cli)) + len(json.loads(cli("codespec", "list").stdout))
    assert there == (1 if word == "y" else 2)


def test_what_was_swept_is_told_before_anybody_is_asked(runs: RunStore, home: Path) -> None:
    _run(runs)
    dead = _run(runs, None)
    RunningStore(Home(home)).write(dead, _remains(home, dead, is_over=True))
    code, shown = _answer_on_a_terminal("n", "prune", "--older-than", "1d")
    assert code == 1
    assert shown.index(f"run {dead}: recorded as Failed") < shown.index("Remove them? [y/N]")


def _remains(home: Path, run_id: int, *, is_over: bool) -> dict[str, object]:
    labels = run_labels(home, this_process(), run_id)
    return Remains(run_id, labels, "process", "", is_over=is_over).document()


def test_a_question_that_is_interrupted(cli: Cli, runs: RunStore) -> None:
    _run(runs)
    code, shown = _answer_on_a_terminal(CTRL_C, "run", "delete", "1")
    assert (code, _ids(cli)) == (130, [1])
    assert "ended by Ctrl-C" in shown


# codespec delete


@pytest.mark.parametrize("name", ["run.json", "tags.1.json"])
def test_a_damaged_run_can_be_deleted(cli: Cli, runs: RunStore, home: Path, name: str) -> None:
    (runs.folder(_run(runs)) / name).write_text("{")
    assert cli("run", "show", "1").returncode == 1
    answer = cli("run", "delete", "1")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert not runs.folder(1).exists()


@pytest.mark.parametrize("name", ["run.json", "tags.1.json"])
def test_a_damaged_run_that_goes_on_stays(cli: Cli, runs: RunStore, home: Path, name: str) -> None:
    (runs.folder(_run(runs, None)) / name).write_text("{")
    RunningStore(Home(home)).write(1, {"labels": this_process().labels()})
    answer = cli("run", "delete", "1")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("Error: run 1 has not ended")
    RunningStore(Home(home)).remove(1)
    assert cli("run", "delete", "1").returncode == 0


def test_codespecs_are_deleted(cli: Cli) -> None:
    for image in "xyz":
        cli("codespec", "create", "a", "--image", image)
    cli("codespec", "create", "b", "--image", "x")
    assert cli("codespec", "delete", "a", "--version", "3").returncode == 0
    assert json.loads(cli("codespec", "show", "a").stdout)["version"] == 2
    assert cli("codespec", "delete", "a/versions/1", "--force").returncode == 0
    assert cli("codespec", "create", "a", "--image", "new").stdout == "4\n"
    answer = cli("codespec", "delete", "a")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "versions=2, 4" in answer.stderr
    assert [doc["name"] for doc in json.loads(cli("codespec", "list").stdout)] == ["b"]
    assert cli("codespec", "create", "a", "--image", "x").stdout == "5\n"


@pytest.mark.parametrize(
    ("argv", "message", "code"),
    [
        (["nope"], "The codespec 'nope' was not found", 1),
        (["a", "-v", "7"], "The version '7' of codespec 'a' was not found. The latest version is '1'", 1),
        ([], "one codespec name positional argument is required", 2),
        (["a", "b"], "unexpected positional arguments after the codespec name: [b]", 2),
    ],
)  # fmt: skip
def test_what_cannot_be_deleted(cli: Cli, argv: list[str], message: str, code: int) -> None:
    cli("codespec", "create", "a", "--image", "x")
    answer = cli("codespec", "delete", *argv)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert message in answer.stderr


def test_a_damaged_version_can_be_deleted(cli: Cli, home: Path) -> None:
    cli("codespec", "create", "a", "--image", "x")
    (home / "codespecs/a/1.json").write_text("{")
    assert cli("codespec", "show", "a").returncode == 1
    assert cli("codespec", "delete", "a").returncode == 0
    assert not (home / "codespecs/a/1.json").exists()
