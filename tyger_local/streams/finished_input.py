"""What becomes of an input's pipe after its last byte was written: what is left unread, who comes again.

* Our write end is closed, so that the container sees the end; through a read end of our own the rest can
  still be counted. It is opened first, and holds nothing open that the container could notice.
* Nobody serves a container that opens an input after that: on the cluster it waits for ever. An open that
  blocks is invisible. So now and then a write end is opened and closed at once, which frees whoever waits
  (the kernel counts openings, it does not matter that ours is over by then), and its open is seen. A program
  that still reads meets its end some microseconds later. The alternative, an open that fails as long as
  nobody reads, works only while neither we nor another process of the container holds a read end.
"""

from __future__ import annotations

import time

from tyger_local.streams.fifo import Fifo, close_all, has_writer, unread_bytes
from tyger_local.streams.sightings import Sightings

FIRST_PROBE_S = 0.25
SLOWEST_PROBE_S = 1.0
"""How often whoever waits to open the pipe is let in, at first and later."""


class FinishedInput:
    """The pipe of an input that was written to its end.

    Attributes:
        unread: How many bytes the container left in the pipe when it let go of it; None until it does.
        opened_again: Whether somebody has opened it since our write end was closed.
    """

    def __init__(self, fifo: Fifo, sightings: Sightings) -> None:
        self.unread: int | None = None
        self.opened_again = False
        self._fifo = fifo
        self._sightings = sightings
        self._reader = -1
        self._opens_before: int | None = None
        self._next_probe = 0.0
        self._pause_s = FIRST_PROBE_S

    def hold(self) -> None:
        """Take hold of what is in the pipe, before our write end is closed."""
        self._sightings.expect_own_open()
        self._reader = self._fifo.open_reader()

    def begin(self) -> None:
        """Count from now on who opens it: our write end is closed."""
        self._sightings.read()  # whoever has opened it until now was in time
        self._opens_before = self._sightings.opens_by_name

    def notice(self) -> None:
        """Take note of who has opened the pipe."""
        came = self._sightings.read()
        # Two opens at the same moment, ours and theirs, may be told as one. By its name only theirs are told.
        if self._fifo.is_held_aside and self._opens_before is not None:
            came |= self._sightings.opens_by_name > self._opens_before
        if came and self._opens_before is not None:
            self.opened_again = True

    def look(self) -> None:
        """Look whether the container has let go of the pipe, and let in who waits to open it."""
        self.notice()
        if self._sightings.is_blind or self.opened_again:
            return
        if self._sightings.holders == 0 and self._sightings.is_sure and self.unread is None:
            self.unread = self.count()
        now = time.monotonic()
        if now >= self._next_probe:
            self._next_probe = now + self._pause_s
            self._pause_s = min(1.25 * self._pause_s, SLOWEST_PROBE_S)
            self._sightings.expect_own_open()
            self._fifo.let_openers_in()

    @property
    def patience_ms(self) -> float | None:
        """Return how long to wait for a notice before looking again; None where nothing can be seen."""
        if self._sightings.is_blind:
            return None
        return max(self._next_probe - time.monotonic(), 0) * 1000

    def count(self) -> int | None:
        """Return how many bytes are, or were, left unread."""
        if self.unread is not None or self._reader < 0:
            return self.unread
        return unread_bytes(self._reader)

    @property
    def is_held_for_writing(self) -> bool:
        """Return whether the container holds the pipe open for writing, and so never sees its end."""
        return self._reader >= 0 and has_writer(self._reader)

    def close(self) -> None:
        """Let go of the pipe."""
        reader, self._reader = self._reader, -1
        close_all(reader)
