"""Takes the time of a run's phases."""

from __future__ import annotations

import time
from enum import Enum

from tyger_local.outcome.record import Phases


class Phase(Enum):
    """What a run spends its time with, one after the other."""

    PULL = "pull_s"
    CREATE = "create_s"
    START = "start_s"
    RUN = "run_s"
    DRAIN = "drain_s"


class Stopwatch:
    """Takes the time of one phase after the other.

    Attributes:
        phase: The one that goes on; None between them.
    """

    def __init__(self) -> None:
        self.phase: Phase | None = None
        self._began = 0.0
        self._took_s: dict[str, float] = {}

    def enter(self, phase: Phase) -> None:
        """End the phase that goes on, and begin another."""
        self.end()
        self.phase, self._began = phase, time.monotonic()

    def leave_run(self) -> None:
        """Begin to wait for what is still under way, if it is the containers' time that has passed."""
        if self.phase is Phase.RUN:
            self.enter(Phase.DRAIN)

    def end(self) -> None:
        """End the phase that goes on, if one does."""
        if self.phase is not None:
            self._took_s[self.phase.value] = time.monotonic() - self._began
        self.phase = None

    @property
    def phases(self) -> Phases:
        """Return how long each took that has ended."""
        return Phases(**self._took_s)
