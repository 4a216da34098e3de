"""What feeding an input and draining an output have in common: a thread, its flags, its statistics.

One thread a buffer was weighed against one event loop for all: a loop copies as fast with few buffers,
but a terminal stopped with Ctrl-S or a slow disk under one buffer would hold up all the others.

Bytes go from descriptor to descriptor inside the kernel (``splice``) as long as nobody wants to look at
them; where a checksum is wanted, or the kernel refuses the pair (a file opened for appending, some
devices), they are copied through user space. Waiting is always for the side that holds things up, so that a
trickle passes at once and a full pipe costs no CPU.

Measured with 256 MiB from file to file through a ``cat`` between two pipes, files in memory, two cores,
CPU seconds of our side (medians of nine, in turns):

======================================= ===== ===== =====
size of the pipes                       64 K  256 K 1 M
======================================= ===== ===== =====
two shell ``cat``                       0.25
``splice`` in, ``splice`` out                 0.141 0.131
``sendfile`` in, ``splice`` out         0.156 0.133 0.125
``sendfile`` in, read and write out     0.169 0.158 0.157
``splice`` in, read and write out             0.147 0.166
======================================= ===== ===== =====

In wall time they lie within the noise of one another. ``sendfile`` gains nothing that ``splice`` does not,
and cannot read from a pipe, which standard input often is. One call for both directions is the simpler code.
"""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack, suppress

from tyger_local.errors import MORE_FILES, StreamError
from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.outcome.sight import PipeSight, WaitsFor
from tyger_local.spec.buffers import Direction
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.tally import Checksum, Tally
from tyger_local.streams.waits import Waits
from tyger_local.streams.wake import Wake

CHUNK_BYTES = 64 * 1024
SPLICE_BYTES = 1024 * 1024
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
        fifo: Its pipe, held.
        watch: Watches the folder of its pipe.
        host: What the host's side is called in messages.
        checksum: Whether to hash.
        on_end: Called from the thread when it has nothing more to move, and again if something goes wrong
            after that.
        expected_bytes: How many bytes there will be, if that is known.
        is_kept: Whether the bytes go to a file from which they can be read again.

    Raises:
        StreamError: The system gives no descriptors for it.
    """

    direction: Direction

    def __init__(
        self,
        buffer: str,
        fifo: Fifo,
        watch: PipeWatch,
        host: str,
        checksum: Checksum,
        on_end: Callable[[Transfer], None],
        expected_bytes: int = 0,
        *,
        is_kept: bool = False,
    ) -> None:
        self.buffer = buffer
        self._fifo = fifo
        self._host = host
        self._tally = Tally(checksum, expected_bytes, is_kept=is_kept)
        self._splice_refused = not hasattr(os, "splice")
        self._on_end = on_end
        self._state = BufferState.WAITING
        self._unread: int | None = None
        self._error: str | None = None
        self._held_at_end = False
        self._is_interrupted = False
        self._ended_at = 0.0
        self.reader_closed = False
        self._began = time.monotonic()
        self._waits = Waits()
        try:
            with ExitStack() as on_failure:
                self._container_ended = Wake()
                on_failure.callback(self._container_ended.close)
                self._stopped = Wake()
                on_failure.callback(self._stopped.close)
                on_failure.callback(os.close, self._open_end())
                # After our own ends, whose opening is none of the container's.
                self._sightings = watch.watch(fifo, self.direction)
                on_failure.pop_all()
        except OSError as error:
            raise StreamError(
                f"the pipe of '{buffer}' cannot be opened: {error.strerror}",
                MORE_FILES if error.errno == errno.EMFILE else "",
            ) from error
        self._thread = threading.Thread(target=self._work, name=f"buffer {buffer}", daemon=True)

    def start(self) -> None:
        """Start moving bytes. Our end of the pipe is open already."""
        self._thread.start()

    @property
    def is_moving(self) -> bool:
        """Return whether its thread was started and has not ended."""
        return self._thread.is_alive()

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
            self._sightings.close()
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
    def sight(self) -> PipeSight:
        """Return what the pipe is doing."""
        return PipeSight(
            self.buffer,
            self.direction,
            self._waits.whom,
            self._host,
            is_held_for_writing=self._is_held_for_writing(),
        )

    def final_stats(self) -> BufferStats:
        """Return the statistics after the container's end, a replaced pipe included."""
        self._settle()
        if self._state is BufferState.WAITING:  # the container was never started
            self._state = BufferState.NEVER_OPENED
        return self.stats

    def _poll_signs(self) -> select.poll:
        """Return what waits for our flags and for what the container is seen doing."""
        poll = select.poll()
        for fd in (self._container_ended.fd, self._stopped.fd):
            poll.register(fd, select.POLLIN)
        if not self._sightings.is_blind:
            poll.register(self._sightings.fd, select.POLLIN)
        return poll

    @property
    def _in_kernel(self) -> bool:
        """Return whether bytes can go through the kernel without being looked at."""
        return not (self._tally.looks or self._splice_refused)

    def _splice(self, source: int, target: int) -> int | None:
        """Move bytes inside the kernel; return how many, 0 at the end, None when none could be moved now.

        Raises:
            OSError: One side is broken.
        """
        try:
            count = os.splice(source, target, SPLICE_BYTES, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._splice_refused = True
            return None
        if count:
            self._tally.count(count)
            self._waits.moved()
        return count

    def _moved(self, data: bytes | memoryview) -> None:
        self._tally.add(data)
        self._waits.moved()

    def _work(self) -> None:
        self._waits.begin()
        try:
            self._move()
        except OSError as error:
            self._fail(error.strerror or str(error))
        except Exception as error:  # noqa: BLE001  (in a thread, a bug would pass for the end of the bytes)
            self._fail(f"a bug in tyger-local: {error!r}")
        finally:
            self._waits.whom = WaitsFor.NOBODY
            self._on_end(self)
        with suppress(
            OSError
        ):  # the container may have taken away our right to open its pipe again
            self._guard()

    def _fail(self, words: str) -> None:
        self._state = BufferState.FAILED
        self._error = words

    def _is_held_for_writing(self) -> bool:
        return False

    @abstractmethod
    def _open_end(self) -> int:
        """Open our end of the pipe and return it."""

    @abstractmethod
    def _move(self) -> None:
        """Move bytes until there is nothing more to do."""

    @abstractmethod
    def _guard(self) -> None:
        """After the last byte, watch for what must not happen any more; if it does, call `on_end` again."""

    @abstractmethod
    def _settle(self) -> None:
        """Look once more at the pipe after the container's end."""

    @abstractmethod
    def _close_ends(self) -> None:
        """Close our end of the pipe and what belongs to it."""
