from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tyger_local.spec.buffers import Direction
from tyger_local.streams import sightings as module
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.inotify import Inotify, Notice, Seen
from tyger_local.streams.sightings import Sightings

if TYPE_CHECKING:  # types of fixtures; at run time pytest alone knows the way to conftest
    from tests.unit.streams.conftest import Children

OUTPUT, INPUT = Direction.OUTPUT, Direction.INPUT


@pytest.fixture
def watched(fifo: Fifo) -> Iterator[Callable[[Direction], Sightings]]:
    """Return what watches the pipe, one end of which of the host's is open."""
    ends: list[int] = []
    made: list[Sightings] = []

    def watch(direction: Direction) -> Sightings:
        ends.append(fifo.open_reader() if direction is OUTPUT else fifo.open_writer())
        made.append(Sightings(fifo, direction))
        return made[-1]

    yield watch
    for end in ends:
        os.close(end)
    for one in made:
        one.close()


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


def test_a_pipe_whose_folder_is_gone_is_not_watched(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    fifo = Fifo(folder / "pipe")
    fifo.path.unlink()
    folder.rmdir()
    assert Sightings(fifo, OUTPUT).is_blind
    fifo.close()


def test_what_was_seen_before_notices_were_lost_stays_seen(
    fifo: Fifo, watched: Callable[[Direction], Sightings]
) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    seen = watched(OUTPUT)
    for _ in range(limit // 2):  # of each open and close two notices come
        os.close(os.open(fifo.path, os.O_WRONLY))
    seen.read()
    assert not seen.is_sure
    assert seen.surely_opened_again
