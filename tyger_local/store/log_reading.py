"""Reading the log of a container, while it grows or later; the format is told in `logs`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from tyger_local.store.files import translating

READ_BYTES = 256 * 1024

TAIL_BYTES = (256 * 1024, 8 * 2**20)
"""How much of the end of a log is searched for its last lines, before all of it is read."""


@dataclass(frozen=True, slots=True)
class LogPiece:
    """A line, or a part of one.

    Attributes:
        at: When it arrived.
        data: With the line's end, if the piece has it.
        is_first: Whether it begins a line.
    """

    at: str
    stream: str
    data: bytes
    is_first: bool


class LineMaker:
    """Puts pieces of lines together, each stream's for itself."""

    def __init__(self) -> None:
        self._open: dict[str, list[LogPiece]] = {}

    def lines(self, pieces: Iterable[LogPiece]) -> Iterator[LogPiece]:
        """Yield the lines that `pieces` end, as they end; the time is that of their beginning."""
        for piece in pieces:
            parts = self._open.setdefault(piece.stream, [])
            parts.append(piece)
            if piece.data.endswith(b"\n"):
                yield _joined(self._open.pop(piece.stream))

    def rest(self) -> Iterator[LogPiece]:
        """Yield the lines that have no end."""
        for parts in self._open.values():
            yield _joined(parts)
        self._open.clear()


def _joined(parts: list[LogPiece]) -> LogPiece:
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(first, data=b"".join(part.data for part in parts))


class LogCursor:
    """A place in the log of one container, from which it is read on as it grows.

    Args:
        path: The log's file.
        begin: Where in the file to begin.

    Raises:
        StoreError: It cannot be read.
    """

    def __init__(self, path: Path, begin: int = 0) -> None:
        self._path = path
        self._begun: set[str] = set()
        self._rest = b""
        with translating(path):
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            os.lseek(self._fd, begin, os.SEEK_SET)
        if begin:
            self._skip_broken_line()

    def _skip_broken_line(self) -> None:
        while data := self._read():
            _, end, rest = data.partition(b"\n")
            if end:
                self._rest = rest
                return

    def pieces(self) -> Iterator[LogPiece]:
        """Yield the pieces from here to where the log ends now.

        Raises:
            StoreError: It cannot be read.
        """
        data = self._rest
        while True:
            *lines, self._rest = data.split(b"\n")
            for line in lines:
                yield self._piece(line)
            more = self._read()
            if not more:
                return
            data = self._rest + more

    def _read(self) -> bytes:
        with translating(self._path):
            return os.read(self._fd, READ_BYTES)

    def _piece(self, line: bytes) -> LogPiece:
        at, stream, tag, data = (*line.split(b" ", 3), b"", b"", b"")[:4]
        name = stream.decode(errors="replace")
        is_first = name not in self._begun
        if tag == b"F":
            self._begun.discard(name)
            data += b"\n"
        else:
            self._begun.add(name)
        return LogPiece(at.decode(errors="replace"), name, data, is_first)

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def open_at_tail(
    path: Path, count: int, takes: Callable[[LogPiece], bool], *, is_quick: bool = False
) -> tuple[list[LogPiece], LogCursor]:
    """Return the last lines of a log, and a cursor behind them.

    Args:
        path: The log's file.
        count: How many lines at most.
        takes: Whether a line counts.
        is_quick: Whether a long log's last bytes are enough: of a stream that is rarely used, the first
            line found may then lack its beginning.

    Raises:
        StoreError: The log cannot be read.
    """
    with translating(path):
        size = path.stat().st_size
    for window in TAIL_BYTES[:1] if is_quick else TAIL_BYTES:
        cursor = LogCursor(path, max(size - window, 0))
        lines = list(_lines(cursor, takes))
        is_all = window >= size or is_quick
        if is_all or _surely_whole(lines, count):
            return lines[-count:] if count else [], cursor
        cursor.close()
    cursor = LogCursor(path)
    return list(deque(_lines(cursor, takes), count)), cursor


def _lines(cursor: LogCursor, takes: Callable[[LogPiece], bool]) -> Iterator[LogPiece]:
    maker = LineMaker()
    return filter(takes, chain(maker.lines(cursor.pieces()), maker.rest()))


def _surely_whole(lines: list[LogPiece], count: int) -> bool:
    """Return whether the last lines are whole; of the first line of a stream, a part may lack."""
    firsts: dict[str, int] = {}
    for index, line in enumerate(lines):
        firsts.setdefault(line.stream, index)
    return max(firsts.values(), default=0) < len(lines) - count
