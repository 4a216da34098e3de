"""Moving the bytes of a buffer in the store: written once, read even while they are written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tyger_local.errors import StoreError, UsageError
from tyger_local.runner.stored import copy_to
from tyger_local.store.writing import BufferData, BufferWriter
from tyger_local.streams.copying import Copier
from tyger_local.streams.host import STDOUT_FD, Target, open_target
from tyger_local.streams.leftovers import new_temporary_name
from tyger_local.streams.tally import CHECKSUM_LIMIT_BYTES, Checksum, Tally
from tyger_local.workspace.clock import now
from tyger_local.workspace.owner import this_process

End = str | os.PathLike[str] | int
"""A path, or an open descriptor, which stays open."""


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
    data.goes_on()  # a failed one touches no file
    if isinstance(target, int):
        name = "standard output" if target == STDOUT_FD else f"descriptor {target}"
        return copy_to(buffer_id, data, target, target=name)
    path = Path(target)
    temporary = new_temporary_name(path)  # known before it is there: a signal may come right after
    opened: Target | None = None
    try:
        opened = open_target(buffer_id, path, temporary)
        count = copy_to(buffer_id, data, opened.fd, target=opened.name)
    except BaseException:
        if opened is not None:
            opened.discard()
        temporary.unlink(missing_ok=True)
        raise
    opened.publish()
    return count


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
        _check_source(source, f"descriptor {source}")
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
        _check_source(fd, os.fspath(source))
        yield fd
    finally:
        os.close(fd)


def _check_source(fd: int, name: str) -> None:
    """Refuse what cannot be read, before the buffer is claimed, which would make it fail for good."""
    try:
        is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
    if is_folder:
        raise UsageError(f"{name} cannot be read: it is a directory", "name a file in it")
