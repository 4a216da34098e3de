"""Moments and ages as people and records write them: ISO 8601, RFC 3339, ``30d``, ``1 hour``.

Pure: nothing here knows what time it is, nor where. A moment without a zone is handed back without one,
and whoever asked decides whose time it is.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from tyger_local.spec.go_text import parse_duration, quote

# datetime.fromisoformat of Python 3.10 knows neither Z nor fractions of other than 3 or 6 digits.
_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)? ?([Zz]|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
_IN_WORDS = re.compile(
    r"(\d+)\s*(weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|[wdhms])\b\s*", re.ASCII
)
# Few digits: an age can always be taken off today's date.
_AGE = re.compile(r"(?:(\d{1,4})w)?(?:(\d{1,5})d)?(.*)", re.ASCII | re.DOTALL)
_NS_IN_US = 1000


def parse_iso(text: str) -> datetime | None:
    """Read a year, a month, a date, or a date and time as ISO 8601 and RFC 3339 write it.

    Returns:
        The moment, naive when no zone is written, cut off after microseconds (records have no more, so
        "after this moment" stays true of the same ones); None when the text has another form.

    Raises:
        ValueError: The form is right and the date or time does not exist: ``2024-02-30``.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    *fields, fraction, zone = match.groups()
    year, month, day = (int(field or 1) for field in fields[:3])
    hour, minute, second = (int(field or 0) for field in fields[3:])
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    where = None if zone is None else _zone(zone)
    return datetime(year, month, day, hour, minute, second, microsecond, where)


def _zone(text: str) -> timezone:
    if text in "Zz":
        return timezone.utc
    digits = text[1:].replace(":", "").ljust(4, "0")
    if int(digits[2:]) > 59:
        raise ValueError(f"{quote(text)} is no offset from UTC")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def is_after(recorded: object, moment: datetime) -> bool:
    """Return whether a time in a record (``2025-03-14T06:43:18.958490Z``) is after `moment`.

    What is no time, or has no zone, is after nothing: a damaged record is not known to be new.

    Args:
        recorded: The record's value.
        moment: With a zone.
    """
    at = _recorded(recorded)
    return at is not None and at > moment


def has_passed(recorded: object, moment: datetime) -> bool:
    """Return whether a time in a record is at `moment` or before.

    What is no time, or has no zone, never is: what is damaged is not known to be old either.

    Args:
        recorded: The record's value.
        moment: With a zone.
    """
    at = _recorded(recorded)
    return at is not None and at <= moment


def _recorded(value: object) -> datetime | None:
    try:
        at = parse_iso(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if at is None or at.tzinfo is None else at


def parse_age(text: str) -> timedelta:
    """Read how old something is: ``30d``, ``2w``, ``1d12h``, ``1.5h``, ``2 weeks``, ``1 hour 30 minutes``.

    That is a duration of Go's with weeks (``w``) and days of 24 hours (``d``) before it, in any of the
    words that people write for the units.

    Raises:
        ValueError: It is none, or below zero.
    """
    compact = _IN_WORDS.sub(lambda found: found[1] + found[2][0], text.strip().lower())
    weeks, days, rest = _AGE.fullmatch(compact).groups()  # type: ignore[union-attr]  # matches anything
    problem = ValueError(f"{quote(text)} is no length of time such as 30d, 12h or 1d12h30m")
    if weeks is days is None and not rest:
        raise problem
    try:
        nanoseconds = parse_duration(rest) if rest else 0
    except ValueError as error:
        raise problem from error
    if nanoseconds < 0 or rest.startswith("-"):
        raise ValueError(f"{quote(text)} is below zero")
    return timedelta(
        weeks=int(weeks or 0), days=int(days or 0), microseconds=nanoseconds // _NS_IN_US
    )
