"""Rules explained."""

from __future__ import annotations

import inspect
import re

import pytest
from lint_docs import PAGE, with_rules

from tyger_local.lint.model import Rule
from tyger_local.lint.pages import document, first_sentence, page
from tyger_local.lint.rules import RULES

EACH = pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])


@EACH
def test_a_rule_has_a_stable_id_and_a_page_that_begins_with_a_sentence(rule: Rule) -> None:
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert first_sentence(rule).endswith(".")
    assert len((inspect.getdoc(rule.check) or "").splitlines()) > 1


@EACH
def test_what_is_listed_and_explained(rule: Rule) -> None:
    (row,) = document([rule])
    assert row == {"id": rule.id, "severity": rule.severity.value, "title": rule.title}
    assert page(rule).startswith(f"{rule.id} ({rule.severity.value})\n\n{first_sentence(rule)}")


def test_no_two_rules_have_one_id() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_the_list_in_the_docs_is_that_of_the_code() -> None:
    text = PAGE.read_text("utf-8")
    assert with_rules(text) == text, "run: .venv/bin/python scripts/lint_docs.py"
