from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tyger_local.errors import NotFoundError, StateError, StoreError
from tyger_local.store.buffers import BufferStore, StoredBuffer, is_buffer_id, new_buffer_id
from tyger_local.store.files import folder_names
from tyger_local.store.home import Home
from tyger_local.store.writing import Contents
from tyger_local.workspace.owner import is_alive, owner_in

NOW = "2026-01-02T03:04:05.000006Z"
US = {"who": "we"}
DEAD = {"who": "dead"}


def _is_alive(labels: Mapping[str, str]) -> bool | None:
    return {"we": True, "dead": False}.get(labels.get("who", ""))


@pytest.fixture
def store(home: Home, warnings: list[str]) -> BufferStore:
    return BufferStore(home, warnings.append, _is_alive)


def _new(store: BufferStore, at: str = NOW, **more: object) -> str:
    buffer = replace(StoredBuffer(new_buffer_id(), at), **more)  # type: ignore[arg-type]  # a table's
    store.create(buffer)
    return buffer.id


def _write(
    store: BufferStore, buffer: str, data: bytes = b"data", sha256: str | None = None
) -> None:
    writer = store.data(buffer).claim(US)
    os.write(writer.fd, data)
    writer.complete(NOW, sha256)
    writer.close()


def test_ids_are_those_of_tyger() -> None:
    ids = {new_buffer_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"[a-z2-7]{26}", one) and is_buffer_id(one) for one in ids)
    for text in ("", "a" * 25, "a" * 27, "A" * 26, "1" * 26, "../" + "a" * 23, "a" * 26 + "\n"):
        assert not is_buffer_id(text)


def test_there_is_none_at_first(store: BufferStore, home: Home) -> None:
    assert list(store.newest_first()) == []
    assert not home.root.exists()
    for identifier in ("a" * 26, "nonsense", "..", ""):
        with pytest.raises(NotFoundError, match=f"^The buffer '{identifier}' was not found"):
            store.get(identifier)
        with pytest.raises(NotFoundError):
            store.data(identifier)
        with pytest.raises(NotFoundError):
            store.purge(identifier)


def test_what_is_stored_comes_back(store: BufferStore, any_umask: None) -> None:
    buffer = StoredBuffer(new_buffer_id(), NOW, 7, {"a": "b"}, "2027", None)
    store.create(buffer)
    assert store.get(buffer.id) == buffer
    assert list(store.newest_first()) == [buffer]
    with pytest.raises(StoreError, match="exists already"):
        store.create(buffer)


def test_people_can_read_it(store: BufferStore, home: Home) -> None:
    buffer = _new(store, tags={"a": "b"})
    _write(store, buffer, b"bytes", "abc")
    folder = home.buffers_dir / buffer
    assert (folder / "data").read_bytes() == b"bytes"
    documents = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert documents == {
        "buffer.json": {"id": buffer, "createdAt": NOW},
        "properties.1.json": {"tags": {"a": "b"}},
        "writer.json": US,
        "end.json": {"state": "complete", "bytes": 5, "sha256": "abc", "at": NOW},
    }
    assert folder.stat().st_mode & 0o7777 == 0o700
    assert (folder / "data").stat().st_mode & 0o7777 == 0o600


def test_newest_first(store: BufferStore) -> None:
    ids = [_new(store, f"2026-01-0{day}") for day in (2, 3, 1)]
    assert [one.id for one in store.newest_first()] == [ids[1], ids[0], ids[2]]


def test_the_way_of_its_bytes(store: BufferStore) -> None:
    buffer = _new(store)
    data = store.data(buffer)
    assert (data.contents, data.size_bytes, data.end) == (Contents.EMPTY, None, {})
    writer = data.claim(US)
    assert (data.contents, data.size_bytes, data.end) == (Contents.WRITING, 0, {})
    os.write(writer.fd, b"12345")
    assert data.size_bytes == 5
    writer.complete(NOW)
    writer.fail(NOW)  # comes too late
    writer.close()
    writer.close()
    assert (data.contents, data.size_bytes) == (Contents.COMPLETE, 5)
    with pytest.raises(StateError, match=r"has been written already, .* only once.* create"):
        data.claim(US)


