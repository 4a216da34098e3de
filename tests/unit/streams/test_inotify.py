from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tyger_local.streams.fifo import Fifo
from tyger_local.streams.inotify import ENTRIES, USES, Inotify, Notice

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def inotify() -> Iterator[Inotify]:
    made = Inotify()
    yield made
    made.close()


def _notices(inotify: Inotify, watch: int) -> list[Notice]:
    return [seen.notice for seen in inotify.read() if seen.watch == watch]


def test_nothing_happened_yet(fifo: Fifo, inotify: Inotify) -> None:
    inotify.watch(fifo.held_path, USES)
    assert not list(inotify.read())


def test_uses_are_told_in_order(fifo: Fifo, inotify: Inotify) -> None:
    watch = inotify.watch(fifo.held_path, USES)
    reader = os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo.path, os.O_WRONLY)
    os.close(writer)
    os.close(reader)
    assert _notices(inotify, watch)[-2:] == [
        Notice.CLOSED_AFTER_WRITING,
        Notice.CLOSED_AFTER_READING,
    ]


def test_with_its_folder_watched_too_no_open_is_merged_with_another(
    fifo: Fifo, inotify: Inotify
) -> None:
    alone, both = inotify, Inotify()
    watch = alone.watch(fifo.held_path, USES)
    watched = both.watch(fifo.held_path, USES)
    both.watch(str(fifo.path.parent), USES)
    ends = [os.open(fifo.path, os.O_RDWR) for _ in range(5)]
    assert len(_notices(alone, watch)) == 1
    assert len(_notices(both, watched)) == 5
    for end in ends:
        os.close(end)
    both.close()


def test_entries_of_a_folder_are_told_by_name(fifo: Fifo, tmp_path: Path, inotify: Inotify) -> None:
    inotify.watch(str(tmp_path), ENTRIES)
    fifo.path.unlink()
    (tmp_path / "other").touch()
    (tmp_path / "other").rename(fifo.path)
    assert [(seen.notice, seen.name) for seen in inotify.read()] == [
        (Notice.DELETED, "pipe"),
        (Notice.CREATED, "other"),
        (Notice.MOVED_HERE, "pipe"),
    ]


def test_more_than_one_read_takes_is_told(fifo: Fifo, inotify: Inotify) -> None:
    watch = inotify.watch(fifo.held_path, USES)
    for _ in range(5000):
        os.close(os.open(fifo.path, os.O_RDWR))
    assert len(_notices(inotify, watch)) == 10_000


def test_what_stands_at_the_path_later_is_not_watched(
    tmp_path: Path, fifo: Fifo, inotify: Inotify
) -> None:
    watch = inotify.watch(fifo.held_path, USES)
    fifo.path.unlink()
    fifo.path.symlink_to(tmp_path / "victim")
    (tmp_path / "victim").touch()
    fifo.path.read_bytes()
    assert not [n for n in _notices(inotify, watch) if n in USES]


def test_children_do_not_inherit_it(inotify: Inotify) -> None:
    assert not os.get_inheritable(inotify.fd)


def test_what_is_not_there_cannot_be_watched(tmp_path: Path, inotify: Inotify) -> None:
    with pytest.raises(FileNotFoundError):
        inotify.watch(str(tmp_path / "missing"), USES)


def test_there_is_none_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(OSError, match="darwin"):
        Inotify()


def test_there_is_none_where_it_is_used_up(fifo: Fifo) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(fifo._held)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Inotify()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
