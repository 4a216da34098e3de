"""The time as records and codespecs have it."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> str:
    """Return the time in UTC as RFC 3339 with microseconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