def test_a_failed_one_is_not_written_again(store: BufferStore) -> None:
    buffer = _new(store)
    writer = store.data(buffer).claim(US)
    with pytest.raises(StateError, match="is being written by somebody else"):
        store.data(buffer).claim(US)
    writer.fail(NOW)
    writer.close()
    assert store.data(buffer).contents is Contents.FAILED
    with pytest.raises(StateError, match="is in a permanently failed state"):
        store.data(buffer).claim(US)


def test_a_dead_writer_has_failed(store: BufferStore) -> None:
    buffer = _new(store)
    store.data(buffer).claim(DEAD).close()
    assert store.data(buffer).contents is Contents.FAILED


def test_a_writer_that_ends_while_one_looks_has_not_failed(home: Home) -> None:
    def looks(_: Mapping[str, str]) -> bool:
        writer.complete(NOW)
        return False

    store = BufferStore(home, lambda _: None, looks)
    buffer = _new(store)
    writer = store.data(buffer).claim(US)
    assert store.data(buffer).contents is Contents.COMPLETE
    writer.close()


WRITER = """
import os, sys, time
from pathlib import Path
from tyger_local.store.buffers import BufferStore
from tyger_local.store.files import folder_names
from tyger_local.store.home import Home
from tyger_local.workspace.owner import this_process
data = BufferStore(Home(Path(sys.argv[1])), print, lambda _: True).data(sys.argv[2])
writer = data.claim(this_process().labels())
os.write(writer.fd, b"some")
print("written", flush=True)
time.sleep(100)
"""


def test_a_killed_writer_has_failed(store: BufferStore, home: Home) -> None:
    def lives(labels: Mapping[str, str]) -> bool | None:
        owner = owner_in(labels)
        return None if owner is None else is_alive(owner)

    store = BufferStore(home, lambda _: None, lives)
    buffer = _new(store)
    command = [sys.executable, "-c", WRITER, str(home.root), buffer]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        assert store.data(buffer).contents is Contents.WRITING
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert store.data(buffer).contents is Contents.FAILED
    assert store.data(buffer).size_bytes == 4


def test_properties_change(store: BufferStore) -> None:
    buffer = _new(store, tags={"a": "1"})
    changed = store.change(buffer, lambda old: replace(old, tags={**old.tags, "b": "2"}))
    assert changed == store.get(buffer)
    assert changed.tags == {"a": "1", "b": "2"}
    store.change(buffer, lambda old: replace(old, deleted_at=NOW, expires_at=None))
    assert store.get(buffer).deleted_at == NOW
    with pytest.raises(NotFoundError):
        store.change("a" * 26, lambda old: old)


@pytest.mark.parametrize(
    ("properties", "is_soft_deleted"),
    [
        ({}, False),
        ({"deleted_at": "2020"}, True),
        ({"expires_at": "2026-01-02T03:04:05.000007Z"}, False),
        ({"expires_at": NOW}, True),
        ({"expires_at": "2025"}, True),
    ],
)
def test_soft_deleted_is_who_was_deleted_or_has_expired(
    properties: dict[str, str], is_soft_deleted: bool
) -> None:
    buffer = replace(StoredBuffer("x", NOW), **properties)  # type: ignore[arg-type]  # a table's
    assert buffer.is_soft_deleted(NOW) is is_soft_deleted


def test_purged_is_gone(store: BufferStore, home: Home) -> None:
    buffer = _new(store)
    _write(store, buffer)
    data = store.data(buffer)
    store.purge(buffer)
    assert folder_names(home.buffers_dir) == []
    for use in (store.get, store.data, store.purge):
        with pytest.raises(NotFoundError):
            use(buffer)
    with pytest.raises(NotFoundError):
        _ = data.contents
    with pytest.raises(StoreError):
        data.claim(US)


def test_purged_while_it_is_changed(store: BufferStore) -> None:
    buffer = _new(store)

    def change(old: StoredBuffer) -> StoredBuffer:
        store.purge(buffer)
        return replace(old, tags={"a": "b"})

    with pytest.raises(NotFoundError):
        store.change(buffer, change)


