"""What dead owners left is removed, and nothing else. Real processes are in tests/unit/cli/test_kill.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.outcome.events import Event, Warned
from tyger_local.outcome.record import with_etag
from tyger_local.runner.remains import PartialFile, Remains
from tyger_local.runner.sweep import Deed, Swept
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.streams.fifo import Fifo, PipeFolder
from tyger_local.streams.leftovers import new_folder_name, new_temporary_name, partial_name
from tyger_local.workspace.execution import ExecOptions
from tyger_local.workspace.labels import run_labels
from tyger_local.workspace.owner import Owner, this_process
from tyger_local.workspace.sweeping import Sweeper
from tyger_local.workspace.truth import OWNER_ENDED


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def dead() -> Owner:
    """A process that has been here and is gone."""
    program = "from tyger_local.workspace.owner import *; print(this_process().started)"
    child = subprocess.Popen((sys.executable, "-c", program), stdout=subprocess.PIPE, text=True)
    started = child.communicate()[0].strip()
    return replace(this_process(), pid=child.pid, started=started)


class Bench:
    """A store with runs of which something is left."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.running = RunningStore(Home(home))
        self.runs = RunStore(Home(home), lambda _: None)

    def leave(self, owner: Owner, data: bytes = b"part", **changes: object) -> Remains:
        """Leave everything that a run on the process engine can leave behind, but processes."""
        run_id = self.runs.allocate()
        labels = run_labels(self.home, owner, run_id)
        outer, path = new_folder_name(), self.folder / f"out{run_id}"
        left = Remains(
            run_id, labels, "process", "", (outer,),
            (PartialFile(new_temporary_name(path), partial_name(path)),),
        )  # fmt: skip
        self.running.write(run_id, {**left.document(), **changes})
        folder = PipeFolder(outer, json.dumps(labels))
        Fifo(folder.path / "output").close()
        left.files[0].temporary.write_bytes(data)
        self.runs.write(run_id, {"id": run_id, "status": "Running", "kind": "user"})
        return left

    def prune(self, *, dry_run: bool = False) -> Swept:
        return Sweeper(Home(self.home), engines=["process"]).prune(dry_run=dry_run)

    def is_whole(self, left: Remains) -> bool:
        """Whether everything of `left` is there; if not, nothing may be."""
        there = [left.folders[0].exists(), left.files[0].temporary.exists()]
        there.append(self.running.get(left.run_id) is not None)
        assert len(set(there)) == 1, there
        assert (self.runs.get(left.run_id)["status"] == "Running") is there[0]
        return there[0]


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Bench:
    return Bench(home, tmp_path)


def test_what_a_dead_owner_left_is_removed(bench: Bench, dead: Owner) -> None:
    left = bench.leave(dead)
    file = left.files[0]
    assert [(done.run_id, done.deed, done.what) for done in bench.prune().done] == [
        ("1", Deed.REMOVED, str(left.folders[0])),
        ("1", Deed.KEPT, f"what arrived of an output as {file.partial}"),
        ("1", Deed.RECORDED, f"as Failed, {OWNER_ENDED}"),
    ]
    assert not bench.is_whole(left)
    assert file.partial.read_bytes() == b"part"
    record = bench.runs.get(1)
    assert [*record][:4] == ["id", "status", "statusReason", "finishedAt"]
    assert (record["statusReason"], record["verdict"]) == (OWNER_ENDED, None)
    assert Workspace(bench.home).runs.show(1) == with_etag(record)
    assert bench.prune().done == ()


def test_an_empty_part_is_not_kept(bench: Bench, dead: Owner) -> None:
    left = bench.leave(dead, b"")
    assert {done.deed for done in bench.prune().done} == {Deed.REMOVED, Deed.RECORDED}
    assert not bench.is_whole(left)
    assert not left.files[0].partial.exists()


def test_what_the_living_and_strangers_own_stays(bench: Bench, dead: Owner) -> None:
    lefts = [
        bench.leave(this_process()),
        bench.leave(replace(dead, host="elsewhere")),
        bench.leave(replace(dead, host=f"{dead.host}/pid:[1]")),
    ]
    assert bench.prune() == replace(bench.prune(), done=(), problems=())
    assert all(map(bench.is_whole, lefts))


