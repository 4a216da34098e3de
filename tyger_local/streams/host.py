"""The host's side of a buffer: a source to read from, a target that is published or kept as partial.

A target that is a regular file is written under another name beside it and renamed at the end, so that
nothing that looks whole is not. What is no regular file (a device, a FIFO, a terminal) is written
directly. Anything that cannot work is an error before the run starts.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import stat
from contextlib import suppress
from pathlib import Path

from tyger_local.errors import BufferArgumentError, StreamError
from tyger_local.streams.leftovers import keep_partial, new_temporary_name, partial_name

_OWN = re.compile(r"/dev/(?P<name>stdin|stdout|stderr)|/(?:dev|proc/self)/fd/(?P<fd>[0-9]{1,6})")

STDIN_FD = 0
STDOUT_FD = 1
WHOLE_CHUNKS = 2**30


class Source:
    """Something to read an input from.

    Attributes:
        fd: Readable; `close` closes it unless it was only lent.
        name: For messages.
        is_regular: Whether it is a regular file, which can always be read.
        expected_bytes: How many bytes it holds; 0 when that is not known.
        fault: Why its end is none: bytes are missing. To be asked for once it has come to its end.
    """

    def __init__(self, fd: int, name: str, *, owned: bool) -> None:
        self.fd = fd
        self.name = name
        self.fault: str | None = None
        self._owned = owned
        status = os.fstat(fd)
        self.is_regular = stat.S_ISREG(status.st_mode)
        self.expected_bytes = status.st_size if self.is_regular else 0

    def close(self) -> None:
        """Close what was opened for this run."""
        fd, self.fd = self.fd, -1
        if self._owned and fd >= 0:
            os.close(fd)


def open_source(buffer: str, path: Path) -> Source:
    """Open `path` for the input `buffer`; process substitution and FIFOs are fine.

    Raises:
        BufferArgumentError: It does not exist, is a folder or cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BufferArgumentError(
            f"the input '{buffer}' cannot be read: {path}: {error.strerror}",
            "check the path" if isinstance(error, FileNotFoundError) else "",
        ) from error
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        raise BufferArgumentError(
            f"the input '{buffer}' cannot be read: {path} is a directory", "name a file in it"
        )
    return Source(fd, str(path), owned=True)


def stdin_source() -> Source:
    """Return our standard input, lent.

    Raises:
        BufferArgumentError: It is closed.
    """
    if _access_mode(STDIN_FD) in (None, os.O_WRONLY):
        raise BufferArgumentError("standard input is closed", "give the input with -b")
    return Source(STDIN_FD, "standard input", owned=False)


class Target:
    """Something to write an output to.

    Attributes:
        fd: Writable.
        name: For messages.
        is_regular: Whether it is a regular file, which always takes bytes.
        is_readable: Whether what was written can be read again.
        atom_bytes: How much may be written at once after `poll` without blocking.
        awaits_reader: Whether it is a FIFO that nobody read when it was opened: closed before somebody
            does, it loses what was written.
    """

    def __init__(self, fd: int, name: str, *, awaits_reader: bool = False) -> None:
        self.fd = fd
        self.name = name
        self.awaits_reader = awaits_reader
        self.is_stdout = fd == STDOUT_FD
        self.is_readable = False
        self.is_regular = stat.S_ISREG(os.fstat(fd).st_mode)
        self.atom_bytes = WHOLE_CHUNKS if self.is_regular else select.PIPE_BUF

    def publish(self) -> None:
        """Make what was written final."""
        self.abandon()

    def abandon(self) -> str | None:
        """Give up; return the name under which a part was kept, if one was."""
        fd, self.fd = self.fd, -1
        if fd >= 0 and not self.is_stdout:
            os.close(fd)
        return None

    def discard(self) -> None:
        """Give up and keep nothing of what was written, where that can be."""
        self.abandon()


