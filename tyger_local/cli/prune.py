"""``tyger-local prune``."""

from __future__ import annotations

import click

from tyger_local.cli.codespec import no_positionals
from tyger_local.cli.commands import Choice, Command, boolean
from tyger_local.cli.output import write_out
from tyger_local.cli.render import print_value
from tyger_local.cli.state import console, workspace
from tyger_local.errors import EXIT_ERROR, EXIT_OK

WOULD = {
    "removed": "would remove",
    "stopped": "would stop",
    "kept": "would keep",
    "recorded": "would record",
}


@click.command("prune", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option(
    "--format",
    "output_format",
    type=Choice("text", "json"),
    default="text",
    help="How the answer is printed (default: text).",
)
def prune(extra: tuple[str, ...], output_format: str, *, dry_run: bool) -> int:
    """Remove what runs have left whose process was killed.

    The next run does the same; this also asks the engine for what the store does not know of.
    """
    no_positionals(extra, "prune")
    swept = workspace().runs.prune(dry_run=dry_run)
    if output_format == "json":
        done = [{"runId": d.run_id, "done": d.deed.value, "what": d.what} for d in swept.done]
        print_value({"dryRun": dry_run, "done": done, "problems": list(swept.problems)}, "json")
    else:
        lines = (
            f"run {d.run_id}: {WOULD[d.deed.value] if dry_run else d.deed.value} {d.what}\n"
            for d in swept.done
        )
        write_out("".join(lines))
    for note in swept.notes:
        console().warn(note)
    for problem in swept.problems:
        console().error(problem)
    if not swept.done and not swept.problems:
        console().info("nothing was left")
    return EXIT_ERROR if swept.problems else EXIT_OK


prune.params.append(boolean("--dry-run", help="Say what would be removed, and remove nothing."))