def test_another_boot_is_dead(bench: Bench) -> None:
    left = bench.leave(replace(this_process(), boot_id="before"))
    assert bench.prune().done
    assert not bench.is_whole(left)


def test_a_run_that_is_over_is_swept_though_its_owner_lives(bench: Bench) -> None:
    left = bench.leave(this_process(), isOver=True)
    assert bench.prune().done
    assert not bench.is_whole(left)


def test_a_dry_run_says_the_same_and_does_nothing(bench: Bench, dead: Owner) -> None:
    lefts = [bench.leave(dead), bench.leave(dead, b"")]
    said = bench.prune(dry_run=True)
    assert all(map(bench.is_whole, lefts))
    assert bench.prune().done == said.done


def test_an_end_that_was_written_stays(bench: Bench, dead: Owner) -> None:
    bench.leave(dead)
    bench.runs.write(1, {"id": 1, "status": "Succeeded"})
    assert Deed.RECORDED not in {done.deed for done in bench.prune().done}
    assert bench.runs.get(1) == {"id": 1, "status": "Succeeded"}
    assert bench.running.ids() == []


def test_a_run_without_a_record_keeps_its_number(bench: Bench, dead: Owner) -> None:
    left = bench.leave(dead)
    (bench.runs.folder(1) / "run.json").unlink()
    assert bench.prune().problems == ()
    assert bench.running.ids() == []
    assert not left.folders[0].exists()
    assert bench.runs.allocate() == 2


def test_several_may_sweep_at_once(bench: Bench, dead: Owner) -> None:
    lefts = [bench.leave(dead) for _ in range(20)]
    swept: list[Swept] = []
    barrier = threading.Barrier(6)

    def work() -> None:
        sweeper = Sweeper(Home(bench.home))
        found = sweeper.dead()
        barrier.wait()
        swept.append(sweeper.sweep(found))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.problems for one in swept] == [()] * 6
    assert not any(map(bench.is_whole, lefts))
    assert all(left.files[0].partial.read_bytes() == b"part" for left in lefts)


def _prune(**env: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "tyger_local", "prune")
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **env}
    )


def test_an_engine_that_does_not_answer_is_asked_again_next_time(bench: Bench, dead: Owner) -> None:
    left = bench.leave(dead, engine="docker", place=os.environ["DOCKER_HOST"])
    other = bench.leave(dead)
    answer = _prune()
    assert answer.returncode == 1
    assert answer.stderr.startswith(
        "Error: run 1: a container may be left: no Docker engine answers"
    )
    assert not bench.is_whole(other)
    assert bench.running.ids() == [1]
    assert not left.folders[0].exists()  # everything else is done all the same
    assert bench.runs.get(1)["status"] == "Failed"
    elsewhere = _prune(DOCKER_HOST="unix:///another.sock")
    assert elsewhere.returncode == 1
    words = "run 1: a container may be left on another engine, unix:///nonexistent/"
    assert words in elsewhere.stderr
    assert bench.running.ids() == [1]


def test_an_engine_that_nothing_was_left_on_need_not_answer(bench: Bench, dead: Owner) -> None:
    bench.leave(dead)
    answer = _prune()
    assert answer.returncode == 0
    assert answer.stderr.startswith("Warning: containers were not looked for: no Docker engine")


def test_nothing_that_is_not_ours_is_removed(bench: Bench, dead: Owner, tmp_path: Path) -> None:
    """An entry may be wrong: links, other names and other kinds of files stay."""
    target = tmp_path / "mine"
    target.mkdir()
    (target / "file").write_text("kept")
    link = new_folder_name()
    link.symlink_to(target)
    named = new_temporary_name(tmp_path / "out")
    named.symlink_to(target / "file")
    document = {
        "folders": [str(link), str(target), "/"],
        "files": [
            {"temporary": str(path), "partial": str(tmp_path / "taken")}
            for path in (named, target / "file")
        ],
    }
    left = bench.leave(dead, **document)
    assert bench.prune().problems == ()
    assert (target / "file").read_text() == "kept"
    assert link.is_symlink()
    assert named.is_symlink()
    assert not (tmp_path / "taken").exists()
    assert left.files[0].temporary.exists()


