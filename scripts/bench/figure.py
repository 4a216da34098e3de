"""One figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        measured: What was measured of the tool and of what it is compared with.
        reach: The largest ratio that is good enough; for a rate the smallest.
    """

    name: str
    what: str
    measured: str
    ratio: float
    reach: str


def in_seconds(name: str, what: str, mine_s: float, other_s: float, reach: str) -> Figure:
    """Return the figure of a time of ours against another."""
    return Figure(name, what, f"{mine_s:.2f} s against {other_s:.2f} s", mine_s / other_s, reach)
