"""From a host file into an input's FIFO.

What must be right:

* Our write end is open before the container starts and is closed only once the container has opened
  the pipe: closing earlier would make its later open hang for ever, although the bytes are there.
* After the last byte the write end is closed, so that the container sees the end. A read end of our own
  is opened first: through it the unread rest can still be counted, and it holds nothing open that the
  container could notice.
* A container that closes an input early is judged by how much is left unread, in the pipe and not yet
  written, and not by whether a write failed: that would depend on the size of the pipe.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from tyger_local.outcome.facts import UNREAD_ALLOWED_BYTES, BufferState
from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import Fifo, close_all, unread_bytes
from tyger_local.streams.host import Source
from tyger_local.streams.inotify import drain, watch_opens
from tyger_local.streams.tally import Checksum
from tyger_local.streams.transfer import CHUNK_BYTES, Transfer

REPOLL_MS = 20
"""How often the pipe is looked at where the kernel does not report opens."""

COUNT_BYTES = UNREAD_ALLOWED_BYTES + 1
"""Counting what is left unread stops here: enough to know that it is too much."""


class Feed(Transfer):
    """Feeds one input. Takes over `source`."""

    direction = Direction.INPUT

    def __init__(
        self,
        buffer: str,
        fifo: Fifo,
        source: Source,
        checksum: Checksum,
        on_end: Callable[[Transfer], None],
    ) -> None:
        super().__init__(buffer, fifo, checksum, on_end, source.expected_bytes)
        self._source = source
        self._source_is_ready = False
        self._pending = memoryview(b"")
        self._tail = -1
        self._opened = False

    def _open_ends(self) -> None:
        self._writer = self._fifo.open_writer()
        self._opens = watch_opens(self._fifo.held_path)

    def _move(self) -> None:
        if not self._await_reader():
            return
        self._opened = True
        self._state = BufferState.STREAMING
        while self._step():
            pass

    def _await_reader(self) -> bool:
        """Wait until the container has opened the pipe; False when it ended without."""
        poll = select.poll()
        for fd in (self._container_ended.fd, self._stopped.fd):
            poll.register(fd, select.POLLIN)
        if self._opens is not None:
            poll.register(self._opens, select.POLLIN)
        while True:
            came_and_went = self._opens is not None and drain(self._opens)
            if came_and_went or not self._reader_is_gone():
                return True
            if self._container_ended.is_set or self._stopped.is_set:
                self._state = BufferState.NEVER_OPENED
                return False
            poll.poll(None if self._opens is not None else REPOLL_MS)

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
        poll = select.poll()
        for fd in (self._container_ended.fd, self._stopped.fd):
            poll.register(fd, select.POLLIN)
        if self._pending or (self._in_kernel and self._source_is_ready):
            poll.register(self._writer, select.POLLOUT)
        else:
            poll.register(self._writer, 0)  # only whether the reader goes away
            poll.register(self._source.fd, select.POLLIN)
        return dict(poll.poll())

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
        # The order matters: with a read end open, what is left unread can still be counted.
        self._tail = self._fifo.open_reader()
        writer, self._writer = self._writer, -1
        os.close(writer)
        self._state = BufferState.COMPLETE
        return False

    def _write(self) -> bool:
        try:
            count = os.write(self._writer, self._pending)
        except (BlockingIOError, BrokenPipeError):
            return True  # the next poll says why
        self._moved(self._pending[:count])
        self._pending = self._pending[count:]
        return True

    def _splice_on(self) -> bool:
        self._source_is_ready = self._source.is_regular  # others are asked again each time
        try:
            count = self._splice(self._source.fd, self._writer)
        except BrokenPipeError:
            return True  # the next poll says why
        return self._source_ended() if count == 0 else True

    def _count_unread(self) -> None:
        """Count what the container has not read, up to `COUNT_BYTES`."""
        count = unread_bytes(self._writer) + len(self._pending)
        while count < COUNT_BYTES:
            data = self._read_on(COUNT_BYTES - count)
            if not data:
                break
            count += len(data)
        self._unread = count
        self._state = BufferState.CLOSED_EARLY if count else BufferState.COMPLETE

    def _read_on(self, count: int) -> bytes:
        """Read from the source; after the container's end only what is there at once."""
        poll = select.poll()
        poll.register(self._source.fd, select.POLLIN)
        if not self._container_ended.is_set:
            poll.register(self._container_ended.fd, select.POLLIN)
            poll.register(self._stopped.fd, select.POLLIN)
            poll.poll()
        if not any(fd == self._source.fd for fd, _ in poll.poll(0)):
            return b""
        try:
            return os.read(self._source.fd, count)
        except BlockingIOError:
            return b""

    def _guard(self) -> None:
        """Watch nothing: a reader that opens the pipe again after its end is not seen yet."""

    def _settle(self) -> None:
        if self._tail >= 0 and self._unread is None:
            self._unread = unread_bytes(self._tail)
            if self._unread:
                self._state = BufferState.CLOSED_EARLY

    def _close_ends(self) -> None:
        self._source.close()
        writer, tail, opens = self._writer, self._tail, self._opens
        self._writer, self._tail, self._opens = -1, -1, None
        close_all(writer, tail, -1 if opens is None else opens)
