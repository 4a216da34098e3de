"""Moving the bytes of a buffer in the store: written once, read even while they are written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tyger_local.errors import ReaderClosedError, StateError, StoreError, UsageError
from tyger_local.store.files import damaged
from tyger_local.store.writing import BufferData, BufferWriter, Contents
from tyger_local.streams.copying import Copier
from tyger_local.streams.following import follow
from tyger_local.streams.host import open_target
from tyger_local.streams.tally import CHECKSUM_LIMIT_BYTES, Checksum, Tally
from tyger_local.workspace.clock import now
from tyger_local.workspace.owner import this_process

End = str | os.PathLike[str] | int
"""A path, or an open descriptor, which stays open."""

FAILED = "the buffer is in a permanently failed state"


def write(buffer_id: str, data: BufferData, source: End) -> None:
    """Write a buffer from `source`; see `Buffers.write`."""
    with _opened(source) as fd, writing(data) as writer:
        try:
            Copier(fd, writer.fd).copy()
        except OSError as error:
            raise StoreError(
                f"The buffer '{buffer_id}' could not be written: {error.strerror}",
                "It has failed for good: see to the cause, and make another one",
            ) from error


@contextmanager
def writing(data: BufferData) -> Iterator[BufferWriter]:
    """Be a buffer's one writer inside the block; an error out of it makes the buffer fail.

    Raises:
        StateError: It was written before.
        StoreError: The store cannot be written.
    """
    writer = data.claim(this_process().labels())
    try:
        yield writer
        writer.complete(now(), _sha256(writer.fd))
    except BaseException:
        with suppress(StoreError):  # a full disk: then it has failed once this process is gone
            writer.fail(now())
        raise
    finally:
        writer.close()


def read(buffer_id: str, data: BufferData, target: End) -> int:
    """Copy a buffer to `target`; see `Buffers.read`."""
    goes_on(data)  # a failed one touches no file
    if isinstance(target, int):
        return read_to(buffer_id, data, target)
    opened = open_target(buffer_id, Path(target))
    try:
        count = read_to(buffer_id, data, opened.fd)
    except BaseException:
        opened.discard()
        raise
    opened.publish()
    return count


def read_to(buffer_id: str, data: BufferData, fd: int, stop: Sequence[int] = ()) -> int:
    """Copy a buffer to a descriptor, to its end.

    Args:
        buffer_id: For messages.
        data: Its bytes.
        fd: Where they go.
        stop: Descriptors that end all this when they can be read.

    Returns:
        How many bytes.

    Raises:
        StateError: It has failed.
        ReaderClosedError: Whoever read `fd` has closed it.
        StoreError: It is damaged, or cannot be copied.
    """
    try:
        count = follow(data.path, fd, lambda: goes_on(data), stop)
    except BrokenPipeError as error:
        raise ReaderClosedError("whoever read the buffer's bytes closed them") from error
    except OSError as error:
        raise StoreError(
            f"The buffer '{buffer_id}' could not be read: {error.strerror}",
            "See to the cause, and read it again",
        ) from error
    expected = data.end.get("bytes")
    if count is None:
        raise damaged(data.path, "it is not there, and the buffer is said to be complete")
    if count != expected:
        raise damaged(data.path, f"it has {count} bytes and not {expected}")
    return count


def goes_on(data: BufferData) -> bool:
    """Return whether more bytes may come.

    Raises:
        NotFoundError: The buffer was purged.
        StateError: The buffer has failed.
    """
    contents = data.contents
    if contents is Contents.FAILED:
        raise StateError(FAILED, "Whatever wrote it did not come to its end: make another one")
    return contents is not Contents.COMPLETE


def _sha256(fd: int) -> str | None:
    """Return the sha256 of a file that is not too large for it; it can be read at any position."""
    size = os.fstat(fd).st_size
    if size > CHECKSUM_LIMIT_BYTES:
        return None
    tally = Tally(Checksum.AUTO, is_kept=True)
    tally.count(size)
    tally.hash_file(fd)
    return tally.sha256


@contextmanager
def _opened(source: End) -> Iterator[int]:
    if isinstance(source, int):
        yield source
        return
    try:
        # Waits for a writer where it is a FIFO, as any program would.
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            f"{os.fspath(source)} cannot be read: {error.strerror}", "check the path"
        ) from error
    try:
        yield fd
    finally:
        os.close(fd)
