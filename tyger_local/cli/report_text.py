"""A report on the terminal: tables that fit it, or plain columns where there is none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tyger_local.errors import sentence
from tyger_local.outcome.suggestion import Suggestion
from tyger_local.outcome.words import printable
from tyger_local.report.figures import (
    BUFFER_TITLES,
    CONTAINER_TITLES,
    Figure,
    buffer_rows,
    command_line,
    container_rows,
    figures,
    phase_rows,
    target_figures,
    when,
)
from tyger_local.report.model import Report

PLAIN_WIDTH = 10_000
"""Columns where nobody looks at a screen: lines are not broken, so that programs can find them."""

COLOURS = {"Succeeded": "green", "Failed": "red"}


def report_text(report: Report) -> str:
    """Return `report` as text for standard output, coloured if that is a terminal and wants it."""
    tty = sys.stdout is not None and sys.stdout.isatty()
    out = StringIO()
    console = Console(
        file=out,
        force_terminal=tty,
        width=None if tty else PLAIN_WIDTH,
        no_color=bool(os.environ.get("NO_COLOR")),
        highlight=False,
        markup=False,
        emoji=False,
    )
    _write(console, report)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _write(console: Console, report: Report) -> None:
    kind, job, worker = report.verdict or report.status, report.job, report.worker
    console.print(
        Text(f"Run {report.run_id} "), Text(printable(kind), COLOURS.get(report.status, "")), sep=""
    )
    if report.reason:
        console.print(Text(printable(sentence(report.reason, report.hint))))
    facts = (
        ("Image", job.image),
        ("Command", command_line(job.command)),
        ("Workers' image", "" if worker is None else worker.image),
        ("Workers' command", "" if worker is None else command_line(worker.command)),
        ("Finished", when(report.finished_at)),
        ("Measured by", job.method),
    )
    _table(console, (), [(name, value) for name, value in facts if value])
    if worker is None:
        _figures(console, "What it cost", figures(report))
    else:
        _figures(console, "What the job cost", figures(report))
        _figures(console, "What the workers cost", target_figures(worker))
    _table(console, CONTAINER_TITLES, list(container_rows(report)))
    _table(console, ("Where the time went", "", ""), list(phase_rows(report)))
    _table(console, BUFFER_TITLES, list(buffer_rows(report)))
    for name, target in report.targets:
        whose = "" if worker is None else f": {name}"
        has_title = worker is not None or target.suggestion.yaml() != ""
        title = f"What to ask for{whose}, by this run:" if has_title else ""
        _suggestion(console, title, target.suggestion)


def _figures(console: Console, title: str, shown: Iterable[Figure]) -> None:
    rows = [(figure.name, figure.value, figure.remark) for figure in shown]
    _table(console, (title, "", ""), rows)


def _suggestion(console: Console, title: str, suggestion: Suggestion) -> None:
    console.print()
    if title:
        console.print(Text(title, "bold"))
        console.print()
    block = suggestion.yaml()
    if block:
        console.print(Text(block))
    for reason in suggestion.reasons:
        console.print(Text(f"- {reason}"))


def _table(console: Console, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    rows = list(rows)
    if not rows:
        return
    table = Table(box=None, padding=(0, 3, 0, 0), show_header=bool(titles), pad_edge=False)
    for title in titles or [""] * len(rows[0]):
        table.add_column(Text(title), header_style="bold", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print()
    console.print(table)
