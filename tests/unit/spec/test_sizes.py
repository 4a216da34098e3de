from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.errors import UsageError
from tyger_local.spec.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("1K", 1024),
        ("1KB", 1024),
        ("1KiB", 1024),
        ("1Ki", 1024),
        ("100MB", 100 * 2**20),
        ("10G", 10 * 2**30),
        ("1.5M", 3 * 2**19),
        (".5K", 512),
        ("1.K", 1024),
        ("1GB512MB", 3 * 2**29),
        ("1T", 2**40),
        ("2P", 2**51),
        ("7E", 7 * 2**60),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "B", "x", "-1", "+1", "1 K", "1k", "1 ", ".", ".K", "1KM", "1X", "0x10", "1_0", "٣"],
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="invalid size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["9223372036854775808", "8E", "7EB1EB", "9" * 30 + "E"])
def test_what_is_too_large(text: str) -> None:
    with pytest.raises(UsageError, match="too large"):
        parse_size(text)


@given(st.integers(0, 2**63 - 1))
def test_plain_numbers_are_exact(size: int) -> None:
    assert parse_size(str(size)) == size
