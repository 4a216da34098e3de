"""``tyger-local run show``, ``list``, ``counts``, ``set``, ``delete``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import chain

import click

from tyger_local.cli.asking import confirm
from tyger_local.cli.commands import Command, boolean
from tyger_local.cli.completion import only_one, run_ids, run_statuses
from tyger_local.cli.limits import asked_limit, cut
from tyger_local.cli.positionals import is_number, no_positionals, the_one
from tyger_local.cli.render import format_option, print_document, print_documents, print_value
from tyger_local.cli.state import console, workspace
from tyger_local.cli.times import TIME
from tyger_local.cli.values import INT, MAP, STATUSES, STATUSES_IN_USE, merged
from tyger_local.errors import NotFoundError, UsageError
from tyger_local.workspace.records import Selection


def _image(record: Mapping[str, object]) -> object:
    value: object = record
    for name in ("job", "codespec", "image"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


COLUMNS = {
    "ID": lambda doc: doc.get("id"),
    "STATUS": lambda doc: doc.get("status"),
    "VERDICT": lambda doc: doc.get("verdict"),
    "CREATED": lambda doc: doc.get("createdAt"),
    "IMAGE": _image,
    "REASON": lambda doc: doc.get("statusReason"),
}

since_option = click.option(
    "-s",
    "--since",
    type=TIME,
    help="Only runs created after it: a date and time, '1 hour ago', yesterday.",
)
tag_filter = click.option(
    "--tag", "tags", type=MAP, multiple=True, help="Only runs that have all these tags."
)


def run_id_of(ids: tuple[str, ...]) -> int:
    """Return the one run id that is given.

    Raises:
        UsageError: None is, or several are.
        NotFoundError: It is no number.
    """
    text = the_one(ids, "run id", "see 'tyger-local run list'")
    if not is_number(text):
        raise NotFoundError(f"The run '{text}' was not found", "a run's id is a number")
    return int(text)


@click.command("show", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID", shell_complete=only_one(run_ids))
@format_option
def show(ids: tuple[str, ...], output_format: str) -> None:
    """Show a run."""
    document = workspace().runs.show(run_id_of(ids))
    print_document(document, output_format, name="id", columns=COLUMNS)


@click.command("list", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@since_option
@tag_filter
@click.option(
    "--status",
    "statuses",
    type=STATUSES,
    multiple=True,
    shell_complete=run_statuses,
    help=f"Only runs in one of these statuses: {', '.join(STATUSES_IN_USE)}.",
)
@click.option("-l", "--limit", type=INT, help="How many at most (default: 1000).")
@format_option
def list_(
    extra: tuple[str, ...],
    since: datetime | None,
    tags: tuple[dict[str, str], ...],
    statuses: tuple[list[str], ...],
    limit: int | None,
    output_format: str,
) -> None:
    """List runs, newest first."""
    no_positionals(extra, "run list")
    selection = Selection(since, merged(tags) or {}, frozenset(chain.from_iterable(statuses)))
    documents = workspace().runs.list(asked_limit(limit), selection)
    print_documents(cut(documents, limit), output_format, name="id", columns=COLUMNS)


@click.command("counts", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@since_option
@tag_filter
def counts(
    extra: tuple[str, ...], since: datetime | None, tags: tuple[dict[str, str], ...]
) -> None:
    """Count runs by their status; a status in which none is is left out."""
    no_positionals(extra, "run counts")
    print_value(workspace().runs.counts(Selection(since, merged(tags) or {})), "json")


@click.command("set", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID", shell_complete=only_one(run_ids))
@click.option("--tag", "tags", type=MAP, multiple=True, help="Tags to add or change.")
@click.option("--etag", metavar="ETAG", help="Change nothing unless the run still has this ETag.")
@format_option
def set_(
    ids: tuple[str, ...],
    tags: tuple[dict[str, str], ...],
    etag: str | None,
    output_format: str,
    *,
    clear_tags: bool,
) -> None:
    """Change the tags of a run, and show it."""
    run_id = run_id_of(ids)
    changed = workspace().runs.set(run_id, merged(tags), clear=clear_tags, etag=etag or None)
    print_document(changed, output_format, name="id", columns=COLUMNS)


set_.params.append(boolean("--clear-tags", help="Remove the tags that the run has."))


@click.command("delete", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID...", shell_complete=run_ids)
def delete(ids: tuple[str, ...], *, force: bool) -> None:
    """Remove runs that have ended: their records and logs. Their buffers stay.

    It asks before that on a terminal only: elsewhere, and with --force, it does it at once.
    """
    if not ids:
        raise UsageError("at least one run id is required", "see 'tyger-local run list'")
    numbers = [run_id_of((text,)) for text in dict.fromkeys(ids)]
    what = f"run {ids[0]}" if len(numbers) == 1 else f"{len(numbers)} runs"
    confirm(f"Delete {what}, record and logs?", force=force)
    workspace().runs.delete(*numbers)
    console().info("Deleted", runs=", ".join(map(str, numbers)))


delete.params.append(boolean("--force", help="Do not ask on a terminal."))
