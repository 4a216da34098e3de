"""Quantities against exact fractions: arithmetic written down a second time, from the table of suffixes."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tyger_local.spec.quantity import Quantity, QuantityFormat, parse_quantity

DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
NANO = Fraction(1, 10**9)
LARGEST_BINARY = 2**63 - 1
CANONICAL = re.compile(r"0|-?[1-9][0-9]*([numkMGTPE]|[KMGTPE]i|e-?[1-9][0-9]*)?")

SIGNS = st.sampled_from(["", "+", "-"])
DIGITS = st.text("0123456789", min_size=1, max_size=22)
FRACTIONS = st.one_of(st.just(""), st.text("0123456789", max_size=14).map(".{}".format))
EXPONENTS = st.tuples(st.sampled_from("eE"), st.integers(-30, 30)).map(lambda e: f"{e[0]}{e[1]}")
SUFFIXES = st.one_of(st.sampled_from([*DECIMAL, *BINARY]), EXPONENTS)
TEXTS = st.tuples(SIGNS, DIGITS, FRACTIONS, SUFFIXES).map("".join)


def _exact(text: str) -> Fraction:
    """Return what a quantity says, to the last digit."""
    match = re.fullmatch(r"([-+]?[0-9]+\.?[0-9]*)(.*)", text)
    assert match is not None
    number, suffix = Fraction(match[1].rstrip(".")), match[2]
    if suffix in BINARY:
        return number * Fraction(1024 ** BINARY[suffix])
    power = DECIMAL[suffix] if suffix in DECIMAL else int(suffix[1:])
    return number * Fraction(f"1e{power}")


def _away_from_zero(number: Fraction) -> int:
    return math.ceil(number) if number > 0 else math.floor(number)


def _kept(text: str) -> Fraction:
    """Return what Kubernetes keeps of it: whole nanos, and no binary one beyond 63 bits."""
    kept = _away_from_zero(_exact(text) / NANO) * NANO
    is_binary = text.endswith("i")
    return (
        max(min(kept, Fraction(LARGEST_BINARY)), Fraction(-LARGEST_BINARY)) if is_binary else kept
    )


@given(TEXTS)
def test_the_value_is_exact_up_to_nanos(text: str) -> None:
    assert parse_quantity(text).nanos * NANO == _kept(text)


@given(TEXTS)
def test_whole_and_milli_values_are_rounded_away_from_zero(text: str) -> None:
    quantity, kept = parse_quantity(text), _kept(text)
    assert quantity.value == _away_from_zero(kept)
    assert quantity.milli_value == _away_from_zero(kept * 1000)


@given(TEXTS, TEXTS)
def test_order_and_equality_are_those_of_the_numbers(one: str, other: str) -> None:
    first, second = parse_quantity(one), parse_quantity(other)
    assert (first.nanos < second.nanos) == (_kept(one) < _kept(other))
    assert (first == second) == (_kept(one) == _kept(other))
    assert first != second or hash(first) == hash(second)


@given(st.integers(-(10**6), 10**6), st.sampled_from(sorted(DECIMAL)), st.sampled_from([1, 1000]))
def test_two_spellings_of_one_number_are_equal(number: int, suffix: str, factor: int) -> None:
    text = f"{number}{suffix}"
    respelt = f"{number * factor}e{DECIMAL[suffix] - (3 if factor == 1000 else 0)}"
    assert parse_quantity(text) == parse_quantity(respelt)


@given(TEXTS)
def test_the_canonical_text_is_exact_short_and_final(text: str) -> None:
    shown = str(parse_quantity(text))
    assert CANONICAL.fullmatch(shown)
    assert _exact(shown) == _kept(text)
    assert str(parse_quantity(shown)) == shown
    mantissa = re.sub(r"[^-0-9].*", "", shown)
    if shown[-1].isdigit() and "e" not in shown:
        # Zeros that a suffix could stand for stay only where the family has none: 1024, not 1.024k.
        assert not mantissa.endswith("000") or text.endswith("i")


@given(st.integers(), st.sampled_from(QuantityFormat))
def test_what_is_shown_is_read_back(nanos: int, shown_as: QuantityFormat) -> None:
    quantity = Quantity(nanos, shown_as)
    again = parse_quantity(str(quantity))
    if str(quantity).endswith("i"):
        nanos = max(min(nanos, LARGEST_BINARY * 10**9), -LARGEST_BINARY * 10**9)
    assert again.nanos == nanos