class FileTarget(Target):
    """A regular file, written beside its final name.

    Args:
        fd: Of the temporary file.
        temporary: Its path.
        final: Where it goes, links followed.
        shown: The path as the user wrote it.
    """

    def __init__(self, fd: int, temporary: Path, final: Path, shown: Path) -> None:
        super().__init__(fd, str(shown))
        self.is_readable = True
        self._temporary = temporary
        self._final = final
        self._partial = partial_name(shown)

    def publish(self) -> None:
        """Give the file its name.

        Raises:
            StreamError: The system refuses; the bytes stay under the temporary name.
        """
        try:
            fd, self.fd = self.fd, -1
            os.close(fd)
            self._temporary.replace(self._final)
        except OSError as error:
            raise StreamError(
                f"{self.name} could not be written: {error.strerror}",
                f"what there is lies in {self._temporary}",
            ) from error

    def discard(self) -> None:
        """Give up and keep nothing."""
        if self.fd >= 0:
            super().abandon()
            self._temporary.unlink(missing_ok=True)

    def abandon(self) -> str | None:
        """Keep what was written as ``<path>.partial``; an empty file is removed."""
        if self.fd < 0:
            return None
        super().abandon()
        try:
            kept = keep_partial(self._temporary, self._partial)
        except OSError:
            kept = self._temporary
        return None if kept is None else str(kept)


def open_target(buffer: str, path: Path, temporary: Path | None = None) -> Target:
    """Open `path` for the output `buffer`.

    Args:
        buffer: For messages.
        path: Where it goes.
        temporary: What a regular file is called meanwhile, from `new_temporary_name`.

    Raises:
        BufferArgumentError: It is a folder, its folder is missing, or it cannot be written.
    """
    own = own_file(path)
    if own is not None:
        return Target(os.dup(own), str(path))
    final = Path(os.path.realpath(path))
    try:
        # The path itself and not `final`: links in /proc and /dev/fd lead to pipes, which have no path.
        old = path.stat()
    except FileNotFoundError:
        return _new_file(buffer, path, final, temporary or new_temporary_name(path), None)
    except OSError as error:
        raise _unwritable(buffer, path, error) from error
    if stat.S_ISDIR(old.st_mode):
        raise BufferArgumentError(
            f"the output '{buffer}' cannot be written: {path} is a directory", "name a file in it"
        )
    if stat.S_ISREG(old.st_mode):
        return _new_file(buffer, path, final, temporary or new_temporary_name(path), old)
    return _open_directly(buffer, path, is_fifo=stat.S_ISFIFO(old.st_mode))


def own_file(path: Path) -> int | None:
    """Return the descriptor that `path` names (``/dev/stdout``), if it is a regular file's.

    That file is written through the descriptor, behind what is there: whoever opened it may go on writing.
    """
    match = _OWN.fullmatch(str(path))
    if match is None:
        return None
    number = int(match["fd"] or ("stdin", "stdout", "stderr").index(match["name"]))
    with suppress(OSError):
        if stat.S_ISREG(os.fstat(number).st_mode) and _access_mode(number) != os.O_RDONLY:
            return number
    return None


def _open_directly(buffer: str, path: Path, *, is_fifo: bool) -> Target:
    flags = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        try:
            return Target(os.open(path, os.O_WRONLY | flags), str(path))
        except OSError as error:
            if not is_fifo or error.errno != errno.ENXIO:
                raise
            # Nobody reads it yet. O_RDWR opens it all the same; it hides when a reader leaves again.
            return Target(os.open(path, os.O_RDWR | flags), str(path), awaits_reader=True)
    except OSError as error:
        raise _unwritable(buffer, path, error) from error


def stdout_target() -> Target:
    """Return our standard output, lent.

    Raises:
        BufferArgumentError: It is closed.
    """
    if _access_mode(STDOUT_FD) in (None, os.O_RDONLY):
        raise BufferArgumentError("standard output is closed", "give the output with -b")
    return Target(STDOUT_FD, "standard output")


def _access_mode(fd: int) -> int | None:
    """Return whether `fd` was opened to read, to write or for both; None when it is closed."""
    try:
        return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        return None


def _new_file(
    buffer: str, path: Path, final: Path, temporary: Path, old: os.stat_result | None
) -> Target:
    if not final.parent.is_dir():
        raise BufferArgumentError(
            f"the output '{buffer}' cannot be written: there is no folder {final.parent}",
            "make it first",
        )
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        if old is not None and not os.access(final, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        fd = os.open(temporary, flags, 0o666)
        if old is not None:
            os.fchmod(fd, stat.S_IMODE(old.st_mode))
    except OSError as error:
        raise _unwritable(buffer, path, error) from error
    return FileTarget(fd, temporary, final, path)


def _unwritable(buffer: str, path: Path, error: OSError) -> BufferArgumentError:
    return BufferArgumentError(f"the output '{buffer}' cannot be written: {path}: {error.strerror}")
