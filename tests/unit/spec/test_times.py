from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tyger_local.spec.times import has_passed, is_after, parse_age, parse_iso


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", "2024-01-01T00:00:00"),
        ("2024-03", "2024-03-01T00:00:00"),
        ("2024-03-01", "2024-03-01T00:00:00"),
        ("2024-03-01T10:00", "2024-03-01T10:00:00"),
        ("2024-03-01 10:00", "2024-03-01T10:00:00"),
        ("2024-03-01t10:00:05z", "2024-03-01T10:00:05+00:00"),
        ("2024-03-01T10:00:00Z", "2024-03-01T10:00:00+00:00"),
        ("2024-03-01 10:00:00 Z", "2024-03-01T10:00:00+00:00"),
        ("2024-03-01T10:00:00.5Z", "2024-03-01T10:00:00.500000+00:00"),
        ("2024-03-01T10:00:00,25", "2024-03-01T10:00:00.250000"),
        ("2024-03-01T10:00:00.123456Z", "2024-03-01T10:00:00.123456+00:00"),
        ("2024-03-01T10:00:00.123456789Z", "2024-03-01T10:00:00.123456+00:00"),
        ("2024-03-01T10:00+01:00", "2024-03-01T10:00:00+01:00"),
        ("2024-03-01T10:00-0930", "2024-03-01T10:00:00-09:30"),
        ("2024-03-01T10:00+02", "2024-03-01T10:00:00+02:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_iso(text: str, expected: str) -> None:
    found = parse_iso(text)
    assert found is not None
    assert found.isoformat() == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "24-03-01", "2024-3-1", "2024-03-01T", "2024-03-01T10", "2024-03-01T10:00:00.",
        "2024-03-01T10:00:00.1234567890Z", "2024-03-01Z", "2024-03-01T10:00:00Zulu", " 2024-03-01", "12",
        "\u0662\u0660\u0662\u0664-03-01",
    ],
)  # fmt: skip
def test_what_has_another_form(text: str) -> None:
    assert parse_iso(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01", "2024-00", "2024-13-01", "2024-02-30", "2023-02-29", "2024-03-00",
        "2024-03-01T24:00", "2024-03-01T10:60", "2024-03-01T10:00:60Z", "2024-03-01T10:00+01:60",
        "2024-03-01T10:00+24:00",
    ],
)  # fmt: skip
def test_what_does_not_exist(text: str) -> None:
    with pytest.raises(ValueError):
        parse_iso(text)


MOMENT = datetime(2025, 3, 14, 6, 43, 18, 958_490, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("2025-03-14T06:43:18.958490Z", False),
        ("2025-03-14T06:43:18.958491Z", True),
        ("2025-03-14T06:43:18.958489Z", False),
        ("2025-03-14T06:43:18Z", False),
        ("2025-03-14T06:43:19Z", True),
        ("2025-03-14T07:43:18.958490+01:00", False),
        ("2025-03-14T07:43:18.958491+01:00", True),
        ("2025-03-15", False),
        ("2025-13-15T00:00:00Z", False),
        ("yesterday", False),
        (None, False),
        (7, False),
    ],
)
def test_what_is_after_a_moment(recorded: object, *, expected: bool) -> None:
    assert is_after(recorded, MOMENT) is expected
    is_time = (
        isinstance(recorded, str) and recorded.endswith(("Z", "+01:00")) and "-13-" not in recorded
    )
    assert has_passed(recorded, MOMENT) is (is_time and not expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("1w2d", timedelta(days=9)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("1d12h", timedelta(hours=36)),
        ("1d12h30m", timedelta(hours=36, minutes=30)),
        ("1.5h", timedelta(minutes=90)),
        ("1h0.5s", timedelta(hours=1, microseconds=500_000)),
        ("250ms", timedelta(milliseconds=250)),
        ("999ns", timedelta(0)),
        ("0", timedelta(0)),
        ("0d", timedelta(0)),
        (" 30 days ", timedelta(days=30)),
        ("1 Day 2 Hours", timedelta(hours=26)),
        ("1 d 2 h", timedelta(hours=26)),
        ("2 weeks", timedelta(weeks=2)),
        ("1 hour 30 mins 5 secs", timedelta(hours=1, minutes=30, seconds=5)),
        ("99999d", timedelta(days=99_999)),
    ],
)
def test_age(text: str, expected: timedelta) -> None:
    assert parse_age(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "d", "30", "-1", "1 month", "12h1d", "1d2w", "1.5d", "1d x", "999999999d", "yesterday",
     "\u0663d", "30d\n\n5"],
)  # fmt: skip
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time such as 30d, 12h or 1d12h30m"):
        parse_age(text)


@pytest.mark.parametrize("text", ["-5m", "1d-5m", "-0.1s"])
def test_what_is_below_zero(text: str) -> None:
    with pytest.raises(ValueError, match="is below zero"):
        parse_age(text)
