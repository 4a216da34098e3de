"""Codespecs that rules have something to say of, by the rule's name, and codespecs that are well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tyger_local.lint.located import Located
from tyger_local.lint.model import Severity
from tyger_local.lint.rules import RULES
from tyger_local.lint.run import lint
from tyger_local.lint.subjects import targets
from tyger_local.spec.document import read_document

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = Path(__file__).parents[3] / "examples"


def look(text: str) -> list[Located]:
    document = read_document(text, "f.yml")
    return lint(targets(document, lambda *_: None), RULES, document)


def _files(folder: Path, pattern: str = "*.yml") -> list[object]:
    return [pytest.param(path, id=path.stem) for path in sorted(folder.rglob(pattern))]


@pytest.mark.parametrize("path", _files(CORPUS / "bad"))
def test_the_rule_that_a_file_is_named_for_finds_it_and_no_other(path: Path) -> None:
    assert {each.finding.rule for each in look(path.read_text())} == {path.stem.split("--")[0]}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_a_file(rule: object) -> None:
    assert list((CORPUS / "bad").glob(f"{getattr(rule, 'id', '')}*.yml"))


@pytest.mark.parametrize("path", _files(CORPUS / "good"))
def test_nothing_is_said_of_what_is_well(path: Path) -> None:
    assert look(path.read_text()) == []


@pytest.mark.parametrize("path", _files(EXAMPLES))
def test_the_examples_need_no_more_than_a_note(path: Path) -> None:
    said = [each for each in look(path.read_text()) if each.finding.severity is not Severity.NOTE]
    assert said == []
