from __future__ import annotations

import pytest

from tyger_local.report.reading import (
    entries,
    items,
    number,
    part,
    seconds_between,
    text,
    whole,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3.0), (2.5, 2.5), (0, 0.0), (-1, None), (True, None), ("3", None), (None, None),
     (float("nan"), None), (float("inf"), None), ([], None)],
)  # fmt: skip
def test_numbers(value: object, expected: float | None) -> None:
    assert number(value) == expected
    assert whole(value) == (None if expected is None else int(expected))


def test_what_is_not_there_is_nothing() -> None:
    document = {"a": {"b": [1, 2], 3: "c"}, "d": None}
    assert part(document, "a", "b") == [1, 2]
    assert part(document, "a", "b", "c") is None
    assert part(document, "d", "e") is None
    assert (items(part(document, "a", "b")), items("ab"), items(None)) == ([1, 2], [], [])
    assert (entries(document["a"]), entries([1])) == ({"b": [1, 2], "3": "c"}, {})
    assert (text("a"), text(1)) == ("a", "")


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        ("2025-03-14T06:43:18.500000Z", "2025-03-14T06:43:19Z", 0.5),
        ("2025-03-14T06:43:18+01:00", "2025-03-14T06:43:18Z", 3600.0),
        ("2025-03-14T06:43:19Z", "2025-03-14T06:43:18Z", None),
        ("2025-03-14T06:43:19", "2025-03-14T06:43:20Z", None),
        ("yesterday", "2025-03-14T06:43:18Z", None),
        (None, "2025-03-14T06:43:18Z", None),
        ("2025-03-14T06:43:18Z", 3, None),
    ],
)
def test_time_between(earlier: object, later: object, expected: float | None) -> None:
    assert seconds_between(earlier, later) == expected
