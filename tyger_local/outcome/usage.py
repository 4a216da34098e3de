"""What the containers of a run cost together, and what they used over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import UsageSample
from tyger_local.spec.versions import JsonObject

T = TypeVar("T")

FIRST_INTERVAL_S = 0.1
MOST_POINTS = 500
"""With more, every second one is left out from then on: a run of days is told in as many."""


def total(usages: Sequence[Usage]) -> Usage:
    """Return what containers cost together; what is not known of one is not known of all."""
    methods = dict.fromkeys(usage.method for usage in usages if usage.method is not None)
    peaks = _all_known([usage.peak_memory_bytes for usage in usages])
    cpu = _all_known([usage.cpu_seconds for usage in usages])
    throttled = _all_known([usage.throttled_seconds for usage in usages])
    return Usage(
        peak_memory_bytes=max(peaks) if peaks else None,
        cpu_seconds=sum(cpu) if cpu else None,
        throttled_seconds=sum(throttled) if throttled else None,
        method="; ".join(methods) or None,
    )


def _all_known(numbers: Sequence[T | None]) -> list[T]:
    """Return the numbers, or none of them when one is not known."""
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) else []


# No dataclasses here: they take longer to load than all else in this file, before every run.
_Point = tuple[float, UsageSample, Mapping[str, int]]


class Samples:
    """What the containers of a run used, moment by moment.

    Attributes:
        interval_s: How much time is to lie between two moments; doubles as they become many.
    """

    def __init__(self) -> None:
        self.interval_s = FIRST_INTERVAL_S
        self._points: dict[str, list[_Point]] = {}

    def add(
        self, label: str, seconds: float, sample: UsageSample | None, buffers: Mapping[str, int]
    ) -> None:
        """Note one moment of one container.

        Args:
            label: Which container.
            seconds: Since its start.
            sample: What it uses; None when it cannot be seen.
            buffers: How many bytes have moved until then, by buffer.
        """
        points = self._points.setdefault(label, [])
        points.append((seconds, sample or UsageSample(), buffers))
        if len(points) > MOST_POINTS:
            self.interval_s *= 2
            self._points = {name: noted[::2] for name, noted in self._points.items()}

    def document(self) -> JsonObject | None:
        """Return everything as lists of equal length for each container; None when there is nothing."""
        if not self._points:
            return None
        containers = {label: _series(points) for label, points in self._points.items()}
        return {"intervalSeconds": round(self.interval_s, 3), "containers": containers}


def _series(points: Sequence[_Point]) -> JsonObject:
    samples = [sample for _, sample, _ in points]
    cpu = (sample.cpu_seconds for sample in samples)
    _, _, buffers = points[0]
    return {
        "seconds": [round(seconds, 3) for seconds, _, _ in points],
        "memoryBytes": [sample.memory_bytes for sample in samples],
        "ownMemoryBytes": [sample.own_memory_bytes for sample in samples],
        "cpuSeconds": [None if used is None else round(used, 6) for used in cpu],
        "buffers": {name: [moved[name] for _, _, moved in points] for name in buffers},
    }
