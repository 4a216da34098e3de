"""Rules explained: a page each, and all of them in one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from tyger_local.lint.model import Rule


def page(rule: Rule) -> str:
    """Return what ``--explain`` prints."""
    return f"{rule.id} ({rule.severity.value})\n\n{_words(rule)}\n"


def markdown(rules: Iterable[Rule]) -> str:
    """Return a table of rules and a section on each."""
    rules = tuple(rules)
    rows = [
        f"| [`{rule.id}`](#{rule.id}) | {rule.severity.value} | {rule.title} |" for rule in rules
    ]
    table = "\n".join(["| rule | severity | about |", "|---|---|---|", *rows])
    sections = (f"### {rule.id}\n\n{_words(rule)}\n" for rule in rules)
    return "\n".join([f"{table}\n", *sections])


def document(rules: Iterable[Rule]) -> Iterator[dict[str, str]]:
    """Yield what a list of rules says of each."""
    for rule in rules:
        yield {"id": rule.id, "severity": rule.severity.value, "title": rule.title}


def first_sentence(rule: Rule) -> str:
    """Return what a rule is about in one sentence."""
    return _words(rule).split("\n\n", 1)[0]


def _words(rule: Rule) -> str:
    return inspect.getdoc(rule.check) or ""
