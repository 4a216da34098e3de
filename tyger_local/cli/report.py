"""``tyger-local run report``: what a run cost, for people."""

from __future__ import annotations

import click

from tyger_local.cli.commands import Command
from tyger_local.cli.completion import only_one, run_ids
from tyger_local.cli.output import write_out
from tyger_local.cli.render import print_value, text_format_option
from tyger_local.cli.run_records import run_id_of
from tyger_local.cli.state import console, workspace
from tyger_local.cli.whole_file import WholeFile
from tyger_local.errors import DamagedError, StateError, TygerLocalError
from tyger_local.workspace.truth import has_ended

STDOUT = "-"


@click.command("report", cls=Command)
@click.argument("ids", nargs=-1, metavar="[ID]", shell_complete=only_one(run_ids))
@click.option(
    "--html", metavar="FILE", help="Also write a page with plots over time; - prints it instead."
)
@text_format_option
def report(ids: tuple[str, ...], html: str | None, output_format: str) -> None:
    """Show what a run cost, and what to write under 'resources:' after it.

    Without an id, the latest run is meant.
    """
    target = None if html in (None, STDOUT) else WholeFile(str(html), "the page")
    here = workspace()
    run_id = run_id_of(ids) if ids else here.runs.latest()
    record = here.runs.show(run_id)
    if not has_ended(record):
        raise StateError(
            f"the run '{run_id}' has not ended, and what it cost is known only then",
            f"wait for its end with 'tyger-local run watch {run_id}'",
        )
    # Late: these are of use to no other command.
    from tyger_local.cli.report_text import report_text  # noqa: PLC0415
    from tyger_local.report.document import report_document  # noqa: PLC0415
    from tyger_local.report.making import make_report  # noqa: PLC0415
    from tyger_local.report.page import html_page  # noqa: PLC0415

    made = make_report(record, _samples(run_id))
    problem = "" if target is None else target.write(html_page(made))
    if html == STDOUT:
        write_out(html_page(made))
    elif output_format == "json":
        print_value(report_document(made), "json")
    else:
        write_out(report_text(made))
    if problem:
        raise TygerLocalError(problem.rstrip("."))
    if target is not None:
        console().last_line(f"The page is in {target.path}.")


def _samples(run_id: int) -> object:
    """Return what was sampled; what is damaged spoils the plots and not the figures."""
    try:
        return workspace().runs.samples(run_id)
    except DamagedError as error:
        console().warn(str(error))
        return None
