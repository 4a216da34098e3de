"""A run's buffers that are in the store: read even while they are written, written by one run alone."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from tyger_local.errors import (
    MORE_FILES,
    BufferArgumentError,
    ReaderClosedError,
    StateError,
    StoreError,
    StreamError,
    TygerLocalError,
)
from tyger_local.store.files import damaged
from tyger_local.store.writing import (
    BufferData,
    BufferWriter,
    Contents,
    already_written,
    buffer_not_found,
)
from tyger_local.streams.following import follow
from tyger_local.streams.host import Source, Target, open_source
from tyger_local.streams.relay import RelayedSource
from tyger_local.streams.wake import Wake

OF_TARGETS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF)
"""What a call that copies can only say of where it writes."""


@dataclass(frozen=True, slots=True, eq=False)
class StoreBuffer:
    """A buffer in the store, for one parameter of a run.

    Attributes:
        claim: Makes this process its one writer.
        now: Tells the time as text.
    """

    id: str
    data: BufferData
    claim: Callable[[], BufferWriter]
    now: Callable[[], str]

    def __str__(self) -> str:
        return f"buffer {self.id}"

    def check_readable(self, buffer: str) -> None:
        """Check that it has not failed, and that what is complete has all its bytes.

        Raises:
            BufferArgumentError: It is not so.
            StoreError: Its files are damaged.
        """
        contents = self.data.contents
        if contents is Contents.COMPLETE:
            self._check_whole(buffer)
        if contents is Contents.FAILED:
            raise BufferArgumentError(
                f"the input '{buffer}' is connected to {self}, "
                "and the buffer is in a permanently failed state",
                "connect another one",
            )

    def _check_whole(self, buffer: str) -> None:
        try:
            _whole(self.data, self.data.size_bytes)
        except StoreError as error:
            raise BufferArgumentError(
                f"the input '{buffer}' cannot be read: {error.what}", "connect another one"
            ) from error

    def check_writable(self, buffer: str) -> None:
        """Check that nobody has written it.

        Raises:
            BufferArgumentError: Somebody has.
        """
        contents = self.data.contents
        if contents is not Contents.EMPTY:
            error = already_written(self.id, contents)
            raise _unwritable(buffer, error)

    def source(self, buffer: str) -> Source:
        """Open it for an input.

        Raises:
            BufferArgumentError: It has failed, does not have all its bytes, or cannot be opened.
            StoreError: Its files are damaged.
        """
        self.check_readable(buffer)
        if self.data.contents is Contents.COMPLETE:
            return open_source(buffer, self.data.path)
        try:
            return RelayedSource(str(self), lambda fd, stop: copy_to(self.id, self.data, fd, stop))
        except OSError as error:
            raise BufferArgumentError(
                f"the input '{buffer}' cannot be read: {self}: {error.strerror}",
                MORE_FILES if error.errno == errno.EMFILE else "",
            ) from error

    def target(self, buffer: str) -> StoreTarget:
        """Become its writer, for an output.

        Raises:
            BufferArgumentError: Somebody else is or was.
            StoreError: The store cannot be written.
        """
        try:
            return StoreTarget(self, self.claim())
        except StateError as error:
            raise _unwritable(buffer, error) from error


def _unwritable(buffer: str, error: StateError) -> BufferArgumentError:
    return BufferArgumentError(f"the output '{buffer}' cannot be written: {error.what}", error.hint)


class StoreTarget(Target):
    """The file of a buffer's bytes. Given up before its end was told, the buffer has failed."""

    def __init__(self, buffer: StoreBuffer, writer: BufferWriter) -> None:
        super().__init__(writer.fd, str(buffer))
        self.is_readable = True
        self._buffer = buffer
        self._writer = writer
        self._is_ended = False

    def end(self, sha256: str | None, *, is_whole: bool) -> None:
        """Say that no more bytes come.

        Args:
            sha256: Of the bytes, if it is known.
            is_whole: Whether that is as it should be.

        Raises:
            StreamError: The store cannot be written; the buffer fails with this process at the latest.
        """
        try:
            if is_whole:
                self._writer.complete(self._buffer.now(), sha256)
            else:
                self._writer.fail(self._buffer.now())
        except StoreError as error:
            raise StreamError(error.what, error.hint) from error
        self._is_ended = True

    def abandon(self) -> str | None:
        """Close the file."""
        if self.fd >= 0 and not self._is_ended:
            try:
                self.end(None, is_whole=False)
            except StreamError:
                self._is_ended = True  # its end is that of this process
        self.fd = -1
        self._writer.close()
        return None


def copy_to(
    buffer_id: str,
    data: BufferData,
    fd: int,
    stop: Wake | None = None,
    target: str = "what it is copied to",
) -> int:
    """Copy a buffer to a descriptor, to its end, waiting for bytes that are not written yet.

    Args:
        buffer_id: For messages.
        data: Its bytes.
        fd: Where they go.
        stop: Ends all this once it is set.
        target: What `fd` is, for messages.

    Returns:
        How many bytes.

    Raises:
        NotFoundError: The buffer was purged.
        StateError: It has failed.
        ReaderClosedError: Whoever read `fd` has closed it.
        StoreError: It is damaged, or cannot be read.
        TygerLocalError: The target cannot be written.
        StoppedError: `stop` was set.
    """
    try:
        count = follow(data.path, fd, data.goes_on, stop)
    except BrokenPipeError as error:
        raise ReaderClosedError("whoever read the buffer's bytes closed them") from error
    except OSError as error:
        if error.errno in OF_TARGETS:
            raise TygerLocalError(
                f"{target} could not be written: {error.strerror}",
                "see to the cause, and read the buffer again",
            ) from error
        raise StoreError(
            f"The buffer '{buffer_id}' could not be read: {error.strerror}",
            "See to the cause, and read it again",
        ) from error
    if not data.end:  # it was there before the copy
        raise buffer_not_found(buffer_id)
    return _whole(data, count)


def _whole(data: BufferData, count: int | None) -> int:
    """Return `count`, the bytes of a complete buffer, None where it has no file.

    Raises:
        StoreError: That is not what it should have.
    """
    if count is None:
        raise damaged(data.path, "it is not there, and the buffer is said to be complete")
    expected = data.end.get("bytes")
    if count != expected:
        raise damaged(data.path, f"it has {count} bytes and not {expected}")
    return count
