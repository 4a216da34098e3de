"""Flags whose values are moments or ages: ``--since yesterday``, ``--older-than 30d``."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tyger_local.cli.values import Value
from tyger_local.errors import UsageError
from tyger_local.spec.times import parse_age, parse_iso

_AGO = "ago"
_WHOLE_DAYS = ("today", "yesterday")


def read_time(text: str, now: datetime) -> datetime:
    """Read a moment as people write it.

    ISO 8601 and RFC 3339; a length of time, with or without ``ago``; else English: ``yesterday``, ``monday``,
    ``March 1``, ``10:00``. Without a zone it is local time; a weekday or a date without its year is the
    last that was.

    Args:
        text: What was written.
        now: The time, with a zone.

    Returns:
        The moment in UTC.

    Raises:
        UsageError: It cannot be understood.
    """
    stripped = text.strip()
    try:
        moment = parse_iso(stripped) or _ago(stripped, now) or _in_english(stripped, now)
        if moment is not None:
            return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        pass  # it has the form of a time, and there is none such
    raise UsageError(
        f"failed to parse time {text}",
        "write it like 2024-03-01, 2024-03-01T10:00:00Z, 30m, '2 days ago' or yesterday",
    )


def _ago(text: str, now: datetime) -> datetime | None:
    """Read ``90m`` and ``2 hours ago``: exact, where dateparser counts on the clock on the wall."""
    try:
        return now - parse_age(text.lower().removesuffix(_AGO))
    except ValueError:
        return None


def _in_english(text: str, now: datetime) -> datetime | None:
    if text.isdecimal():
        return None  # dateparser takes "12" for December
    # Late: it takes long to load, and most times are written in digits.
    import dateparser  # noqa: PLC0415

    local = now.astimezone()
    for parser, whole_days, base in (
        ("relative-time", "current", local),
        ("absolute-time", "first", local.replace(tzinfo=None)),
    ):
        moment = dateparser.parse(
            f"{text} 00:00" if text.lower() in _WHOLE_DAYS else text,
            languages=["en"],
            settings={
                # One at a time: March 2024 begins on the first, and "a month ago" was not.
                "PARSERS": [parser],
                "PREFER_DAY_OF_MONTH": whole_days,
                "PREFER_DATES_FROM": "past",
                "RELATIVE_BASE": base,
                # It only counts on the clock on the wall that it is given. By default it asks for the name of
                # the local zone, which many a TZ has not (UTC0, JST-9), and fails.
                "TIMEZONE": "UTC",
            },
        )
        if moment is not None:
            return moment
    return None


TIME = Value("DATE/TIME", lambda text: read_time(text, datetime.now(timezone.utc)))
AGE: Value[timedelta] = Value("DURATION", parse_age)
