"""What feeding an input and draining an output through a FIFO have in common.

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
from abc import abstractmethod
from collections.abc import Callable
from contextlib import ExitStack, suppress

from tyger_local.outcome.sight import PipeSight
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.tally import Tally
from tyger_local.streams.transfer import Transfer

CHUNK_BYTES = 64 * 1024
SPLICE_BYTES = 1024 * 1024


class PipeTransfer(Transfer):
    """Moves one buffer's bytes through a FIFO.

    Args:
        buffer: The buffer's name.
        fifo: Its pipe, held.
        watch: Watches the folder of its pipe.
        host: What the host's side is called in messages.
        tally: Counts the bytes.
        on_end: See `Transfer`.

    Raises:
        StreamError: The system gives no descriptors for it.
    """

    def __init__(
        self,
        buffer: str,
        fifo: Fifo,
        watch: PipeWatch,
        host: str,
        tally: Tally,
        on_end: Callable[[Transfer], None],
    ) -> None:
        self._fifo = fifo
        self._watch = watch
        self._splice_refused = not hasattr(os, "splice")
        super().__init__(buffer, host, tally, on_end)

    def _open(self, on_failure: ExitStack) -> None:
        on_failure.callback(os.close, self._open_end())
        # After our own ends, whose opening is none of the container's.
        self._sightings = self._watch.watch(self._fifo, self.direction)

    def close(self) -> None:
        """Stop, wait and close our end of the pipe."""
        super().close()
        if not self._thread.is_alive():
            self._sightings.close()

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

    def _poll_signs(self) -> select.poll:
        """Return what waits for our flags and for what the container is seen doing."""
        poll = self._poll_flags()
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

    def _work(self) -> None:
        super()._work()
        with suppress(OSError):  # the container may have taken away our right to open its pipe
            self._guard()

    def _is_held_for_writing(self) -> bool:
        return False

    @abstractmethod
    def _guard(self) -> None:
        """After the last byte, watch for what must not happen any more; if it does, call `on_end` again."""

    @abstractmethod
    def _open_end(self) -> int:
        """Open our end of the pipe and return it."""
