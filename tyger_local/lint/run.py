"""Running rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tyger_local.lint.model import Finding, Rule, Subject


def findings(subject: Subject, rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """Return what `rules` find in a codespec, rule by rule."""
    return tuple(
        replace(found, rule=rule.id, severity=rule.severity)
        for rule in rules
        for found in rule.check(subject)
    )
