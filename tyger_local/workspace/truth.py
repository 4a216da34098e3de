"""What is true of a run whose owner died before it could write an end."""

from __future__ import annotations

from collections.abc import Mapping

from tyger_local.outcome.record import OWN_FIELDS

JsonObject = dict[str, object]

TERMINAL_STATUSES = ("Succeeded", "Failed", "Canceled")
OWNER_ENDED = "the process that ran it ended"
"""The status reason of a run whose owner died without writing an end."""


def has_ended(record: Mapping[str, object]) -> bool:
    """Return whether a record has an end."""
    return record.get("status") in TERMINAL_STATUSES


def as_ended(record: Mapping[str, object], finished_at: str | None = None) -> JsonObject:
    """Return the record of a run whose owner died.

    Args:
        record: As the owner left it.
        finished_at: When that was found, to be written down; without it, the answer is only shown. What is
            written down has the fields of an ended run; nobody knows what to put into them.
    """
    ended: JsonObject = {}
    for name, value in record.items():
        if name == "kind" and finished_at is not None:  # Tyger's order
            ended["finishedAt"] = finished_at
        if name == "status":
            ended["status"] = "Failed"
            ended["statusReason"] = OWNER_ENDED
        elif name not in ("statusReason", "runningCount", "finishedAt"):
            ended[name] = value
    if finished_at is None:
        return ended
    return {**ended, **{name: ended.get(name) for name in OWN_FIELDS}}
