from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import click
import pytest

from tyger_local.cli.times import AGE, TIME, read_time
from tyger_local.errors import UsageError

NOW = datetime(2026, 11, 26, 12, 30, 20, tzinfo=timezone.utc)
"""A Thursday; in New York it is 7:30:20."""


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01T10:00:00Z", "2024-03-01 10:00:00"),
        ("2024-03-01T10:00:00.123456789+01:00", "2024-03-01 09:00:00.123456"),
        ("2024-03-01", "2024-03-01 05:00:00"),
        ("2024-07-01 10:00", "2024-07-01 14:00:00"),
        ("2024", "2024-01-01 05:00:00"),
        ("1 hour ago", "2026-11-26 11:30:20"),
        ("an hour ago", "2026-11-26 11:30:20"),
        ("90m", "2026-11-26 11:00:20"),
        ("2 Days Ago", "2026-11-24 12:30:20"),
        ("2 weeks ago", "2026-11-12 12:30:20"),
        ("30d ago", "2026-10-27 12:30:20"),
        ("1 month ago", "2026-10-26 11:30:20"),
        ("now", "2026-11-26 12:30:20"),
        ("today", "2026-11-26 05:00:00"),
        ("Yesterday", "2026-11-25 05:00:00"),
        ("yesterday at 10:00", "2026-11-25 15:00:00"),
        ("7:00", "2026-11-26 12:00:00"),
        ("8:00", "2026-11-25 13:00:00"),
        ("monday", "2026-11-23 05:00:00"),
        ("last week", "2026-11-19 12:30:20"),
        ("March 1", "2026-03-01 05:00:00"),
        ("Dec 31", "2025-12-31 05:00:00"),
        ("March 2024", "2024-03-01 05:00:00"),
        ("1 Mar 2024 10:00 UTC", "2024-03-01 10:00:00"),
        ("yesterday at 10:00 UTC", "2026-11-25 10:00:00"),
        ("yesterday at 23:00 PST", "2026-11-26 07:00:00"),
    ],
)
def test_moments(text: str, expected: str) -> None:
    assert read_time(text, NOW) == datetime.fromisoformat(f"{expected}+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "", "ago", "garbage", "12", "2025-13-45", "2024-02-30", "2024-03-01T10:00+99:00", "0001-01-01",
        "5000 years ago",
    ],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_time(text, NOW)
    assert caught.value.what == f"failed to parse time {text}"
    assert "2024-03-01T10:00:00Z" in caught.value.hint


def test_an_hour_is_an_hour_also_where_the_clocks_are_set_back() -> None:
    set_back = datetime(2026, 11, 1, 6, 30, tzinfo=timezone.utc)  # 1:30 for the second time
    assert read_time("1 hour ago", set_back) == set_back - timedelta(hours=1)


READ_ALL = """
import sys
from datetime import datetime, timezone
from tyger_local.cli.times import read_time
for text in sys.argv[2:]:
    print(read_time(text, datetime.fromisoformat(sys.argv[1])).isoformat())
"""


@pytest.mark.parametrize(
    ("zone_name", "ahead"),
    [("UTC0", 0), ("JST-9", 9), ("CET-1CEST", 1), ("<+03>-3", 3), ("Nowhere/Bad", 0), ("", 0)],
)
def test_zones_that_no_database_names(
    zone_name: str, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a program of its own: whoever was asked for the local zone once knows it for ever."""
    monkeypatch.setenv("TZ", zone_name)
    midnight = datetime(2026, 11, 26, tzinfo=timezone(timedelta(hours=ahead)))
    expected = {
        "today": midnight,
        "yesterday": midnight - timedelta(days=1),
        "now": NOW,
        "1 day ago": NOW - timedelta(days=1),
        "last week": NOW - timedelta(weeks=1),
        "10:00": midnight + timedelta(hours=10),
        "March 2024": datetime(2024, 3, 1, tzinfo=midnight.tzinfo),
    }
    command = (sys.executable, "-c", READ_ALL, NOW.isoformat(), *expected)
    answer = subprocess.run(command, capture_output=True, check=False, text=True)
    assert answer.stderr == ""
    found = [datetime.fromisoformat(line) for line in answer.stdout.splitlines()]
    assert dict(zip(expected, found, strict=True)) == expected


def test_as_values_of_flags() -> None:
    flag = click.Option(["-s", "--since"])
    since = TIME.convert("1 hour ago", flag, None)
    assert (
        timedelta(0) <= datetime.now(timezone.utc) - since - timedelta(hours=1) < timedelta(0, 60)
    )
    assert AGE.convert("1d12h", flag, None) == timedelta(hours=36)
    with pytest.raises(UsageError, match="failed to parse time x"):
        TIME.convert("x", flag, None)
    with pytest.raises(UsageError) as caught:
        AGE.convert("x", flag, None)
    expected = 'invalid argument "x" for "-s, --since" flag: "x" is no length of time'
    assert str(caught.value).startswith(expected)


def test_times_in_digits_load_nothing_slow() -> None:
    program = (
        "import sys; from datetime import datetime, timezone;"
        "from tyger_local.cli.times import read_time;"
        "now = datetime.now(timezone.utc);"
        "[read_time(text, now) for text in ('2024-03-01T10:00:00Z', '2 days ago', '30m')];"
        "print('dateparser' in sys.modules)"
    )
    answer = subprocess.run((sys.executable, "-c", program), capture_output=True, check=True)
    assert answer.stdout == b"False\n"
