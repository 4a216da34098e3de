"""How long our end of a pipe waits, and for whom."""

from __future__ import annotations

import select
import time

from tyger_local.outcome.sight import WaitsFor


class Waits:
    """What the thread that serves a pipe has waited for. Costs two looks at the clock each time it waits.

    Attributes:
        whom: Whom it waits for now, or waited for last.
        seconds: How long it has waited, by whom for.
        host_is_regular: Whether the host's side is a regular file. Such a file is always ready and blocks
            whoever reads or writes it; so what lies between two waits counts as waiting for it.
        first_byte: When it began to move the first byte, by `time.monotonic`; None before.
        last_byte: When a byte last moved, or everything began.
    """

    def __init__(self) -> None:
        self.whom = WaitsFor.OPENING
        self.seconds = dict.fromkeys(WaitsFor, 0.0)
        self.host_is_regular = False
        self.first_byte: float | None = None
        self.last_byte = self._waited_until = time.monotonic()

    def begin(self) -> None:
        """Count from now on."""
        self._waited_until = time.monotonic()

    def wait(
        self, whom: WaitsFor, poll: select.poll, timeout_ms: float | None = None
    ) -> dict[int, int]:
        """Wait for one of what `poll` knows; return what is ready."""
        self.whom = whom
        began = time.monotonic()
        ready = dict(poll.poll(timeout_ms))
        ended = time.monotonic()
        self.seconds[whom] += ended - began
        if self.host_is_regular:
            self.seconds[WaitsFor.HOST] += began - self._waited_until
        self._waited_until = ended
        return ready

    def moved(self) -> None:
        """Note that bytes have moved just now."""
        self.last_byte = time.monotonic()
        if self.first_byte is None:
            self.first_byte = self._waited_until

    @property
    def moving_s(self) -> float:
        """Return how long it took from the first byte to the last."""
        return 0.0 if self.first_byte is None else self.last_byte - self.first_byte
