"""The digits of a float and Go's two ways of laying them out (``%f`` and ``%e``).

Digits are a pair: the significant ones without zeros at either end (none for zero), and the place
of the decimal point in them. ``("15", 1)`` is 1.5, ``("15", 3)`` is 150, ``("15", -1)`` is 0.015.
Floats here are finite and not negative; signs, NaN and infinities are the caller's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction

Digits = tuple[str, int]

_HIDDEN_BIT = 2**23
_EXPONENT_BIAS = 150
_ENOUGH_DIGITS = 9


def shortest_64(value: float) -> Digits:
    """The fewest digits that read back as `value`; Python's own `repr` finds them."""
    return _significant(repr(value))


def shortest_32(value: float) -> Digits:
    """The fewest digits that read back as `value`, which a 32-bit float must hold exactly.

    Of several the nearest is taken, and of two equally near ones the even one, as in Go's
    ``strconv``. Just above a power of two floats lie twice as far apart as below it. The nearest
    decimal may then belong to the float below while the next one up is ours: that is tried too.
    """
    reads_back = _interval_32(value)
    for places in range(_ENOUGH_DIGITS - 1):
        mantissa, _, exponent = f"{value:.{places}e}".partition("e")
        nearest = int(mantissa.replace(".", ""))
        power = int(exponent) - places
        for number in (nearest, nearest + 1):
            if reads_back(number * Fraction(10) ** power):
                return _significant(f"{number}e{power}")
    return _significant(f"{value:.{_ENOUGH_DIGITS - 1}e}")


def fixed(digits: Digits) -> str:
    """``0.015``, ``1.5``, ``150``: no exponent and no needless zero; ``0`` for zero."""
    text, point = digits
    whole = text[: max(point, 0)].ljust(point, "0") or "0"
    fraction = "0" * -point + text[max(point, 0) :] if text else ""
    return f"{whole}.{fraction}" if fraction else whole


def scientific(digits: Digits) -> str:
    """``1.5e-02``, ``1e+06``: one digit before the point, at least two in the exponent."""
    text, point = digits
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{text[0]}{fraction}e{point - 1:+03d}"


def _interval_32(value: float) -> Callable[[Fraction], bool]:
    """Whether a decimal is read as `value`: between the midpoints to the floats on either side."""
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    exponent, mantissa = divmod(int(bits), _HIDDEN_BIT)
    half = Fraction(2) ** (max(exponent, 1) - _EXPONENT_BIAS - 1)
    below = half / 2 if mantissa == 0 and exponent > 1 else half
    low, high = Fraction(value) - below, Fraction(value) + half
    if mantissa % 2:
        return lambda decimal: low < decimal < high
    return lambda decimal: low <= decimal <= high


def _significant(text: str) -> Digits:
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or 0)
    return digits.rstrip("0"), point if digits else 0
