from __future__ import annotations

import os
import resource
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tyger_local.streams.fifo import Fifo
from tyger_local.streams.inotify import drain, watch_opens

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def opens(fifo: Fifo) -> Iterator[int]:
    fd = watch_opens(fifo.held_path)
    assert fd is not None
    yield fd
    os.close(fd)


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def test_nothing_happened_yet(opens: int) -> None:
    assert not _is_readable(opens)
    assert not drain(opens)


def test_an_open_is_seen_and_then_a_close(fifo: Fifo, opens: int) -> None:
    reader = os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK)
    assert _is_readable(opens)
    assert not drain(opens)
    assert not _is_readable(opens)
    os.close(reader)
    assert _is_readable(opens)
    assert drain(opens)
    assert not _is_readable(opens)


def test_one_that_came_and_went_is_seen(fifo: Fifo, opens: int) -> None:
    for _ in range(1000):  # more than one read of the queue takes
        os.close(os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK))
    assert drain(opens)
    assert not _is_readable(opens)


def test_whoever_writes_is_not_taken_for_a_reader_that_went(fifo: Fifo, opens: int) -> None:
    os.close(os.open(fifo.path, os.O_RDWR | os.O_NONBLOCK))
    assert not drain(opens)


def test_what_stands_at_the_path_later_is_not_watched(
    tmp_path: Path, fifo: Fifo, opens: int
) -> None:
    fifo.path.unlink()
    fifo.path.symlink_to(tmp_path / "victim")
    (tmp_path / "victim").touch()
    fifo.path.read_bytes()
    assert not drain(opens)


def test_children_do_not_inherit_it(opens: int) -> None:
    assert not os.get_inheritable(opens)


def test_there_is_none_for_what_is_not_there(tmp_path: Path) -> None:
    assert watch_opens(str(tmp_path / "missing")) is None


def test_there_is_none_where_the_system_has_no_inotify(
    fifo: Fifo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert watch_opens(str(fifo.path)) is None


def test_there_is_none_where_it_is_used_up(fifo: Fifo) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(fifo._held)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        assert watch_opens(str(fifo.path)) is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
