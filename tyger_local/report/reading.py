"""Reading JSON that may be old or edited: what is not there or is of another kind is nothing, and no error.

A report of half a record is of more use than the words why there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime


def part(document: object, *names: str) -> object:
    """Return what stands below `names`; None when something is not there."""
    value = document
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def entries(value: object) -> dict[str, object]:
    """Return the members of an object, in its order."""
    return {str(name): item for name, item in value.items()} if isinstance(value, Mapping) else {}


def items(value: object) -> list[object]:
    """Return the elements of a list."""
    return list(value) if isinstance(value, (list, tuple)) else []


def number(value: object) -> float | None:
    """Return a finite number of at least zero: times, bytes and cores are nothing else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def whole(value: object) -> int | None:
    """Return a whole number of at least zero."""
    found = number(value)
    return None if found is None else int(found)


def text(value: object) -> str:
    """Return a text; empty when it is none."""
    return value if isinstance(value, str) else ""


def seconds_between(earlier: object, later: object) -> float | None:
    """Return the seconds from one RFC 3339 time to another; None unless both are such, in this order."""
    begin, end = _moment(text(earlier)), _moment(text(later))
    if begin is None or end is None or (begin.tzinfo is None) != (end.tzinfo is None):
        return None
    return number((end - begin).total_seconds())


def _moment(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        return None
