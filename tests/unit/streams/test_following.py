from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tyger_local.streams import following
from tyger_local.streams.following import StoppedError, follow
from tyger_local.streams.wake import Wake


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "buffer"
    folder.mkdir()
    return folder / "data"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "target", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def _got(target: int) -> bytes:
    return os.pread(target, 10**7, 0)


def test_what_is_whole_is_copied(path: Path, target: int) -> None:
    path.write_bytes(b"whole")
    assert follow(path, target, lambda: False) == 5
    assert _got(target) == b"whole"


def test_what_is_not_there_and_does_not_come(path: Path, target: int) -> None:
    assert follow(path, target, lambda: False) is None


def test_a_file_is_followed_from_before_its_first_byte_to_its_end(
    path: Path, target: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "RELOOK_S", 60)  # changes are told, or the test hangs
    ended = threading.Event()
    steps = [b"one", b"two" * 100_000, b""]
    waiting = threading.Event()

    def goes_on() -> bool:
        waiting.set()
        return not ended.is_set()

    def write() -> None:
        for step in steps:
            waiting.wait()
            waiting.clear()
            with path.open("ab") as file:
                file.write(step)
        ended.set()
        (path.parent / "end").touch()

    writer = threading.Thread(target=write)
    writer.start()
    assert follow(path, target, goes_on) == 300_003
    writer.join()
    assert _got(target) == b"".join(steps)


def test_what_came_just_before_the_end_is_copied(path: Path, target: int) -> None:
    def goes_on() -> bool:
        path.write_bytes(b"late")
        return False

    assert follow(path, target, goes_on) == 4


def test_an_error_of_who_knows_the_end_is_passed_on(path: Path, target: int) -> None:
    path.write_bytes(b"some")
    answers = iter([True])

    def goes_on() -> bool:
        try:
            return next(answers)
        finally:
            (path.parent / "change").touch()

    with pytest.raises(StopIteration):
        follow(path, target, goes_on)
    assert _got(target) == b"some"


def test_it_can_be_stopped(path: Path, target: int) -> None:
    stop = Wake()
    path.write_bytes(b"some")

    def goes_on() -> bool:
        stop.set()
        return True

    with pytest.raises(StoppedError):
        follow(path, target, goes_on, stop)
    assert _got(target) == b"some"
    stop.close()
