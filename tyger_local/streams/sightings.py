"""What a container is seen doing with one pipe, from the outside: opening it, closing it, replacing it.

Says nothing where the system has no inotify or no more of it; then the pipe's own signs (`POLLHUP`,
`POLLERR`) are all there is, which know a state and not its history.
"""

from __future__ import annotations

import threading
import time

from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.inotify import ENTRIES, USES, Inotify, Notice

COUNTED_AS_CLOSED = {
    # Our own write end of an input is closed at its end, and is no business of the container's.
    Direction.INPUT: Notice.CLOSED_AFTER_READING,
    Direction.OUTPUT: Notice.CLOSED_AFTER_READING | Notice.CLOSED_AFTER_WRITING,
}


class Sightings:
    """Counts who opens and closes one FIFO; made after our own ends were opened, before the container runs.

    Attributes:
        fd: Becomes readable when something has happened; -1 where nothing can be seen.
        was_opened: Whether the container has opened the pipe.
        holders: How many opens have not been closed again.
        opened_again: Whether it was opened after the last holder had closed it.
        surely_opened_again: The same, seen while the count could be trusted; a later loss changes nothing.
        is_sure: Whether the count can be trusted: no notice was lost, and no two holders came at a time of
            which the notices might have been merged.
        entry_changed: Whether something was put in the place of the pipe, or taken away from it.
        last_close: When a holder last closed it, by `time.monotonic`; 0 when none has.
    """

    def __init__(self, fifo: Fifo, direction: Direction) -> None:
        self.fd = -1
        self.was_opened = False
        self.holders = 0
        self.opened_again = False
        self.surely_opened_again = False
        self.is_sure = True
        self.entry_changed = False
        self.last_close = 0.0
        self._name = fifo.path.name
        self._closing = COUNTED_AS_CLOSED[direction]
        self._own_opens = 0
        self._reading = threading.Lock()
        self._was_closed = False
        try:
            self._inotify = Inotify()
        except OSError:
            return
        try:
            self._pipe = self._inotify.watch(fifo.held_path, USES)
            self._folder = self._inotify.watch(str(fifo.path.parent), USES | ENTRIES)
        except OSError:
            self._inotify.close()
            return
        self.fd = self._inotify.fd

    @property
    def is_blind(self) -> bool:
        """Return whether nothing can be seen here."""
        return self.fd < 0

    def expect_own_open(self) -> None:
        """Do not count the next open: it is ours."""
        self._own_opens += 1

    def read(self) -> bool:
        """Take note of what has happened; return whether somebody has opened the pipe meanwhile."""
        return self._read() > 0

    def _read(self) -> int:
        with self._reading:  # the last look is the main thread's, and the other may still be at it
            return 0 if self.is_blind else self._count_opens()

    def _count_opens(self) -> int:
        opens = 0
        for seen in self._inotify.read():
            if seen.notice & Notice.LOST:
                self.is_sure = False
            elif seen.watch == self._folder:
                self.entry_changed |= bool(seen.notice & ENTRIES) and seen.name == self._name
            elif seen.notice & Notice.OPENED:
                opens += self._opened()
            elif seen.notice & self._closing:
                self._closed()
        return opens

    def _opened(self) -> int:
        if self._own_opens:
            self._own_opens -= 1
            return 0
        self.opened_again |= self._was_closed and self.holders == 0
        self.surely_opened_again |= self.opened_again and self.is_sure
        self.was_opened = True
        self.holders += 1
        self.is_sure &= self.holders == 1
        return 1

    def _closed(self) -> None:
        self._was_closed = True
        self.holders = max(self.holders - 1, 0)
        self.last_close = time.monotonic()

    def close(self) -> None:
        """Stop looking."""
        if not self.is_blind:
            self.fd = -1
            self._inotify.close()
