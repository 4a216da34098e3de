"""The page of ``tyger-local doctor``, written while the answers come."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from tyger_local.cli.output import write_out
from tyger_local.cli.render import print_value
from tyger_local.cli.signals import canceling
from tyger_local.doctor.model import Check, Section, State, exit_code
from tyger_local.errors import EXIT_OK
from tyger_local.outcome.words import counted, printable
from tyger_local.runner.cancel import Cancellation
from tyger_local.workspace import Workspace
from tyger_local.workspace.examination import examine

WIDTH = 100
STATE_WIDTH = max(len(state.value) for state in State)
COLOURS = {State.OK: "32", State.WARNING: "33", State.PROBLEM: "31", State.SKIPPED: "2"}


def show(
    here: Workspace,
    image: str | None,
    guard: Callable[[Path], None],
    *,
    as_json: bool,
    is_coloured: bool,
) -> int:
    """Examine, print the answers, and return the exit code.

    Args:
        here: Whose store and engine.
        image: What to try with.
        guard: Is told the store that is to be cleaned up if we are killed.
        as_json: Print one JSON document at the end.
        is_coloured: Whether states have colours.
    """
    cancellation = Cancellation()
    answers: list[Check] = []
    section: Section | None = None
    with (
        canceling(cancellation),
        closing(examine(here, image, cancellation, guard)) as checks,
    ):
        for check in checks:
            answers.append(check)
            if not as_json:
                write_out(_head(check, section) + _lines(check, is_coloured=is_coloured))
                section = check.section
    code = exit_code(answers)
    if as_json:
        documents = [check.document() for check in answers]
        print_value({"runsWillWork": code == EXIT_OK, "checks": documents}, "json")
    else:
        write_out("\n" + _last_line(answers))
    return code


def _head(check: Check, section: Section | None) -> str:
    """Return the line above the first check of a section."""
    if check.section is section:
        return ""
    return f"{'' if section is None else chr(10)}{check.section.value}\n"


def _lines(check: Check, *, is_coloured: bool) -> str:
    state = check.state.value.ljust(STATE_WIDTH)
    if is_coloured:
        state = f"\x1b[{COLOURS[check.state]}m{state}\x1b[0m"
    below = [*check.details, *([f"fix: {check.fix}"] if check.fix else [])]
    lines = [f"  {state}  {printable(check.title)}"]
    return "".join(f"{line}\n" for line in (*lines, *map(_below, below)))


def _below(text: str) -> str:
    """Return a line of details, indented; commands are not broken where they hold a dash."""
    indent = " " * (STATE_WIDTH + 6)
    return textwrap.fill(
        printable(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _last_line(answers: Sequence[Check]) -> str:
    def count(state: State) -> int:
        return sum(check.state is state for check in answers)

    warnings = counted(count(State.WARNING), "warning")
    problems = count(State.PROBLEM)
    if problems:
        return f"Runs will not work: {counted(problems, 'problem')}, {warnings}.\n"
    skipped = count(State.SKIPPED)
    aside = f", {skipped} skipped" if skipped else ""
    return f"Runs will work: {warnings}{aside}.\n"
