"""Standard output: UTF-8 whatever the locale says, and what cannot be written is an error of ours.

Written to the descriptor itself. Python's own stream keeps what it could not write and tries again at
exit, where nobody can catch the error; click's ``echo`` turns a closed reader into exit code 1.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress

from tyger_local.errors import ReaderClosedError, TygerLocalError


def write_out(text: str) -> None:
    """Write `text`.

    Raises:
        ReaderClosedError: Whoever read it has closed it.
        TygerLocalError: It is closed, or the system refuses.
    """
    write_out_bytes(text.encode("utf-8", "backslashreplace"))


def write_out_bytes(data: bytes) -> None:
    """Write `data`; see `write_out`."""
    check_stdout()
    try:
        sys.stdout.flush()
        _write_all(sys.stdout.fileno(), data)
    except BrokenPipeError as error:
        raise ReaderClosedError("the reader of standard output closed it") from error
    except OSError as error:
        raise TygerLocalError(
            f"standard output cannot be written: {error.strerror}", "send it somewhere else"
        ) from error


def check_stdout() -> None:
    """Raise an error if there is no standard output.

    Raises:
        TygerLocalError: It is closed.
    """
    if sys.stdout is None:
        raise TygerLocalError("standard output is closed", "leave it open, or send it to a file")


def has_reader() -> bool:
    """Return whether standard output has not been closed by whoever read it."""
    if sys.stdout is None:
        return True  # what is written next is the error
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not any(mask & select.POLLERR for _, mask in poll.poll(0))


def check_reader() -> None:
    """Raise an error if whoever read standard output has closed it.

    Raises:
        ReaderClosedError: That is so.
    """
    if not has_reader():
        raise ReaderClosedError("the reader of standard output closed it")


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        select.select((), (fd,), ())  # whoever shares it may have made it non-blocking
        with suppress(BlockingIOError):
            rest = rest[os.write(fd, rest[: select.PIPE_BUF]) :]
