"""Expansion against a scanner that walks from character to character, as Kubernetes' does."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from tyger_local.spec.expansion import expand, references

NAMES = st.sampled_from(["A", "B", "", "MY-BUF_PIPE", "A$", "$(A"])
PIECES = st.sampled_from(
    ["$", "$$", "$(", ")", "(", "$(A)", "$$(A)", "$(B)", "$()", "$(NOPE)", "A", "B", " ", "${A}"]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
VARIABLES = st.dictionaries(NAMES | st.text(max_size=3), TEXTS, max_size=5)
PLAIN_VARIABLES = st.dictionaries(
    NAMES, st.text(max_size=4).filter(lambda value: "$" not in value), max_size=5
)


def _walk(text: str, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the expanded text and the names that it refers to."""
    result, names, at = "", [], 0
    while at < len(text):
        operator = text[at : at + 2]
        if operator == "$$":
            result, at = result + "$", at + 2
        elif operator == "$(" and ")" in text[at + 2 :]:
            end = text.index(")", at + 2)
            name = text[at + 2 : end]
            names.append(name)
            result += variables[name] if name in variables else text[at : end + 1]
            at = end + 1
        else:
            result, at = result + text[at], at + 1
    return result, names


@given(TEXTS, VARIABLES)
def test_it_is_what_the_scanner_says(text: str, variables: dict[str, str]) -> None:
    expanded, names = _walk(text, variables)
    assert expand(text, variables) == expanded
    assert references(text) == tuple(names)


@given(TEXTS.filter(lambda text: "$$" not in text), PLAIN_VARIABLES)
def test_without_escapes_a_second_time_changes_nothing(
    text: str, variables: dict[str, str]
) -> None:
    expanded = expand(text, variables)
    assert expand(expanded, variables) == expanded


@given(TEXTS, VARIABLES)
def test_variables_that_are_not_referred_to_change_nothing(
    text: str, variables: dict[str, str]
) -> None:
    used = {name: variables[name] for name in references(text) if name in variables}
    assert expand(text, variables) == expand(text, used)


@given(TEXTS, TEXTS, VARIABLES)
def test_texts_that_share_no_reference_expand_apart(
    one: str, other: str, variables: dict[str, str]
) -> None:
    first = one + ") "  # closes what is open
    assert expand(first + other, variables) == expand(first, variables) + expand(other, variables)
