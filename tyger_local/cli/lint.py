"""``tyger-local lint``: what would surprise on the cluster, said before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from tyger_local.cli.commands import Choice, Command, boolean
from tyger_local.cli.completion import FILE, codespec_names, item
from tyger_local.cli.output import write_out
from tyger_local.cli.render import print_documents, print_value
from tyger_local.cli.state import console, workspace
from tyger_local.errors import EXIT_OK, TygerLocalError, UsageError
from tyger_local.spec.names import nearest

if TYPE_CHECKING:  # take a moment to load, which only who lints is to pay for
    from click.shell_completion import CompletionItem

    from tyger_local.lint.located import Located
    from tyger_local.lint.model import Rule
    from tyger_local.workspace.linting import Linting

EXIT_WARNINGS = 1
EXIT_ERRORS = 2

COLUMNS: dict[str, Callable[..., object]] = {
    "RULE": lambda doc: doc.get("id"),
    "SEVERITY": lambda doc: doc.get("severity"),
    "ABOUT": lambda doc: doc.get("title"),
}

_VERSION = re.compile(r"(?P<name>[^/]+)/versions/(?P<version>[0-9]{1,9})")


def _targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer files and codespecs."""
    return [*codespec_names(ctx, param, incomplete), item("", kind=FILE)]


def _rule_ids(_: click.Context, __: click.Parameter, ___: str) -> list[CompletionItem]:
    """Offer the ids of rules."""
    from tyger_local.lint.rules import RULES  # noqa: PLC0415  (late: loads YAML)

    return [item(rule.id, rule.title) for rule in RULES]


@click.command("lint", cls=Command)
@click.argument("names", nargs=-1, metavar="FILE|NAME...", shell_complete=_targets)
@click.option(
    "--format",
    "output_format",
    type=Choice("text", "json", "sarif"),
    default="text",
    help="How findings are printed (default: text).",
)
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="RULE",
    shell_complete=_rule_ids,
    help="Leave out what a rule finds; may be repeated.",
)
@click.option(
    "--explain", metavar="RULE", shell_complete=_rule_ids, help="Print what a rule is about."
)
def lint(
    names: tuple[str, ...],
    output_format: str,
    ignored: tuple[str, ...],
    explain: str | None,
    *,
    strict: bool,
    rules: bool,
) -> int:
    """Find what would surprise on the cluster in codespec and run files, or in codespecs of the store.

    A FILE exists, ends in .yml, .yaml or .json, or has a slash in it; - is standard input. A NAME may have
    a version: NAME/versions/N. The comment '# tyger-local: ignore[RULE]' in a file ignores a rule: at the
    end of a line there, above a field in all of it, at the head of the file everywhere.

    The exit code is 0 when nothing worse than a note was found, 1 for warnings, and 2 for errors or for what
    cannot be read.
    """
    # Late: loads YAML.
    from tyger_local.lint.pages import document, page  # noqa: PLC0415
    from tyger_local.lint.rules import RULES  # noqa: PLC0415

    by_id = {rule.id: rule for rule in RULES}
    for wanted in (*ignored, *((explain,) if explain is not None else ())):
        _check_known(wanted, by_id)
    if explain is not None:
        write_out(page(by_id[explain]))
        return EXIT_OK
    if rules:
        print_documents([*document(RULES)], "table", name="id", columns=COLUMNS)
        return EXIT_OK
    if not names:
        raise UsageError(
            "nothing to look at is named", "for example: tyger-local lint my-codespec.yml"
        )
    found, failures = _look(names)
    found = [each for each in found if each.finding.rule not in ignored]
    _print(found, failures, output_format, RULES)
    return _exit_code(found, failures, strict=strict)


lint.params += [
    boolean("--strict", help="Take every finding for an error, notes too."),
    boolean("--rules", help="List all rules."),
]


def _check_known(wanted: str, rules: dict[str, Rule]) -> None:
    if wanted not in rules:
        close = nearest(wanted, rules)
        raise UsageError(
            f"there is no rule '{wanted}'",
            f"did you mean '{close}'?" if close else "see 'tyger-local lint --rules'",
        )


def _look(names: tuple[str, ...]) -> tuple[list[Located], list[str]]:
    """Look at everything; return what was found, and why something could not be looked at."""
    linting = workspace().linting
    found: list[Located] = []
    failures: list[str] = []
    for name in dict.fromkeys(names):
        found += _tried(name, linting, failures)
    return found, failures


def _tried(name: str, linting: Linting, failures: list[str]) -> list[Located]:
    """Look at one; say and note why that could not be done."""
    try:
        return _look_at(name, linting)
    except TygerLocalError as error:
        console().failure(error)
        failures.append(str(error))
        return []


def _look_at(name: str, linting: Linting) -> list[Located]:
    version = _VERSION.fullmatch(name)
    if version is not None and not os.path.exists(name):
        return linting.codespec(version["name"], int(version["version"]))
    is_file = name == "-" or "/" in name or name.endswith((".yml", ".yaml", ".json"))
    try:
        return linting.file(name) if is_file or os.path.isfile(name) else linting.codespec(name)
    except TygerLocalError:
        if os.path.isdir(name):
            raise UsageError(
                f"{name} is a folder", "name the files in it, for example: tyger-local lint *.yml"
            ) from None
        raise


def _print(
    found: list[Located], failures: list[str], output_format: str, rules: tuple[Rule, ...]
) -> None:
    if output_format == "json":
        print_value([_document(each) for each in found], "json")
    elif output_format == "sarif":
        from tyger_local import __version__  # noqa: PLC0415  (as in main)
        from tyger_local.lint.sarif import sarif  # noqa: PLC0415  (late: only for this)

        print_value(sarif(found, rules, __version__, failures), "json")
    else:
        from tyger_local.outcome.words import printable  # noqa: PLC0415  (late: see above)

        write_out("".join(f"{printable(_line(each))}\n" for each in found))


def _line(each: Located) -> str:
    where = f" {each.field}:" if each.place.line is None and each.field else ""
    finding = each.finding
    return f"{each.place}:{where} {finding.severity.value}[{finding.rule}]: {each.text}"


def _document(each: Located) -> dict[str, object]:
    finding, place = each.finding, each.place
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "source": place.source,
        "line": place.line,
        "column": place.column,
        "field": each.field,
        "happens": finding.happens,
        "fix": finding.fix,
    }


def _exit_code(found: list[Located], failures: list[str], *, strict: bool) -> int:
    severities = {each.finding.severity.value for each in found}
    if failures or "error" in severities or (strict and found):
        return EXIT_ERRORS
    return EXIT_WARNINGS if "warning" in severities else EXIT_OK
