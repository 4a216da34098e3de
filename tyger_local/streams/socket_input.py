"""From a host file into the connection to a container."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

from tyger_local.errors import StreamError
from tyger_local.outcome.facts import BufferState
from tyger_local.outcome.sight import WaitsFor
from tyger_local.spec.buffers import Direction
from tyger_local.streams.host import Source
from tyger_local.streams.link import Link
from tyger_local.streams.socket_transfer import CHUNK_BYTES, SocketTransfer
from tyger_local.streams.tally import Checksum, Tally
from tyger_local.streams.transfer import Transfer

NOTHING = memoryview(b"")
BROKEN = select.POLLERR | select.POLLHUP


class SocketInput(SocketTransfer):
    """Sends one input. Takes over `source`."""

    direction = Direction.INPUT

    def __init__(
        self,
        buffer: str,
        link: Link,
        source: Source,
        checksum: Checksum,
        on_end: Callable[[Transfer], None],
    ) -> None:
        tally = Tally(checksum, source.expected_bytes)
        super().__init__(buffer, link, source.name, tally, on_end)
        self._source = source
        self._waits.host_is_regular = source.is_regular
        self._in_kernel = source.expected_bytes > 0 and not tally.looks and hasattr(os, "sendfile")
        self._pending = NOTHING
        self._is_sent = False
        self._is_heard = link.has_output  # by somebody else
        self._waste = bytearray(0 if self._is_heard else CHUNK_BYTES)

    def _exchange(self) -> BufferState:
        while not (self._is_sent and self._is_heard):
            ready = self._wait_for_next()
            if self._stopped.fd in ready:
                return BufferState.STOPPED
            mask = ready.get(self._link.fd, 0)
            if mask and not self._is_heard:
                self._throw_away()
            if self._source.fd in ready:
                self._read()
            elif mask & select.POLLOUT:
                self._send()
            elif mask & BROKEN and not self._is_sent:
                raise self._link.hung_up()
        return BufferState.COMPLETE

    def _wait_for_next(self) -> dict[int, int]:
        poll = select.poll()
        events = 0 if self._is_heard else select.POLLIN
        whom = WaitsFor.CONTAINER
        if not self._is_sent and (self._pending or self._in_kernel):
            events |= select.POLLOUT
        elif not self._is_sent:
            poll.register(self._source.fd, select.POLLIN)
            whom = WaitsFor.HOST
        poll.register(self._link.fd, events)
        return self._wait(whom, poll)

    def _throw_away(self) -> None:
        count = self._link.receive(self._waste)
        self._last_wasted = time.monotonic()
        self._is_heard = count == 0

    def _read(self) -> None:
        try:
            data = os.read(self._source.fd, CHUNK_BYTES)
        except BlockingIOError:
            return
        if data:
            self._pending = memoryview(data)
            self._send()
        else:
            self._end()

    def _send(self) -> None:
        if not self._pending:
            self._send_file()
            return
        count = self._link.send(self._pending)
        if count is not None:
            self._moved(self._pending[:count])
            self._pending = (
                self._pending[count:] or NOTHING
            )  # an empty rest would keep its chunk alive

    def _send_file(self) -> None:
        try:
            count = self._link.send_file(self._source.fd)
        except OSError:  # reading it says whether it is broken, or only the kernel does not want it
            self._in_kernel = False
            return
        if count == 0:
            self._end()
        elif count is not None:
            self._tally.count(count)
            self._waits.moved()

    def _end(self) -> None:
        """Half-close the connection, unless bytes are missing: their end would look clean."""
        if self._source.fault is not None:
            raise StreamError(self._source.fault)
        self._link.half_close()
        self._is_sent = True

    def _settle(self) -> None:
        """There is nothing more to be seen after the container's end."""

    def _close_ends(self) -> None:
        self._source.close()
        self._link.leave()
