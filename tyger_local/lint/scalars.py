"""Scalars without quotes of which YAML makes something else than what is written."""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.spec.place import Path


def yaml_value(subject: Subject) -> Iterator[Finding]:
    """YAML makes something else of a value without quotes than what is written.

    Tyger reads YAML 1.1. Where a text is wanted, `yes` becomes `true`, `0777` becomes `511`, `1.0` becomes
    `1`, `1e6` becomes `1e+06`, and floats keep about seven digits. Here it is read the same way. A text in
    quotes stays.
    """
    for path, value in _texts(subject):
        written = subject.written.get(path)
        if written is not None and written.is_plain and written.text not in ("", value):
            yield Finding(
                path,
                f"YAML reads {written.text} without quotes, and the container gets '{value}'",
                f'write "{written.text}" in quotes, or {_quoted(value)} if that is meant',
            )


def _quoted(value: str) -> str:
    return f'"{value}"'


def _texts(subject: Subject) -> Iterator[tuple[Path, str]]:
    codespec = subject.codespec
    yield ("image",), codespec.image
    for name, values in (("command", codespec.command), ("args", codespec.args)):
        yield from (((name, index), value) for index, value in enumerate(values))
    yield from ((("env", name), value) for name, value in codespec.env.items())


def yaml_key(subject: Subject) -> Iterator[Finding]:
    """YAML makes something else of a name without quotes than what is written.

    Tyger reads YAML 1.1, where `Y`, `N`, `on` and `off` are booleans: a variable called `Y` is called
    `true` in the container. Here it is read the same way.
    """
    for path, written in subject.written_keys.items():
        if path[0] in ("env", "endpoints") and written.is_plain and written.text != path[-1]:
            yield Finding(
                path,
                f"YAML reads the name {written.text} without quotes as '{path[-1]}'",
                f'write "{written.text}" in quotes',
                is_key=True,
            )


RULES = (
    Rule("yaml-value", Severity.WARNING, "value that YAML changes", yaml_value),
    Rule("yaml-key", Severity.ERROR, "name that YAML changes", yaml_key),
)
