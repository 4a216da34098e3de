from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.errors import QuantityError
from tyger_local.spec.quantity import (
    FORMAT_WRONG,
    MAX_CHARACTERS,
    NUMERIC_WRONG,
    SUFFIX_WRONG,
    Quantity,
    QuantityFormat,
    parse_quantity,
)

GENERAL_HINT = (
    "write a number and a suffix, such as 500m, 2, 1.5G or 1Gi; the suffixes are "
    "n u m k M G T P E Ki Mi Gi Ti Pi Ei"
)
NUMBERS = st.from_regex(r"[+-]?[0-9]{1,25}(\.[0-9]{0,15})?", fullmatch=True)
SUFFIXES = st.sampled_from(
    [*"numkMGTPE", "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-4", "e+21", "e-12"]
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("1000m", "1"),
        ("1.5", "1500m"),
        ("0.5", "500m"),
        ("0.1", "100m"),
        ("1000", "1k"),
        ("2000000", "2M"),
        ("1024", "1024"),
        ("1Ki", "1Ki"),
        ("2048048", "2048048"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("1.1Ki", "1126400m"),
        ("1000M", "1G"),
        ("1000Mi", "1000Mi"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1e2", "100"),
        ("0", "0"),
        ("0.", "0"),
        ("+1", "1"),
        ("007", "7"),
        ("-1", "-1"),
        ("1073741824", "1073741824"),
        ("0.0001", "100u"),
        # Beyond Tyger's table: Kubernetes' own corners.
        ("2000000000", "2G"),
        ("1.500", "1500m"),
        (".5", "500m"),
        ("1.G", "1G"),
        ("00", "0"),
        ("-0", "0"),
        ("0Ki", "0"),
        ("0.5Ki", "512"),
        ("-0.5Ki", "-512"),
        ("0.9765625Ki", "1k"),
        ("-1.5Gi", "-1536Mi"),
        ("1e-1", "100e-3"),
        ("1e-9", "1e-9"),
        ("1E", "1E"),
        ("1000E", "1e21"),
        ("1e+21", "1e21"),
        ("1e000003", "1e3"),
        ("12345678901234567890", "12345678901234567890"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("1.0000000001", "1000000001n"),
        ("0.0000000001Ki", "103n"),
        ("1e-1000", "1e-9"),
        ("7Ei", "7Ei"),
        ("8Ei", "9223372036854775807"),
        ("-8Ei", "-9223372036854775807"),
        ("9999999Pi", "9223372036854775807"),
        # A number without digits is zero.
        (".", "0"),
        ("+", "0"),
        ("-", "0"),
        ("+.", "0"),
        ("m", "0"),
        ("E", "0"),
        ("e5", "0"),
        ("e-9", "0"),
        ("Ti", "0"),
        (".Ki", "0"),
    ],
)
def test_canonical_text(text: str, shown: str) -> None:
    assert str(parse_quantity(text)) == shown


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", FORMAT_WRONG),
        (" 1", FORMAT_WRONG),
        ("1 ", FORMAT_WRONG),
        ("1\n", FORMAT_WRONG),
        ("1g", FORMAT_WRONG),
        ("1gi", FORMAT_WRONG),
        ("1GB", FORMAT_WRONG),
        ("1GiB", FORMAT_WRONG),
        ("1..2", FORMAT_WRONG),
        ("1.2.3", FORMAT_WRONG),
        ("0x10", FORMAT_WRONG),
        ("1_000", FORMAT_WRONG),
        ("1e3m", FORMAT_WRONG),
        ("abc", FORMAT_WRONG),
        ("\u0661", FORMAT_WRONG),
        ("1K", SUFFIX_WRONG),
        ("1e", SUFFIX_WRONG),
        ("1e-", SUFFIX_WRONG),
        ("1ee3", SUFFIX_WRONG),
        ("1i", SUFFIX_WRONG),
        ("1MiMi", SUFFIX_WRONG),
        ("1k3", SUFFIX_WRONG),
        ("1+", SUFFIX_WRONG),
        ("+-1", SUFFIX_WRONG),
        ("1e9223372036854775808", SUFFIX_WRONG),
        ("Ei", NUMERIC_WRONG),
        ("-Pi", NUMERIC_WRONG),
        (".Ei", NUMERIC_WRONG),
        ("e-10", NUMERIC_WRONG),
        ("1e1001", "a quantity's exponent beyond 1000 is not supported"),
        ("1e-1001", "a quantity's exponent beyond 1000 is not supported"),
        ("1e9223372036854775807", "a quantity's exponent beyond 1000 is not supported"),
        (
            "1" * (MAX_CHARACTERS + 1),
            "a quantity of more than 1000 characters is not supported",
        ),
    ],
)
def test_rejected(text: str, what: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse_quantity(text)
    assert caught.value.what == what
    assert caught.value.hint.startswith("write ")


def test_the_sentences_are_those_of_kubernetes() -> None:
    assert FORMAT_WRONG == (
        "quantities must match the regular expression "
        "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )
    assert SUFFIX_WRONG == "unable to parse quantity's suffix"
    assert NUMERIC_WRONG == "unable to parse numeric part of quantity"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1GB", "write 1G or 1Gi"),
        ("1GiB", "write 1Gi"),
        ("1K", "write 1k or 1Ki"),
        ("1kb", "write 1k or 1Ki"),
        ("1g", "write 1G or 1Gi"),
        ("1gi", "write 1Gi"),
        ("1.5 TB", "write 1.5T or 1.5Ti"),
        ("512mb", "write 512M or 512Mi"),
        ("100B", "write 100"),
        (" 1", "write 1"),
        ("1_000", "write 1000"),
        ("-1GB", "write -1G or -1Gi"),
        ("1,5", GENERAL_HINT),
        ("abc", GENERAL_HINT),
    ],
)
def test_hint(text: str, hint: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse_quantity(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "shown_as"),
    [
        ("1", QuantityFormat.DECIMAL_SI),
        ("1Ki", QuantityFormat.BINARY_SI),
        ("0Ki", QuantityFormat.BINARY_SI),
        ("0.0001Ki", QuantityFormat.DECIMAL_SI),
        ("1e0", QuantityFormat.DECIMAL_EXPONENT),
        ("1E", QuantityFormat.DECIMAL_SI),
    ],
)
def test_format(text: str, shown_as: QuantityFormat) -> None:
    assert parse_quantity(text).format is shown_as


