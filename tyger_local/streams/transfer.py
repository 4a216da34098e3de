"""What moving one buffer's bytes always is: a thread, its flags, its statistics.

One thread a buffer was weighed against one event loop for all: a loop copies as fast with few buffers,
but a terminal stopped with Ctrl-S or a slow disk under one buffer would hold up all the others.
"""

from __future__ import annotations

import errno
import select
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack

from tyger_local.errors import MORE_FILES, StreamError
from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.outcome.sight import PipeSight, WaitsFor
from tyger_local.spec.buffers import Direction
from tyger_local.streams.tally import Tally
from tyger_local.streams.waits import Waits
from tyger_local.streams.wake import Wake

BURST = 64
"""How many times bytes are moved, as long as there are any, before it is looked what else has happened."""

JOIN_TIMEOUT_S = 1.0

STALLED_AFTER_S = 2.0
"""How long no byte may move before a buffer counts as stalled."""

STALLS = {
    WaitsFor.CONTAINER: BufferState.STALLED_ON_CONTAINER,
    WaitsFor.HOST: BufferState.STALLED_ON_HOST,
}


class Transfer(ABC):
    """Moves one buffer's bytes in a thread of its own.

    Args:
        buffer: The buffer's name.
        host: What the host's side is called in messages.
        tally: Counts the bytes.
        on_end: Called from the thread when it has nothing more to move, and again if something goes wrong
            after that.

    Raises:
        StreamError: The system gives no descriptors for it.
    """

    direction: Direction
    port: int | None = None

    def __init__(
        self, buffer: str, host: str, tally: Tally, on_end: Callable[[Transfer], None]
    ) -> None:
        self.buffer = buffer
        self._host = host
        self._tally = tally
        self._on_end = on_end
        self._state = BufferState.WAITING
        self._unread: int | None = None
        self._error: str | None = None
        self._held_at_end = False
        self._is_interrupted = False
        self._is_done = False
        self._ended_at = 0.0
        self._began = time.monotonic()
        self._waits = Waits()
        try:
            with ExitStack() as on_failure:
                self._container_ended = Wake()
                on_failure.callback(self._container_ended.close)
                self._stopped = Wake()
                on_failure.callback(self._stopped.close)
                self._open(on_failure)
                on_failure.pop_all()
        except OSError as error:
            raise StreamError(
                f"the buffer '{buffer}' cannot be opened: {error.strerror}",
                MORE_FILES if error.errno == errno.EMFILE else "",
            ) from error
        self._thread = threading.Thread(target=self._work, name=f"buffer {buffer}", daemon=True)

    def start(self) -> None:
        """Start moving bytes. Our end is open already, or opened as soon as the container lets us."""
        self._thread.start()

    @property
    def is_moving(self) -> bool:
        """Return whether it was started and has not told its end."""
        return self._thread.is_alive() and not self._is_done

    @property
    def reader_closed(self) -> bool:
        """Return whether our standard output takes no more, since its reader has gone."""
        return False

    @property
    def connection_broke(self) -> bool:
        """Return whether the container's end of a connection is what failed."""
        return False

    def container_ended(self) -> None:
        """Say that no process of the container is left: move what is there, then end."""
        self._ended_at = time.monotonic()
        self._container_ended.set()

    def interrupt(self) -> None:
        """Say that the container is being stopped: an end of its bytes is none of its own from now on."""
        self._is_interrupted = True

    def stop(self) -> None:
        """Say that the bytes are not wanted any more."""
        self._stopped.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the thread; return whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Stop, wait and close our end.

        A thread that hangs in a write to a stopped terminal keeps its descriptors: closing them under
        it could hand their numbers to somebody else.
        """
        self.stop()
        if self.join(JOIN_TIMEOUT_S):
            self._close_ends()
            self._container_ended.close()
            self._stopped.close()

    @property
    def stats(self) -> BufferStats:
        """Return how far the buffer is."""
        now = time.monotonic()
        state = self._state
        goes_on = state in (BufferState.WAITING, BufferState.STREAMING)
        if state is BufferState.STREAMING and now - self._waits.last_byte > STALLED_AFTER_S:
            state = STALLS.get(self._waits.whom, state)
        return BufferStats(
            buffer=self.buffer,
            direction=self.direction,
            state=state,
            bytes=self._tally.bytes,
            sha256=self._tally.sha256,
            seconds=(now if goes_on else self._waits.last_byte) - self._began,
            unread_bytes=self._unread,
            error=self._error,
            held_at_end=self._held_at_end,
            moving_s=self._waits.moving_s,
            waited_opening_s=self._waits.seconds[WaitsFor.OPENING],
            waited_container_s=self._waits.seconds[WaitsFor.CONTAINER],
            waited_host_s=self._waits.seconds[WaitsFor.HOST],
            port=self.port,
        )

    @property
    def moved_bytes(self) -> int:
        """Return how many bytes have moved."""
        return self._tally.bytes

    @property
    def last_byte(self) -> float:
        """Return when a byte last moved, or everything began, by `time.monotonic`."""
        return self._waits.last_byte

    @property
    def sight(self) -> PipeSight | None:
        """Return what our end is doing; None as long as there is no connection."""
        return PipeSight(self.buffer, self.direction, self._waits.whom, self._host)

    def final_stats(self) -> BufferStats:
        """Return the statistics after the container's end."""
        self._settle()
        if self._state is BufferState.WAITING:  # the container was never started
            self._state = BufferState.NEVER_OPENED
        return self.stats

    def _poll_flags(self) -> select.poll:
        """Return what waits for our flags."""
        poll = select.poll()
        for fd in (self._container_ended.fd, self._stopped.fd):
            poll.register(fd, select.POLLIN)
        return poll

    def _moved(self, data: bytes | memoryview) -> None:
        self._tally.add(data)
        self._waits.moved()

    def _work(self) -> None:
        self._waits.begin()
        try:
            self._move()
        except OSError as error:
            self._fail(error.strerror or str(error))
        except StreamError as error:
            self._fail(error.what)
        except Exception as error:  # noqa: BLE001  (in a thread, a bug would pass for the end of the bytes)
            self._fail(f"a bug in tyger-local: {error!r}")
        finally:
            self._waits.whom = WaitsFor.NOBODY
            self._is_done = True
            self._on_end(self)

    def _fail(self, words: str) -> None:
        self._state = BufferState.FAILED
        self._error = words

    @abstractmethod
    def _open(self, on_failure: ExitStack) -> None:
        """Take what is there before the container starts; `on_failure` gives it back."""

    @abstractmethod
    def _move(self) -> None:
        """Move bytes until there is nothing more to do."""

    @abstractmethod
    def _settle(self) -> None:
        """Look once more after the container's end."""

    @abstractmethod
    def _close_ends(self) -> None:
        """Close our end and what belongs to it."""
