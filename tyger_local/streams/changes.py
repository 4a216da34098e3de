"""Waiting until something in a folder changes, for whoever follows a file that another process writes.

The kernel tells at once where it can (inotify). It does not everywhere: another system, a network file
system that somebody else's machine writes to, a user with too many watches. So a wait has a bound, after
which one looks again, and where there is no inotify at all the waits are short.
"""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from pathlib import Path

from tyger_local.streams.inotify import ENTRIES, Inotify, Notice

RELOOK_S = 0.05
"""How long a wait is where nobody tells of changes."""

CHANGES = ENTRIES | Notice.MODIFIED | Notice.CLOSED_AFTER_WRITING


class FolderChanges:
    """Tells when something in the folder `path` is created, moved there, written to or deleted.

    Made before one looks at what is there, it misses nothing that comes after. A folder that cannot be
    watched, or is not there, is one of which nobody tells anything.

    Args:
        path: The folder.
        contents: Whether writing to a file counts, and not only what comes into the folder or leaves it.
    """

    def __init__(self, path: Path, *, contents: bool = True) -> None:
        self._inotify: Inotify | None = None
        try:
            self._inotify = Inotify()
            self._inotify.watch(os.fspath(path), CHANGES if contents else ENTRIES)
        except OSError:
            self.close()

    def wait(self, timeout_s: float, also: Sequence[int] = ()) -> None:
        """Return when something has changed since the last wait, or may have.

        Args:
            timeout_s: How long to wait at most.
            also: Descriptors that end the wait when they can be read.
        """
        poll = select.poll()
        for fd in also:
            poll.register(fd, select.POLLIN)
        if self._inotify is None:
            poll.poll(min(timeout_s, RELOOK_S) * 1000)
            return
        poll.register(self._inotify.fd, select.POLLIN)
        poll.poll(timeout_s * 1000)
        for _ in self._inotify.read():
            pass  # that there was something is all that counts

    def close(self) -> None:
        """Forget the folder."""
        inotify, self._inotify = self._inotify, None
        if inotify is not None:
            inotify.close()
