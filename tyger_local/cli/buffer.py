"""``tyger-local buffer``: create, show, set, list; what moves bytes and what removes is in other files."""

from __future__ import annotations

from collections.abc import Mapping

import click

from tyger_local.cli.buffer_bytes import gen, read, write
from tyger_local.cli.buffer_removal import delete, purge, restore
from tyger_local.cli.commands import Command, Group, boolean
from tyger_local.cli.completion import buffer_ids, only_one
from tyger_local.cli.limits import asked_limit, cut
from tyger_local.cli.output import write_out
from tyger_local.cli.positionals import buffer_id, no_positionals
from tyger_local.cli.render import format_option, print_document, print_documents, print_value
from tyger_local.cli.state import workspace
from tyger_local.cli.values import INT, MAP, merged


def _tags(document: Mapping[str, object]) -> str:
    tags = document.get("tags")
    return " ".join(f"{k}={v}" for k, v in tags.items()) if isinstance(tags, dict) else ""


COLUMNS = {
    "ID": lambda doc: doc.get("id"),
    "CREATED": lambda doc: doc.get("createdAt"),
    "STATE": lambda doc: doc.get("state"),
    "BYTES": lambda doc: doc.get("bytes"),
    "EXPIRES": lambda doc: doc.get("expiresAt"),
    "TAGS": _tags,
}

buffer = Group("buffer", help="Manage buffers.", aliases={"get": "show"})
for command in (write, read, gen, delete, restore, purge):
    buffer.add_command(command)


@buffer.command("create", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option("--tag", "tags", type=MAP, multiple=True, help="Tags of the buffer.")
@click.option(
    "--ttl", default="", metavar="D.HH:MM", help="When it is soft-deleted (default: never)."
)
@click.option("--location", metavar="LOCATION", help="Ignored here: there is one place.")
def create(
    extra: tuple[str, ...],
    tags: tuple[dict[str, str], ...],
    ttl: str,
    location: str | None,
    *,
    full_resource: bool,
) -> None:
    """Create a buffer, and print its id."""
    del location
    no_positionals(extra, "buffer create")
    created = workspace().buffers.create(merged(tags), ttl)
    if full_resource:
        print_value(created, "json")
    else:
        write_out(f"{created['id']}\n")


create.params.append(boolean("--full-resource", help="Print the buffer and not only its id."))


@buffer.command("show", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID", shell_complete=only_one(buffer_ids))
@format_option
def show(ids: tuple[str, ...], output_format: str, *, soft_deleted: bool) -> None:
    """Show a buffer."""
    document = workspace().buffers.show(buffer_id(ids), soft_deleted=soft_deleted)
    print_document(document, output_format, name="id", columns=COLUMNS)


@buffer.command("set", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID", shell_complete=only_one(buffer_ids))
@click.option("--tag", "tags", type=MAP, multiple=True, help="Tags to add or to change.")
@click.option("--etag", metavar="ETAG", help="Change it only if this is its eTag.")
@click.option(
    "--ttl", default="", metavar="D.HH:MM", help="When it is soft-deleted, counted from now."
)
def set_(
    ids: tuple[str, ...],
    tags: tuple[dict[str, str], ...],
    etag: str | None,
    ttl: str,
    *,
    clear_tags: bool,
    soft_deleted: bool,
) -> None:
    """Change a buffer's tags or time to live, and print it."""
    changed = workspace().buffers.set(
        buffer_id(ids),
        merged(tags),
        clear_tags=clear_tags,
        etag=etag,
        ttl=ttl,
        soft_deleted=soft_deleted,
    )
    print_value(changed, "json")


set_.params.append(
    boolean("--clear-tags", help="Remove all tags that are not given, instead of keeping them.")
)


@buffer.command("list", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option("--tag", "tags", type=MAP, multiple=True, help="Only buffers with all these tags.")
@click.option(
    "--exclude-tag",
    "exclude_tags",
    type=MAP,
    multiple=True,
    help="Only buffers with none of these tags.",
)
@click.option("-l", "--limit", type=INT, help="How many at most (default: 1000).")
@format_option
def list_(
    extra: tuple[str, ...],
    tags: tuple[dict[str, str], ...],
    exclude_tags: tuple[dict[str, str], ...],
    limit: int | None,
    output_format: str,
    *,
    soft_deleted: bool,
) -> None:
    """List buffers, newest first."""
    no_positionals(extra, "buffer list")
    documents = workspace().buffers.list(
        merged(tags), merged(exclude_tags), asked_limit(limit), soft_deleted=soft_deleted
    )
    print_documents(cut(documents, limit), output_format, name="id", columns=COLUMNS)


for command in (show, set_, list_):
    command.params.append(
        boolean("--soft-deleted", help="Soft-deleted buffers instead of the others.")
    )
