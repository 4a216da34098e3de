"""The files of one cgroup, held open: they can be read without looking the folder up, until it is gone."""

from __future__ import annotations

import contextlib
import os
import threading

from tyger_local.engine.docker.cgroups import (
    MEMORY,
    PEAK,
    PROCESSES,
    Counters,
    Group,
    counters,
)

READ_BYTES = 64 * 1024


class OpenedGroup:
    """What can be read of a cgroup. `read` may be called from any thread, all else from one."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._fds: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def version(self) -> int:
        """Return 1 or 2."""
        return self._group.version

    @property
    def keeps_peak(self) -> bool:
        """Return whether the kernel keeps the peak of its memory, or does not count that at all."""
        return PEAK in self._fds or MEMORY not in self._fds

    def open(self) -> bool:
        """Open what is there by now; return whether that is enough to wait for the end of its processes."""
        with self._lock:
            for what, path in self._group.files.items():
                if what not in self._fds:
                    with contextlib.suppress(OSError):
                        self._fds[what] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return PROCESSES in self._fds

    def processes(self) -> list[int] | None:
        """Return the processes in it; None when it is gone.

        The file is opened anew each time: of one that is held open, version 1 goes on telling the list that
        was read first, until nobody has asked for a second.
        """
        try:
            fd = os.open(self._group.files[PROCESSES], os.O_RDONLY | os.O_CLOEXEC)
        except (KeyError, OSError):
            return None
        try:
            text = os.pread(fd, READ_BYTES, 0).decode()
        except OSError:
            return None
        finally:
            os.close(fd)
        whole, _, _ = text.rpartition("\n")  # of very many the last number may be cut
        return [int(line) for line in whole.split()]

    def read(self) -> Counters:
        """Return what is counted now; nothing when it is gone."""
        with self._lock:
            texts = {what: self._text(what) for what in self._fds if what != PROCESSES}
        told = {what: text for what, text in texts.items() if text is not None}
        return counters(self.version, told)

    def _text(self, what: str) -> str | None:
        try:
            return os.pread(self._fds[what], READ_BYTES, 0).decode()
        except (KeyError, OSError):  # it was never there; ENODEV: it is gone
            return None

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            fds, self._fds = self._fds, {}
        for fd in fds.values():
            os.close(fd)
