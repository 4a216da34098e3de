"""What one run showed of its needs, and what is proposed for one resource.

A single run is weak evidence. So what is said about it is never more than was measured, and request and
limit are only lowered after a run that succeeded and lasted long enough to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.outcome.verdict import VerdictKind
from tyger_local.outcome.words import human_seconds
from tyger_local.spec.quantity import Quantity

SHORTEST_RUN_S = 1.0
"""A run below this is over before it was looked at often."""


PLAIN_ENGINE = "process"
"""The one that cannot measure everything."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run showed. What is not known is None.

    Attributes:
        verdict: How it ended.
        run_seconds: How long its containers ran.
        peak_memory_bytes: The highest memory of one container, file cache included.
        own_memory_bytes: The highest memory of one container's own, without file cache.
        cpu_seconds: CPU time of all containers together.
        throttled_seconds: How long they were held back by the CPU limit, together.
        peak_cores: The highest number of cores that one container kept busy.
        replicas: How many containers there were.
        restarts: How often containers were started again.
        engine: Which one ran it; empty where that is not known.
    """

    verdict: VerdictKind | None = None
    run_seconds: float | None = None
    peak_memory_bytes: int | None = None
    own_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    throttled_seconds: float | None = None
    peak_cores: float | None = None
    replicas: int = 1
    restarts: int = 0
    engine: str = ""

    @property
    def average_cores(self) -> float | None:
        """Return how many cores one container kept busy on average."""
        if self.cpu_seconds is None or not self.run_seconds:
            return None
        return self.cpu_seconds / self.run_seconds / max(self.replicas, 1)

    @property
    def seen_peak_cores(self) -> float | None:
        """Return `peak_cores`, unless the average is higher: then the samples have missed the peak."""
        if self.peak_cores is None or self.peak_cores < (self.average_cores or 0):
            return None
        return self.peak_cores

    @property
    def throttled_share(self) -> float | None:
        """Return which part of its time one container was held back by the CPU limit."""
        if self.throttled_seconds is None or not self.run_seconds:
            return None
        return self.throttled_seconds / self.run_seconds / max(self.replicas, 1)

    @property
    def doubt(self) -> str:
        """Return why this run says little about what a whole one needs; empty when it says enough."""
        if self.verdict is None:
            return "how the run ended is not known"
        if self.verdict is not VerdictKind.SUCCEEDED:
            return f"the run did not succeed ({self.verdict.value})"
        if self.run_seconds is None:
            return "how long the run took is not known"
        if self.restarts:
            return "containers had to be started again"
        if self.run_seconds < SHORTEST_RUN_S:
            return f"the run took only {human_seconds(self.run_seconds)}"
        return ""


def not_measured(what: str, measured: Measured) -> str:
    """Return the sentence for a resource of which a run says nothing.

    Args:
        what: What was not measured, with the resource: ``Memory: the peak``.
        measured: Tells why.
    """
    said = f"{what} was not measured, so nothing is proposed"
    if measured.verdict is None:
        why = "the process that ran it ended before it could write that down"
    elif measured.verdict is VerdictKind.START_FAILED:
        why = "the run did not start"
    elif measured.engine == PLAIN_ENGINE:
        return f"{said}; run it again on Docker (--engine docker)."
    else:
        why = "neither the kernel nor the engine told it"
    return f"{said}: {why}."


@dataclass(frozen=True, slots=True)
class Proposal:
    """Request and limit of one resource, and why; None for none.

    Attributes:
        is_known: Whether the run says anything; if not, these are the codespec's own.
    """

    request: Quantity | None
    limit: Quantity | None
    reasons: tuple[str, ...]
    is_known: bool = True


def limit_after(measured: Measured, proposed: Quantity, limit: Quantity | None) -> Quantity | None:
    """Return the limit to propose: none below `limit`, the codespec's, after a run that says little.

    None is no limit, and any is below that.
    """
    if not measured.doubt:
        return proposed
    return None if limit is None else larger(proposed, limit)


def larger(one: Quantity | None, other: Quantity | None) -> Quantity | None:
    """Return the larger of two quantities; None is no quantity."""
    if one is None or other is None:
        return one or other
    return one if one.nanos >= other.nanos else other


def smaller(one: Quantity | None, other: Quantity | None) -> Quantity | None:
    """Return the smaller of two quantities; None is no quantity."""
    if one is None or other is None:
        return one or other
    return one if one.nanos <= other.nanos else other
