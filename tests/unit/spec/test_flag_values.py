from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.spec.flag_values import parse_bool, split_int_map, split_list, split_map


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("A=1", {"A": "1"}),
        ("A=1,B=2", {"A": "1", "B": "2"}),
        ("A=1,b", {"A": "1,b"}),
        ("LD=/a:/b,/c", {"LD": "/a:/b,/c"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=", {"A": ""}),
        ("=v", {"": "v"}),
        ('"A=1,2",B=3', {"A": "1,2", "B": "3"}),
        ('"A=1,2"', {"A": "1,2"}),
        ('A=say "hi"', {"A": 'say "hi'}),
        ("A=1, B=2", {"A": "1", " B": "2"}),
        ("A= x ,B=1", {"A": " x ", "B": "1"}),
        ("A=l1\nl2", {"A": "l1\nl2"}),
        ("A=l1=x\nl2=y", {"A": "l1=x"}),
        ("A=1,A=2,B=3", {"A": "2", "B": "3"}),
        ('""A=1""', {"A": "1"}),
        ("=", {"": ""}),
        ("==", {"": "="}),
        ("A=\udcff", {"A": "\udcff"}),
    ],
)
def test_map(text: str, pairs: dict[str, str]) -> None:
    assert split_map(text) == pairs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=b=c,d", "d must be formatted as key=value"),
        ("A", "A must be formatted as key=value"),
        ("", " must be formatted as key=value"),
        ('A="x,y",B=1', 'parse error on line 1, column 3: bare " in non-quoted-field'),
        ('A=say "hi"=x', 'parse error on line 1, column 7: bare " in non-quoted-field'),
        ("A=1,B=2,", " must be formatted as key=value"),
    ],
)
def test_map_errors(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        split_map(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a,b", ["a", "b"]),
        ("c", ["c"]),
        ("", []),
        ("a,", ["a", ""]),
        (" a", [" a"]),
        ('"a,b"', ["a,b"]),
        ("a\nb", ["a"]),
    ],
)
def test_list(text: str, items: list[str]) -> None:
    assert split_list(text) == items


def test_list_errors() -> None:
    with pytest.raises(ValueError) as caught:
        split_list('a"b')
    assert str(caught.value) == 'parse error on line 1, column 2: bare " in non-quoted-field'


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=1,b=2", {"a": 1, "b": 2}),
        ("a=-1", {"a": -1}),
        ("a=99999999", {"a": 99999999}),
        ("a=+7", {"a": 7}),
        ("a=007", {"a": 7}),
        ("a=1,a=2", {"a": 2}),
        ("=1", {"": 1}),
        ('"a=1', {'"a': 1}),
    ],
)
def test_int_map(text: str, pairs: dict[str, int]) -> None:
    assert split_int_map(text) == pairs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=x", '"x" is not an integer'),
        ("a=", '"" is not an integer'),
        ("a=b=1", '"b=1" is not an integer'),
        ("a= 1", '" 1" is not an integer'),
        ("a=1_0", '"1_0" is not an integer'),
        ("a=9223372036854775808", '"9223372036854775808" does not fit in 64 bits'),
        ("a", "a must be formatted as key=value"),
        ("", " must be formatted as key=value"),
        ("a=1,", " must be formatted as key=value"),
    ],
)
def test_int_map_errors(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        split_int_map(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["1", "t", "T", "true", "TRUE", "True"])
def test_true(text: str) -> None:
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "false", "FALSE", "False"])
def test_false(text: str) -> None:
    assert parse_bool(text) is False


@pytest.mark.parametrize("text", ["", "yes", "no", "tRUE", " true", "2"])
def test_neither(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_bool(text)
    assert str(caught.value) == f'"{text}" is neither true nor false'


@given(st.text() | st.text('aA=,"\n1'))
@pytest.mark.parametrize("read", [split_list, split_map, split_int_map, parse_bool])
def test_only_value_errors(read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017 - either outcome is right


@given(st.dictionaries(st.text("abc"), st.text("=xyz"), min_size=1))
def test_pairs_read_back(pairs: dict[str, str]) -> None:
    assert split_map(",".join(f"{key}={value}" for key, value in pairs.items())) == pairs
