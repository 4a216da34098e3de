"""FIFOs that the host takes hold of before a container can touch them.

A container may replace a pipe by a link to any file of the host. So each FIFO is opened once, right
after it was made, with ``O_PATH | O_NOFOLLOW``; its working ends are opened through that descriptor and
before the container starts; its path is only ever looked at again with ``lstat``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import shutil
import stat
import struct
import sys
import termios
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

from tyger_local.errors import MORE_FILES, StreamError
from tyger_local.streams.leftovers import NOTE, new_folder_name

FIFO_MODE = 0o666
PIPE_FOLDER_MODE = 0o777

LARGE_PIPE_BYTES = 2**20
"""The size that is asked for: 8 to 27 % faster than 64 KiB for one pair of pipes (1 GiB, 2 cores)."""

LARGE_PIPES_BYTES = 16 * 2**20
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)


class _Budget:
    """Bytes of large pipes that this process may have.

    The kernel lets a user's pipes hold 64 MiB together; beyond that, every new pipe of that user, in any
    program, holds 8 KiB. So a process takes no more than its share.
    """

    def __init__(self, total_bytes: int) -> None:
        self._left = total_bytes
        self._lock = threading.Lock()

    def take(self, count: int) -> int:
        """Take `count` bytes if they are there; return what was taken."""
        with self._lock:
            if count > self._left:
                return 0
            self._left -= count
            return count

    def give_back(self, count: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._left += count


_BUDGET = _Budget(LARGE_PIPES_BYTES)


class PipeFolder:
    """A folder of FIFOs for one container, below a private folder that only its run uses.

    The inner folder is world-writable and not sticky, as on the cluster: any user of a container may
    open the pipes, and ``fs.protected_fifos`` does not forbid it (it does in ``/tmp`` itself). The
    outer one keeps other users of this machine away: it is private, or, for engines whose root is not
    ours (rootless, user namespaces), may be crossed only by who knows the random name inside it.

    Args:
        outer: The private folder to be, from `new_folder_name`.
        note: Says whose it is, to whoever finds it.
        engine_is_other_user: Whether the engine needs to cross the private folder as somebody else.

    Raises:
        StreamError: The folder cannot be made.
    """

    def __init__(
        self, outer: Path | None = None, note: str = "", *, engine_is_other_user: bool = False
    ) -> None:
        self._outer = outer or new_folder_name()
        try:
            self._outer.mkdir(0o700)
            try:
                (self._outer / NOTE).write_text(note, "utf-8")
                self.path = self._fill(0o711 if engine_is_other_user else 0o700)
            except OSError:
                self.remove()
                raise
        except OSError as error:
            raise StreamError(
                f"the folder for the pipes could not be made: {error.strerror}",
                f"free or choose another folder for temporary files (TMPDIR; now {self._outer.parent})",
            ) from error

    def _fill(self, outer_mode: int) -> Path:
        inner = self._outer / os.urandom(16).hex()
        # Modes are set, since the umask cuts those that are asked for.
        self._outer.chmod(outer_mode)
        inner.mkdir()
        inner.chmod(0o755)
        pipes = inner / "buffer-fifos"
        pipes.mkdir()
        pipes.chmod(PIPE_FOLDER_MODE)
        return pipes

    def remove(self) -> None:
        """Remove the folder and whatever a container put into it."""
        shutil.rmtree(self._outer, ignore_errors=True)


class Fifo:
    """A FIFO that we made and hold.

    Args:
        path: Where it is made; nothing may be there.

    Raises:
        StreamError: It cannot be made or is not what was made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = -1
        self._extra_bytes = 0
        try:
            os.mkfifo(path)
            path.chmod(FIFO_MODE)  # mkfifo's mode is cut by the umask
            self._held, self.is_held_aside = _hold(path)
        except OSError as error:
            raise StreamError(
                f"the pipe {path} could not be made: {error.strerror}",
                MORE_FILES
                if error.errno == errno.EMFILE
                else "set TMPDIR to a folder on a local disk",
            ) from error
        made = os.fstat(self._held)
        if not stat.S_ISFIFO(made.st_mode):
            self.close()
            raise StreamError(f"{path} is no pipe, although it was just made as one")
        self._identity = (made.st_dev, made.st_ino)

    @property
    def held_path(self) -> str:
        """Return a path that reaches this very FIFO, whatever stands at its own path by now."""
        linux = sys.platform.startswith("linux")
        return f"/proc/self/fd/{self._held}" if linux else str(self.path)

    def open_reader(self) -> int:
        """Open our end of an output. Never blocks; no writer needs to be there."""
        reader = os.open(self.held_path, os.O_RDONLY | os.O_NONBLOCK)
        self._enlarge(reader)
        return reader

    def open_writer(self) -> int:
        """Open our end of an input. Never blocks; no reader needs to be there."""
        # The kernel refuses a non-blocking write end while nobody reads, so read ourselves for a moment. A
        # process that another thread forks in that moment holds this end until it runs its program. It
        # closes later than we then, but not like a reader that has come and gone: this end writes, too.
        both = os.open(self.held_path, os.O_RDWR | os.O_NONBLOCK)
        try:
            self._enlarge(both)
            return os.open(self.held_path, os.O_WRONLY | os.O_NONBLOCK)
        finally:
            os.close(both)

    def let_openers_in(self) -> None:
        """Free whoever waits to open the pipe for reading. Only while we hold a read end ourselves."""
        os.close(os.open(self.held_path, os.O_WRONLY | os.O_NONBLOCK))

    def _enlarge(self, fd: int) -> None:
        """Make the pipe larger where that is allowed and there is room in the budget."""
        wanted = _BUDGET.take(LARGE_PIPE_BYTES) if self._extra_bytes == 0 else 0
        if wanted == 0:
            return
        self._extra_bytes = wanted
        with suppress(OSError):  # not allowed: it works as it is, only slower
            fcntl.fcntl(fd, F_SETPIPE_SZ, wanted)

    def is_replaced(self) -> bool:
        """Return whether something else stands at the path now; nothing at all is no replacement."""
        try:
            now = os.lstat(self.path)
        except OSError:
            return False
        return not self.is_same(now)

    def is_same(self, status: os.stat_result) -> bool:
        """Return whether `status` is this FIFO's."""
        return (status.st_dev, status.st_ino) == self._identity

    def close(self) -> None:
        """Let go of the FIFO; its file stays until the folder is removed."""
        held, self._held = self._held, -1
        extra, self._extra_bytes = self._extra_bytes, 0
        _BUDGET.give_back(extra)
        if held >= 0:
            os.close(held)


