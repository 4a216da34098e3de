from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.spec.expansion import expand, references

VARIABLES = {"A": "1", "E": "", "REFERS": "$(A)", "MY-BUF_PIPE": "/pipes/my-buf"}
TEXTS = st.text() | st.text("$()A{}B ")


@pytest.mark.parametrize(
    ("text", "expanded", "names"),
    [
        ("$(A)", "1", ("A",)),
        ("$$(A)", "$(A)", ()),
        ("$$A", "$A", ()),
        ("$$", "$", ()),
        ("$$$", "$$", ()),
        ("$$$(A)", "$1", ("A",)),
        ("$$$$(A)", "$$(A)", ()),
        ("$$(A) $(A)", "$(A) 1", ("A",)),
        ("echo $$; ls", "echo $; ls", ()),
        ("x$$ y (z) w", "x$ y (z) w", ()),
        ("$(NOPE)", "$(NOPE)", ("NOPE",)),
        ("$()", "$()", ("",)),
        ("$(A", "$(A", ()),
        ("$(cat $INPUT_PIPE)", "$(cat $INPUT_PIPE)", ("cat $INPUT_PIPE",)),
        ("$((1+2))", "$((1+2))", ("(1+2",)),
        ("${A}", "${A}", ()),
        ("$A", "$A", ()),
        (r"\$(A)", r"\1", ("A",)),
        ("$(A$(A))", "$(A$(A))", ("A$(A",)),
        ("$(E)", "", ("E",)),
        # Beyond Tyger's table: Kubernetes' own corners.
        ("", "", ()),
        ("$", "$", ()),
        ("x$", "x$", ()),
        ("$(A$$", "$(A$", ()),
        ("$(A $(", "$(A $(", ()),
        ("$x$(A)", "$x1", ("A",)),
        ("$(REFERS)", "$(A)", ("REFERS",)),
        ("$(A)$(A)", "11", ("A", "A")),
        ("$(MY-BUF_PIPE)", "/pipes/my-buf", ("MY-BUF_PIPE",)),
        ("$(two\nlines)", "$(two\nlines)", ("two\nlines",)),
        ("$\u00e9$(A)", "$\u00e91", ("A",)),
    ],
)
def test_grammar(text: str, expanded: str, names: tuple[str, ...]) -> None:
    assert expand(text, VARIABLES) == expanded
    assert references(text) == names


def test_a_variable_may_have_an_empty_name() -> None:
    assert expand("$()", {"": "x"}) == "x"


@given(st.text().filter(lambda text: "$" not in text))
def test_text_without_a_dollar_is_unchanged(text: str) -> None:
    assert expand(text, VARIABLES) == text
    assert references(text) == ()


@given(TEXTS)
def test_every_name_comes_from_the_text(text: str) -> None:
    assert all(f"$({name})" in text for name in references(text))


@given(TEXTS)
def test_a_doubled_dollar_is_undone(text: str) -> None:
    assert expand(text.replace("$", "$$"), VARIABLES) == text


@given(TEXTS)
def test_without_variables_only_escapes_change(text: str) -> None:
    assert len(text) - len(expand(text, {})) <= text.count("$$")
