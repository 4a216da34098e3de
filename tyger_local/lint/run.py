"""Running rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tyger_local.lint.ignores import without_ignored
from tyger_local.lint.located import Located, in_order, located
from tyger_local.lint.model import Finding, Rule, Subject
from tyger_local.lint.subjects import Target
from tyger_local.spec.document import Document


def findings(subject: Subject, rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """Return what `rules` find in a codespec, rule by rule."""
    return tuple(
        replace(found, rule=rule.id, severity=rule.severity)
        for rule in rules
        for found in rule.check(subject)
    )


def lint(
    targets: Iterable[Target], rules: Iterable[Rule], document: Document | None = None
) -> list[Located]:
    """Return what `rules` find in codespecs, in the order of the file, without what comments ignore.

    Args:
        targets: The codespecs.
        rules: The rules.
        document: The file whose comments count; None where there is none.
    """
    rules = tuple(rules)
    found = [
        each for target in targets for each in located(target, findings(target.subject, rules))
    ]
    documents = () if document is None else (document,)
    return in_order(without_ignored(found, documents, [rule.id for rule in rules]))