def _hold(path: Path) -> tuple[int, bool]:
    """Take hold of a FIFO, by another name in the folder above where that can be had.

    What is opened through a descriptor counts as opened by the name that it was made with. So what we open
    is never told to whoever watches the folder for that name, and what the container opens always is.
    """
    flags = getattr(os, "O_PATH", os.O_NONBLOCK) | os.O_NOFOLLOW
    aside = path.parent.parent / f"{os.urandom(8).hex()}~"
    try:
        os.link(path, aside)
    except OSError:  # a file system without hard links
        return os.open(path, flags), False
    try:
        return os.open(aside, flags), True
    finally:
        aside.unlink()


def unread_bytes(fd: int) -> int:
    """Return how many bytes wait in the pipe of `fd`, which may be either of its ends."""
    answer = fcntl.ioctl(fd, termios.FIONREAD, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])


def has_writer(reader: int) -> bool:
    """Return whether somebody holds the pipe of `reader` open for writing, after there was a writer."""
    poll = select.poll()
    poll.register(reader, 0)
    return not any(mask & select.POLLHUP for _, mask in poll.poll(0))


def close_all(*descriptors: int) -> None:
    """Close each of `descriptors` that is open (not negative)."""
    with ExitStack() as stack:
        for fd in descriptors:
            if fd >= 0:
                stack.callback(os.close, fd)
