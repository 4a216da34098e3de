"""``tyger-local run exec`` and ``run create``."""

from __future__ import annotations

import click

from tyger_local.cli.commands import Command, boolean
from tyger_local.cli.loading import leaving_on_interrupt
from tyger_local.cli.output import write_out
from tyger_local.cli.positionals import no_positionals
from tyger_local.cli.render import print_value
from tyger_local.cli.run_flags import buffer_option, run_flags
from tyger_local.cli.state import console, settings, workspace
from tyger_local.cli.values import INT
from tyger_local.errors import TygerLocalError


@run_flags
@click.command("exec", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@buffer_option(
    ", NAME=- for stdin or stdout. One input and one output left out are connected to these."
)
@click.option("--record", metavar="FILE", help="Write the run's record to a file as JSON.")
@click.option("--block-size", metavar="SIZE", hidden=True)
@click.option("--write-dop", metavar="N", hidden=True)
@click.option("--read-dop", metavar="N", hidden=True)
def exec_(extra: tuple[str, ...], **given: object) -> int:
    """Run a codespec, its buffers connected to files or to stdin and stdout.

    The exit code is the container's own; 124 means a time-out, 137 out of memory, 74 a buffer that failed,
    125 an engine or image that failed, 126 or 127 a command that cannot be executed or found.
    """
    no_positionals(extra, "run exec")
    here = workspace(str(given["engine"] or "") or None)
    if not given["dry_run"]:
        here.runs.expect()
    with leaving_on_interrupt():
        # Late: loads YAML, while the engine answers.
        from tyger_local.cli.execute import execute, show_plan  # noqa: PLC0415

    if given["dry_run"]:
        print_value(show_plan(given, here), "yaml")
        return 0
    watchdog = settings().watchdog
    if watchdog is not None:
        watchdog.guard(str(here.home.absolute()))
    return execute(given, here, console())


exec_.params += [
    boolean("--logs", help="Show what the container prints, on stderr."),
    boolean("--timestamps", help="Put the time before each line of --logs."),
    boolean("--dry-run", help="Print what would be done, without an engine."),
    boolean("--shell", help="A terminal in the container instead of its command."),
]


@run_flags
@click.command("create", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@buffer_option(". For those left out, buffers are made.")
def create(extra: tuple[str, ...], **given: object) -> None:
    """Run a codespec in the background, and print the run's id.

    It goes on when the terminal is closed. See how it does with 'run watch', 'run logs' and 'run show', and
    end it with 'run cancel'.
    """
    no_positionals(extra, "run create")
    here = workspace(str(given["engine"] or "") or None)
    with leaving_on_interrupt():
        # Late: loads YAML.
        from tyger_local.cli.detach import create_run  # noqa: PLC0415

    run_id = create_run(given, here)
    try:
        write_out(f"{run_id}\n")
    except TygerLocalError as error:
        stop = f"end it with 'tyger-local run cancel {run_id}'"
        raise TygerLocalError(f"run {run_id} has begun, and {error.what}", stop) from error


@click.command("supervise", cls=Command, hidden=True)
@click.option("--answer", type=INT, default=-1, help="The descriptor that waits for an answer.")
def supervise(answer: int) -> int:
    """Carry out the run that another process of this tool has accepted."""
    with leaving_on_interrupt():
        # Late: loads YAML.
        from tyger_local.cli.detach import supervise_run  # noqa: PLC0415

    return supervise_run(answer, console(), settings().watchdog)
