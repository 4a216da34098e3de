from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tyger_local.spec.go_text import format_float, json_number, parse_duration, parse_int, quote


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (1.50, "1.5"),
        (0.5, "0.5"),
        (1e3, "1000"),
        (1.0e5, "100000"),
        (1e6, "1e+06"),
        (2e9, "2e+09"),
        (0.00001, "1e-05"),
        (3.14159265358979, "3.1415927"),
        (123456789.5, "1.2345679e+08"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        # Beyond Tyger's table: both sides of each border.
        (-math.inf, "-Inf"),
        (0.0, "0"),
        (-0.0, "-0"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (0.0001, "0.0001"),
        (0.00012, "0.00012"),
        (0.000099, "9.9e-05"),
        (123456.0, "123456"),
        (999999.0, "999999"),
        (1234567.0, "1.234567e+06"),
        (16777217.0, "1.6777216e+07"),
        (123456.75, "123456.75"),
        (16384.0625, "16384.062"),  # a tie goes to the even digit
        (3.4028234663852886e38, "3.4028235e+38"),
        (3.4028235e38, "3.4028235e+38"),
        (3.5e38, "+Inf"),
        (-1e300, "-Inf"),
        (1e-45, "1e-45"),
        (1e-46, "0"),
        (-1e-46, "-0"),
        (2.0**-126, "1.1754944e-38"),
        (8.41e21, "8.41e+21"),
        (2.0**86, "7.7371252e+25"),
        (2.0**90, "1.2379401e+27"),
        (1e23, "1e+23"),
    ],
)
def test_format_float(value: float, text: str) -> None:
    assert format_float(value) == text


def _single(value: float) -> bytes:
    return struct.pack("<f", value)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
@example(2.0**86)
@example(16777216.0)
def test_format_float_reads_back_as_the_same_32_bits(value: float) -> None:
    text = format_float(value)
    assert _single(float(text)) == _single(value)
    assert len(text) <= len(f"{value:.8e}")


# From the test cases that accompany the Ryu algorithm, which Go uses.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.3554448e7, "3.355445e+07"),
        (8.999999e9, "9e+09"),
        (3.4366717e10, "3.436672e+10"),
        (0.33007812, "0.33007812"),
        (4.7223665e21, "4.7223665e+21"),
        (1.9310392e-38, "1.9310392e-38"),
        (1.993244e-38, "1.993244e-38"),
        (5.3399997e9, "5.3399997e+09"),
        (6.0898e-39, "6.0898e-39"),
        (0.0010310042, "0.0010310042"),
        (7.0385313e-26, "7.0385313e-26"),
        (9.8e-45, "1e-44"),
    ],
)
def test_hard_32_bit_floats(value: float, text: str) -> None:
    assert format_float(value) == text


@pytest.mark.parametrize("exponent", range(-149, 128))
def test_powers_of_two_have_the_fewest_digits(exponent: int) -> None:
    value = 2.0**exponent
    digits = len(format_float(value).partition("e")[0].replace(".", "").strip("0"))
    fewest = next(n for n in range(1, 10) if _single(float(f"{value:.{n - 1}e}")) == _single(value))
    assert digits <= fewest


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (-(2**63), "-9223372036854775808"),
        (1.0, "1"),
        (0.0, "0"),
        (-0.0, "-0"),
        (0.5, "0.5"),
        (-2.5, "-2.5"),
        (1e-1, "0.1"),
        (2e9, "2000000000"),
        (1073741824.0, "1073741824"),
        (3.14159265358979, "3.14159265358979"),
        (1e-6, "0.000001"),
        (9.99e-7, "9.99e-7"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (1e-100, "1e-100"),
        (5e-324, "5e-324"),
        (1e20, "100000000000000000000"),
        (123456789012345678901.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (1.25e22, "1.25e+22"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)
def test_json_number(value: float, text: str) -> None:
    assert json_number(value) == text


@pytest.mark.parametrize(
    ("value", "name"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")]
)
def test_json_has_no_such_number(value: float, name: str) -> None:
    with pytest.raises(ValueError) as caught:
        json_number(value)
    assert str(caught.value) == f"json: unsupported value: {name}"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_json_number_reads_back_as_the_same_float(value: float) -> None:
    assert struct.pack("<d", float(json_number(value))) == struct.pack("<d", value)


@pytest.mark.parametrize(
    ("text", "base", "number"),
    [
        ("0", 10, 0),
        ("-3", 10, -3),
        ("+4", 10, 4),
        ("007", 10, 7),
        ("-0", 10, 0),
        ("9223372036854775807", 10, 2**63 - 1),
        ("-9223372036854775808", 10, -(2**63)),
        ("0" * 5000 + "1", 10, 1),
        ("0", 0, 0),
        ("42", 0, 42),
        ("0777", 0, 511),
        ("010", 0, 8),
        ("0o17", 0, 15),
        ("0O17", 0, 15),
        ("0x1F", 0, 31),
        ("0X1f", 0, 31),
        ("0b11", 0, 3),
        ("0B11", 0, 3),
        ("-0x10", 0, -16),
        ("1_000", 0, 1000),
        ("0x_1F", 0, 31),
        ("0_7", 0, 7),
        ("0" + "0" * 5000 + "7", 0, 7),
        ("0b" + "1" * 63, 0, 2**63 - 1),
    ],
)
def test_parse_int(text: str, base: int, number: int) -> None:
    assert parse_int(text, base) == number


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("", 10),
        ("-", 10),
        ("x", 10),
        ("1.5", 10),
        (" 1", 10),
        ("1\n", 10),
        ("1_000", 10),
        ("0x1F", 10),
        ("+-1", 10),
        ("\u0661", 10),
        ("", 0),
        ("08", 0),
        ("0x", 0),
        ("0b2", 0),
        ("_1", 0),
        ("1_", 0),
        ("1__0", 0),
        ("0x1F_", 0),
        ("1e3", 0),
        ("\u0661", 0),
    ],
)
def test_no_integer(text: str, base: int) -> None:
    with pytest.raises(ValueError) as caught:
        parse_int(text, base)
    assert str(caught.value) == f"{quote(text)} is not an integer"


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("9223372036854775808", 10),
        ("-9223372036854775809", 10),
        ("9" * 5000, 10),
        ("0x8000000000000000", 0),
        ("-0x8000000000000001", 0),
    ],
)
def test_integer_beyond_64_bits(text: str, base: int) -> None:
    with pytest.raises(ValueError) as caught:
        parse_int(text, base)
    assert str(caught.value) == f'"{text}" does not fit in 64 bits'


SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("300s", 300 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("2h45m", 9900 * SECOND),
        ("500ms", SECOND // 2),
        ("-1s", -SECOND),
        ("+1s", SECOND),
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("1.s", SECOND),
        (".5s", SECOND // 2),
        ("1ns", 1),
        ("1us", 1000),
        ("1\u00b5s", 1000),
        ("1\u03bcs", 1000),
        ("1.9ns", 1),
        ("1s1s", 2 * SECOND),
        ("1m.5s", 60 * SECOND + SECOND // 2),
        ("0.3333333333333333333h", 1200 * SECOND),
        ("0.9223372036854775809s", 922337203),
        ("00000000000000000000001s", SECOND),
        ("9223372036854775807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
    ],
)
def test_parse_duration(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("abc", 'time: invalid duration "abc"'),
        ("10", 'time: missing unit in duration "10"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        (".", 'time: invalid duration "."'),
        (".s", 'time: invalid duration ".s"'),
        ("--1s", 'time: invalid duration "--1s"'),
        ("1", 'time: missing unit in duration "1"'),
        ("1s2", 'time: missing unit in duration "1s2"'),
        ("1.2.3s", 'time: missing unit in duration "1.2.3s"'),
        ("1 s", 'time: unknown unit " s" in duration "1 s"'),
        ("1S", 'time: unknown unit "S" in duration "1S"'),
        ('1"\\', 'time: unknown unit "\\"\\\\" in duration "1\\"\\\\"'),
        (
            "1\u00e9\n\x7f",
            'time: unknown unit "\\xc3\\xa9\\x0a\x7f" in duration "1\\xc3\\xa9\\x0a\x7f"',
        ),
        ("1\udcff", 'time: unknown unit "\\xff" in duration "1\\xff"'),
        ("\u0661s", 'time: invalid duration "\\xd9\\xa1s"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
        ("-9223372036854775809ns", 'time: invalid duration "-9223372036854775809ns"'),
        ("9223372036854775809", 'time: invalid duration "9223372036854775809"'),
        ("99999999999999999999", 'time: invalid duration "99999999999999999999"'),
        ("2562048h", 'time: invalid duration "2562048h"'),
        ("-2562047h48m", 'time: invalid duration "-2562047h48m"'),
    ],
)
def test_no_duration(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("abc", '"abc"'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\x00\x1b\x7f", r'"\x00\x1b\x7f"'),
        ("caf\u00e9 \u2713", '"caf\u00e9 \u2713"'),
        ("\U0001f600", '"\U0001f600"'),
        ("\u00a0\u200b\u2028", r'"\u00a0\u200b\u2028"'),
        ("\U000e0001", r'"\U000e0001"'),
        ("\ue000", r'"\ue000"'),
        ("\ufffd", '"\ufffd"'),
        ("\udc80\udcff", r'"\x80\xff"'),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.text())
def test_quoted_text_is_one_printable_line(text: str) -> None:
    assert quote(text).isprintable()


@given(st.text() | st.text("+-_.0123456789abxosmhn"))
@pytest.mark.parametrize(
    "read", [partial(parse_int, base=10), partial(parse_int, base=0), parse_duration]
)
def test_only_value_errors(read: Callable[[str], int], text: str) -> None:
    try:
        assert -(2**63) <= read(text) < 2**63
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017 - either outcome is right


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_and_nanoseconds_read_back(number: int) -> None:
    assert parse_int(str(number), 10) == number
    assert parse_duration(f"{number}ns") == number
