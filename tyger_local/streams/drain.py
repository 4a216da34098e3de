"""From an output's FIFO into a host file.

Our read end is open before the container starts and until it has ended: a container that never opens
the pipe costs nothing, and one that opens it again after its last writer had closed it is seen doing so. On
the cluster nobody reads by then, and it would hang or lose what it writes; here it ends the run with that
reason. That the bytes of both opens arrive when they follow each other at once is luck, there and here, so
it is no excuse.
When the target fails, the read end stays open too, so that the container is killed by whoever decides
about the run and not by a broken pipe that would hide the cause.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

from tyger_local.outcome.facts import BufferState
from tyger_local.outcome.sight import WaitsFor
from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import Fifo, close_all, unread_bytes
from tyger_local.streams.holders import Holders
from tyger_local.streams.host import Target
from tyger_local.streams.outlet import Outlet
from tyger_local.streams.pipe_transfer import CHUNK_BYTES, PipeTransfer
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.tally import Checksum, Tally
from tyger_local.streams.transfer import BURST, Transfer

LAST_WRITER_TIMEOUT_S = 5.0
"""How long a writer may be left after the container's end; there should be none at all."""

RECHECK_MS = 100
"""How often such a writer is looked for."""


class Drain(PipeTransfer):
    """Drains one output into `target`, which its owner publishes or abandons."""

    direction = Direction.OUTPUT

    def __init__(
        self,
        buffer: str,
        fifo: Fifo,
        watch: PipeWatch,
        target: Target,
        checksum: Checksum,
        on_end: Callable[[Transfer], None],
    ) -> None:
        tally = Tally(checksum, is_kept=target.is_readable)
        super().__init__(buffer, fifo, watch, target.name, tally, on_end)
        self._outlet = Outlet(target, tally, self._waits, self._stopped)
        self._holders = Holders(fifo)
        self._deadline = 0.0

    @property
    def reader_closed(self) -> bool:
        """Return whether our standard output takes no more, since its reader has gone."""
        return self._outlet.reader_closed

    def _open_end(self) -> int:
        self._reader = self._fifo.open_reader()
        return self._reader

    def _move(self) -> None:
        while True:
            ended = self._container_ended.is_set
            hung_up = self._wait(ended=ended)
            if self._stopped.is_set:
                self._state = BufferState.STOPPED
                return
            if self._is_misused():
                return
            count = self._burst()
            if count is None:
                if ended and not unread_bytes(self._reader) and self._writer_stays():
                    return
            elif count:
                self._state = BufferState.STREAMING
            elif hung_up or (ended and self._state is BufferState.STREAMING):
                self._state = self._last_state()
                return
            elif ended:
                self._state = BufferState.NEVER_OPENED
                return

    def _is_misused(self) -> bool:
        """Take note of what the container does with the pipe; return whether that ends it."""
        if self._sightings.read():
            self._holders.look()
        if self._sightings.surely_opened_again:
            self._state = BufferState.REOPENED
        elif self._sightings.entry_changed and self._fifo.is_replaced():
            self._state = BufferState.REPLACED
        return self._state in (BufferState.REOPENED, BufferState.REPLACED)

    def _burst(self) -> int | None:
        """Move as much as there is, within bounds; return what `_pass_on` said first."""
        count = first = self._pass_on()
        for _ in range(BURST):
            if not count or self._stopped.is_set:
                break
            count = self._pass_on()
        return first

    def _pass_on(self) -> int | None:
        """Move what is in the pipe to the target; return how much, 0 for nothing, None for nothing yet."""
        if self._in_kernel:
            if not self._outlet.await_room():
                return None
            return self._outlet.fill(lambda fd: self._splice(self._reader, fd))
        try:
            data = os.read(self._reader, CHUNK_BYTES)
        except BlockingIOError:
            return None
        self._outlet.write(data)
        return len(data)

    def _wait(self, *, ended: bool) -> bool:
        """Wait for bytes, for the last writer to leave or for a flag; return whether it left."""
        poll = self._poll_signs()
        poll.register(self._reader, select.POLLIN)
        if ended:
            poll.unregister(self._container_ended.fd)
        patience_ms = RECHECK_MS if self._deadline else 0
        opened = self._state is BufferState.STREAMING or self._sightings.was_opened
        whom = WaitsFor.CONTAINER if opened else WaitsFor.OPENING
        ready = self._waits.wait(whom, poll, patience_ms if ended else self._holders.patience_ms)
        self._holders.look_now_and_then()
        return bool(ready.get(self._reader, 0) & select.POLLHUP)

    def _writer_stays(self) -> bool:
        now = time.monotonic()
        self._deadline = self._deadline or now + LAST_WRITER_TIMEOUT_S
        if now < self._deadline:
            return False
        self._state = BufferState.FAILED
        self._error = "a process outside the container still holds the pipe open"
        return True

    def _last_state(self) -> BufferState:
        """Return what the end of the bytes makes of the buffer, once they are sure to arrive."""
        arrived = self._outlet.finish() and not self._is_interrupted
        return BufferState.COMPLETE if arrived else BufferState.STOPPED

    def _guard(self) -> None:
        """Watch the closed pipe until the container ends: nobody may open it again."""
        if self._state is not BufferState.COMPLETE:
            return
        poll = self._poll_signs()
        while not (self._container_ended.is_set or self._stopped.is_set):
            if self._is_misused() or self._is_open_again():
                self._on_end(self)
                return
            poll.poll(RECHECK_MS if self._sightings.is_blind else None)

    def _is_open_again(self) -> bool:
        """Return whether somebody writes, or has written, after the last writer had closed the pipe."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        mask = dict(poll.poll(0)).get(self._reader, 0)
        again = not mask & select.POLLHUP or bool(mask & select.POLLIN)
        if again:
            self._state = BufferState.REOPENED
        return again

    def _settle(self) -> None:
        self._sightings.read()  # what the container did last, its end may have been told before
        again = self._sightings.surely_opened_again or bool(unread_bytes(self._reader))
        if self._state is BufferState.COMPLETE and again:
            self._state = BufferState.REOPENED
        elif self._fifo.is_replaced() and self._state is not BufferState.REOPENED:
            self._state = BufferState.REPLACED
        self._error = self._error or self._outlet.hash_rest()
        self._held_at_end = self._holders.were_killed(self._sightings.last_close, self._ended_at)

    def _close_ends(self) -> None:
        self._holders.close()
        reader, self._reader = self._reader, -1
        close_all(reader)
