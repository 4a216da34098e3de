"""``tyger-local run watch``, ``logs``, ``cancel``: runs that go on, also in other processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

import click

from tyger_local.cli.commands import Choice, Command, boolean
from tyger_local.cli.completion import only_one, run_containers, run_ids, unended_run_ids
from tyger_local.cli.output import check_reader, has_reader, write_out, write_out_bytes
from tyger_local.cli.run_records import run_id_of
from tyger_local.cli.state import workspace
from tyger_local.cli.times import TIME
from tyger_local.cli.values import COUNT
from tyger_local.errors import EXIT_ERROR, EXIT_OK
from tyger_local.outcome.verdict import VerdictKind

WATCHED = (
    "id", "status", "statusReason", "runningCount", "createdAt", "startedAt", "finishedAt",
)  # fmt: skip
"""What is shown of a run that is watched."""

OUTPUT_STREAMS = ("all", "stdout", "stderr")


@click.command("watch", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID", shell_complete=only_one(run_ids))
def watch(ids: tuple[str, ...], *, full_resource: bool, exit_code: bool) -> int:
    """Show a run as it is now and after each change, a line of JSON each, until it has ended.

    With --exit-code the exit code is that of 'run exec': the container's own, 124 for a time-out and so on.
    """
    last = ""
    record: Mapping[str, object] = {}
    for record in workspace().runs.watch(run_id_of(ids), is_wanted=has_reader):
        shown = {n: v for n, v in record.items() if full_resource or n in WATCHED}
        line = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        if line != last:
            write_out(f"{line}\n")
        last = line
    check_reader()
    return _exit_code(record) if exit_code else EXIT_OK


watch.params += [
    boolean("--full-resource", help="Show everything that is known of the run."),
    boolean("--exit-code", help="Exit as 'run exec' would have."),
]


def _exit_code(record: Mapping[str, object]) -> int:
    """Return the exit code of the verdict; nobody knows it of a run whose process was killed.

    The record has none either of a run that succeeded while its job went on, which was stopped.
    """
    if record.get("verdict") == VerdictKind.SUCCEEDED.value:
        return EXIT_OK
    code = record.get("exitCode")
    return code if isinstance(code, int) else EXIT_ERROR


@click.command("logs", cls=Command)
@click.argument("ids", nargs=-1, metavar="[ID]", shell_complete=only_one(run_ids))
@click.option("--tail", type=COUNT, help="Show only so many of the last lines.")
@click.option(
    "-s",
    "--since",
    type=TIME,
    help="Show only lines printed after it: a date and time, '10 minutes ago'.",
)
@click.option(
    "--stream",
    type=Choice(*OUTPUT_STREAMS),
    default="all",
    help="Show only what was printed there (default: all).",
)
@click.option(
    "--container",
    metavar="NAME",
    shell_complete=run_containers,
    help="Show only this container (job-0, worker-2), or those of one role (worker).",
)
def logs(
    ids: tuple[str, ...],
    tail: int | None,
    since: datetime | None,
    stream: str,
    container: str | None,
    *,
    follow: bool,
    timestamps: bool,
) -> None:
    """Show what the containers of a run printed, by default of the latest run.

    Standard output and standard error in the order in which they came, on standard output. Lines of several
    containers begin with the container's name: [job], [worker-2].
    """
    runs = workspace().runs
    run_id = run_id_of(ids) if ids else runs.latest()
    # Late: what only logs need.
    from tyger_local.workspace.run_logs import LogQuery  # noqa: PLC0415

    query = LogQuery(
        follow, tail, since, None if stream == "all" else stream, timestamps, container or None
    )
    for data in runs.logs(run_id, query, has_reader):
        write_out_bytes(data)
    check_reader()


logs.params += [
    boolean("-f", "--follow", help="Go on showing what is printed until the run has ended."),
    boolean("--timestamps", help="Begin each line with the time at which it was printed."),
]


@click.command("cancel", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID", shell_complete=only_one(unended_run_ids))
def cancel(ids: tuple[str, ...]) -> None:
    """End a run, whichever process runs it: SIGTERM, then SIGKILL after its --stop-grace."""
    run_id = run_id_of(ids)
    record = workspace().runs.cancel(run_id)
    if record.get("status") == "Canceled":
        write_out(f"Job {run_id} has been canceled\n")
    else:
        write_out(f"Cancel issued for job {run_id}\n")