@pytest.mark.parametrize(
    ("text", "value", "milli_value"),
    [
        ("0", 0, 0),
        ("1500m", 2, 1500),
        ("1", 1, 1000),
        ("0.0001", 1, 1),
        ("-1500m", -2, -1500),
        ("-0.0001", -1, -1),
        ("1Gi", 2**30, 2**30 * 1000),
    ],
)
def test_whole_and_milli_values(text: str, value: int, milli_value: int) -> None:
    quantity = parse_quantity(text)
    assert (quantity.value, quantity.milli_value) == (value, milli_value)


def test_equality_is_numeric() -> None:
    assert parse_quantity("1") == parse_quantity("1000m") == parse_quantity("1e0")
    assert parse_quantity("1Gi") == parse_quantity("1073741824")
    assert len({parse_quantity(text) for text in ("1Ki", "1024", "1.024k", "1024e0")}) == 1
    assert parse_quantity("1") != parse_quantity("1001m")


def test_a_binary_sum_beyond_what_can_be_parsed_is_shown_exactly() -> None:
    assert str(Quantity(2**70 * 10**9, QuantityFormat.BINARY_SI)) == "1024Ei"


@given(NUMBERS, SUFFIXES)
def test_canonical_text_reads_back_as_the_same_value(number: str, suffix: str) -> None:
    quantity = parse_quantity(number + suffix)
    again = parse_quantity(str(quantity))
    assert again == quantity
    assert str(again) == str(quantity)


@given(st.text() | st.text("+-.0123456789eEinumkKMGTP"))
def test_only_quantity_errors(text: str) -> None:
    try:
        quantity = parse_quantity(text)
    except QuantityError:
        return
    assert text.isascii()
    assert str(parse_quantity(str(quantity))) == str(quantity)
