"""A flag that a thread waiting in ``poll()`` can see."""

from __future__ import annotations

import os


class Wake:
    """A pipe that becomes readable once it is set, and stays so."""

    def __init__(self) -> None:
        self.fd, self._set_fd = (
            os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else os.pipe()
        )
        self._is_set = False

    @property
    def is_set(self) -> bool:
        """Return whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Wake whoever waits, now and later."""
        if not self._is_set:
            self._is_set = True
            if self._set_fd >= 0:
                os.write(self._set_fd, b"!")

    def close(self) -> None:
        """Close both ends; nobody may be waiting any more."""
        ends = self.fd, self._set_fd
        self.fd = self._set_fd = -1
        for fd in ends:
            if fd >= 0:
                os.close(fd)
