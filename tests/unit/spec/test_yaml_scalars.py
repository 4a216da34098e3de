"""Scalars by go-yaml v2's rules; every expectation was compared with the Go library itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.spec.yaml_scalars import Scalar, ScalarError, key_text, resolve

YAML = "tag:yaml.org,2002:"


def _same(got: Scalar, expected: Scalar) -> bool:
    return type(got) is type(expected) and got == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the conversions Tyger shows, as values; fields that hold text make text of them later
        ("1", 1),
        ("+1", 1),
        ("-1", -1),
        ("1.0", 1.0),
        ("1.50", 1.5),
        (".5", 0.5),
        ("+.5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("1.0e5", 100000.0),
        ("1e6", 1e6),
        ("2e9", 2e9),
        ("0.00001", 1e-05),
        ("1e-1", 0.1),
        ("3.14159265358979", 3.14159265358979),
        ("123456789.5", 123456789.5),
        ("0777", 511),
        ("010", 8),
        ("007", 7),
        ("08", 8.0),
        ("09", 9.0),
        ("0o17", 15),
        ("0O17", 15),
        ("-0o7", -7),
        ("0x1F", 31),
        ("+0x1", 1),
        ("0b11", 3),
        ("-0b11", -3),
        ("0b-1", -1),
        ("0b+1", 1),
        ("-0b-1", "-0b-1"),
        ("0o8", "0o8"),
        ("0b2", "0b2"),
        ("0x", "0x"),
        ("1.2.3", "1.2.3"),
        ("1_000", 1000),
        ("1__0", 10),
        ("-_1", -1),
        ("0x_1F", 31),
        ("_1", "_1"),
        ("1_0.5_0", 10.5),
        (".5_0", 0.5),
        (".5_", ".5_"),
        ("._5", "._5"),
        (".5e1_0", 5e9),
        (".5e_1", ".5e_1"),
        (".e3", ".e3"),
        ("2023-01-01", "2023-01-01"),
        ("2023-01-01T00:00:00Z", "2023-01-01T00:00:00Z"),
        ("1:30", "1:30"),
        ("NaN", "NaN"),
        ("inf", "inf"),
        (".inf", math.inf),
        ("+.INF", math.inf),
        ("-.Inf", -math.inf),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nUll", "nUll"),
        ("-", "-"),
        (".", "."),
        ("٣", "٣"),
        ("1٣", "1٣"),
        ("<<", "<<"),
        # the ends of 64 bits: signed, unsigned, then floats, then text
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", -(2.0**63)),
        ("+9223372036854775808", 2.0**63),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("0xFFFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFFF"),
        ("0b-" + "1" * 64, "0b-" + "1" * 64),
        ("1e999", "1e999"),
        (".5e999", ".5e999"),
        ("1_0e999", "1_0e999"),
        ("1e-999", 0.0),
        ("9" * 5000, "9" * 5000),
        ("0" * 5000 + "7", 7),
    ],
)
def test_plain(text: str, expected: Scalar) -> None:
    assert _same(resolve(text), expected), resolve(text)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("y Y yes Yes YES true True TRUE on On ON", True),
        ("n N no No NO false False FALSE off Off OFF", False),
    ],
)
def test_booleans(words: str, expected: bool) -> None:
    assert [resolve(word) for word in words.split()] == [expected] * 11


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number(text: str) -> None:
    value = resolve(text)
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("text", ["007", "1", "yes", "~", "", ".inf"])
def test_quoted_is_text(text: str) -> None:
    assert resolve(text, plain=False) == text


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        ("str", "12", "12"),
        ("str", "", ""),
        ("int", "12", 12),
        ("int", "18446744073709551615", 2**64 - 1),
        ("float", "1", 1.0),
        ("float", "1.5", 1.5),
        ("float", ".inf", math.inf),
        ("bool", "yes", True),
        ("null", "", None),
        ("null", "~", None),
        ("timestamp", "2001-01-01", "2001-01-01"),
        ("timestamp", "2001-1-1 1:2:3.5", "2001-1-1 1:2:3.5"),
        ("binary", "aGk=", "hi"),
        ("binary", "aG\nk=", "hi"),
        ("merge", "1", "1"),
        ("seq", "1", "1"),
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_tags(tag: str, text: str, expected: Scalar, plain: bool) -> None:
    assert _same(resolve(text, YAML + tag, plain=plain), expected)


@pytest.mark.parametrize("tag", ["!", "!mine", "tag:example.org:x"])
def test_unknown_tags_mean_text(tag: str) -> None:
    assert resolve("1", tag) == "1"


@pytest.mark.parametrize(
    ("tag", "text", "message"),
    [
        ("int", "1.0", "cannot decode !!float `1.0` as a !!int"),
        ("int", "x", "cannot decode !!str `x` as a !!int"),
        ("int", "~", "cannot decode !!null `~` as a !!int"),
        ("int", "2001-01-01", "cannot decode !!str `2001-01-01` as a !!int"),
        ("bool", "1", "cannot decode !!int `1` as a !!bool"),
        ("null", "x", "cannot decode !!str `x` as a !!null"),
        ("float", "yes", "cannot decode !!bool `yes` as a !!float"),
        (
            "float",
            "18446744073709551615",
            "cannot decode !!int `18446744073709551615` as a !!float",
        ),
        ("timestamp", "soon", "cannot decode !!str `soon` as a !!timestamp"),
        ("binary", "aGk", "!!binary value contains invalid base64 data"),
        ("binary", "é", "!!binary value contains invalid base64 data"),
        ("binary", "//8=", "!!binary value is not UTF-8 text"),
    ],
)
def test_tags_that_do_not_fit(tag: str, text: str, message: str) -> None:
    with pytest.raises(ScalarError) as caught:
        resolve(text, YAML + tag)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (-(2**63), "-9223372036854775808"),
        (1.0, "1"),
        (0.5, "0.5"),
        (1e6, "1e+06"),
        (3.14159265358979, "3.1415927"),
        (math.inf, ".inf"),
        (-math.inf, "-.inf"),
        (math.nan, ".nan"),
    ],
)
def test_key_text(value: Scalar, expected: str) -> None:
    assert key_text(value) == expected


@pytest.mark.parametrize(("value", "shown"), [(None, "null"), (2**63, str(2**63))])
def test_unsupported_keys(value: Scalar, shown: str) -> None:
    with pytest.raises(ScalarError) as caught:
        key_text(value)
    assert str(caught.value) == f"unsupported map key: {shown}"


@given(st.text() | st.from_regex(r"[-+.0-9a-fxobn_eE:]{1,12}"))
def test_any_text_is_some_scalar(text: str) -> None:
    value = resolve(text)
    assert value is None or isinstance(value, (str, int, float))
    if isinstance(value, str):
        assert value == text
