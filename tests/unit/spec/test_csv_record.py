from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.spec.csv_record import NO_RECORD, QUOTE, read_record


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("a,", ["a", ""]),
        (",", ["", ""]),
        (" a ,b ", [" a ", "b "]),
        ('"a,b"', ["a,b"]),
        ('"a,b",c', ["a,b", "c"]),
        ('""', [""]),
        ('"a""b"', ['a"b']),
        ('"a",', ["a", ""]),
        ("a\nb", ["a"]),
        ('a\nb"', ["a"]),
        ("a,\nb", ["a", ""]),
        ('"a"\nb', ["a"]),
        ("\n\na,b\n", ["a", "b"]),
        ("\r\n\r\na", ["a"]),
        ("a\r\nb", ["a"]),
        ("a\r", ["a"]),
        ("a\rb", ["a\rb"]),
        ("a\r\r", ["a\r"]),
        ('"a\nb"', ["a\nb"]),
        ('"a\r\nb",c', ["a\nb", "c"]),
        ('"a\n\nb"\nc', ["a\n\nb"]),
        ('"a\n",b', ["a\n", "b"]),
        ("\udcff,\udc80", ["\udcff", "\udc80"]),
        ("a\u2028b\vc", ["a\u2028b\vc"]),
    ],
)
def test_fields(text: str, fields: list[str]) -> None:
    assert read_record(text) == fields


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a"b', 'parse error on line 1, column 2: bare " in non-quoted-field'),
        ('x,a"b', 'parse error on line 1, column 4: bare " in non-quoted-field'),
        ('"x",a"', 'parse error on line 1, column 6: bare " in non-quoted-field'),
        ('\n\na"', 'parse error on line 3, column 2: bare " in non-quoted-field'),
        ('\u00e9"', 'parse error on line 1, column 3: bare " in non-quoted-field'),
        ('\udcff"', 'parse error on line 1, column 2: bare " in non-quoted-field'),
        ('"', 'parse error on line 1, column 2: extraneous or missing " in quoted-field'),
        ('"abc', 'parse error on line 1, column 5: extraneous or missing " in quoted-field'),
        ('"abc\n', 'parse error on line 1, column 6: extraneous or missing " in quoted-field'),
        ('"abc\r\n', 'parse error on line 1, column 6: extraneous or missing " in quoted-field'),
        ('"abc\n\r', 'parse error on line 1, column 6: extraneous or missing " in quoted-field'),
        ('"a""', 'parse error on line 1, column 5: extraneous or missing " in quoted-field'),
        ('"a" ,b', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'),
        ('"a"b', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'),
        (
            '"a\nbc',
            f"record on line 1; parse error on line 2, column 3: {QUOTE}",
        ),
        (
            '"a\nb"c',
            f"record on line 1; parse error on line 2, column 2: {QUOTE}",
        ),
        (
            '\n"a\nb",c"',
            'record on line 2; parse error on line 3, column 5: bare " in non-quoted-field',
        ),
        ("", NO_RECORD),
        ("\n", NO_RECORD),
        ("\r\n\n", NO_RECORD),
        ("\r", NO_RECORD),
        ("\n\r", NO_RECORD),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_record(text)
    assert str(caught.value) == message


@given(st.lists(st.text().map(lambda text: text.replace("\r", "")), min_size=1))
def test_quoted_fields_read_back(fields: list[str]) -> None:
    doubled = [field.replace('"', '""') for field in fields]
    assert read_record(",".join(f'"{field}"' for field in doubled)) == fields


@given(st.text() | st.text('a",\r\n '))
def test_only_value_errors(text: str) -> None:
    try:
        fields = read_record(text)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017 - either outcome is right
    else:
        assert fields
