"""The host's end of an output, as the thread that serves the output writes to it."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import TypeVar

from tyger_local.outcome.sight import WaitsFor
from tyger_local.streams.fifo import unread_bytes
from tyger_local.streams.host import Target
from tyger_local.streams.tally import Tally
from tyger_local.streams.waits import Waits
from tyger_local.streams.wake import Wake

RECHECK_MS = 100
"""How often it is looked whether the last bytes have been read."""

T = TypeVar("T")


class Outlet:
    """Writes to `target` as it takes bytes, until somebody says stop.

    Attributes:
        reader_closed: Whether the target is our standard output, and its reader has gone.

    Args:
        target: Its owner publishes or abandons it.
        tally: Counts what is written.
        waits: Where waiting is noted.
        stopped: Says stop.
    """

    def __init__(self, target: Target, tally: Tally, waits: Waits, stopped: Wake) -> None:
        self.reader_closed = False
        self._target = target
        self._tally = tally
        self._waits = waits
        self._stopped = stopped
        waits.host_is_regular = target.is_regular

    def await_room(self) -> bool:
        """Wait until the target takes bytes; return whether it does, and nobody said stop."""
        if self._target.is_regular:
            return not self._stopped.is_set  # it always does
        poll = select.poll()
        poll.register(self._target.fd, select.POLLOUT)
        poll.register(self._stopped.fd, select.POLLIN)
        self._waits.wait(WaitsFor.HOST, poll)
        return not self._stopped.is_set

    def fill(self, move: Callable[[int], T]) -> T:
        """Return what `move` does, which moves bytes to the target's descriptor.

        Raises:
            OSError: One side is broken.
        """
        try:
            return move(self._target.fd)
        except BrokenPipeError:
            self.reader_closed = self._target.is_stdout
            raise

    def write(self, data: bytes | memoryview) -> None:
        """Write all of `data`, unless somebody says stop.

        Raises:
            OSError: The target is broken.
        """
        rest = memoryview(data)
        while rest and self.await_room():
            try:
                count = self._put(rest[: self._target.atom_bytes])
            except BlockingIOError:
                continue
            self._tally.add(rest[:count])
            self._waits.moved()
            rest = rest[count:]

    def _put(self, data: memoryview) -> int:
        return self.fill(lambda fd: os.write(fd, data))

    def finish(self) -> bool:
        """Wait until the bytes are sure to arrive, and hash them; return whether nobody said stop.

        Raises:
            OSError: They cannot be read again.
        """
        poll = select.poll()
        poll.register(self._stopped.fd, select.POLLIN)
        while self._target.awaits_reader and unread_bytes(self._target.fd):
            if self._waits.wait(WaitsFor.HOST, poll, RECHECK_MS):
                return False
        self._tally.hash_file(self._target.fd)
        return True

    def hash_rest(self) -> str | None:
        """Hash what arrived of an output that was not complete; return what goes wrong with that."""
        if self._target.fd >= 0:
            try:
                self._tally.hash_file(self._target.fd)
            except OSError as error:
                return error.strerror
        return None
