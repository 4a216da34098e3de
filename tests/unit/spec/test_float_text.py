from __future__ import annotations

import pytest

from tyger_local.spec.float_text import Digits, fixed, scientific, shortest_32, shortest_64


@pytest.mark.parametrize(
    ("digits", "as_fixed"),
    [
        (("", 0), "0"),
        (("15", 1), "1.5"),
        (("15", 2), "15"),
        (("15", 3), "150"),
        (("15", 0), "0.15"),
        (("15", -1), "0.015"),
    ],
)
def test_fixed(digits: Digits, as_fixed: str) -> None:
    assert fixed(digits) == as_fixed


@pytest.mark.parametrize(
    ("digits", "as_scientific"),
    [
        (("1", 7), "1e+06"),
        (("15", 1), "1.5e+00"),
        (("15", -1), "1.5e-02"),
        (("15", 101), "1.5e+100"),
    ],
)
def test_scientific(digits: Digits, as_scientific: str) -> None:
    assert scientific(digits) == as_scientific


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (0.0, ("", 0)),
        (1.0, ("1", 1)),
        (100.0, ("1", 3)),
        (0.0078125, ("78125", -2)),
        (2.0**-149, ("1", -44)),
        (2.0**-126, ("11754944", -37)),
        (2.0**-125, ("23509887", -37)),
        (1.00000011920928955078125, ("10000001", 1)),
        (4194304.5, ("41943045", 7)),
        (1000.00006103515625, ("100000006", 4)),
        (2.0**-96, ("12621775", -28)),  # the nearest eight digits belong to the float below
        (2.0**87, ("15474251", 27)),
        (2.0**90, ("12379401", 28)),
        (1073741952.0, ("1073742", 10)),
        (0.999999940395355224609375, ("99999994", 0)),
    ],
)
def test_shortest_32(value: float, digits: Digits) -> None:
    assert shortest_32(value) == digits


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (0.0, ("", 0)),
        (0.1, ("1", 0)),
        (120.0, ("12", 3)),
        (1e300, ("1", 301)),
        (2.5e-7, ("25", -6)),
    ],
)
def test_shortest_64(value: float, digits: Digits) -> None:
    assert shortest_64(value) == digits
