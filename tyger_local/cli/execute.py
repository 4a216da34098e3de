"""``run exec``: flags to the library's values, and what is said while and after it runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tyger_local.cli.console import Console
from tyger_local.cli.narrator import Narrator
from tyger_local.cli.record_file import RecordFile
from tyger_local.cli.signals import canceling
from tyger_local.cli.values import merged
from tyger_local.engine.base import PullPolicy
from tyger_local.errors import EXIT_ERROR, EXIT_READER_CLOSED, StoreError, UsageError
from tyger_local.outcome.events import Event
from tyger_local.outcome.verdict import Verdict, VerdictKind
from tyger_local.plan.model import MountPlan, Overrides
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.setup import Options
from tyger_local.spec.runs import RunFlags, RunRequest, TargetFlags
from tyger_local.streams.tally import Checksum
from tyger_local.workspace import Workspace
from tyger_local.workspace.execution import ExecOptions

PULL_POLICIES = {"true": PullPolicy.ALWAYS, "false": PullPolicy.MISSING}
LAST_LOG_LINES = 10
SHOWING_LOGS = (
    VerdictKind.FAILED,
    VerdictKind.OUT_OF_MEMORY,
    VerdictKind.TIMED_OUT,
    VerdictKind.BUFFER_FAILED,
)
"""Verdicts over containers that ran, and whose last words may tell why."""


def show_plan(given: Mapping[str, Any], workspace: Workspace) -> Mapping[str, object]:
    """Return the plan of ``--dry-run``."""
    request = _request(given, workspace)
    return workspace.runs.plan(request, options=_options(given), file=given["file"] or None)


def execute(given: Mapping[str, Any], workspace: Workspace, console: Console) -> int:
    """Run, tell how it goes and how it ended, and return the exit code."""
    if given["shell"] and not (os.isatty(0) and os.isatty(1)):
        raise UsageError(
            "--shell needs a terminal as standard input and output", "leave both unredirected"
        )
    request = _request(given, workspace)
    record_file = RecordFile(given["record"])
    record_file.refuse_same(_files(given, request))
    cancellation = Cancellation()
    narrator = Narrator(
        console, request.job.replicas, timestamps=given["timestamps"], live=not given["shell"]
    )
    with closing(narrator):
        options = _options(given, emit=narrator.tell, cancellation=cancellation)
        with canceling(cancellation, interrupt=not given["shell"]):
            record = workspace.runs.exec(request, options=options, file=given["file"] or None)
    is_recorded = record_file.write(record.document(), console)
    verdict = record.verdict
    if verdict is None:
        raise AssertionError("a run that ended has a verdict")
    if verdict.kind in SHOWING_LOGS and not given["logs"]:
        _show_last_lines(workspace, record.id, request.job.replicas, console)
    _conclude(console, record.id, verdict, narrator.summary(record.buffers), record.notes)
    return verdict.exit_code if is_recorded else verdict.exit_code or EXIT_ERROR


def _files(given: Mapping[str, Any], request: RunRequest) -> Iterator[str]:
    """Yield the files that a run reads or writes."""
    if given["file"]:
        yield given["file"]
    folder = Path(given["file"] or "").parent
    for argument in request.job.buffers.values():
        yield str(folder / argument.text) if argument.in_file else argument.text


def _conclude(
    console: Console, run_id: int, verdict: Verdict, summary: str, notes: tuple[str, ...]
) -> None:
    for note in verdict.notes:
        console.warn(note, runId=run_id)
    fields = {"runId": run_id, "verdict": verdict.kind.value, "exitCode": verdict.exit_code}
    aside = "".join(f"; {note}" for note in notes)
    if verdict.kind is VerdictKind.SUCCEEDED:
        console.last_line(f"Run {run_id} succeeded: {summary}{aside}.", **fields)
    elif verdict.kind is not VerdictKind.CANCELED or verdict.exit_code != EXIT_READER_CLOSED:
        # Whoever closed stdout does not want to hear more.
        line = verdict.line
        if aside:
            line = f"{line[:-1]}{aside}."
        console.error(f"run {run_id} {verdict.kind.value}: {line}", **fields)


def _show_last_lines(workspace: Workspace, run_id: int, replicas: int, console: Console) -> None:
    for index in range(replicas):
        label = f"job-{index}"
        try:
            lines = workspace.runs.log_tail(run_id, label, LAST_LOG_LINES)
        except StoreError as error:
            console.warn(str(error))
            continue
        if lines:
            whose = f" of {label}" if replicas > 1 else ""
            console.lines(f"The last lines of the log{whose}", lines)


def _request(given: Mapping[str, Any], workspace: Workspace) -> RunRequest:
    flags = RunFlags(
        job=TargetFlags(given["codespec"], given["version"], given["replicas"], given["node_pool"]),
        worker=TargetFlags(
            given["worker_codespec"],
            given["worker_version"],
            given["worker_replicas"],
            given["worker_node_pool"],
        ),
        buffers=merged(given["buffers"]) or {},
        buffer_tags=merged(given["buffer_tags"]) or {},
        buffer_ttl=given["buffer_ttl"],
        cluster=given["cluster"],
        timeout_s=given["timeout"],
        tags=merged(given["tags"]) or {},
        buffer_access_ttl=given["buffer_access_ttl"],
    )
    return workspace.runs.request(given["file"] or None, flags)


def _options(
    given: Mapping[str, Any],
    emit: Callable[[Event], None] = lambda _: None,
    cancellation: Cancellation | None = None,
) -> ExecOptions:
    pull = given["pull"]
    return ExecOptions(
        overrides=Overrides(
            network=given["network"],
            mounts=tuple(_mount(text) for text in given["mounts"]),
            user=given["user"],
            platform=given["platform"],
            no_gpu=given["no_gpu"],
            no_clamp=given["no_clamp"],
        ),
        options=Options(
            pull=PULL_POLICIES.get(pull) or PullPolicy(pull),
            checksum=Checksum(given["checksum"]),
            lenient=given["lenient"],
            keep=given["keep"],
            terminal=given["shell"],
            stop_grace_s=given["stop_grace"],
            follow_logs=given["logs"],
        ),
        strict=given["strict"],
        emit=emit,
        cancellation=cancellation or Cancellation(),
    )


def _mount(text: str) -> MountPlan:
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise UsageError(
            f"--mount {text} makes no sense", "write --mount SRC:DST[:ro] with an absolute DST"
        )
    path = Path(source).absolute()
    if not os.path.exists(path):
        raise UsageError(f"--mount {text}: {path} does not exist", "check the path")
    return MountPlan(str(path), target, read_only=mode == "ro")
