from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tyger_local.errors import StoreError
from tyger_local.store.log_reading import LogPiece
from tyger_local.store.logs import LIMIT_BYTES, ContainerLog, read_tail

DEADLINE_S = 10


def _clock() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"T{next(numbers)}"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ContainerLog]:
    made = ContainerLog(tmp_path / "job-0.log", _clock())
    yield made
    made.close()


# What is kept


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ([("stdout", b"a line\n")], b"T1 stdout F a line\n"),
        ([("stdout", b"one\ntwo\n")], b"T1 stdout F one\nT1 stdout F two\n"),
        ([("stderr", b"part")], b"T1 stderr P part\n"),
        ([("stdout", b"part"), ("stdout", b" end\n")], b"T1 stdout P part\nT2 stdout F  end\n"),
        ([("stdout", b"\n\n")], b"T1 stdout F \nT1 stdout F \n"),
        ([("stdout", b"a\r\n\0\xff\n")], b"T1 stdout F a\r\nT1 stdout F \0\xff\n"),
        ([("stdout", b"a"), ("stderr", b"b\n"), ("stdout", b"c\n")],
         b"T1 stdout P a\nT2 stderr F b\nT3 stdout F c\n"),
        ([("stdout", b"  F P stdout  \n")], b"T1 stdout F   F P stdout  \n"),
        ([("stdout", b"")], b""),
        ([], b""),
    ],
)  # fmt: skip
def test_the_format_is_the_clusters(
    log: ContainerLog, printed: list[tuple[str, bytes]], kept: bytes
) -> None:
    for stream, data in printed:
        log.append(stream, data)
    assert log.path.read_bytes() == kept


def test_it_is_readable_at_once_and_for_its_owner_only(log: ContainerLog) -> None:
    log.append("stdout", b"now\n")
    assert log.path.read_bytes() == b"T1 stdout F now\n"
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "job-0.log").write_text("old")
    with pytest.raises(StoreError, match="File exists"):
        ContainerLog(tmp_path / "job-0.log", _clock())
    assert (tmp_path / "job-0.log").read_text() == "old"


def test_what_comes_after_the_end_is_dropped(log: ContainerLog) -> None:
    log.append("stdout", b"last\n")
    log.close()
    log.append("stdout", b"late\n")
    log.close()
    assert log.path.read_bytes() == b"T1 stdout F last\n"
    assert log.fault is None


def test_closing_it_again_does_not_close_somebody_elses_descriptor(log: ContainerLog) -> None:
    log.close()
    others = os.pipe()
    log.close()
    for fd in others:
        os.close(fd)


# Limits


def test_the_limit_is_announced_in_the_log(tmp_path: Path) -> None:
    log = ContainerLog(tmp_path / "log", _clock(), limit_bytes=2**20)
    line = b"x" * 1000 + b"\n"
    for _ in range(2000):
        log.append("stdout", line)
    log.close()
    assert log.fault is not None
    assert "1 MiB" in log.fault
    assert 0.9 * 2**20 < log.path.stat().st_size < 2**20 + 1000
    assert read_tail(log.path, 2) == ["x" * 1000, f"[tyger-local: {log.fault}]"]


def test_many_short_lines_do_not_fill_the_disk(tmp_path: Path) -> None:
    log = ContainerLog(tmp_path / "log", lambda: "2026-01-01T00:00:00.000000Z", 2**20)
    for _ in range(100):
        log.append("stdout", b"\n" * 30_000)
    log.close()
    assert log.fault is not None
    assert log.path.stat().st_size < 2**20 + 1000


def test_the_announcement_is_a_line_of_its_own(tmp_path: Path) -> None:
    log = ContainerLog(tmp_path / "log", _clock(), limit_bytes=100)
    log.append("stderr", b"half a line")
    log.append("stderr", b"x" * 100)
    log.close()
    lines = read_tail(log.path, 10)
    assert lines[0] == "half a line"
    assert lines[1].startswith("[tyger-local: the container's log is cut")


def test_what_the_container_may_print_is_a_quarter_of_a_gibibyte() -> None:
    assert LIMIT_BYTES == 256 * 2**20


def _check_cut_off(folder: Path, words: str) -> None:
    log = ContainerLog(folder / "log", _clock())
    for _ in range(200):
        log.append("stdout", b"x" * 999 + b"\n")  # never fails
    assert log.fault is not None
    assert words in log.fault
    assert str(log.path) in log.fault
    log.close()
    assert all(piece.data == b"x" * 999 + b"\n" for piece in log.follow())
    assert set(read_tail(log.path, 1000)) <= {"x" * 999}


