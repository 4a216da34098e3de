from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tyger_local.streams import changes as module
from tyger_local.streams.changes import RELOOK_S, FolderChanges

LONG_S = 30.0


@pytest.fixture
def changes(tmp_path: Path) -> Iterator[FolderChanges]:
    (tmp_path / "old").touch()
    made = FolderChanges(tmp_path)
    yield made
    made.close()


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


CHANGES: dict[str, Callable[[Path], object]] = {
    "created": lambda folder: (folder / "new").touch(),
    "linked": lambda folder: os.link(folder / "old", folder / "new"),
    "moved": lambda folder: (folder / "old").rename(folder / "new"),
    "written": lambda folder: _append(folder / "old"),
    "deleted": lambda folder: (folder / "old").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_since_the_last_wait_ends_the_next(
    changes: FolderChanges, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    change(tmp_path)
    began = time.monotonic()
    changes.wait(LONG_S)
    assert time.monotonic() - began < LONG_S / 2


def test_a_change_by_another_process_wakes_who_waits(
    changes: FolderChanges, tmp_path: Path
) -> None:
    code = "import sys; input(); open(sys.argv[1], 'ab').write(b'x')"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "old")], stdin=subprocess.PIPE
    )
    waiting = threading.Thread(target=changes.wait, args=(LONG_S,))
    waiting.start()
    assert child.stdin is not None
    child.communicate(b"\n")
    waiting.join(LONG_S / 2)
    assert not waiting.is_alive()


def test_without_a_change_the_wait_is_as_long_as_allowed(changes: FolderChanges) -> None:
    began = time.monotonic()
    changes.wait(0.1)
    changes.wait(0.1)
    assert time.monotonic() - began > 0.19


def test_looking_is_no_change(changes: FolderChanges, tmp_path: Path) -> None:
    (tmp_path / "old").read_bytes()
    list(tmp_path.iterdir())
    began = time.monotonic()
    changes.wait(0.1)
    assert time.monotonic() - began > 0.09


def test_another_descriptor_ends_the_wait(changes: FolderChanges) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"!")
    began = time.monotonic()
    changes.wait(LONG_S, also=(reader,))
    assert time.monotonic() - began < LONG_S / 2
    os.close(reader)
    os.close(writer)


def _no_inotify() -> None:
    raise OSError(24, "Too many open files")


@pytest.mark.parametrize("reason", ["no inotify", "no folder", "closed"])
def test_where_nobody_tells_of_changes_the_waits_are_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "no inotify":
        monkeypatch.setattr(module, "Inotify", _no_inotify)
    changes = FolderChanges(tmp_path / "missing" if reason == "no folder" else tmp_path)
    if reason == "closed":
        changes.close()
    began = time.monotonic()
    changes.wait(LONG_S)
    assert RELOOK_S * 0.9 < time.monotonic() - began < LONG_S / 2
    changes.close()


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    first = os.dup(0)
    FolderChanges(tmp_path).close()
    FolderChanges(tmp_path / "missing").close()
    second = os.dup(0)
    os.close(first)
    os.close(second)
    assert second == first + 1
