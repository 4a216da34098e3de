from __future__ import annotations

import math
from typing import Any

import pytest

from tyger_local.spec.decode import CODESPEC_FILE_READING, IN_PLACE_READING, decode
from tyger_local.spec.document import read_document
from tyger_local.spec.fields import (
    AS_IT_IS,
    ExactText,
    Integer,
    IntegerMap,
    Misfit,
    OptionalInteger,
    OptionalQuantity,
    Reading,
    Text,
    TextMap,
    Texts,
    Time,
    kind_of,
)
from tyger_local.spec.models import CodespecFile

FORMAT = "quantities must match the regular expression"
SUFFIX = "unable to parse quantity's suffix"
A_LIST = "write each element on a line of its own behind '- '"
A_MAPPING = "write it as 'name: value' lines"


def _read(kind: Any, value: object, reading: Reading = CODESPEC_FILE_READING) -> object:
    (read,) = kind.__metadata__
    return read(value, reading)


def _refused(kind: Any, value: object, reading: Reading = AS_IT_IS) -> tuple[str, str]:
    """The message and the hint of what is wrong with `value`."""
    with pytest.raises(Misfit) as caught:
        _read(kind, value, reading)
    (problem,) = caught.value.problems
    return problem.words, problem.hint


def _codespec(text: str) -> CodespecFile:
    return decode(CodespecFile, read_document(text, "spec.yml"), CODESPEC_FILE_READING)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1", "1"),
        ("+1", "1"),
        ("1.0", "1"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("1e3", "1000"),
        ("1.0e5", "100000"),
        ("1e6", "1e+06"),
        ("2e9", "2e+09"),
        ("0.00001", "1e-05"),
        ("3.14159265358979", "3.1415927"),
        ("123456789.5", "1.2345679e+08"),
        *[(yes, "true") for yes in ("yes", "on", "true", "y", "Y", "On", "TRUE")],
        *[(no, "false") for no in ("no", "off", "false", "n", "N", "Off", "FALSE")],
        ("0777", "511"),
        ("010", "8"),
        ("007", "7"),
        ("08", "8"),
        ("0o17", "15"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("0o8", "0o8"),
        ("1.2.3", "1.2.3"),
        ("1_000", "1000"),
        ("~", ""),
        ("null", ""),
        ("", ""),
        ("2023-01-01", "2023-01-01"),
        ("1:30", "1:30"),
        ("NaN", "NaN"),
        (".nan", "NaN"),
        (".inf", "+Inf"),
        ("-.inf", "-Inf"),
        ('"007"', "007"),
        ("'yes'", "yes"),
        ("18446744073709551615", "18446744073709551615"),
    ],
)
def test_scalars_of_a_codespec_file_become_text(written: str, stored: str) -> None:
    spec = _codespec(
        f"image: {written}\nenv:\n  A: {written}\nargs:\n- {written}\ncommand:\n- {written}"
    )
    assert (spec.image, spec.env, spec.args, spec.command) == (
        stored,
        {"A": stored},
        (stored,),
        (stored,),
    )


@pytest.mark.parametrize(
    ("written", "stored"),
    [("Y", "true"), ("N", "false"), ("on", "true"), ("1", "1"), ('"Y"', "Y"), ("A", "A")],
)
def test_keys_of_env_are_scalars_too(written: str, stored: str) -> None:
    assert _codespec(f"env: {{{written}: x}}").env == {stored: "x"}


@pytest.mark.parametrize(
    ("value", "found"), [(1, "a number"), (1.5, "a number"), (True, "a boolean")]
)
@pytest.mark.parametrize("reading", [IN_PLACE_READING, AS_IT_IS])
def test_elsewhere_numbers_and_booleans_are_not_text(
    value: object, found: str, reading: Reading
) -> None:
    wrong = f"a string is needed here, and this is {found}"
    assert _refused(Text, value, reading) == (wrong, "put it in quotes")


@pytest.mark.parametrize(("value", "found"), [([1], "a list"), ({"a": 1}, "a mapping")])
@pytest.mark.parametrize("reading", [IN_PLACE_READING, CODESPEC_FILE_READING])
def test_lists_and_mappings_are_never_text(value: object, found: str, reading: Reading) -> None:
    assert _refused(Text, value, reading) == (f"a string is needed here, and this is {found}", "")
    assert _refused(ExactText, value, reading) == (
        f"a string is needed here, and this is {found}",
        "",
    )


@pytest.mark.parametrize(("value", "stored"), [("a", "a"), ("123", "123"), (None, ""), ("", "")])
def test_text(value: object, stored: str) -> None:
    assert _read(Text, value, IN_PLACE_READING) == stored
    assert _read(ExactText, value) == stored


@pytest.mark.parametrize("value", [123, 1.5, True])
def test_a_name_is_never_made_of_a_number(value: object) -> None:
    found = "a boolean" if value is True else "a number"
    wrong = f"a string is needed here, and this is {found}"
    assert _refused(ExactText, value, CODESPEC_FILE_READING) == (wrong, "put it in quotes")


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (2, 2),
        (-2, -2),
        (2.0, 2),
        (None, 0),
        (2**31 - 1, 2**31 - 1),
        (-(2**31), -(2**31)),
    ],
)
def test_integers(value: object, stored: int) -> None:
    assert _read(Integer, value) == stored


