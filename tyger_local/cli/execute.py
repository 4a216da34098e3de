"""``run exec``: what is said while and after it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tyger_local.cli.console import Console
from tyger_local.cli.narrator import Narrator
from tyger_local.cli.record_file import RecordFile
from tyger_local.cli.run_values import options_from, request_from
from tyger_local.cli.signals import canceling
from tyger_local.errors import EXIT_ERROR, EXIT_READER_CLOSED, StoreError, UsageError
from tyger_local.outcome.record import RunRecord
from tyger_local.outcome.verdict import Verdict, VerdictKind
from tyger_local.runner.cancel import Cancellation
from tyger_local.spec.runs import RunRequest
from tyger_local.workspace import Workspace

LAST_LOG_LINES = 10
SHOWING_LOGS = (
    VerdictKind.FAILED,
    VerdictKind.OUT_OF_MEMORY,
    VerdictKind.TIMED_OUT,
    VerdictKind.BUFFER_FAILED,
    VerdictKind.START_FAILED,
)
"""Verdicts over containers that ran, or for which others waited, and whose last words may tell why."""


def show_plan(given: Mapping[str, Any], workspace: Workspace) -> Mapping[str, object]:
    """Return the plan of ``--dry-run``."""
    request = request_from(given, workspace)
    return workspace.runs.plan(request, options=options_from(given), file=given["file"] or None)


def execute(given: Mapping[str, Any], workspace: Workspace, console: Console) -> int:
    """Run, tell how it goes and how it ended, and return the exit code."""
    if given["shell"] and not (os.isatty(0) and os.isatty(1)):
        raise UsageError(
            "--shell needs a terminal as standard input and output", "leave both unredirected"
        )
    request = request_from(given, workspace)
    record_file = RecordFile(given["record"])
    record_file.refuse_same(used_files(given, request))
    cancellation = Cancellation()
    narrator = Narrator(
        console, request.replicas, timestamps=given["timestamps"], live=not given["shell"]
    )
    with closing(narrator):
        options = options_from(given, emit=narrator.tell, cancellation=cancellation)
        with canceling(cancellation, interrupt=not given["shell"]):
            record = workspace.runs.exec(request, options=options, file=given["file"] or None)
    is_recorded = record_file.write(record.document(), console)
    verdict = ended_verdict(record)
    if verdict.kind in SHOWING_LOGS and not given["logs"]:
        show_last_lines(workspace, record, request.replicas, console)
    conclude(record, narrator, console)
    return verdict.exit_code if is_recorded else verdict.exit_code or EXIT_ERROR


def used_files(given: Mapping[str, Any], request: RunRequest) -> Iterator[str]:
    """Yield the files that a run reads or writes."""
    if given["file"]:
        yield given["file"]
    folder = Path(given["file"] or "").parent
    for argument in request.job.buffers.values():
        yield str(folder / argument.text) if argument.in_file else argument.text


def ended_verdict(record: RunRecord) -> Verdict:
    """Return the verdict over a run that has ended."""
    if record.verdict is None:
        raise AssertionError("a run that ended has a verdict")
    return record.verdict


def conclude(record: RunRecord, narrator: Narrator, console: Console) -> None:
    """Say how a run has ended."""
    verdict = ended_verdict(record)
    for note in verdict.notes:
        console.warn(note, runId=record.id)
    fields = {"runId": record.id, "verdict": verdict.kind.value, "exitCode": verdict.exit_code}
    aside = "".join(f"; {note}" for note in record.notes)
    if verdict.kind is VerdictKind.SUCCEEDED:
        of_all = [stats for container in record.containers for stats in container.buffers]
        summary = narrator.summary(of_all or record.buffers)
        console.last_line(f"Run {record.id} succeeded: {summary}{aside}.", **fields)
    elif verdict.kind is not VerdictKind.CANCELED or verdict.exit_code != EXIT_READER_CLOSED:
        # Whoever closed stdout does not want to hear more.
        line = verdict.line
        if aside:
            line = f"{line[:-1]}{aside}."
        console.error(f"run {record.id} {verdict.kind.value}: {line}", **fields)


def show_last_lines(
    workspace: Workspace, record: RunRecord, replicas: Mapping[str, int], console: Console
) -> None:
    """Show what those containers said last that may tell why the run failed."""
    # Late: most runs do not fail.
    from tyger_local.outcome.last_words import whose_last_words  # noqa: PLC0415

    for label in whose_last_words(record.containers, replicas):
        try:
            lines = workspace.runs.log_tail(record.id, label, LAST_LOG_LINES)
        except StoreError as error:
            console.warn(str(error))
            continue
        if lines:
            whose = f" of {label}" if sum(replicas.values()) > 1 else ""
            console.lines(f"The last lines of the log{whose}", lines)
