from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tyger_local.errors import NotFoundError, StoreError
from tyger_local.store.files import folder_names
from tyger_local.store.home import Home
from tyger_local.store.runs import RunStore


def _run(runs: RunStore, **fields: object) -> int:
    run_id = runs.allocate()
    runs.write(run_id, {"id": run_id, **fields})
    return run_id


def test_ids_count_from_one(runs: RunStore) -> None:
    assert [runs.allocate() for _ in range(12)] == [*range(1, 13)]
    assert runs.ids() == [*range(12, 0, -1)]


def test_a_record_is_written_again_and_again(runs: RunStore) -> None:
    run_id = _run(runs, status="Running")
    runs.write(run_id, {"id": run_id, "status": "Failed"})
    assert runs.get(run_id) == {"id": run_id, "status": "Failed"}
    assert folder_names(runs.folder(run_id)) == ["run.json"]


def test_modes(runs: RunStore, any_umask: None) -> None:
    run_id = _run(runs)
    folder = runs.folder(run_id)
    assert [path.stat().st_mode & 0o7777 for path in (folder.parent, folder)] == [0o700] * 2
    assert (folder / "run.json").stat().st_mode & 0o7777 == 0o600


def test_not_found(runs: RunStore) -> None:
    starting = runs.allocate()
    for run_id in (starting, 7, 0, -1):
        with pytest.raises(NotFoundError) as caught:
            runs.get(run_id)
        assert caught.value.what == f"The run '{run_id}' was not found"
        assert "tyger-local run list" in caught.value.hint
    for run_id in (7, 0, -1):
        with pytest.raises(NotFoundError):
            runs.delete(run_id)


def test_the_list_is_newest_first_and_skips_what_has_no_record(
    runs: RunStore, warnings: list[str]
) -> None:
    written = [_run(runs) for _ in range(3)]
    runs.allocate()
    (runs.folder(1).parent / "notes").mkdir()
    (runs.folder(1).parent / "9.json").touch()
    (runs.folder(1).parent / "007").mkdir()
    assert [record["id"] for record in runs.list()] == written[::-1]
    assert [record["id"] for record in runs.list(2)] == [3, 2]
    assert runs.list(0) == []
    assert warnings == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_text("{", "utf-8"), "not JSON"),
        (lambda path: path.write_text("[]", "utf-8"), "JSON object"),
        (lambda path: path.write_text('{"id": 1}', "utf-8"), "'id'"),
    ],
)
def test_damage_is_named_and_hides_nothing(
    runs: RunStore, warnings: list[str], damage: Callable[[Path], object], reason: str
) -> None:
    for _ in range(3):
        _run(runs)
    path = runs.folder(2) / "run.json"
    damage(path)
    assert [record["id"] for record in runs.list()] == [3, 1]
    assert len(warnings) == 1
    assert str(path) in warnings[0]
    assert reason in warnings[0]
    with pytest.raises(StoreError, match="is damaged"):
        runs.get(2)


def test_a_record_without_an_id_is_taken_at_its_folder(runs: RunStore) -> None:
    runs.write(runs.allocate(), {"status": "Pending"})
    assert runs.get(1) == {"status": "Pending"}


def test_a_deleted_number_does_not_come_back(runs: RunStore, warnings: list[str]) -> None:
    for _ in range(3):
        _run(runs)
    (runs.folder(3) / "logs").mkdir()
    runs.delete(3)
    runs.delete(1)
    assert not runs.folder(3).exists()
    assert [record["id"] for record in runs.list()] == [2]
    assert runs.allocate() == 4
    runs.delete(4)
    runs.delete(2)
    assert runs.ids() == []
    assert runs.allocate() == 5
    for run_id in (3, 4):
        with pytest.raises(NotFoundError):
            runs.delete(run_id)
    assert warnings == []


def test_a_number_that_came_to_nothing_is_given_again(home: Home, runs: RunStore) -> None:
    run_id = runs.allocate()
    runs.discard(run_id)
    assert runs.ids() == []
    assert not (home.runs_dir / "1~deleted").exists()
    assert runs.allocate() == run_id


def test_a_killed_delete_is_finished_by_the_next_run(home: Home, runs: RunStore) -> None:
    for _ in range(2):
        _run(runs)
    (home.runs_dir / "2~deleted").touch()
    assert runs.ids() == [1]
    with pytest.raises(NotFoundError):
        runs.get(2)
    with pytest.raises(NotFoundError):
        runs.delete(2)
    assert runs.allocate() == 3
    assert not runs.folder(2).exists()


def test_a_number_that_was_deleted_while_we_looked(
    home: Home, runs: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan can miss both, the folder that goes and the mark that comes."""
    _run(runs)
    scan = runs._scan

    def blind() -> tuple[set[int], set[int]]:
        result = scan()
        for number in (2, 3):
            (home.runs_dir / f"{number}~deleted").touch()
        (home.runs_dir / "4").mkdir()
        return result

    monkeypatch.setattr(runs, "_scan", blind)
    assert runs.allocate() == 5
    assert not runs.folder(2).exists()


def test_a_record_for_a_run_that_is_gone(runs: RunStore) -> None:
    run_id = _run(runs)
    runs.delete(run_id)
    with pytest.raises(StoreError, match="No such file"):
        runs.write(run_id, {"id": run_id})


_ALLOCATE = """
import sys
from pathlib import Path
from tyger_local.store.files import folder_names
from tyger_local.store.home import Home
from tyger_local.store.runs import RunStore
runs = RunStore(Home(Path(sys.argv[1])), print)
for number in range(int(sys.argv[2])):
    run_id = runs.allocate()
    runs.write(run_id, {"id": run_id})
    if number % 3 == 0:
        runs.delete(run_id)
    print(run_id, flush=True)
"""


def _start(home: Home, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _ALLOCATE, str(home.root), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_ids_are_unique_among_processes_that_also_delete(home: Home, runs: RunStore) -> None:
    outputs = [child.communicate()[0] for child in [_start(home, 25) for _ in range(8)]]
    ids = [int(line) for output in outputs for line in output.split()]
    assert len(ids) == 200
    assert len(set(ids)) == 200
    assert runs.allocate() == max(ids) + 1
    assert all(record["id"] in ids for record in runs.list())


def test_ids_are_unique_though_processes_are_killed(home: Home, runs: RunStore) -> None:
    children = [_start(home, 100) for _ in range(4)]
    outputs: list[str] = []
    for count, child in enumerate(children, 3):
        assert child.stdout is not None
        outputs += [child.stdout.readline() for _ in range(count)]
        child.kill()
        outputs += child.communicate()[0].splitlines()
    ids = [int(line) for line in outputs]
    assert len(set(ids)) == len(ids)
    assert runs.allocate() > max(ids)
    runs.list()


def test_samples_lie_beside_the_record(runs: RunStore) -> None:
    run_id = _run(runs)
    assert runs.samples(run_id) is None
    runs.write_samples(run_id, {"intervalSeconds": 0.1})
    assert runs.samples(run_id) == {"intervalSeconds": 0.1}
    assert sorted(folder_names(runs.folder(run_id))) == ["run.json", "samples.json"]
    runs.delete(run_id)
    with pytest.raises(NotFoundError):
        runs.samples(run_id)


def test_damaged_samples_are_an_error(runs: RunStore) -> None:
    run_id = _run(runs)
    (runs.folder(run_id) / "samples.json").write_text("{")
    with pytest.raises(StoreError, match=r"samples\.json"):
        runs.samples(run_id)
