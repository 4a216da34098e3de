"""Axes with round numbers, a unit that fits, and few enough labels to be read."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_STEPS = 5

FEW_BYTES = 5.0
FEW_CORES = 0.1
"""What an axis reaches at least: where all is zero, there is something to be seen above it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from zero.

    Attributes:
        top: The value at its end.
        ticks: Values, and what is written there.
    """

    top: float
    ticks: tuple[tuple[float, str], ...]


def memory_axis(highest: float) -> Axis:
    """Return an axis for bytes of memory up to `highest` at least."""
    return _axis(max(highest, FEW_BYTES), 1024, ("B", "KiB", "MiB", "GiB", "TiB"))


def bytes_axis(highest: float, most_steps: int = MOST_STEPS) -> Axis:
    """Return an axis for bytes that moved."""
    return _axis(max(highest, FEW_BYTES), 1000, ("B", "kB", "MB", "GB", "TB"), most_steps)


def cores_axis(highest: float) -> Axis:
    """Return an axis for cores."""
    return _axis(max(highest, FEW_CORES), 1000, ("",))


def time_axis(until_s: float, most_steps: int = MOST_STEPS) -> Axis:
    """Return an axis for the time until `until_s`, at which it ends."""
    divisor, unit = 1.0, "s"
    for larger, name in ((60.0, "min"), (3600.0, "h")):
        if until_s >= 3 * larger:
            divisor, unit = larger, name
    until = max(until_s, 0.001) / divisor
    step = _step(until, most_steps)
    ticks = [(index * step, f"{index * step:g} {unit}") for index in range(int(until / step) + 1)]
    return Axis(until * divisor, tuple((value * divisor, label) for value, label in ticks))


def _axis(highest: float, base: int, units: tuple[str, ...], most_steps: int = MOST_STEPS) -> Axis:
    divisor, unit = 1, units[0]
    for larger in units[1:]:
        if highest < divisor * base:
            break
        divisor, unit = divisor * base, larger
    value = highest / divisor
    step = _step(value, most_steps)
    count = math.ceil(value / step - 1e-9)
    labels = [f"{index * step:g} {unit}".strip() if index else "0" for index in range(count + 1)]
    return Axis(
        count * step * divisor,
        tuple((index * step * divisor, label) for index, label in enumerate(labels)),
    )


def _step(highest: float, most: int) -> float:
    """Return 1, 2 or 5 times a power of ten, at most `most` of which reach `highest`."""
    power = 10.0 ** math.floor(math.log10(highest / most))
    return next(
        (
            round(factor * power, 12)
            for factor in (1, 2, 5, 10)
            if factor * power * most >= highest * (1 - 1e-9)
        ),
        10 * power,
    )
