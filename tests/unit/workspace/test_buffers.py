from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tyger_local import Workspace
from tyger_local.errors import (
    BufferArgumentError,
    NotFoundError,
    ReaderClosedError,
    SpecError,
    StateError,
    StoreError,
    TygerLocalError,
    UsageError,
)
from tyger_local.workspace.buffers import Buffers
from tyger_local.workspace.owner import this_process

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


@pytest.fixture
def buffers() -> Buffers:
    return Workspace().buffers


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"bytes")
    return path


def _new(buffers: Buffers, **more: str) -> str:
    return str(buffers.create(more)["id"])


def _written(buffers: Buffers, source: Path) -> str:
    buffer = _new(buffers)
    buffers.write(buffer, source)
    return buffer


def test_a_new_one(buffers: Buffers) -> None:
    made = buffers.create({"a": "b"}, "1.00:00")
    assert list(made) == ["id", "createdAt", "location", "tags", "eTag", "expiresAt", "state"]
    assert re.fullmatch(TIME, str(made["createdAt"]))
    began, ends = (
        datetime.strptime(str(made[field]), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        for field in ("createdAt", "expiresAt")
    )
    assert (ends - began).days == 1
    assert str(made["eTag"]).isdecimal()
    assert (made["location"], made["tags"], made["state"]) == ("local", {"a": "b"}, "empty")
    assert buffers.show(str(made["id"])) == made
    assert list(buffers.create()) == ["id", "createdAt", "location", "eTag", "state"]


def test_what_is_not_allowed_makes_none(buffers: Buffers) -> None:
    with pytest.raises(SpecError, match="Tag keys"):
        buffers.create({"ä": "b"})
    with pytest.raises(SpecError, match="invalid buffer TTL format"):
        buffers.create(ttl="1d")
    assert buffers.list() == []


def test_written_once_and_read_often(buffers: Buffers, source: Path, tmp_path: Path) -> None:
    buffer = _written(buffers, source)
    shown = buffers.show(buffer)
    assert (shown["state"], shown["bytes"]) == ("complete", 5)
    assert shown["sha256"] == hashlib.sha256(b"bytes").hexdigest()
    for _ in range(2):
        assert buffers.read(buffer, tmp_path / "target") == 5
        assert (tmp_path / "target").read_bytes() == b"bytes"
    assert buffers.path(buffer).read_bytes() == b"bytes"
    with pytest.raises(StateError, match="has been written already"):
        buffers.write(buffer, source)


def test_an_empty_one_is_whole_too(buffers: Buffers, tmp_path: Path) -> None:
    buffer = _new(buffers)
    buffers.write(buffer, "/dev/null")
    assert (buffers.show(buffer)["state"], buffers.show(buffer)["bytes"]) == ("complete", 0)
    assert buffers.read(buffer, tmp_path / "target") == 0
    assert (tmp_path / "target").read_bytes() == b""


def test_a_large_one_has_no_checksum(
    buffers: Buffers, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tyger_local.workspace.buffer_bytes.CHECKSUM_LIMIT_BYTES", 4)
    assert "sha256" not in buffers.show(_written(buffers, source))


def test_it_is_read_while_it_is_written(buffers: Buffers, tmp_path: Path) -> None:
    buffer = _new(buffers)
    into, from_ = os.pipe()
    out, target = os.pipe()
    reading = threading.Thread(target=buffers.read, args=(buffer, target))
    reading.start()
    writing = threading.Thread(target=buffers.write, args=(buffer, into))
    writing.start()
    for step in (b"one", b"two"):
        os.write(from_, step)
        assert os.read(out, 100) == step
        assert buffers.show(buffer)["state"] == "writing"
    with pytest.raises(StateError, match="is not complete yet"):
        buffers.path(buffer)
    os.close(from_)
    writing.join()
    reading.join()
    assert buffers.show(buffer)["state"] == "complete"
    for fd in (into, out, target):
        os.close(fd)


def test_a_source_that_fails_makes_it_fail(buffers: Buffers, tmp_path: Path) -> None:
    buffer = _new(buffers)
    with pytest.raises(
        StoreError, match=r"could not be written: Input/output error\. It has failed for"
    ):
        buffers.write(buffer, "/proc/self/mem")
    assert buffers.show(buffer)["state"] == "failed"
    for use in (buffers.path, lambda one: buffers.read(one, tmp_path / "target")):
        with pytest.raises(StateError, match=r"^the buffer is in a permanently failed state"):
            use(buffer)
    assert not list(tmp_path.glob("*target*"))


def test_a_source_that_is_not_there_makes_nothing_fail(buffers: Buffers, tmp_path: Path) -> None:
    buffer = _new(buffers)
    with pytest.raises(UsageError, match="source cannot be read: No such file"):
        buffers.write(buffer, tmp_path / "source")
    with pytest.raises(UsageError, match=r"it is a directory\. Name a file in it"):
        buffers.write(buffer, tmp_path)
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(UsageError, match=r"it is a directory\. Name a file in it"):
        buffers.write(buffer, fd)
    os.close(fd)
    with pytest.raises(UsageError, match=f"descriptor {fd} cannot be read: Bad file descriptor"):
        buffers.write(buffer, fd)
    assert buffers.show(buffer)["state"] == "empty"


def test_one_that_fails_while_it_is_read(buffers: Buffers, tmp_path: Path) -> None:
    buffer = _new(buffers)
    writer = buffers.data(buffer).claim(this_process().labels())
    os.write(writer.fd, b"some")
    out, target = os.pipe()
    errors: list[Exception] = []

    def read(where: int | Path) -> None:
        try:
            buffers.read(buffer, where)
        except StateError as error:
            errors.append(error)

    readers = [threading.Thread(target=read, args=(to,)) for to in (target, tmp_path / "target")]
    for reader in readers:
        reader.start()
    assert os.read(out, 100) == b"some"
    writer.fail("now")
    writer.close()
    for reader in readers:
        reader.join()
    assert ["permanently failed" in str(error) for error in errors] == [True, True]
    assert not list(tmp_path.glob("*target*"))
    assert not list(tmp_path.glob(".*target*"))
    os.close(out)
    os.close(target)


def test_who_closes_what_it_reads_is_no_error_of_the_store(buffers: Buffers, source: Path) -> None:
    buffer = _written(buffers, source)
    out, target = os.pipe()
    os.close(out)
    with pytest.raises(ReaderClosedError):
        buffers.read(buffer, target)
    os.close(target)


def test_a_target_that_cannot_be(buffers: Buffers, source: Path, tmp_path: Path) -> None:
    buffer = _written(buffers, source)
    with pytest.raises(BufferArgumentError, match="is a directory"):
        buffers.read(buffer, tmp_path)
    fd = os.open("/dev/null", os.O_RDONLY)
    with pytest.raises(TygerLocalError, match=f"^descriptor {fd} could not be written: Bad file"):
        buffers.read(buffer, fd)
    os.close(fd)


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damaged_bytes_are_told(
    buffers: Buffers, source: Path, tmp_path: Path, damage: str
) -> None:
    buffer = _written(buffers, source)
    if damage == "cut":
        os.truncate(buffers.path(buffer), 4)
    else:
        buffers.path(buffer).unlink()
    with pytest.raises(
        StoreError, match=r"data' is damaged: it (has 4 bytes and not 5|is not there)"
    ):
        buffers.read(buffer, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_tags_are_added_and_replaced(buffers: Buffers) -> None:
    made = buffers.create({"a": "1", "b": "2"})
    buffer = str(made["id"])
    changed = buffers.set(buffer, {"b": "3", "c": "4"})
    assert changed["tags"] == {"a": "1", "b": "3", "c": "4"}
    assert changed["eTag"] != made["eTag"]
    assert buffers.set(buffer, {"d": "5"}, clear_tags=True)["tags"] == {"d": "5"}
    assert "tags" not in buffers.set(buffer, clear_tags=True)
    assert buffers.set(buffer, {"a": "1", "b": "2"})["eTag"] == made["eTag"]


def test_many_tags_are_too_many_together(buffers: Buffers) -> None:
    buffer = _new(buffers, **{f"a{n}": "" for n in range(60)})
    with pytest.raises(SpecError, match="No more than 100 tags"):
        buffers.set(buffer, {f"b{n}": "" for n in range(60)})
    assert len(str(buffers.show(buffer)["tags"]).split(",")) == 60


def test_an_etag_guards_a_change(buffers: Buffers) -> None:
    made = buffers.create()
    buffer, first = str(made["id"]), str(made["eTag"])
    for etag in (first, "*", ""):
        second = str(buffers.set(buffer, {"a": etag.strip("*")}, etag=etag)["eTag"])
    with pytest.raises(StateError, match="the server's ETag does not match the provided ETag"):
        buffers.set(buffer, {"a": "2"}, etag=first)
    buffers.set(buffer, {"a": "2"}, etag=second)
    buffers.set(buffer, ttl="1.00:00")
    with pytest.raises(StateError, match="does not match"):
        buffers.set(buffer, {"a": "3"}, etag=second)


def test_soft_deletion_hides_and_can_be_taken_back(buffers: Buffers, source: Path) -> None:
    buffer = _written(buffers, source)
    before = buffers.show(buffer)
    deleted = buffers.delete(buffer)
    assert deleted["eTag"] != before["eTag"]
    hidden: list[Callable[[str], object]] = [
        buffers.show,
        buffers.set,
        buffers.path,
        lambda one: buffers.write(one, source),
        lambda one: buffers.read(one, 1),
    ]
    for use in hidden:
        with pytest.raises(NotFoundError, match=f"^The buffer '{buffer}' was not found. .*restore"):
            use(buffer)
    with pytest.raises(StateError, match=r"^Buffer is already soft-deleted"):
        buffers.delete(buffer)
    assert buffers.list() == []
    assert buffers.list(soft_deleted=True) == [buffers.show(buffer, soft_deleted=True)] == [deleted]
    assert buffers.set(buffer, {"a": "b"}, soft_deleted=True)["tags"] == {"a": "b"}
    assert buffers.restore(buffer)["state"] == "complete"
    with pytest.raises(StateError, match=r"^Buffer is not soft-deleted"):
        buffers.restore(buffer)
    with pytest.raises(NotFoundError, match="leave --soft-deleted out"):
        buffers.show(buffer, soft_deleted=True)
    assert buffers.path(buffer).read_bytes() == b"bytes"


def test_what_has_expired_counts_as_soft_deleted(buffers: Buffers, source: Path) -> None:
    buffer = _written(buffers, source)
    buffers.set(buffer, ttl="0.00:00")
    assert buffers.list() == []
    assert len(buffers.list(soft_deleted=True)) == 1
    with pytest.raises(StateError, match="already soft-deleted"):
        buffers.delete(buffer)
    assert "expiresAt" not in buffers.restore(buffer)
    assert len(buffers.list()) == 1


def test_only_what_is_soft_deleted_can_be_purged(buffers: Buffers, source: Path) -> None:
    buffer = _written(buffers, source)
    path = buffers.path(buffer)
    with pytest.raises(StateError, match=r"^Buffer is not soft-deleted"):
        buffers.purge(buffer)
    deleted = buffers.delete(buffer)
    assert path.exists()
    assert buffers.purge(buffer) == deleted
    assert not path.exists()
    assert buffers.list(soft_deleted=True) == []
    for use in (buffers.purge, buffers.delete, buffers.restore, buffers.show, buffers.set):
        with pytest.raises(NotFoundError):
            use(buffer)


def test_what_is_being_written_cannot_be_purged(buffers: Buffers) -> None:
    buffer = _new(buffers)
    writer = buffers.data(buffer).claim(this_process().labels())
    buffers.delete(buffer)
    with pytest.raises(StateError, match="is being written and cannot be purged"):
        buffers.purge(buffer)
    writer.fail("now")
    writer.close()
    buffers.purge(buffer)


def test_purged_while_it_is_read(buffers: Buffers, tmp_path: Path) -> None:
    buffer = _new(buffers)
    errors: list[Exception] = []

    def read() -> None:
        try:
            buffers.read(buffer, tmp_path / "target")
        except NotFoundError as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    buffers.delete(buffer)
    buffers.purge(buffer)
    reader.join()
    assert len(errors) == 1
    assert not list(tmp_path.glob("*target*"))


def test_purged_while_what_is_complete_is_read(buffers: Buffers, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(1_000_000))  # more than a pipe holds
    buffer = _written(buffers, tmp_path / "source")
    out, target = os.pipe()

    def purge() -> None:
        os.read(out, 1)
        buffers.delete(buffer)
        buffers.purge(buffer)
        while os.read(out, 1_000_000):
            pass

    purging = threading.Thread(target=purge)
    purging.start()
    with pytest.raises(NotFoundError, match=f"The buffer '{buffer}' was not found"):
        buffers.read(buffer, target)
    os.close(target)
    purging.join()
    os.close(out)


def test_lists_are_filtered_and_newest_first(buffers: Buffers) -> None:
    one, two, three = _new(buffers, a="1"), _new(buffers, a="1", b="2"), _new(buffers)

    def ids(**how: object) -> list[object]:
        return [document["id"] for document in buffers.list(**how)]  # type: ignore[arg-type]  # a table

    assert ids() == [three, two, one]
    assert ids(limit=2) == [three, two]
    assert ids(limit=0) == []
    assert ids(tags={"a": "1"}) == [two, one]
    assert ids(tags={"a": "1"}, exclude_tags={"b": "2"}) == [one]
    assert ids(tags={"a": "1", "b": "2"}) == [two]
    assert ids(exclude_tags={"a": "1"}) == [three]
    assert ids(tags={"a": "1"}, limit=1) == [two]
