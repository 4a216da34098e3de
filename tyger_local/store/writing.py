"""The bytes of one buffer: whether there are any yet, their one writer, and how that ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

from tyger_local.errors import NotFoundError, StateError
from tyger_local.store.files import (
    FILE_MODE,
    JsonObject,
    damaged,
    read_json,
    translating,
    write_new,
)

IsAlive = Callable[[Mapping[str, str]], "bool | None"]
"""Tells, by the labels of an owner, whether that process lives; None when they tell none."""


FAILED = "the buffer is in a permanently failed state"


class Contents(str, Enum):
    """What there is of a buffer's bytes."""

    EMPTY = "empty"
    WRITING = "writing"
    COMPLETE = "complete"
    FAILED = "failed"


class BufferData:
    """The bytes of a buffer.

    Attributes:
        path: The file that holds them, once somebody writes.

    Args:
        folder: The buffer's, named as the buffer.
        is_alive: Tells whether a writer lives.
    """

    def __init__(self, folder: Path, is_alive: IsAlive) -> None:
        self._folder = folder
        self._is_alive = is_alive
        self.path = folder / "data"

    @property
    def contents(self) -> Contents:
        """What there is.

        Raises:
            NotFoundError: The buffer was purged meanwhile.
            StoreError: Its files are damaged.
        """
        state = self.end.get("state")
        if state is None:
            writer = _read_if_there(self._folder / "writer.json")
            if writer is None:
                if not self._folder.is_dir():
                    raise buffer_not_found(self._folder.name)
                return Contents.EMPTY
            if self._is_writing(writer):
                return Contents.WRITING
            # One that has just gone may have written its end before.
            state = self.end.get("state", Contents.FAILED.value)
        return Contents(str(state))

    @property
    def end(self) -> JsonObject:
        """What was written down at the end: ``state``, ``bytes``, ``sha256`` and ``at``; empty before that.

        Raises:
            StoreError: It is damaged.
        """
        path = self._folder / "end.json"
        end = _read_if_there(path)
        if end is None:
            return {}
        if end.get("state") not in (Contents.COMPLETE.value, Contents.FAILED.value):
            raise damaged(path, "its 'state' is neither 'complete' nor 'failed'")
        if type(end.get("bytes")) is not int:
            raise damaged(path, "its 'bytes' is no number")
        return end

    @property
    def size_bytes(self) -> int | None:
        """How many bytes there are by now; None when nobody has begun."""
        with translating(self.path):
            try:
                return self.path.stat().st_size
            except FileNotFoundError:
                return None

    def goes_on(self) -> bool:
        """Return whether more bytes may come.

        Raises:
            NotFoundError: The buffer was purged.
            StateError: The buffer has failed.
            StoreError: Its files are damaged.
        """
        contents = self.contents
        if contents is Contents.FAILED:
            raise StateError(FAILED, "Whatever wrote it did not come to its end: make another one")
        return contents is not Contents.COMPLETE

    def claim(self, labels: Mapping[str, str]) -> BufferWriter:
        """Become the one writer.

        Args:
            labels: Who that is.

        Raises:
            StateError: Somebody was before us.
            StoreError: The store cannot be written.
        """
        if not write_new(self._folder / "writer.json", dict(labels)):
            raise already_written(self._folder.name, self.contents)
        return BufferWriter(self._folder)

    def _is_writing(self, writer: JsonObject) -> bool:
        labels = {name: text for name, text in writer.items() if isinstance(text, str)}
        alive = self._is_alive(labels)
        if alive is None:
            raise damaged(self._folder / "writer.json", "it does not say whose it is")
        return alive


class BufferWriter:
    """Writes a buffer that it has claimed. Ended neither way, the buffer fails with its process.

    Attributes:
        fd: Of the file that takes the bytes; readable too. It belongs to this object.
        path: Of that file.

    Args:
        folder: The buffer's.

    Raises:
        StoreError: The file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "data"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with translating(self.path):
            self.fd = os.open(self.path, flags, FILE_MODE)

    def complete(self, at: str, sha256: str | None = None) -> None:
        """Say that all bytes are there, once the disk has them.

        Args:
            at: The time.
            sha256: Of the bytes, if it is known.

        Raises:
            StoreError: The disk does not take them; the buffer is not complete then.
        """
        with translating(self.path):
            os.fsync(self.fd)
        self._end(Contents.COMPLETE, at, sha256)

    def fail(self, at: str) -> None:
        """Say that no more bytes come, and that some are missing. Said after `complete`, it is not heard.

        Raises:
            StoreError: That cannot be written down: the buffer counts as failed once this process is gone.
        """
        self._end(Contents.FAILED, at, None)

    def close(self) -> None:
        """Close the file; without an end the buffer fails when this process does."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def _end(self, state: Contents, at: str, sha256: str | None) -> None:
        with translating(self.path):
            size = os.fstat(self.fd).st_size
        end: JsonObject = {"state": state.value, "bytes": size, "sha256": sha256, "at": at}
        write_new(self._folder / "end.json", end)


def buffer_not_found(buffer_id: str, hint: str = "") -> NotFoundError:
    """Return the error for a buffer that is not there, or not to be seen."""
    return NotFoundError(
        f"The buffer '{buffer_id}' was not found",
        hint or "See what there is with 'tyger-local buffer list'",
    )


def already_written(buffer_id: str, contents: Contents) -> StateError:
    """Return the error for who wants to write a buffer that somebody writes or has written."""
    words = {
        Contents.WRITING: "is being written by somebody else",
        Contents.FAILED: "is in a permanently failed state",
    }
    return StateError(
        f"The buffer '{buffer_id}' {words.get(contents, 'has been written already')}, "
        "and a buffer is written only once",
        "Make another one with 'tyger-local buffer create'",
    )


def _read_if_there(path: Path) -> JsonObject | None:
    try:
        return read_json(path)
    except NotFoundError:
        return None
