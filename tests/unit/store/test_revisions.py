from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.errors import StoreError
from tyger_local.store.files import JsonObject, folder_names
from tyger_local.store.revisions import KEPT, Revisions

SETTER = """
import sys
from pathlib import Path
from tyger_local.store.revisions import Revisions
revisions = Revisions(Path(sys.argv[1]), "properties")
sys.stdin.read()  # all begin at once
for index in range(int(sys.argv[3])):
    revisions.change(lambda old: {**old, f"{sys.argv[2]}-{index}": index})
"""


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    return Revisions(tmp_path, "properties")


def _add(revisions: Revisions, key: str) -> JsonObject:
    return revisions.change(lambda old: {**old, key: True})


def test_there_is_none_at_first(revisions: Revisions, tmp_path: Path) -> None:
    assert revisions.read() == (0, {})
    assert Revisions(tmp_path / "no-folder", "properties").read() == (0, {})


def test_the_latest_holds(revisions: Revisions, tmp_path: Path) -> None:
    assert revisions.write(1, {"a": 1})
    assert revisions.write(2, {"a": 2})
    assert revisions.read() == (2, {"a": 2})
    assert sorted(folder_names(tmp_path)) == ["properties.1.json", "properties.2.json"]


def test_the_second_of_two_writers_is_told(revisions: Revisions) -> None:
    assert revisions.write(1, {"a": "first"})
    assert not revisions.write(1, {"a": "second"})
    assert revisions.read() == (1, {"a": "first"})


def test_one_who_is_very_late_is_told_although_the_number_is_free_again(
    revisions: Revisions, tmp_path: Path
) -> None:
    for number in range(1, KEPT + 3):
        assert revisions.write(number, {"n": number})
    assert not revisions.file(2).exists()
    assert not revisions.write(2, {"n": "late"})
    assert revisions.read() == (KEPT + 2, {"n": KEPT + 2})
    assert not revisions.file(2).exists()
    assert len(folder_names(tmp_path)) == KEPT


def test_a_change_begins_again_when_somebody_was_faster(revisions: Revisions) -> None:
    seen: list[JsonObject] = []

    def change(old: JsonObject) -> JsonObject:
        if not seen:
            assert revisions.write(1, {"theirs": True})
        seen.append(old)
        return {**old, "ours": True}

    assert revisions.change(change) == {"theirs": True, "ours": True}
    assert seen == [{}, {"theirs": True}]


def test_what_changes_nothing_writes_nothing(revisions: Revisions) -> None:
    _add(revisions, "a")
    assert _add(revisions, "a") == {"a": True}
    assert revisions.read()[0] == 1


def test_what_a_change_raises_is_passed_on(revisions: Revisions) -> None:
    def refuse(old: JsonObject) -> JsonObject:
        raise KeyError(str(old))

    with pytest.raises(KeyError):
        revisions.change(refuse)
    assert revisions.read() == (0, {})


def test_other_files_are_none(revisions: Revisions, tmp_path: Path) -> None:
    for name in (
        "properties.0.json",
        "properties.01.json",
        "properties.json",
        "xproperties.9.json",
    ):
        (tmp_path / name).write_text("{}")
    (tmp_path / "properties.7.json~0123456789abcdef.tmp").touch()
    assert revisions.read() == (0, {})


def test_a_damaged_one_is_named_and_the_one_before_is_there_still(revisions: Revisions) -> None:
    _add(revisions, "a")
    _add(revisions, "b")
    revisions.file(2).write_text("{")
    with pytest.raises(StoreError, match=r"properties\.2\.json' is damaged"):
        revisions.read()
    with pytest.raises(StoreError, match="is damaged"):
        _add(revisions, "c")
    revisions.file(2).unlink()
    assert revisions.read() == (1, {"a": True})


def test_a_number_that_cannot_be_had_is_no_endless_loop(revisions: Revisions) -> None:
    def occupy(old: JsonObject) -> JsonObject:
        number, _ = revisions.read()
        revisions.file(number + 1).write_text(f'{{"n": {number + 1}}}')
        return {**old, "ours": True}

    with pytest.raises(StoreError, match="written all the time"):
        revisions.change(occupy)


def test_without_its_folder_nothing_is_written(revisions: Revisions, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    with pytest.raises(StoreError, match="No such file"):
        _add(revisions, "a")


def test_no_change_of_several_processes_is_lost(revisions: Revisions, tmp_path: Path) -> None:
    setters, changes = 6, 12
    children = [
        subprocess.Popen(
            [sys.executable, "-c", SETTER, str(tmp_path), str(number), str(changes)],
            stdin=subprocess.PIPE,
        )
        for number in range(setters)
    ]
    for child in children:
        child.communicate()
    assert [child.returncode for child in children] == [0] * setters
    number, document = revisions.read()
    assert document == {f"{n}-{i}": i for n in range(setters) for i in range(changes)}
    assert number == setters * changes
    assert len(folder_names(tmp_path)) == KEPT


@given(keys=st.lists(st.text(max_size=8), max_size=30))
def test_many_changes_come_to_all_of_them(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("revisions")
    revisions = Revisions(folder, "tags")
    for key in keys:
        _add(revisions, key)
    assert revisions.read() == (len(set(keys)), dict.fromkeys(keys, True))
    assert len(folder_names(folder)) == min(len(set(keys)), KEPT)
    shutil.rmtree(folder)
