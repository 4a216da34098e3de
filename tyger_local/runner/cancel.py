"""Asking a run to end, from a signal handler or another thread."""

from __future__ import annotations

from collections.abc import Callable

from tyger_local.outcome.facts import CancelReason


class Cancellation:
    """A request to end a run, which may come before, while and after it runs.

    `request` only notes the reason and puts it into a queue that a signal handler may put into.

    Attributes:
        by: Who asked, in words; empty when the reason says all.
    """

    def __init__(self) -> None:
        self._reasons: list[CancelReason] = []
        self._listener: Callable[[CancelReason], None] | None = None
        self.by = ""

    def request(self, reason: CancelReason, by: str = "") -> bool:
        """Ask for the end; asked again, the run is killed at once.

        Args:
            reason: Why.
            by: Who asks, in words, if that is more than the reason says.

        Returns:
            Whether a run listens. When none does, nobody will act upon the request.
        """
        self.by = self.by or by
        if self._listener is None:
            self._reasons.append(reason)
            return False
        self._listener(reason)
        return True

    def listen(self, listener: Callable[[CancelReason], None]) -> None:
        """Tell `listener` of requests from now on, and of those that came before."""
        before, self._reasons = self._reasons, []
        self._listener = listener  # from here on a signal is told by its handler, and only once
        for reason in before:
            listener(reason)

    def ignore(self) -> None:
        """Stop telling anybody."""
        self._listener = None