def test_a_full_disk_holds_nobody_up(full_disk: Path) -> None:
    if not full_disk.is_mount():
        pytest.skip("mounting a small disk needs root on Linux")
    _check_cut_off(full_disk, "No space left on device")


def test_a_file_that_may_not_grow_holds_nobody_up(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_500, limits[1]))
    try:
        _check_cut_off(tmp_path, "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


# Following


@contextmanager
def _following(log: ContainerLog) -> Iterator[list[LogPiece]]:
    """Follow `log` in another thread up to its end."""
    pieces: list[LogPiece] = []
    thread = threading.Thread(target=lambda: pieces.extend(log.follow()), daemon=True)
    thread.start()
    yield pieces
    log.close()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_whoever_follows_gets_everything_and_then_the_end(log: ContainerLog) -> None:
    log.append("stdout", b"before\n")
    with _following(log) as pieces:
        for number in range(1000):
            log.append("stderr" if number % 2 else "stdout", b"%d\n" % number)
        log.append("stdout", b"no end")
    assert pieces[0] == LogPiece("T1", "stdout", b"before\n", is_first=True)
    assert [piece.data for piece in pieces[1:1001]] == [b"%d\n" % n for n in range(1000)]
    assert pieces[-1] == LogPiece("T1002", "stdout", b"no end", is_first=True)


def test_pieces_of_a_line_are_told_from_lines(log: ContainerLog) -> None:
    with _following(log) as pieces:
        log.append("stdout", b"a")
        log.append("stderr", b"x")
        log.append("stdout", b"b")
        log.append("stdout", b"c\nd")
        log.append("stderr", b"\n")
    assert [(piece.stream, piece.data, piece.is_first) for piece in pieces] == [
        ("stdout", b"a", True),
        ("stderr", b"x", True),
        ("stdout", b"b", False),
        ("stdout", b"c\n", False),
        ("stdout", b"d", True),
        ("stderr", b"\n", False),
    ]


def test_lines_of_megabytes_are_followed(log: ContainerLog) -> None:
    line = bytes(range(1, 10)) * 250_000 + b"\xff\xfe"
    with _following(log) as pieces:
        for start in range(0, len(line), 65_536):
            log.append("stdout", line[start : start + 65_536])
        log.append("stdout", b"\n")
        log.append("stdout", line + b"\n")
    assert b"".join(piece.data for piece in pieces) == (line + b"\n") * 2
    assert [piece.is_first for piece in pieces].count(True) == 2


def test_several_may_follow_also_after_the_end(log: ContainerLog) -> None:
    with _following(log) as one, _following(log) as other:
        log.append("stdout", b"line\n")
    assert one == other == list(log.follow())
    assert len(one) == 1


# The last lines


def _tail(tmp_path: Path, lines: int, *printed: tuple[str, bytes]) -> list[str]:
    log = ContainerLog(tmp_path / "log", _clock())
    for stream, data in printed:
        log.append(stream, data)
    log.close()
    return read_tail(log.path, lines)


@pytest.mark.parametrize(
    ("lines", "found"),
    [(0, []), (1, ["c"]), (2, ["b", "c"]), (3, ["a", "b", "c"]), (9, ["a", "b", "c"])],
)
def test_the_last_lines(tmp_path: Path, lines: int, found: list[str]) -> None:
    assert _tail(tmp_path, lines, ("stdout", b"a\nb\n"), ("stderr", b"c\n")) == found


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ((), []),
        ((("stdout", b"no end"),), ["no end"]),
        ((("stdout", b"a "), ("stdout", b"b\n")), ["a b"]),
        ((("stdout", b"out "), ("stderr", b"err\n"), ("stdout", b"put\n")), ["err", "out put"]),
        ((("stdout", b"\r\n"), ("stdout", b"x\r\n")), ["", "x"]),
        ((("stdout", b"\xff\n"),), ["\ufffd"]),
        ((("stdout", "Grüße\n".encode()),), ["Grüße"]),
    ],
)
def test_lines_are_put_together_again(
    tmp_path: Path, printed: tuple[tuple[str, bytes], ...], found: list[str]
) -> None:
    assert _tail(tmp_path, 10, *printed) == found


def test_the_end_of_a_long_log_is_found_without_reading_it_all(tmp_path: Path) -> None:
    printed = b"".join(b"%d\n" % number for number in range(100_000))
    assert _tail(tmp_path, 3, ("stdout", printed)) == ["99997", "99998", "99999"]


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file or directory"):
        read_tail(tmp_path / "missing", 1)


def test_what_is_no_log_is_shown_as_well_as_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\n \nnonsense\nT1 stdout F fine\nhalf a li")
    assert "fine" in read_tail(path, 5)
