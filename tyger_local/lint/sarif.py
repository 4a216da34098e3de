"""Findings as SARIF 2.1.0, the format that code hosts show beside the lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from tyger_local.lint.located import Located
from tyger_local.lint.model import Rule
from tyger_local.lint.pages import first_sentence, page
from tyger_local.spec.versions import JsonObject

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(
    found: Iterable[Located], rules: Sequence[Rule], version: str, failures: Sequence[str] = ()
) -> JsonObject:
    """Return findings as a SARIF log.

    Args:
        found: The findings.
        rules: All rules that were run.
        version: This tool's.
        failures: Why something could not be looked at.
    """
    ids = [rule.id for rule in rules]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tyger-local",
                        "version": version,
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not failures,
                        "toolExecutionNotifications": [
                            {"level": "error", "message": {"text": text}} for text in failures
                        ],
                    }
                ],
                "results": [_result(each, ids) for each in found],
            }
        ],
    }


def _rule(rule: Rule) -> JsonObject:
    return {
        "id": rule.id,
        "shortDescription": {"text": first_sentence(rule)},
        "fullDescription": {"text": page(rule)},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(located: Located, ids: Sequence[str]) -> JsonObject:
    finding = located.finding
    return {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": finding.severity.value,
        "message": {"text": located.text},
        "locations": [_location(located)],
    }


def _location(located: Located) -> JsonObject:
    place = located.place
    logical = [{"fullyQualifiedName": located.field or place.source}]
    if place.line is None or place.source.startswith("<"):
        if place.line is None:
            logical = [{"fullyQualifiedName": f"{place.source}: {located.field}"}]
        return {"logicalLocations": logical}
    region = {"startLine": place.line, "startColumn": place.column or 1}
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.source)},
            "region": region,
        },
        "logicalLocations": logical,
    }


def _uri(path: str) -> str:
    """Return a path as a reference; a relative one counts from where the tool was called."""
    return f"file://{quote(path)}" if path.startswith("/") else quote(path)
