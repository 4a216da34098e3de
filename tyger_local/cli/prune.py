"""``tyger-local prune``: what killed runs have left, and what is old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import click

from tyger_local.cli.asking import agrees, can_ask
from tyger_local.cli.commands import Command, boolean
from tyger_local.cli.output import write_out
from tyger_local.cli.positionals import no_positionals
from tyger_local.cli.render import print_value, text_format_option
from tyger_local.cli.state import console, workspace
from tyger_local.cli.times import AGE
from tyger_local.errors import EXIT_ERROR, EXIT_OK, TygerLocalError
from tyger_local.outcome.words import counted, human_bytes
from tyger_local.workspace.housekeeping import Old, Removed

if TYPE_CHECKING:  # loads engines, which --help does without
    from tyger_local.runner.sweep import Swept

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
    that were deleted or have expired before that. Codespecs and buffers made by hand stay. Where there is no
    terminal to ask on, an age is explicit enough, and nothing is asked.
    """
    no_positionals(extra, "prune")
    here = workspace()
    swept = here.runs.prune(dry_run=dry_run)
    done = [{"runId": d.run_id, "done": d.deed.value, "what": d.what} for d in swept.done]
    is_text = output_format == "text"
    _tell(done if is_text else [], swept, dry_run=dry_run)  # before somebody is asked about more
    old: list[Removed] = []
    is_wanted = True
    if older_than is not None:
        found = here.housekeeping.find_old(datetime.now(timezone.utc) - older_than)
        is_wanted = dry_run or _agrees_to_remove(found, force=force)
        old = list(here.housekeeping.remove(found, dry_run=dry_run)) if is_wanted else []
    gone = [{"runId": "", "done": "removed", "what": thing.what} for thing in old]
    freed = sum(thing.bytes for thing in old)
    if is_text:
        _tell(gone, dry_run=dry_run)
    else:
        answer = {"dryRun": dry_run, "done": done + gone, "problems": list(swept.problems)}
        print_value(answer if older_than is None else {**answer, "freedBytes": freed}, "json")
    if not is_wanted:
        raise TygerLocalError("nothing that is old was removed")
    if not (done or gone or swept.problems):
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


def _tell(done: Sequence[Mapping[str, str]], swept: Swept | None = None, *, dry_run: bool) -> None:
    write_out("".join(_line(deed, dry_run=dry_run) for deed in done))
    for note in () if swept is None else swept.notes:
        console().warn(note)
    for problem in () if swept is None else swept.problems:
        console().error(problem)


def _line(deed: Mapping[str, str], *, dry_run: bool) -> str:
    verb = WOULD[deed["done"]] if dry_run else deed["done"]
    whose = f"run {deed['runId']}: " if deed["runId"] else ""
    return f"{whose}{verb} {deed['what']}\n"


def _agrees_to_remove(old: Old, *, force: bool) -> bool:
    if not (old.runs or old.buffers):
        return True
    if can_ask() and not force:
        console().warn(
            f"{counted(len(old.runs), 'run')} and {counted(len(old.buffers), 'buffer')}, "
            f"{human_bytes(old.bytes)}, will be "
            "removed for good. Use --dry-run to see them."
        )
    return agrees("Remove them?", force=force)
