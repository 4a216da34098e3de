"""From the connection to a container into a host file."""

from __future__ import annotations

import select
from collections.abc import Callable

from tyger_local.outcome.facts import BufferState
from tyger_local.outcome.sight import WaitsFor
from tyger_local.spec.buffers import Direction
from tyger_local.streams.host import Target
from tyger_local.streams.link import Link
from tyger_local.streams.outlet import Outlet
from tyger_local.streams.socket_transfer import CHUNK_BYTES, SocketTransfer
from tyger_local.streams.tally import Checksum, Tally
from tyger_local.streams.transfer import BURST, Transfer


class SocketOutput(SocketTransfer):
    """Receives one output into `target`, which its owner publishes or abandons."""

    direction = Direction.OUTPUT

    def __init__(
        self,
        buffer: str,
        link: Link,
        target: Target,
        checksum: Checksum,
        on_end: Callable[[Transfer], None],
    ) -> None:
        tally = Tally(checksum, is_kept=target.is_readable)
        super().__init__(buffer, link, target.name, tally, on_end)
        self._outlet = Outlet(target, tally, self._waits, self._stopped)

    @property
    def reader_closed(self) -> bool:
        """Return whether our standard output takes no more, since its reader has gone."""
        return self._outlet.reader_closed

    def _exchange(self) -> BufferState:
        if not self._link.has_input:
            self._link.half_close()
        chunk = memoryview(bytearray(CHUNK_BYTES))
        while True:
            poll = select.poll()
            poll.register(self._link.fd, select.POLLIN)
            ready = self._wait(WaitsFor.CONTAINER, poll)
            if self._stopped.fd in ready:
                return BufferState.STOPPED
            if self._link.fd in ready and self._is_at_end(chunk):
                arrived = self._outlet.finish() and not self._is_interrupted
                return BufferState.COMPLETE if arrived else BufferState.STOPPED

    def _is_at_end(self, chunk: memoryview) -> bool:
        """Pass on as much as there is, within bounds; return whether that was all."""
        for _ in range(BURST):
            count = self._link.receive(chunk)
            if count is None or self._stopped.is_set:
                return False
            if count == 0:
                return True
            self._outlet.write(chunk[:count])
        return False

    def _settle(self) -> None:
        self._error = self._error or self._outlet.hash_rest()

    def _close_ends(self) -> None:
        self._link.leave()
