from __future__ import annotations

import pytest

from tyger_local.errors import StoreError
from tyger_local.store.files import folder_names
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore


@pytest.fixture
def running(home: Home) -> RunningStore:
    return RunningStore(home)


def test_nothing_is_left_of_anything(home: Home, running: RunningStore) -> None:
    assert running.ids() == []
    assert running.get(1) is None
    assert not home.root.exists()


def test_an_entry_comes_and_goes(home: Home, running: RunningStore, any_umask: None) -> None:
    for run_id in (10, 2):
        running.write(run_id, {"n": run_id})
    running.write(2, {"n": "again"})
    assert running.ids() == [2, 10]
    assert running.get(2) == {"n": "again"}
    assert home.running_dir.stat().st_mode & 0o7777 == 0o700
    assert (home.running_dir / "2.json").stat().st_mode & 0o7777 == 0o600
    running.remove(2)
    running.remove(2)  # somebody else was faster
    assert running.ids() == [10]
    assert folder_names(home.running_dir) == ["10.json"]


def test_what_is_no_entry_is_passed_over(home: Home, running: RunningStore) -> None:
    running.write(1, {})
    for name in ("2.json~0123456789abcdef.tmp", "x.json", "03.json", "4", "5.json.bak"):
        (home.running_dir / name).touch()
    assert running.ids() == [1]


def test_a_damaged_entry_is_named(home: Home, running: RunningStore) -> None:
    running.write(1, {})
    (home.running_dir / "1.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        running.get(1)
    assert running.ids() == [1]
