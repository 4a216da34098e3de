"""Buffers that go through a TCP connection to the container instead of pipes.

As Tyger's adapter does it: what the input gives is sent and then half-closed, what the program sends is taken
until it closes, both at the same time. A direction without a buffer is served all the same: nothing is sent,
or what comes is thrown away, and the connection is done only when both directions are.

What was sent may lie unread in the system's buffers, here and there. That a program left it unread is known
only by the reset that follows, so a break counts for whoever is still there to see it.
"""

from __future__ import annotations

import select
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import ExitStack

from tyger_local.errors import StreamError
from tyger_local.outcome.facts import BufferState
from tyger_local.outcome.sight import PipeSight, WaitsFor
from tyger_local.streams.link import Link
from tyger_local.streams.tally import Tally
from tyger_local.streams.transfer import Transfer

CHUNK_BYTES = 256 * 1024

SILENCE_TIMEOUT_S = 5.0
"""How long nothing may move after the container's end: its network may have gone without a word."""


class SocketTransfer(Transfer):
    """Moves one buffer's bytes through a connection.

    Args:
        buffer: The buffer's name.
        link: The connection.
        host: What the host's side is called in messages.
        tally: Counts the bytes.
        on_end: See `Transfer`.

    Raises:
        StreamError: The system gives no descriptors for it.
    """

    def __init__(
        self,
        buffer: str,
        link: Link,
        host: str,
        tally: Tally,
        on_end: Callable[[Transfer], None],
    ) -> None:
        self._link = link
        self.port = link.port
        self._last_wasted = 0.0
        super().__init__(buffer, host, tally, on_end)

    def _open(self, on_failure: ExitStack) -> None:
        self._link.enter()
        on_failure.callback(self._link.leave)

    def start(self) -> None:
        """Start to connect, and then to move bytes."""
        self._link.begin()
        super().start()

    @property
    def sight(self) -> PipeSight | None:
        """Return what our end is doing; None as long as there is no connection."""
        return super().sight if self._link.is_connected else None

    @property
    def connection_broke(self) -> bool:
        """Return whether the container's end of the connection is what failed."""
        return self._link.is_broken

    def _move(self) -> None:
        try:
            if self._link.connect(self._waits, self._container_ended, self._stopped):
                self._state = BufferState.STREAMING
                self._state = self._exchange()
            else:
                missed = self._link.is_needed
                self._state = BufferState.STOPPED if missed else BufferState.NEVER_OPENED
        except StreamError:
            if not self._is_interrupted:
                raise
            self._state = BufferState.STOPPED

    @abstractmethod
    def _exchange(self) -> BufferState:
        """Move bytes until there is nothing more to do; return what becomes of the buffer."""

    def _wait(self, whom: WaitsFor, poll: select.poll) -> dict[int, int]:
        """Wait for one of what `poll` knows or for a flag; return what is ready.

        Raises:
            StreamError: The container has ended, and nothing moves any more.
        """
        ended = self._container_ended.is_set
        patience_ms = None
        poll.register(self._stopped.fd, select.POLLIN)
        if ended:
            last = max(self._ended_at, self.last_byte, self._last_wasted)
            patience_ms = max(last + SILENCE_TIMEOUT_S - time.monotonic(), 0) * 1000
        else:
            poll.register(self._container_ended.fd, select.POLLIN)
        ready = self._waits.wait(whom, poll, patience_ms)
        if not ready:
            raise StreamError(
                f"the connection on port {self._link.port} broke off when the container ended"
            )
        return ready
