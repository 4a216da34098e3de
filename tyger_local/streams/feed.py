"""From a host file into an input's FIFO.

What must be right:

* Our write end is open before the container starts and is closed only once the container has opened
  the pipe: closing earlier would make its later open hang for ever, although the bytes are there.
* After the last byte the write end is closed, so that the container sees the end; see
  `finished_input` for what may come then.
* A container that closes an input early is judged by how much is left unread, in the pipe and not yet
  written, and not by whether a write failed: that would depend on the size of the pipe.
* One that closes an input and opens it again is in a race on the cluster even before the end: whoever feeds
  it there stops at the first write that nobody reads.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from tyger_local.outcome.facts import UNREAD_ALLOWED_BYTES, BufferState
from tyger_local.outcome.sight import WaitsFor
from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import Fifo, close_all, unread_bytes
from tyger_local.streams.finished_input import FinishedInput
from tyger_local.streams.host import Source
from tyger_local.streams.pipe_transfer import CHUNK_BYTES, PipeTransfer
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.tally import Checksum, Tally
from tyger_local.streams.transfer import BURST, Transfer

REPOLL_MS = 20
"""How often the pipe is looked at where the kernel does not report opens."""

LONGEST_PATIENCE_MS = 32
"""How often the rest of an input is counted while the container is slow to read it."""

NOTHING = memoryview(b"")

COUNT_BYTES = UNREAD_ALLOWED_BYTES + 1
"""Counting what is left unread stops here: enough to know that it is too much."""


class Feed(PipeTransfer):
    """Feeds one input. Takes over `source`."""

    direction = Direction.INPUT

    def __init__(
        self,
        buffer: str,
        fifo: Fifo,
        watch: PipeWatch,
        source: Source,
        checksum: Checksum,
        on_end: Callable[[Transfer], None],
    ) -> None:
        tally = Tally(checksum, source.expected_bytes)
        super().__init__(buffer, fifo, watch, source.name, tally, on_end)
        self._source = source
        self._waits.host_is_regular = source.is_regular
        self._source_is_ready = False
        self._pending = NOTHING
        self._finished = FinishedInput(fifo, self._sightings)

    def _open_end(self) -> int:
        self._writer = self._fifo.open_writer()
        return self._writer

    def _move(self) -> None:
        if not self._await_reader():
            return
        self._state = BufferState.STREAMING
        while self._step():
            pass

    def _await_reader(self) -> bool:
        """Wait until the container has opened the pipe; False when it ended without."""
        poll = self._poll_signs()
        while True:
            over = self._is_over()  # before looking a last time
            self._sightings.read()
            if self._sightings.was_opened:
                return True
            # Where opens are seen, a reader that was not seen to open is none: see `Fifo.open_writer`.
            is_sure = self._sightings.is_sure and not self._sightings.is_blind
            if not is_sure and not self._reader_is_gone():
                return True
            if over:
                self._state = BufferState.NEVER_OPENED
                return False
            patience_ms = REPOLL_MS if self._sightings.is_blind else None
            self._waits.wait(WaitsFor.OPENING, poll, patience_ms)

    def _is_over(self) -> bool:
        return self._container_ended.is_set or self._stopped.is_set

    def _reader_is_gone(self) -> bool:
        poll = select.poll()
        poll.register(self._writer, 0)
        return any(mask & select.POLLERR for _, mask in poll.poll(0))

    def _step(self) -> bool:
        """Wait for the next thing to do and do it; return whether there is more."""
        ready = self._wait()
        if self._stopped.fd in ready:
            self._state = BufferState.STOPPED
            return False
        if self._is_opened_again():
            return False
        if ready.get(self._writer, 0) & select.POLLERR or self._container_ended.fd in ready:
            self._count_unread()
            return False
        if self._writer in ready:
            return self._write() if self._pending else self._splice_on()
        if self._source.fd in ready:
            if self._in_kernel:
                self._source_is_ready = True
                return True
            return self._read()
        return True

    def _wait(self) -> dict[int, int]:
        poll = self._poll_signs()
        if self._pending or (self._in_kernel and self._source_is_ready):
            poll.register(self._writer, select.POLLOUT)
            return self._waits.wait(WaitsFor.CONTAINER, poll)
        poll.register(self._writer, 0)  # only whether the reader goes away
        poll.register(self._source.fd, select.POLLIN)
        return self._waits.wait(WaitsFor.HOST, poll)

    def _is_opened_again(self) -> bool:
        self._sightings.read()
        again = self._sightings.surely_opened_again
        if again:
            self._state = BufferState.REOPENED
        return again

    def _read(self) -> bool:
        try:
            data = os.read(self._source.fd, CHUNK_BYTES)
        except BlockingIOError:
            return True
        if data:
            self._pending = memoryview(data)
            return True
        return self._source_ended()

    def _source_ended(self) -> bool:
        """Close the pipe once no more is in it than a pipe on the cluster holds.

        Ours may be larger. Closed earlier, it would refuse a second reader that there still comes in time.
        Where bytes are missing it stays open until the container is killed: its end would look clean.
        """
        if self._is_faulty():
            return False
        patience_ms = 1
        while unread_bytes(self._writer) > UNREAD_ALLOWED_BYTES:
            poll = self._poll_signs()
            poll.register(self._writer, 0)
            ready = self._waits.wait(WaitsFor.CONTAINER, poll, patience_ms)
            patience_ms = min(2 * patience_ms, LONGEST_PATIENCE_MS)
            if self._stopped.fd in ready:
                self._state = BufferState.STOPPED
                return False
            if self._is_opened_again():
                return False
            if self._writer in ready or self._container_ended.fd in ready:
                self._count_unread()
                return False
        # The order matters: with a read end open, what is left unread can still be counted.
        self._finished.hold()
        self._close_writer()
        self._state = BufferState.COMPLETE
        self._is_opened_again()
        self._finished.begin()
        return False

    def _is_faulty(self) -> bool:
        """Take note of why the source's end is none; return whether that is so."""
        fault = self._source.fault
        if fault is not None:
            self._fail(fault)
        return fault is not None

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, -1
        close_all(writer)

    def _write(self) -> bool:
        try:
            count = os.write(self._writer, self._pending)
        except (BlockingIOError, BrokenPipeError):
            return True  # the next poll says why
        self._moved(self._pending[:count])
        self._pending = self._pending[count:] or NOTHING  # an empty rest would keep its chunk alive
        return True

    def _splice_on(self) -> bool:
        self._source_is_ready = self._source.is_regular  # others are asked again each time
        for _ in range(BURST if self._source.is_regular else 1):
            try:
                count = self._splice(self._source.fd, self._writer)
            except BrokenPipeError:
                return True  # the next poll says why
            if count == 0:
                return self._source_ended()
            if count is None or self._is_over():
                break
        return True

    def _count_unread(self) -> None:
        """Count what the container has not read, up to `COUNT_BYTES`."""
        count = unread_bytes(self._writer) + len(self._pending)
        while count < COUNT_BYTES:
            data = self._read_on(COUNT_BYTES - count)
            if self._is_opened_again():
                return
            if data == b"":
                if self._is_faulty():
                    return
                break
            count += len(data or b"")
        self._unread = count
        self._state = BufferState.CLOSED_EARLY if count else BufferState.COMPLETE

    def _read_on(self, count: int) -> bytes | None:
        """Read from the source, after the container's end only what is there; None for nothing yet."""
        poll = self._poll_signs()
        poll.register(self._source.fd, select.POLLIN)
        ready = self._waits.wait(WaitsFor.HOST, poll)
        enough = self._container_ended.fd in ready or self._stopped.fd in ready
        if self._source.fd not in ready:
            return b"" if enough else None
        try:
            return os.read(self._source.fd, count)
        except BlockingIOError:
            return b"" if enough else None

    def _guard(self) -> None:
        """Watch the pipe until the container ends: what it leaves unread, and that it does not come again."""
        if self._state not in (BufferState.COMPLETE, BufferState.CLOSED_EARLY):
            return
        if (
            self._writer >= 0
        ):  # a container that closed it early is not fed any more, as on the cluster
            self._finished.hold()
            self._close_writer()
            self._finished.begin()
        poll = self._poll_signs()
        while not self._is_over():
            self._finished.look()
            if self._has_come_again():
                self._state = BufferState.REOPENED
                self._on_end(self)
                return
            if self._is_early_close(self._finished.unread):
                self._on_end(self)
            poll.poll(self._finished.patience_ms)

    def _has_come_again(self) -> bool:
        return self._finished.opened_again or self._sightings.surely_opened_again

    def _is_early_close(self, unread: int | None) -> bool:
        """Take note, once, of how much was left unread; return whether that is anything."""
        if self._unread is not None or unread is None:
            return False
        self._unread = unread
        if unread:
            self._state = BufferState.CLOSED_EARLY
        return unread > 0

    def _settle(self) -> None:
        self._finished.notice()  # what the container did last, its end may have been told before
        if self._has_come_again():
            self._state = BufferState.REOPENED
        elif self._state is BufferState.COMPLETE:
            self._is_early_close(self._finished.count())

    def _is_held_for_writing(self) -> bool:
        return self._finished.is_held_for_writing

    def _close_ends(self) -> None:
        self._source.close()
        self._close_writer()
        self._finished.close()
