"""From an output's FIFO into a host file.

Our read end is open before the container starts and until it has ended: a container that never opens
the pipe costs nothing, and one that opens it again after its end of file is seen doing so. On the cluster
nobody reads by then, and it would hang or lose what it writes; here it ends the run with that reason.
When the target fails, the read end stays open too, so that the container is killed by whoever decides
about the run and not by a broken pipe that would hide the cause.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

from tyger_local.outcome.facts import BufferState
from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import Fifo, close_all, unread_bytes
from tyger_local.streams.host import Target
from tyger_local.streams.inotify import drain, watch_opens
from tyger_local.streams.tally import Checksum
from tyger_local.streams.transfer import CHUNK_BYTES, Transfer

LAST_WRITER_TIMEOUT_S = 5.0
"""How long a writer may be left after the container's end; there should be none at all."""

RECHECK_MS = 100
"""How often such a writer is looked for."""

OPENED_AGAIN = (
    "the container opened it again after it had closed it, which on the cluster hangs or loses what is "
    "written; let it write in one go ({ echo a; echo b; } > pipe)"
)


class Drain(Transfer):
    """Drains one output into `target`, which its owner publishes or abandons."""

    direction = Direction.OUTPUT

    def __init__(
        self,
        buffer: str,
        fifo: Fifo,
        target: Target,
        checksum: Checksum,
        on_end: Callable[[Transfer], None],
    ) -> None:
        super().__init__(buffer, fifo, checksum, on_end)
        self._target = target
        self._deadline = 0.0

    def _open_ends(self) -> None:
        self._reader = self._fifo.open_reader()

    def _move(self) -> None:
        while True:
            ended = self._container_ended.is_set
            hung_up = self._wait(ended=ended)
            if self._stopped.is_set:
                self._state = BufferState.STOPPED
                return
            count = self._pass_on()
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

    def _pass_on(self) -> int | None:
        """Move what is in the pipe to the target; return how much, 0 for nothing, None for nothing yet."""
        if self._in_kernel:
            if not self._await_target():
                return None
            try:
                return self._splice(self._reader, self._target.fd)
            except BrokenPipeError:
                self.reader_closed = self._target.is_stdout
                raise
        try:
            data = os.read(self._reader, CHUNK_BYTES)
        except BlockingIOError:
            return None
        self._write(data)
        return len(data)

    def _await_target(self) -> bool:
        """Wait until the target takes bytes; return whether it does, and nobody said stop."""
        poll = select.poll()
        poll.register(self._target.fd, select.POLLOUT)
        poll.register(self._stopped.fd, select.POLLIN)
        poll.poll()
        return not self._stopped.is_set

    def _wait(self, *, ended: bool) -> bool:
        """Wait for bytes, for the last writer to leave or for a flag; return whether it left."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.register(self._stopped.fd, select.POLLIN)
        if not ended:
            poll.register(self._container_ended.fd, select.POLLIN)
        patience_ms = RECHECK_MS if self._deadline else 0
        ready = dict(poll.poll(patience_ms if ended else None))
        return bool(ready.get(self._reader, 0) & select.POLLHUP)

    def _writer_stays(self) -> bool:
        now = time.monotonic()
        self._deadline = self._deadline or now + LAST_WRITER_TIMEOUT_S
        if now < self._deadline:
            return False
        self._state = BufferState.FAILED
        self._error = "a process outside the container still holds the pipe open"
        return True

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._await_target():
            try:
                count = os.write(self._target.fd, rest[: self._target.atom_bytes])
            except BlockingIOError:
                continue
            except BrokenPipeError:
                self.reader_closed = self._target.is_stdout
                raise
            self._moved(rest[:count])
            rest = rest[count:]

    def _last_state(self) -> BufferState:
        """Return what the end of the bytes makes of the buffer, once they are sure to arrive."""
        poll = select.poll()
        poll.register(self._stopped.fd, select.POLLIN)
        while self._target.awaits_reader and unread_bytes(self._target.fd):
            if poll.poll(RECHECK_MS):
                return BufferState.STOPPED
        return BufferState.COMPLETE

    def _guard(self) -> None:
        """Watch the closed pipe until the container ends: nobody may open it again."""
        if self._state is not BufferState.COMPLETE:
            return
        opens = watch_opens(self._fifo.held_path)
        poll = select.poll()
        for fd in (self._container_ended.fd, self._stopped.fd, -1 if opens is None else opens):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        try:
            while not (self._container_ended.is_set or self._stopped.is_set):
                if self._is_open_again():
                    self._fail(OPENED_AGAIN)
                    self._on_end(self)
                    return
                poll.poll(RECHECK_MS if opens is None else None)
                if opens is not None:
                    drain(opens)
        finally:
            close_all(-1 if opens is None else opens)

    def _is_open_again(self) -> bool:
        """Return whether somebody writes, or has written, after the last writer had closed the pipe."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        mask = dict(poll.poll(0)).get(self._reader, 0)
        return not mask & select.POLLHUP or bool(mask & select.POLLIN)

    def _settle(self) -> None:
        if self._state is BufferState.COMPLETE and unread_bytes(self._reader):
            self._fail(OPENED_AGAIN)

    def _close_ends(self) -> None:
        reader, self._reader = self._reader, -1
        close_all(reader)
