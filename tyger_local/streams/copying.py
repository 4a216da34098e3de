"""Copying from descriptor to descriptor, inside the kernel where it can.

Which call takes which pair of descriptors is the kernel's to say, and differs between versions and systems;
so they are tried in turn, quickest first, and one that refuses is not tried again.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Callable
from contextlib import suppress

KERNEL_BYTES = 16 * 2**20
"""How much one call may move; a signal is noticed between two."""

READ_BYTES = 1024 * 1024

REFUSALS = {
    errno.EINVAL,
    errno.EXDEV,
    errno.EBADF,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENOTSOCK,
    errno.EPERM,
    errno.ESPIPE,
}
"""What the kernel says of a pair that a call is not made for."""


class Copier:
    """Copies from `source`, at its position, to `target`, at its.

    Args:
        source: May be anything that can be read.
        target: May be anything that can be written.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._ways = _ways(source, target)

    def copy(self) -> int:
        """Copy what there is; return how many bytes came until the source's end (for now).

        Raises:
            OSError: One side is broken.
        """
        total = 0
        while count := self._step():
            total += count
        return total

    def _step(self) -> int:
        count = None
        while count is None:
            count = self._try()
        return count

    def _try(self) -> int | None:
        try:
            return self._ways[0](self._source, self._target)
        except BlockingIOError:
            _await(self._target, select.POLLOUT)  # which of the two it was, the kernel does not say
            _await(self._source, select.POLLIN)
        except OSError as error:
            if len(self._ways) == 1 or error.errno not in REFUSALS:
                raise
            del self._ways[0]
        return None


def write_all(target: int, data: bytes | memoryview) -> None:
    """Write all of `data`.

    Raises:
        OSError: The target is broken.
    """
    rest = memoryview(data)
    while rest:
        _await(target, select.POLLOUT)  # whoever shares it may have made it non-blocking
        with suppress(BlockingIOError):
            rest = rest[os.write(target, rest) :]


def _ways(source: int, target: int) -> list[Callable[[int, int], int]]:
    from_, to = os.fstat(source), os.fstat(target)
    ways: list[Callable[[int, int], int]] = []
    is_file = stat.S_ISREG(from_.st_mode) and from_.st_size > 0  # in /proc, files have no size
    if is_file and stat.S_ISREG(to.st_mode) and hasattr(os, "copy_file_range"):
        ways.append(lambda one, other: os.copy_file_range(one, other, KERNEL_BYTES))
    if (stat.S_ISFIFO(from_.st_mode) or stat.S_ISFIFO(to.st_mode)) and hasattr(os, "splice"):
        ways.append(lambda one, other: os.splice(one, other, KERNEL_BYTES))
    if is_file and hasattr(os, "sendfile"):
        ways.append(send_file)
    ways.append(_read_and_write)
    return ways


def send_file(source: int, target: int) -> int:
    """Move bytes from a regular file to what may be no file; return how many, 0 at its end.

    Raises:
        OSError: One side is broken, or the kernel does not do that with this pair (`REFUSALS`).
    """
    # With an offset of our own and not the file's: not every system has the latter.
    place = os.lseek(source, 0, os.SEEK_CUR)
    count = os.sendfile(target, source, place, KERNEL_BYTES)
    os.lseek(source, place + count, os.SEEK_SET)
    return count


def _read_and_write(source: int, target: int) -> int:
    data = os.read(source, READ_BYTES)
    write_all(target, data)
    return len(data)


def _await(fd: int, event: int) -> None:
    poll = select.poll()
    poll.register(fd, event)
    poll.poll()
