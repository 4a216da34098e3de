"""``tyger-local prune``: what killed runs have left, and what is old."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import click

from tyger_local.cli.asking import can_ask, confirm
from tyger_local.cli.commands import Command, boolean
from tyger_local.cli.output import write_out
from tyger_local.cli.positionals import no_positionals
from tyger_local.cli.render import print_value, text_format_option
from tyger_local.cli.state import console, workspace
from tyger_local.cli.times import AGE
from tyger_local.errors import EXIT_ERROR, EXIT_OK
from tyger_local.outcome.words import human_bytes

WOULD = {
    "removed": "would remove",
    "stopped": "would stop",
    "kept": "would keep",
    "recorded": "would record",
}


@click.command("prune", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option(
    "--older-than",
    type=AGE,
    help="Remove what is old as well: 30d, 12h, 1w.",
)
@text_format_option
def prune(
    extra: tuple[str, ...],
    older_than: timedelta | None,
    output_format: str,
    *,
    dry_run: bool,
    force: bool,
) -> int:
    """Remove what killed runs have left and, if asked, what is old.

    The next run removes the former, too; this also asks the engine for what the store does not know of. With
    --older-than, runs that ended before that go too, with the buffers that were made for them, and buffers
    that were deleted or have expired before that. Codespecs and buffers made by hand stay.
    """
    no_positionals(extra, "prune")
    here = workspace()
    swept = here.runs.prune(dry_run=dry_run)
    done = [{"runId": d.run_id, "done": d.deed.value, "what": d.what} for d in swept.done]
    freed = 0
    if older_than is not None:
        freed, old = _remove_old(
            datetime.now(timezone.utc) - older_than, dry_run=dry_run, force=force
        )
        done += old
    if output_format == "json":
        answer = {"dryRun": dry_run, "done": done, "problems": list(swept.problems)}
        print_value(answer if older_than is None else {**answer, "freedBytes": freed}, "json")
    else:
        write_out("".join(_line(deed, dry_run=dry_run) for deed in done))
    for note in swept.notes:
        console().warn(note)
    for problem in swept.problems:
        console().error(problem)
    if not done and not swept.problems:
        console().info(
            "nothing was left" if older_than is None else "nothing was left, nothing is old"
        )
    elif older_than is not None:
        console().info("would free" if dry_run else "freed", room=human_bytes(freed))
    return EXIT_ERROR if swept.problems else EXIT_OK


prune.params += [
    boolean("--dry-run", help="Say what would be removed, and remove nothing."),
    boolean("--force", help="Do not ask before --older-than removes something."),
]


def _line(deed: Mapping[str, str], *, dry_run: bool) -> str:
    verb = WOULD[deed["done"]] if dry_run else deed["done"]
    whose = f"run {deed['runId']}: " if deed["runId"] else ""
    return f"{whose}{verb} {deed['what']}\n"


def _remove_old(
    before: datetime, *, dry_run: bool, force: bool
) -> tuple[int, list[dict[str, str]]]:
    """Remove what is old; return how many bytes that frees, and what was done."""
    housekeeping = workspace().housekeeping
    old = housekeeping.find_old(before)
    things = [
        *(f"run {run_id}" for run_id in old.runs),
        *(f"buffer {name}" for name in old.buffers),
    ]
    if things and not dry_run:
        if can_ask() and not force:
            console().warn(
                f"{len(old.runs)} runs and {len(old.buffers)} buffers, {human_bytes(old.bytes)}, will be "
                "removed for good. Use --dry-run to see them."
            )
        confirm("Remove them?", force=force)
        things = list(housekeeping.remove(old))
    return old.bytes, [{"runId": "", "done": "removed", "what": thing} for thing in things]