def test_a_folder_that_nothing_is_written_about(bench: Bench, dead: Owner, tmp_path: Path) -> None:
    """It says itself whose it is."""
    labels = run_labels(bench.home, dead, 5)
    lost = PipeFolder(note=json.dumps(labels)).path.parent.parent
    others = [
        PipeFolder(note=note)
        for note in (
            json.dumps(run_labels(bench.home, this_process(), 5)),
            json.dumps(run_labels(tmp_path / "another store", dead, 5)),
            "no json",
            "[]",
            "",
        )
    ]
    assert [(done.run_id, done.what) for done in bench.prune().done] == [("5", str(lost))]
    assert not lost.exists()
    for other in others:
        assert other.path.exists()
        other.remove()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text("{}"),
        lambda path: path.write_text('{"labels": {}, "folders": [], "files": [3]}'),
    ],
)
def test_a_damaged_entry_is_named_and_hides_nothing(
    bench: Bench, dead: Owner, damage: Callable[[Path], object]
) -> None:
    lefts = [bench.leave(dead) for _ in range(3)]
    damage(bench.home / "running/2.json")
    (problem,) = bench.prune().problems
    assert problem.startswith("what may be left of run 2 cannot be read: ")
    assert bench.running.ids() == [2]
    assert [left.files[0].temporary.exists() for left in lefts] == [False, True, False]
    said: list[str] = []
    shown = Workspace(bench.home, warn=said.append).runs.show(2)
    assert shown["status"] == "Failed" or "goes on cannot be told" in said[0]


def test_a_part_that_cannot_go_beside_a_link_stays_beside_the_file(
    bench: Bench, dead: Owner, tmp_path: Path
) -> None:
    left = bench.leave(dead)
    file = left.files[0]
    gone = {"temporary": str(file.temporary), "partial": str(tmp_path / "gone/out1.partial")}
    bench.running.write(1, {**left.document(), "files": [gone]})
    assert f"as {tmp_path / 'out1.partial'}" in "".join(done.what for done in bench.prune().done)
    assert (tmp_path / "out1.partial").read_bytes() == b"part"


# the next run


CODESPEC = {"image": "x", "command": ["true"]}


def test_the_next_run_cleans_up_and_says_so(bench: Bench, dead: Owner) -> None:
    lefts = [bench.leave(dead), bench.leave(dead, b"")]
    events: list[Event] = []
    workspace = Workspace(bench.home, engine="process")
    record = workspace.runs.exec(CODESPEC, options=ExecOptions(emit=events.append))
    assert record.id == 3
    assert not any(map(bench.is_whole, lefts))
    warned = [event.text for event in events if isinstance(event, Warned)]
    (told,) = [text for text in warned if "cleaned up" in text]
    assert told.startswith("cleaned up what runs 1, 2 had left: removed /")
    assert f"kept what arrived of an output as {lefts[0].files[0].partial}" in told
    events.clear()
    assert workspace.runs.exec(CODESPEC, options=ExecOptions(emit=events.append)).id == 4
    assert not any("cleaned up" in event.text for event in events if isinstance(event, Warned))


def test_a_sweep_that_fails_is_a_warning(bench: Bench, dead: Owner, tmp_path: Path) -> None:
    """As a program: docker-py leaves sockets open when nobody answers."""
    bench.leave(dead, engine="docker", place=os.environ["DOCKER_HOST"])
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(CODESPEC))
    command = (
        sys.executable,
        "-m",
        "tyger_local",
        "run",
        "exec",
        "--engine=process",
        "-f",
        str(spec),
    )
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0
    assert "Warning: something is left of earlier runs: run 1: a container may be" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("Run 2 succeeded")


def test_a_number_is_not_given_again_while_something_may_be_left(bench: Bench, dead: Owner) -> None:
    """Somebody removed the folders of runs by hand."""
    bench.leave(dead)
    for file in bench.runs.folder(1).iterdir():
        file.unlink()
    bench.runs.folder(1).rmdir()
    assert bench.runs.allocate() == 2
