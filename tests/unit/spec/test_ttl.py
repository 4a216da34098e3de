from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.errors import SpecError
from tyger_local.spec.place import Place
from tyger_local.spec.ttl import TIME_FORMAT, check_not_zero, expires_at

NOW = "2026-02-28T23:59:59.000001Z"
FLAG = Place("--ttl")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", None),
        ("0.00:00", NOW),
        ("1.00:00", "2026-03-01T23:59:59.000001Z"),
        ("0.00:01", "2026-03-01T00:00:59.000001Z"),
        ("0.00:00:01", "2026-03-01T00:00:00.000001Z"),
        ("007.12:30", "2026-03-08T12:29:59.000001Z"),
        ("0.99:99:99", "2026-03-05T04:40:38.000001Z"),
        ("3000000.00:00", None),  # the year 10239
        ("9" * 5000 + ".00:00", None),
    ],
)
def test_when_it_expires(text: str, at: str | None) -> None:
    assert expires_at(NOW, text, FLAG) == at


@pytest.mark.parametrize(
    "text", ["1", "1.0:00", "1.00", "1.00:00:0", "-1.00:00", " 1.00:00", "1.00:00\n", "٣.00:00"]
)
def test_what_is_no_time_to_live(text: str) -> None:
    with pytest.raises(SpecError, match=r"^--ttl: invalid buffer TTL format: .*should be D\.HH:MM"):
        expires_at(NOW, text, FLAG)


@given(
    one=st.integers(0, 10**6),
    other=st.integers(0, 10**6),
    now=st.datetimes(*map(datetime.fromisoformat, ("1970-01-01", "9990-01-01"))),
)
def test_text_is_in_the_order_of_time(one: int, other: int, now: datetime) -> None:
    texts = [
        expires_at(now.strftime(TIME_FORMAT), f"0.00:{n // 60 % 60:02}:{n % 60:02}", FLAG)
        for n in (one, other)
    ]
    one, other = one % 3600, other % 3600
    assert None not in texts
    assert (str(texts[0]) < str(texts[1])) is (one < other)
    assert texts[0] == (now + timedelta(seconds=one)).strftime(TIME_FORMAT)


def test_no_time_at_all() -> None:
    for text in ("", "0.00:01", "1.00:00", "0.00:00:01"):
        check_not_zero(text, FLAG)
    for text in ("0.00:00", "00.00:00:00"):
        with pytest.raises(SpecError, match=r"^--ttl: with a buffer TTL of zero \(0"):
            check_not_zero(text, FLAG)
