"""Telling how a run goes to whoever started it."""

from __future__ import annotations

from collections.abc import Callable

from tyger_local.outcome.events import Event, Warned


class Teller:
    """Passes events on, from any thread.

    Attributes:
        warnings: What was worth one, in the order in which it was told.

    Args:
        emit: Gets the events.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self.warnings: list[str] = []
        self._emit = emit
        self._held: list[Event] | None = None

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        if isinstance(event, Warned):
            self.warnings.append(event.text)
        if self._held is None:
            self._emit(event)
        else:
            self._held.append(event)

    def hold(self) -> None:
        """Hold everything back: somebody types in a container, and it would garble the terminal."""
        self._held = []

    def release(self) -> None:
        """Tell what was held back, and hold nothing back any more."""
        held, self._held = self._held, None
        for event in held or ():
            self._emit(event)
