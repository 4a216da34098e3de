"""How long a buffer is kept: ``D.HH:MM[:SS]``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tyger_local.errors import SpecError
from tyger_local.spec.place import Place

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""Times as they are stored, in UTC; as text they are in the order of time."""

_TTL = re.compile(r"(\d+)\.(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)


def check_ttl(text: str, where: Place) -> None:
    """Check a buffer's time to live.

    Raises:
        SpecError: `text` is neither empty nor ``D.HH:MM[:SS]``.
    """
    if text and not _TTL.fullmatch(text):
        raise SpecError(
            f"invalid buffer TTL format: {text} (should be D.HH:MM)",
            "for example 7.00:00 for a week",
            where=str(where),
        )


def check_not_zero(text: str, where: Place) -> None:
    """Check that a time to live is one in which a buffer can be used.

    Args:
        text: What `check_ttl` takes.
        where: The flag or the place in a file, for messages.

    Raises:
        SpecError: It is zero.
    """
    if text and not text.strip("0.:"):
        raise SpecError(
            f"with a buffer TTL of zero ({text}), the run's new buffers would be gone before it begins",
            "write a longer one, or leave it out to keep them",
            where=str(where),
        )


def expires_at(now: str, text: str, where: Place) -> str | None:
    """Return when what is made `now` expires; None where `text` is empty.

    Args:
        now: In `TIME_FORMAT`.
        text: A time to live; one so long that the calendar ends before it means never.
        where: The flag or the place in a file, for messages.

    Raises:
        SpecError: `text` is neither empty nor ``D.HH:MM[:SS]``.
    """
    check_ttl(text, where)
    match = _TTL.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = match.groups(default="0")
    try:
        lifetime = timedelta(
            days=int(days[:20]), hours=int(hours), minutes=int(minutes), seconds=int(seconds)
        )
        # The zone is in the format, as a letter: what comes out is written with the same one.
        return (datetime.strptime(now, TIME_FORMAT) + lifetime).strftime(TIME_FORMAT)  # noqa: DTZ007
    except OverflowError:
        return None
