"""``submit``: what is said while a run goes on the cluster, and what came of it. Loads YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tyger_local.cli.console import Console
from tyger_local.cli.execute import (
    SHOWING_LOGS,
    conclude,
    ended_verdict,
    show_last_lines,
    used_files,
)
from tyger_local.cli.narrator import Narrator
from tyger_local.cli.output import check_reader, write_out
from tyger_local.cli.record_file import RecordFile
from tyger_local.cli.run_values import options_from, request_from
from tyger_local.cli.signals import REASONS, EndedBySignal, canceling
from tyger_local.errors import EXIT_ERROR, EXIT_OK, TygerLocalError, UsageError
from tyger_local.outcome.events import Event
from tyger_local.outcome.words import human_bytes, printable
from tyger_local.runner.cancel import Cancellation
from tyger_local.spec.runs import RunRequest
from tyger_local.submit.comparing import Comparison, Lines
from tyger_local.submit.model import CANCELED, SUCCEEDED, StoppedError, Submitted, Told
from tyger_local.workspace import Workspace
from tyger_local.workspace.submit_model import SubmitOptions, SubmitResult
from tyger_local.workspace.submitting import Submitter

EXIT_CANCELED = 130
LONGEST_SHOWN = 80
"""Of a line of text in which outputs differ, in characters."""


class Teller:
    """Tells how a run goes: here through a narrator, there line by line.

    Args:
        console: Where to tell it.
        request: The run.
        timestamps: Whether lines of logs begin with their time.
    """

    def __init__(self, console: Console, request: RunRequest, *, timestamps: bool) -> None:
        self._console = console
        self._request = request
        self._timestamps = timestamps
        self._narrator: Narrator | None = None

    def tell_here(self, event: Event) -> None:
        """Tell of the run on this machine."""
        self.narrator().tell(event)

    def tell_there(self, told: Told) -> None:
        """Tell of the run on the cluster, once what the narrator knows has been told."""
        self.close()
        if told.is_warning:
            self._console.warn(told.text, **told.fields)
        else:
            self._console.info(told.text, **told.fields)

    def log(self, line: str) -> None:
        """Show a line that a container printed there."""
        if self._console.is_json:
            self._console.info(line.rstrip("\n"))
        else:
            self._console.raw(line.encode("utf-8", "replace"))

    def narrator(self) -> Narrator:
        """Return who tells of the run on this machine."""
        if self._narrator is None:
            self._narrator = Narrator(
                self._console, self._request.replicas, timestamps=self._timestamps
            )
        return self._narrator

    def close(self) -> None:
        """Have what is left told."""
        narrator, self._narrator = self._narrator, None
        if narrator is not None:
            narrator.close()


def rehearse(given: Mapping[str, Any], workspace: Workspace, console: Console) -> None:
    """Print the commands that would be run."""
    request = request_from(given, workspace)
    teller = Teller(console, request, timestamps=False)
    options = _options(given, teller, Cancellation())
    if options.is_compared:
        write_out("# First the same run here, as by 'tyger-local run exec'.\n")
    write_out(Submitter(workspace, request, given["file"] or None, options).rehearse())


def submit_run(given: Mapping[str, Any], workspace: Workspace, console: Console) -> int:
    """Submit, tell how it goes and how it ended, and return the exit code."""
    request = request_from(given, workspace)
    record_file = RecordFile(given["record"])
    record_file.refuse_same(used_files(given, request))
    cancellation = Cancellation()
    teller = Teller(console, request, timestamps=given["timestamps"])
    options = _options(given, teller, cancellation)
    submitter = Submitter(workspace, request, given["file"] or None, options)
    try:
        with canceling(cancellation):
            result = submitter.submit()
    except StoppedError as stopped:
        raise _ended(stopped) from stopped
    except TygerLocalError:
        check_reader()  # if that is why, whoever closed it does not want to hear of it
        raise
    finally:
        teller.close()
    if result.run is None:
        return _failed_here(result, request, workspace, console)
    if options.is_detached:
        return _print_id(result.run.run_id)
    is_recorded = record_file.write(result.run.record, console)
    code = _conclude(result.run, result.comparisons, console)
    return code if is_recorded else code or EXIT_ERROR


def _options(given: Mapping[str, Any], teller: Teller, cancellation: Cancellation) -> SubmitOptions:
    if given["compare"] and given["compared_run"] is not None:
        raise UsageError("--compare and --run both say with what to compare", "leave one out")
    if given["detach"] and (given["compare"] or given["compared_run"] is not None):
        raise UsageError("nobody waits for outputs to compare with --detach", "leave it out")
    if given["detach"] and given["record"] is not None:
        raise UsageError("nobody waits for what --record writes with --detach", "leave it out")
    return SubmitOptions(
        execution=options_from({**given, "logs": False}, teller.tell_here, cancellation),
        tell=teller.tell_there,
        show_log=teller.log,
        shows_whole_log=given["logs"],
        timestamps=given["timestamps"],
        is_compared=given["compare"],
        compared_run=given["compared_run"],
        is_detached=given["detach"],
    )


def _print_id(run_id: int) -> int:
    try:
        write_out(f"{run_id}\n")
    except TygerLocalError as error:
        stop = f"end it with 'tyger run cancel {run_id}'"
        raise TygerLocalError(f"run {run_id} has begun there, and {error.what}", stop) from error
    return EXIT_OK


def _ended(stopped: StoppedError) -> EndedBySignal:
    numbers = [number for number, reason in REASONS.items() if reason is stopped.reason]
    return EndedBySignal(numbers[0])


def _failed_here(
    result: SubmitResult, request: RunRequest, workspace: Workspace, console: Console
) -> int:
    """Say why the run failed on this machine, for which nothing was submitted."""
    record = result.here
    if record is None:
        raise AssertionError("a run that was not submitted has failed here")
    verdict = ended_verdict(record)
    if verdict.kind in SHOWING_LOGS:
        show_last_lines(workspace, record, request.replicas, console)
    narrator = Narrator(console, request.replicas, timestamps=False)
    narrator.close()
    conclude(record, narrator, console)
    console.info("Nothing was submitted, since the run did not succeed here")
    return verdict.exit_code


def _conclude(run: Submitted, comparisons: tuple[Comparison, ...], console: Console) -> int:
    """Say how the run ended there, print how outputs compare, and return the exit code."""
    fields = {"runId": run.run_id, "status": run.status}
    if run.status != SUCCEEDED:
        reason = f" ({run.reason})" if run.reason else ""
        console.error(f"run {run.run_id} ended there with status {run.status}{reason}.", **fields)
        return EXIT_CANCELED if run.status == CANCELED else EXIT_ERROR
    for comparison in comparisons:
        write_out("".join(f"{line}\n" for line in comparison_lines(comparison)))
    different = [c.buffer for c in comparisons if not c.is_identical]
    if different:
        names = ", ".join(f"'{name}'" for name in different)
        console.error(
            f"run {run.run_id} succeeded there, with other bytes than here in {names}. "
            "Whether that is rounding only a program for the format can say.",
            **fields,
        )
        return EXIT_ERROR
    console.last_line(f"Run {run.run_id} succeeded there.", **fields)
    return EXIT_OK


def comparison_lines(comparison: Comparison) -> list[str]:
    """Return how an output here and there compare, for people."""
    here, there = comparison.here, comparison.there
    if comparison.is_identical:
        return [f"{comparison.buffer}: identical, {human_bytes(here.bytes)}, sha256 {here.sha256}"]
    width = max(len(str(here.bytes)), len(str(there.bytes)), len("bytes"))
    lines = [
        f"{comparison.buffer}: different",
        f"         {'bytes'.rjust(width)}  sha256",
        f"  here   {str(here.bytes).rjust(width)}  {here.sha256}",
        f"  there  {str(there.bytes).rjust(width)}  {there.sha256}",
    ]
    if comparison.offset is not None:
        lines.append(f"  The first difference is at byte {comparison.offset}, counted from 0.")
    if comparison.lines is not None:
        lines += _text_lines(comparison.lines)
    return lines


def _text_lines(lines: Lines) -> list[str]:
    if lines.here == lines.there:
        return [f"  Line {lines.number} ends differently."]
    return [
        f"  line {lines.number} here:  {_shown(lines.here)}",
        f"  line {lines.number} there: {_shown(lines.there)}",
    ]


def _shown(line: str | None) -> str:
    if line is None:
        return "(there is none)"
    return printable(line if len(line) <= LONGEST_SHOWN else f"{line[:LONGEST_SHOWN]}…")