def test_null_is_no_optional_integer() -> None:
    assert _read(OptionalInteger, None) is None
    assert _read(OptionalInteger, 0) == 0


@pytest.mark.parametrize(
    ("value", "found", "hint"),
    [
        ("2", "a string", "remove the quotes"),
        ("-2", "a string", "remove the quotes"),
        ("two", "a string", ""),
        (2.5, "a number", ""),
        (1e21, "a number", ""),
        (math.inf, "a number", ""),
        (math.nan, "a number", ""),
        (True, "a boolean", ""),
        ([2], "a list", ""),
        ({}, "a mapping", ""),
    ],
)
def test_what_is_no_integer(value: object, found: str, hint: str) -> None:
    wrong = (f"an integer is needed here, and this is {found}", hint)
    assert _refused(Integer, value) == wrong
    assert _refused(OptionalInteger, value) == wrong


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1e20])
def test_integers_have_32_bits(value: float) -> None:
    assert _refused(Integer, value) == (f"{int(value)} does not fit in 32 bits", "")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("1", "1"),
        ('"1"', "1"),
        ("0.5", "500m"),
        ("1e-1", "100m"),
        ("2e9", "2G"),
        ("1073741824", "1073741824"),
        ("1Gi", "1Gi"),
        ("0", "0"),
        ("1e3", "1k"),  # a YAML float, written in full before it is a quantity
        ('"1e3"', "1e3"),
        ("1e21", "1e21"),
        ("-1", "-1"),
        ("0x10", "16"),  # a YAML integer
    ],
)
def test_quantities_are_numbers_or_strings(written: str, shown: str) -> None:
    spec = _codespec(f"resources: {{limits: {{cpu: {written}}}}}")
    assert str(spec.resources.limits.cpu) == shown


@pytest.mark.parametrize("written", ["", "null", "~"])
def test_a_null_quantity_is_not_given(written: str) -> None:
    assert _codespec(f"resources:\n  gpu: {written}").resources.gpu is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", FORMAT),
        (True, FORMAT),
        (False, FORMAT),
        ("abc", FORMAT),
        ("1GiB", FORMAT),
        ("1K", SUFFIX),
        (math.inf, FORMAT),
        (math.nan, FORMAT),
        ([1], "a quantity is needed here, and this is a list"),
        ({}, "a quantity is needed here, and this is a mapping"),
    ],
)
def test_what_is_no_quantity(value: object, problem: str) -> None:
    message, hint = _refused(OptionalQuantity, value)
    assert message.startswith(problem)
    assert str(hint).startswith("write ")


@pytest.mark.parametrize(
    "value",
    [
        "2025-03-14T06:43:18Z",
        "2025-03-14T06:43:18.95849Z",
        "2025-03-14T06:43:18+01:00",
        "2024-02-29T23:59:59-23:59",
    ],
)
def test_times(value: str) -> None:
    assert _read(Time, value) == value


def test_null_is_no_time() -> None:
    assert _read(Time, None) == ""


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2025-03-14",
        "2025-03-14T06:43:18",
        "2025-03-14 06:43:18Z",
        "2025-03-14t06:43:18z",
        "2025-02-30T06:43:18Z",
        "2025-03-14T24:43:18Z",
        "2025-03-14T06:43:18+24:00",
        "2025-03-14T06:43:18.Z",
    ],
)
def test_what_is_no_time(value: str) -> None:
    hint = "write it like 2025-03-14T06:43:18Z, or leave it out"
    assert _refused(Time, value) == (f"'{value}' is no RFC 3339 time", hint)


@pytest.mark.parametrize(
    ("value", "stored"), [(None, ()), ([], ()), (["a", 1, None], ("a", "1", "")), (("a",), ("a",))]
)
def test_lists(value: object, stored: object) -> None:
    assert _read(Texts, value) == stored


@pytest.mark.parametrize(
    ("value", "found"),
    [("one two", "a string"), ("", "a string"), ({}, "a mapping"), (1, "a number")],
)
def test_what_is_no_list(value: object, found: str) -> None:
    assert _refused(Texts, value) == (f"a list is needed here, and this is {found}", A_LIST)


def test_mappings() -> None:
    assert _read(TextMap, None) == {}
    assert _read(TextMap, {"b": 1, "a": None}) == {"b": "1", "a": ""}
    assert _read(IntegerMap, {"b": 2.0, "a": None}) == {"b": 2, "a": 0}


@pytest.mark.parametrize(("value", "found"), [(["A=1"], "a list"), ("A=1", "a string")])
def test_what_is_no_mapping(value: object, found: str) -> None:
    wrong = (f"a mapping is needed here, and this is {found}", A_MAPPING)
    assert _refused(TextMap, value) == wrong
    assert _refused(IntegerMap, value) == wrong


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "nothing"),
        (True, "a boolean"),
        (1, "a number"),
        (1.0, "a number"),
        ("", "a string"),
        ([], "a list"),
        ((), "a list"),
        ({}, "a mapping"),
    ],
)
def test_kind_of(value: object, kind: str) -> None:
    assert kind_of(value) == kind
