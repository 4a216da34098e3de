"""A scalar means the same wherever it stands in a document, and a quoted one is text."""

from __future__ import annotations

import json
import math
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from tyger_local.spec.document import Value, read_document
from tyger_local.spec.yaml_scalars import ScalarError, resolve

NUMBER_LIKE = st.text("0123456789+-._eExXobnaf", min_size=1, max_size=10)
WORDS = st.sampled_from(
    ["y", "N", "yes", "Off", "TRUE", "null", "~", ".inf", "-.INF", ".NaN", "0777", "08", "0o17"]
)
# What may stand unquoted in a list in brackets as well as alone in a line.
PLAIN = (NUMBER_LIKE | WORDS | st.text("abcXYZ019_./+", min_size=1, max_size=10)).filter(
    lambda text: text.strip("-") != "" and not text.startswith("---")
)
# What YAML lets stand between quotes as it is: no control characters, and no line breaks, which are folded.
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff")
)
TAGS = st.sampled_from(
    [
        "",
        *(
            f"tag:yaml.org,2002:{name}"
            for name in ("str", "int", "float", "bool", "null", "binary")
        ),
    ]
)

STYLES = {
    "a line": "value: {}\n",
    "a line with a comment": "value: {} # {}\n",
    "a list's line": "value:\n- {}\n",
    "brackets": "value: [{}]\n",
    "braces": "value: {{inner: {}}}\n",
    "the next line": "value:\n  {}\n",
    "JSON": '{{"value": {} }}',
}


def _read(text: str) -> Value:
    value = read_document(text, "file").value
    assert isinstance(value, dict)
    value = value["value"]
    while isinstance(value, (list, dict)):
        (value,) = value.values() if isinstance(value, dict) else value
    return value


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and one == other


@given(PLAIN, st.sampled_from(sorted(STYLES)))
def test_a_plain_scalar_means_the_same_everywhere(text: str, style: str) -> None:
    assert _same(_read(STYLES[style].format(text, text)), resolve(text))


@given(TEXTS, st.sampled_from(sorted(STYLES)))
def test_a_quoted_scalar_is_text_everywhere(text: str, style: str) -> None:
    single = "'" + text.replace("'", "''") + "'"
    for quoted in (single, json.dumps(text, ensure_ascii=False)):
        assert _read(STYLES[style].format(quoted, "")) == text


@given(NUMBER_LIKE | WORDS)
def test_a_block_scalar_is_text(text: str) -> None:
    assert _read(f"value: |-\n  {text}\n") == text
    assert _read(f"value: >-\n  {text}\n") == text


@given(NUMBER_LIKE | WORDS | st.text(max_size=8), TAGS, st.booleans())
def test_only_scalar_errors(text: str, tag: str, plain: bool) -> None:
    with suppress(ScalarError):
        value = resolve(text, tag, plain=plain)
        assert value is None or isinstance(value, (str, int, float))


@given(st.integers(-(2**63), 2**64 - 1))
def test_an_integer_written_out_is_that_integer(number: int) -> None:
    for text in (str(number), f"{number:+}", hex(number)):
        if text[0] != "+" or number < 2**63:
            assert resolve(text) == number
