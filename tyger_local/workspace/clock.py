"""The time as records and codespecs have it."""

from __future__ import annotations

from datetime import datetime, timezone

from tyger_local.spec.ttl import TIME_FORMAT


def now() -> str:
    """Return the time in UTC as RFC 3339 with microseconds."""
    return datetime.now(timezone.utc).strftime(TIME_FORMAT)