def test_what_a_killed_purge_left_is_removed_by_the_next(store: BufferStore, home: Home) -> None:
    buffer, other = _new(store), _new(store)
    (home.buffers_dir / buffer).rename(home.buffers_dir / f"{buffer}~purged")
    (home.buffers_dir / "mine~purged").mkdir()
    assert [one.id for one in store.newest_first()] == [other]
    store.tidy()
    assert sorted(folder_names(home.buffers_dir)) == sorted([other, "mine~purged"])


def test_what_was_never_made_to_its_end_is_tidied_away_later(
    store: BufferStore, home: Home
) -> None:
    whole, old, young = (_new(store) for _ in range(3))
    for buffer in (old, young):
        (home.buffers_dir / buffer / "buffer.json").unlink()
    for buffer in (whole, old):
        os.utime(home.buffers_dir / buffer, (0, 0))
    store.tidy()
    assert sorted(folder_names(home.buffers_dir)) == sorted([whole, young])


def test_a_folder_without_its_document_is_no_buffer(store: BufferStore, home: Home) -> None:
    buffer = _new(store)
    (home.buffers_dir / buffer / "buffer.json").unlink()
    assert list(store.newest_first()) == []
    with pytest.raises(NotFoundError):
        store.get(buffer)


DAMAGE: dict[str, tuple[str, str]] = {
    "no JSON": ("buffer.json", "{"),
    "another id": ("buffer.json", '{"id": "x"}'),
    "no time": ("buffer.json", '{"id": "ID", "createdAt": 1}'),
    "a run that is none": ("buffer.json", '{"id": "ID", "createdAt": "x", "run": "1"}'),
    "no properties": ("properties.1.json", "[]"),
    "tags": ("properties.1.json", '{"tags": {"a": 1}}'),
    "tags that are none": ("properties.1.json", '{"tags": 1}'),
    "expiry": ("properties.1.json", '{"expiresAt": 1}'),
    "deletion": ("properties.1.json", '{"deletedAt": 1}'),
}


@pytest.mark.parametrize(("name", "text"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_one_is_named_and_hides_no_other(
    store: BufferStore, home: Home, warnings: list[str], name: str, text: str
) -> None:
    buffer, other = _new(store), _new(store)
    (home.buffers_dir / buffer / name).write_text(text.replace("ID", buffer))
    assert [one.id for one in store.newest_first()] == [other]
    assert len(warnings) == 1
    assert f"{name}' is damaged" in warnings[0]
    with pytest.raises(StoreError, match=f"{re.escape(name)}' is damaged"):
        store.get(buffer)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("end.json", "{"),
        ("end.json", "{}"),
        ("end.json", '{"state": "empty", "bytes": 0}'),
        ("end.json", '{"state": "complete", "bytes": true}'),
        ("writer.json", "{}"),
        ("writer.json", '{"who": 1}'),
    ],
)
def test_damaged_bytes_are_named(store: BufferStore, home: Home, name: str, text: str) -> None:
    buffer = _new(store)
    (home.buffers_dir / buffer / name).write_text(text)
    with pytest.raises(StoreError, match=f"{re.escape(name)}' is damaged"):
        _ = store.data(buffer).contents


def test_data_that_somebody_put_there_is_not_touched(store: BufferStore, home: Home) -> None:
    buffer = _new(store)
    path = home.buffers_dir / buffer / "data"
    path.write_text("theirs")
    with pytest.raises(StoreError, match="File exists"):
        store.data(buffer).claim(US)
    assert path.read_text() == "theirs"


def test_of_many_writers_at_once_one_is_the_writer(store: BufferStore) -> None:
    data = store.data(_new(store))

    def claim(_: int) -> int:
        try:
            data.claim(US).close()
        except StateError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_a_full_disk_completes_nothing(full_disk: Path) -> None:
    with pytest.raises(StoreError, match=r"No space left on device.*Free some space"):
        _new(BufferStore(Home(full_disk / "store"), lambda _: None, _is_alive))
