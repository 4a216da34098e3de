from __future__ import annotations

import pytest

from tyger_local.errors import SpecError
from tyger_local.spec.tags import check_tags, has_tags, is_chosen

A, B, AB = {"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("tags", "wanted", "excluded", "chosen"),
    [
        ({}, {}, {}, True),
        (A, {}, {}, True),
        (A, A, {}, True),
        (AB, A, {}, True),
        (A, AB, {}, False),
        (A, {"a": "2"}, {}, False),
        (A, {"a": ""}, {}, False),
        (AB, A, B, False),
        (AB, {}, {"b": "1"}, True),
        (A, A, B, True),
        (AB, {}, {"x": "y", "b": "2"}, False),
    ],
)
def test_choosing_by_tags(
    tags: dict[str, str], wanted: dict[str, str], excluded: dict[str, str], chosen: bool
) -> None:
    assert is_chosen(tags, wanted, excluded) is chosen
    assert has_tags(tags, wanted) is is_chosen(tags, wanted, {})


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"a": ""},
        {"A-z.0_9": "A-z.0_9"},
        {"k" * 128: "v" * 256},
        {str(n): "" for n in range(100)},
    ],
)
def test_tags_that_are_allowed(tags: dict[str, str]) -> None:
    check_tags(tags)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"": "a"}, "Tag keys must contain up to 128 letters"),
        ({"ä": "a"}, "Tag keys"),
        ({"a b": "a"}, "Tag keys"),
        ({"k" * 129: ""}, "Tag keys"),
        ({"a": "v" * 257}, "Tag values can contain up to 256 letters"),
        ({"a": "b\n"}, "Tag values"),
        ({str(n): "" for n in range(101)}, "No more than 100 tags can be set on a buffer"),
    ],
)
def test_tags_that_are_not(tags: dict[str, str], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        check_tags(tags)
