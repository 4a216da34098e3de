from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tyger_local.spec.buffers import Direction
from tyger_local.streams import sightings as module
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.inotify import Inotify, Notice, Seen
from tyger_local.streams.sightings import PipeWatch, Sightings

if TYPE_CHECKING:  # types of fixtures; at run time pytest alone knows the way to conftest
    from tests.unit.streams.conftest import Children

OUTPUT, INPUT = Direction.OUTPUT, Direction.INPUT


@pytest.fixture
def watched(fifo: Fifo) -> Iterator[Callable[[Direction], Sightings]]:
    """Return what watches the pipe, one end of which of the host's is open."""
    with ExitStack() as stack:

        def watch(direction: Direction) -> Sightings:
            end = fifo.open_reader() if direction is OUTPUT else fifo.open_writer()
            stack.callback(os.close, end)
            folder = PipeWatch(fifo.path.parent)
            stack.callback(folder.close)
            made = folder.watch(fifo, direction)
            stack.callback(made.close)
            return made

        yield watch


@pytest.mark.parametrize(
    ("script", "again"),
    [
        ('echo a >"$1"', False),
        ('{ echo a; echo b; } >"$1"', False),
        ('exec 3>"$1"; echo a >"$1"; echo b >"$1"; exec 3>&-', False),
        ('exec 3<>"$1"; exec 3>&-', False),
        ('test -p "$1"; stat "$1"; chmod 600 "$1"', False),
        ('echo a >"$1"; echo b >"$1"', True),
        (': >"$1"; : >>"$1"', True),
        ('exec 3>"$1"; echo a >"$1"; exec 3>&-; : >"$1"', True),
    ],
)
def test_an_output_opened_after_its_last_close(
    fifo: Fifo,
    watched: Callable[[Direction], Sightings],
    children: Children,
    script: str,
    again: bool,
) -> None:
    seen = watched(OUTPUT)
    children.finish(children.sh(script, fifo.path))
    seen.read()
    assert (seen.opened_again, seen.holders) == (again, 0)
    assert seen.was_opened == ("test" not in script)


def test_holders_are_counted(fifo: Fifo, watched: Callable[[Direction], Sightings]) -> None:
    seen = watched(OUTPUT)
    counts = []
    first = os.open(fifo.path, os.O_WRONLY)
    for _ in range(2):
        second = os.open(fifo.path, os.O_WRONLY)
        seen.read()
        counts.append(seen.holders)
        os.close(second)
        seen.read()
        counts.append(seen.holders)
    os.close(first)
    seen.read()
    assert (counts, seen.holders, seen.opened_again) == ([2, 1, 2, 1], 0, False)
    assert seen.last_close > 0


def test_our_own_ends_are_not_counted(
    fifo: Fifo, watched: Callable[[Direction], Sightings]
) -> None:
    seen = watched(INPUT)
    theirs = os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK)
    seen.expect_own_open()
    ours = fifo.open_reader()
    seen.read()
    assert seen.holders == 1
    os.close(theirs)
    seen.read()
    assert (seen.holders, seen.opened_again) == (0, False)
    os.close(ours)


@pytest.mark.parametrize(
    "script", ['rm "$1"', 'touch "$1.tmp"; mv "$1.tmp" "$1"', 'ln -sf / "$1.l"; mv "$1.l" "$1"']
)
def test_a_change_of_the_entry_is_seen(
    fifo: Fifo,
    watched: Callable[[Direction], Sightings],
    children: Children,
    script: str,
) -> None:
    seen = watched(OUTPUT)
    (fifo.path.parent / "another").touch()
    seen.read()
    assert not seen.entry_changed
    children.finish(children.sh(script, fifo.path))
    seen.read()
    assert seen.entry_changed


def test_lost_notices_make_it_unsure(
    watched: Callable[[Direction], Sightings], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watched(OUTPUT)
    monkeypatch.setattr(Inotify, "read", lambda _: iter([Seen(-1, Notice.LOST, "")]))
    assert seen.is_sure
    seen.read()
    assert not seen.is_sure


def test_without_inotify_nothing_is_seen(
    fifo: Fifo, watched: Callable[[Direction], Sightings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise OSError

    monkeypatch.setattr(module, "Inotify", none)
    seen = watched(OUTPUT)
    os.close(os.open(fifo.path, os.O_WRONLY))
    assert seen.is_blind
    assert not seen.read()
    assert not seen.was_opened


def test_a_folder_that_is_gone_is_not_watched(tmp_path: Path) -> None:
    fifo = Fifo(tmp_path / "pipe")
    folder = PipeWatch(tmp_path / "gone")
    assert folder.watch(fifo, OUTPUT).is_blind
    folder.close()
    fifo.close()


def test_more_watches_than_there_are_leave_a_pipe_unseen(
    fifo: Fifo, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = PipeWatch(fifo.path.parent)

    def none_left(*_: object) -> int:
        raise OSError

    monkeypatch.setattr(Inotify, "watch", none_left)
    assert folder.watch(fifo, OUTPUT).is_blind
    folder.close()


def test_each_pipe_is_told_of_what_happens_to_it_alone(tmp_path: Path, fifo: Fifo) -> None:
    other = Fifo(tmp_path / "other")
    folder = PipeWatch(tmp_path)
    both = [folder.watch(one, OUTPUT) for one in (fifo, other)]
    readers = [one.open_reader() for one in (fifo, other)]
    for sightings in both:
        sightings.read()
    os.close(os.open(other.path, os.O_WRONLY))
    assert [sightings.read() for sightings in both] == [False, True]
    for end in readers:
        os.close(end)
    for one in (*both, folder, fifo, other):
        one.close()


def test_what_happens_wakes_whoever_waits_once(
    fifo: Fifo, watched: Callable[[Direction], Sightings]
) -> None:
    seen = watched(OUTPUT)
    poll = select.poll()
    poll.register(seen.fd, select.POLLIN)
    for _ in range(3):
        os.close(os.open(fifo.path, os.O_WRONLY))
    assert poll.poll(10_000)
    assert seen.read()
    assert not poll.poll(0)
    seen.expect_own_open()
    ours = os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK)
    assert not seen.read()
    assert not poll.poll(0)
    os.close(ours)
