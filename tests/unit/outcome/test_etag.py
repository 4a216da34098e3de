from __future__ import annotations

import pytest

from tyger_local.outcome.etag import etag


def test_it_looks_like_tygers() -> None:
    assert etag({}).isdecimal()
    assert len(etag({})) <= 20


def test_it_is_the_same_for_the_same_in_any_order() -> None:
    assert etag({"a": 1, "b": {"c": "x", "d": None}}) == etag({"b": {"d": None, "c": "x"}, "a": 1})
    assert etag({"a": "\udcff"}) == etag({"a": "\udcff"})


@pytest.mark.parametrize("other", [{}, {"a": "1"}, {"a": 2}, {"b": 1}, {"a": [1]}, [{"a": 1}]])
def test_it_differs_for_whatever_differs(other: object) -> None:
    assert etag(other) != etag({"a": 1})
