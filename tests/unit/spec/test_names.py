from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.errors import SpecError, UsageError
from tyger_local.spec.names import (
    check_buffer_names,
    check_codespec_name,
    nearest,
    parse_codespec_ref,
)

FIELDS = ["image", "command", "args", "env", "workingDir", "maxReplicas"]
CHARACTERS = (
    "codespec names must contain only lower case letters (a-z), numbers (0-9), "
    "dashes (-), underscores (_), and dots (.)"
)
NOT_EMPTY = "codespec names must not be empty, '.' or '..'"
REF_FORM = (
    "The codespec reference '{}' is invalid. It should be in the form "
    "'<codespec_name>' or '<codespec_name>/versions/<version_number>'."
)
DUPLICATED = (
    "All buffer names must be unique across inputs and outputs. "
    "Buffer names are case-insensitive. '{}' is duplicated"
)
INVALID = (
    "The name of buffer '{}' is invalid. Buffer names must consist of lower case alphanumeric "
    "characters or '-', and must start and end with an alphanumeric character."
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imgae", "image"),
        ("IMAGE", "image"),
        ("workdir", "workingDir"),
        ("max_replicas", "maxReplicas"),
        ("arg", "args"),
        ("quux", None),
        ("", None),
    ],
)
def test_nearest(name: str, expected: str | None) -> None:
    assert nearest(name, FIELDS) == expected


def test_nearest_of_equal_spellings_is_the_first() -> None:
    assert nearest("a1", iter(["A1", "a1"])) == "A1"


@pytest.mark.parametrize("name", ["a", "0", "my-spec_1.0", "-", "_", "...", "a..b", "a" * 200])
def test_codespec_names(name: str) -> None:
    check_codespec_name(name)


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("", NOT_EMPTY, "choose another name"),
        (".", NOT_EMPTY, "choose another name"),
        ("..", NOT_EMPTY, "choose another name"),
        ("A", CHARACTERS, "'a' would do"),
        ("My Spec!", CHARACTERS, "'my-spec-' would do"),
        ("a/b", CHARACTERS, "'a-b' would do"),
        ("a\n", CHARACTERS, "'a-' would do"),
        ("é", CHARACTERS, "'-' would do"),
        ("٣", CHARACTERS, "'-' would do"),
        ("a" * 201, "codespec names must not be longer than 200 characters", "this one has 201"),
    ],
)
def test_bad_codespec_names(name: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_codespec_name(name)
    assert (caught.value.what, caught.value.hint) == (what, hint)


@given(st.text())
def test_a_proposed_name_is_legal(name: str) -> None:
    try:
        check_codespec_name(name)
    except UsageError as error:
        if error.what == CHARACTERS:
            check_codespec_name(error.hint.split("'")[1])


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("a", ("a", None)),
        ("a/versions/1", ("a", 1)),
        ("a/versions/0", ("a", 0)),
        ("my.spec_1-b/versions/007", ("my.spec_1-b", 7)),
        ("a/versions/2147483647", ("a", 2**31 - 1)),
        ("a/versions/" + "0" * 5000 + "1", ("a", 1)),
    ],
)
def test_codespec_refs(ref: str, expected: tuple[str, int | None]) -> None:
    assert parse_codespec_ref(ref) == expected


@pytest.mark.parametrize(
    "ref",
    [
        *("", "A", "a/", "a/versions/", "a/versions/x", "a/versions/-1", "a/version/1"),
        *("a/versions/1/", "a/versions/1\n", "a\n", "a/versions/٣", "/versions/1"),
    ],
)
def test_malformed_codespec_refs(ref: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_codespec_ref(ref)
    assert caught.value.what == REF_FORM.format(ref)


@pytest.mark.parametrize("number", ["2147483648", "9" * 5000])
def test_codespec_ref_beyond_int32(number: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_codespec_ref(f"a/versions/{number}")
    assert caught.value.what == (
        f"The codespec reference 'a/versions/{number}' is invalid. "
        f"The version number '{number}' is not a valid integer."
    )


@pytest.mark.parametrize("ref", [".", "..", "../versions/1"])
def test_codespec_ref_with_a_name_that_cannot_be(ref: str) -> None:
    with pytest.raises(UsageError, match="must not be empty"):
        parse_codespec_ref(ref)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [([], []), (["a"], ["b"]), (["a", "0", "3d"], ["a--b"]), (["a" * 300], [])],
)
def test_buffer_names(inputs: list[str], outputs: list[str]) -> None:
    check_buffer_names(inputs, outputs)


@pytest.mark.parametrize(
    ("inputs", "outputs", "what"),
    [
        ([""], [], "A buffer name cannot be empty"),
        (["a"], [" \t"], "A buffer name cannot be empty"),
        (["", ""], [], "A buffer name cannot be empty"),
        (["a", "a"], [], DUPLICATED.format("a")),
        (["a"], ["a"], DUPLICATED.format("a")),
        (["a"], ["A"], DUPLICATED.format("a")),
        (["A"], ["a"], DUPLICATED.format("A")),
        (["FOO"], [], INVALID.format("FOO")),
        (["foo_bar"], [], INVALID.format("foo_bar")),
        ([], ["-foo"], INVALID.format("-foo")),
        ([], ["bar-"], INVALID.format("bar-")),
        (["a\n"], [], INVALID.format("a\n")),
        (["_"], [], INVALID.format("_")),
        # the first name that fails decides, in order of appearance
        (["_", "a", "a"], [], INVALID.format("_")),
        (["a", "_"], ["a"], DUPLICATED.format("a")),
        (["_"], [""], INVALID.format("_")),
    ],
)
def test_bad_buffer_names(inputs: list[str], outputs: list[str], what: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_buffer_names(inputs, outputs)
    assert caught.value.what == what
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"), [("Foo_Bar", "'foo-bar' would do"), ("_", "choose another name")]
)
def test_a_legal_buffer_name_is_proposed(name: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_buffer_names([name], [])
    assert caught.value.hint == hint
