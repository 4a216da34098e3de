"""Learning that a container has opened a FIFO, without touching it.

The kernel reports an open only once it has succeeded, which is all that is needed here: our own write
end is open before the container starts, so its open for reading succeeds at once. The alternative, a
thread blocked in ``open()``, needs a second opener to be freed; asking ``poll()`` again and again is the
fallback where inotify is missing (macOS) or used up.
"""

from __future__ import annotations

import ctypes
import os
import sys

IN_OPEN = 0x20
IN_CLOSE_NOWRITE = 0x10
_IN_CLOEXEC = 0o2000000
_IN_NONBLOCK = 0o4000


def watch_opens(fd_path: str) -> int | None:
    """Return a descriptor that becomes readable when `fd_path` is opened, or closed after reading.

    Args:
        fd_path: A path of the file; ``/proc/self/fd/N`` watches what N refers to.

    Returns:
        The descriptor, owned by the caller, or None where the kernel gives none.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.inotify_init1(_IN_CLOEXEC | _IN_NONBLOCK))
    if fd < 0:
        return None
    if libc.inotify_add_watch(fd, os.fsencode(fd_path), IN_OPEN | IN_CLOSE_NOWRITE) < 0:
        os.close(fd)
        return None
    return fd


def drain(fd: int) -> bool:
    """Read away what `fd` has to say; return whether a reader has come and gone among it."""
    gone = False
    while True:
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return gone
        while data:
            mask = int.from_bytes(data[4:8], sys.byteorder)
            gone = gone or bool(mask & IN_CLOSE_NOWRITE)
            data = data[16 + int.from_bytes(data[12:16], sys.byteorder) :]
