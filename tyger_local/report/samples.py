"""What was sampled while a run went on, as series of points that can be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tyger_local.report.reading import entries, items, number, part

Points = tuple[tuple[float, float], ...]
"""Seconds since the run began, and a value; in order of time."""

RATE_WINDOW_S = 0.25
"""The time that a rate is taken over, at least.

The kernel gives CPU limits in steps of 0.1 s. A rate over less swings between nothing and twice the limit.
"""


@dataclass(frozen=True, slots=True)
class ContainerSamples:
    """What was sampled of one container.

    Attributes:
        memory: Bytes, file cache included.
        own_memory: Bytes without file cache.
        cores: How many were busy.
        buffers: Bytes that had gone through each buffer until then.
    """

    label: str
    memory: Points
    own_memory: Points
    cores: Points
    buffers: Mapping[str, Points]


def read_samples(document: object) -> tuple[ContainerSamples, ...]:
    """Return what a samples document holds; None is a document without samples."""
    return tuple(
        _container(label, found) for label, found in entries(part(document, "containers")).items()
    )


def _container(label: str, found: object) -> ContainerSamples:
    seconds = [number(each) for each in items(part(found, "seconds"))]
    return ContainerSamples(
        label=label,
        memory=_points(seconds, part(found, "memoryBytes")),
        own_memory=_points(seconds, part(found, "ownMemoryBytes")),
        cores=rates(_points(seconds, part(found, "cpuSeconds"))),
        buffers={
            name: _points(seconds, values)
            for name, values in entries(part(found, "buffers")).items()
        },
    )


def _points(seconds: Iterable[float | None], values: object) -> Points:
    """Pair times with values; what was not known at a time has no point there."""
    found: list[tuple[float, float]] = []
    for second, each in zip(seconds, items(values), strict=False):
        value = number(each)
        if second is not None and value is not None and (not found or second > found[-1][0]):
            found.append((second, value))
    return tuple(found)


def rates(points: Points, window_s: float = RATE_WINDOW_S) -> Points:
    """Return how fast `points` grow a second, at the end of each window of at least `window_s`."""
    found: list[tuple[float, float]] = []
    begin = points[0] if points else (0.0, 0.0)
    for second, value in points[1:]:
        if second - begin[0] >= window_s:
            found.append((second, max(0.0, (value - begin[1]) / (second - begin[0]))))
            begin = (second, value)
    return tuple(found)


def stalls(points: Points, shortest_s: float) -> tuple[tuple[float, float], ...]:
    """Return the times, from and until, in which nothing was added to `points` although more came later.

    Args:
        points: A count over time.
        shortest_s: What counts.
    """
    found: list[tuple[float, float]] = []
    begin: float | None = None
    for (second, value), (_, later) in pairwise(points):
        if later > value:
            if begin is not None and second - begin >= shortest_s:
                found.append((begin, second))
            begin = None
        elif begin is None:
            begin = second
    return tuple(found)


def highest(series: Iterable[Points]) -> float | None:
    """Return the highest value of all `series`; None when there is none."""
    return max((value for points in series for _, value in points), default=None)
