"""The time as records and codespecs have it."""

from __future__ import annotations

from datetime import datetime, timezone

from tyger_local.spec.ttl import TIME_FORMAT


def now() -> str:
    """Return the time in UTC as RFC 3339 with microseconds."""
    return written(datetime.now(timezone.utc))


def written(moment: datetime) -> str:
    """Return a moment as `now` returns it: such texts are in the order of time.

    Args:
        moment: With a zone.
    """
    return moment.astimezone(timezone.utc).strftime(TIME_FORMAT)
