"""What the containers of a run printed, in the order in which it came, while it goes on or later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from pathlib import Path

from tyger_local.errors import NotFoundError
from tyger_local.outcome.containers import (
    ROLES,
    labels_named,
    labels_of,
    log_prefix,
    replicas_in,
    shown_labels,
)
from tyger_local.store.log_reading import LineMaker, LogCursor, LogPiece, open_at_tail
from tyger_local.streams.changes import FolderChanges
from tyger_local.workspace.clock import written
from tyger_local.workspace.following import RELOOK_S

JOINED_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which part of the logs of a run is wanted.

    Attributes:
        follow: Go on until the run has ended.
        tail: How many of the last lines; None for all.
        since: Only what was printed after it; it has a zone.
        stream: ``stdout`` or ``stderr``; None for both.
        timestamps: Whether each line begins with its time.
        container: Only that one (``job-0``), or those of one role (``worker``); None for all.
    """

    follow: bool = False
    tail: int | None = None
    since: datetime | None = None
    stream: str | None = None
    timestamps: bool = False
    container: str | None = None


def log_prefixes(record: Mapping[str, object], container: str | None) -> dict[str, str]:
    """Return whose logs are wanted, by their labels, and what each of their lines begins with.

    Args:
        record: The run's.
        container: As in `LogQuery`. Lines of a single one need not say whose they are.

    Raises:
        NotFoundError: There is no such container.
    """
    replicas = replicas_in(record)
    if container is None:
        labels = [label for role in ROLES for label in labels_of(replicas, role)]
    else:
        labels = [*labels_named(replicas, container)]
        if not labels:
            raise NotFoundError(
                f"the run '{record.get('id')}' has no container '{container}'",
                f"it has {shown_labels(replicas)}",
            )
    if len(labels) == 1:
        return {labels[0]: ""}
    return {label: log_prefix(label, replicas) for label in labels}


@dataclass(frozen=True, slots=True)
class _Source:
    """The log of one container."""

    label: str
    cursor: LogCursor
    maker: LineMaker


class LogReader:
    """Reads the logs of a run.

    Args:
        folder: The run's.
        query: What is wanted.
        prefixes: Whose logs are wanted, by their labels, and what each of their lines begins with.
        is_over: Tells whether the run has ended.
        is_wanted: Tells whether anybody still reads; asked now and then while nothing comes.
    """

    def __init__(
        self,
        folder: Path,
        query: LogQuery,
        *,
        prefixes: Mapping[str, str],
        is_over: Callable[[], bool],
        is_wanted: Callable[[], bool],
    ) -> None:
        self._folder = folder
        self._query = query
        self._prefixes = prefixes
        self._is_prefixed = any(prefixes.values())
        self._is_over = is_over
        self._is_wanted = is_wanted
        self._sources: dict[str, _Source] = {}
        self._taken: dict[tuple[str, str], bool] = {}
        # Text is compared with text: a million lines are not worth a million times to be read.
        self._since = "" if query.since is None else written(query.since)

    def read(self) -> Iterator[bytes]:
        """Yield what is to be shown, in pieces; a line's pieces follow each other where several print.

        Raises:
            StoreError: A log cannot be read.
        """
        with ExitStack() as stack, closing(FolderChanges(self._folder)) as changes:
            yield from self._begin(stack)
            while True:
                is_last = not self._query.follow or self._is_over()
                if not self._is_wanted():
                    return
                yield from _joined(self._round(stack))
                if is_last:
                    yield from self._rest()
                    return
                changes.wait(RELOOK_S)

    def _begin(self, stack: ExitStack) -> Iterator[bytes]:
        """Begin at the last lines, if only they are wanted."""
        if self._query.tail is None:
            return
        found: list[list[tuple[str, str, LogPiece]]] = []
        for label, path in self._new_logs():
            last, cursor = open_at_tail(path, self._query.tail, self._takes)
            self._add(label, cursor, stack)
            found.append([(piece.at, label, piece) for piece in last])
        merged = list(merge(*found, key=_when))
        for _, label, piece in merged[-self._query.tail :] if self._query.tail else ():
            yield self._shown(label, piece)

    def _round(self, stack: ExitStack) -> Iterator[bytes]:
        """Show what has been printed until now."""
        for label, path in self._new_logs():
            self._add(label, LogCursor(path), stack)
        for _, label, piece in merge(*map(self._pieces, self._sources.values()), key=_when):
            if self._is_in_query(label, piece):
                yield self._shown(label, piece)

    def _rest(self) -> Iterator[bytes]:
        for source in self._sources.values():
            for piece in source.maker.rest():
                if self._is_in_query(source.label, piece):
                    yield self._shown(source.label, piece)

    def _pieces(self, source: _Source) -> Iterator[tuple[str, str, LogPiece]]:
        pieces = source.cursor.pieces()
        whole = source.maker.lines(pieces) if self._is_prefixed else pieces
        return ((piece.at, source.label, piece) for piece in whole)

    def _takes(self, piece: LogPiece) -> bool:
        return piece.at > self._since and self._query.stream in (None, piece.stream)

    def _is_in_query(self, label: str, piece: LogPiece) -> bool:
        """Return whether a piece is; a line's first piece decides for all of it."""
        key = label, piece.stream
        if piece.is_first or key not in self._taken:
            self._taken[key] = self._takes(piece)
        return self._taken[key]

    def _shown(self, label: str, piece: LogPiece) -> bytes:
        head = ""
        if piece.is_first:
            head += f"{piece.at} " if self._query.timestamps else ""
            head += self._prefixes[label]
        is_open = self._is_prefixed and not piece.data.endswith(b"\n")  # whole lines are shown then
        return head.encode() + piece.data + (b"\n" if is_open else b"")

    def _add(self, label: str, cursor: LogCursor, stack: ExitStack) -> None:
        stack.callback(cursor.close)
        self._sources[label] = _Source(label, cursor, LineMaker())

    def _new_logs(self) -> list[tuple[str, Path]]:
        """Return the logs that were not there before: a container's comes when it is made."""
        logs = (path for path in self._folder.glob("*.log") if path.stem in self._prefixes)
        new = (path for path in logs if path.stem not in self._sources)
        return sorted(((path.stem, path) for path in new), key=lambda log: _by_number(log[0]))


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in fewer pieces: each is a call of the system for whoever shows them."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= JOINED_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _when(entry: tuple[str, str, LogPiece]) -> str:
    return entry[0]


def _by_number(label: str) -> tuple[str, int]:
    role, _, number = label.partition("-")
    return role, int(number)
