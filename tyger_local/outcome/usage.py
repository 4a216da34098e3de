"""What the containers of a run cost together, and what they used over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class _Point:
    seconds: float
    sample: UsageSample
    buffers: Mapping[str, int]


@dataclass
class Samples:
    """What the containers of a run used, moment by moment.

    Attributes:
        interval_s: How much time is to lie between two moments; doubles as they become many.
    """

    interval_s: float = FIRST_INTERVAL_S
    _points: dict[str, list[_Point]] = field(default_factory=dict)

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
        points.append(_Point(seconds, sample or UsageSample(), buffers))
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
    cpu = (point.sample.cpu_seconds for point in points)
    return {
        "seconds": [round(point.seconds, 3) for point in points],
        "memoryBytes": [point.sample.memory_bytes for point in points],
        "ownMemoryBytes": [point.sample.own_memory_bytes for point in points],
        "cpuSeconds": [None if used is None else round(used, 6) for used in cpu],
        "buffers": {name: [point.buffers[name] for point in points] for name in points[0].buffers},
    }
