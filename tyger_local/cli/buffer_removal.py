"""``tyger-local buffer delete``, ``restore`` and ``purge``: of one buffer, several, or all that match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass

import click

from tyger_local.cli.asking import can_ask, confirm
from tyger_local.cli.commands import Command, boolean
from tyger_local.cli.completion import buffer_ids
from tyger_local.cli.output import write_out
from tyger_local.cli.render import Document, print_value
from tyger_local.cli.state import console, workspace
from tyger_local.cli.values import MAP, merged
from tyger_local.errors import (
    EXIT_ERROR,
    EXIT_OK,
    DamagedError,
    NotFoundError,
    StateError,
    StoreError,
    UsageError,
)
from tyger_local.outcome.words import counted

FORCE_HELP = "Do not ask, and do it to damaged buffers that are named, too."


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done to buffers.

    Attributes:
        does: Does it to one, by force or not.
        soft_deleted: Whether it is for those that are soft-deleted.
    """

    name: str
    doing: str
    done: str
    does: Callable[[str, bool], Document]
    soft_deleted: bool


@dataclass(frozen=True, slots=True)
class Which:
    """Which buffers: named, or all with and without tags."""

    ids: tuple[str, ...]
    tags: dict[str, str] | None
    exclude_tags: dict[str, str] | None
    is_all: bool
    is_forced: bool

    def check(self, deed: str) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: Nothing is chosen, or in more than one way.
        """
        by_tags = self.tags is not None or self.exclude_tags is not None
        if self.ids and (by_tags or self.is_all):
            raise UsageError(
                "buffer IDs cannot be combined with --tag, --exclude-tag or --all", "give one kind"
            )
        if self.is_all and by_tags:
            raise UsageError("--all cannot be combined with --tag or --exclude-tag", "give one")
        if not (self.ids or by_tags or self.is_all):
            raise UsageError(
                f"it is not said which buffers to {deed}",
                "give their IDs, --tag KEY=VALUE or --all",
            )


def _carry_out(deed: Deed, which: Which) -> int:
    which.check(deed.name)
    if deed.name == "purge":
        workspace().buffers.tidy()  # what was purged by a process that was killed on the way
    if len(which.ids) == 1:
        print_value(deed.does(which.ids[0], which.is_forced), "json")
        return EXIT_OK
    ids: Sequence[str] = which.ids
    if ids:
        buffers = workspace().buffers
        for one in ids:  # all are looked up first: a mistake changes nothing
            with suppress(DamagedError) if which.is_forced else nullcontext():
                buffers.show(one, soft_deleted=deed.soft_deleted)
    else:
        ids = _matching(deed, which)
        _confirm(deed, len(ids), is_forced=which.is_forced)
    outcomes = [_done(deed, one, is_forced=which.is_forced) for one in dict.fromkeys(ids)]
    write_out(f"{deed.done} {outcomes.count(True)} buffers.\n")
    return EXIT_ERROR if False in outcomes else EXIT_OK


def _matching(deed: Deed, which: Which) -> list[str]:
    if not which.is_forced and not can_ask():
        raise UsageError(
            f"{deed.name} asks before it changes many buffers, and there is no terminal to ask on",
            "use --force to do it without being asked",
        )
    found = workspace().buffers.list(which.tags, which.exclude_tags, soft_deleted=deed.soft_deleted)
    return [str(document["id"]) for document in found]


def _confirm(deed: Deed, count: int, *, is_forced: bool) -> None:
    if is_forced or count == 0:
        return
    buffers = counted(count, "buffer")
    console().warn(f"{deed.doing} {buffers}. Use --force to {deed.name} without confirmation.")
    confirm(f"Are you sure you want to {deed.name} {buffers}?", force=False)


def _done(deed: Deed, identifier: str, *, is_forced: bool) -> bool | None:
    """Do it to one of many; None when somebody else was faster, False when it cannot be done."""
    try:
        deed.does(identifier, is_forced)
    except NotFoundError:
        return None
    except (StateError, StoreError) as error:
        console().warn(str(error))
        return False
    return True


def _command(
    name: str, text: str, make_deed: Callable[[], Deed], force_help: str = FORCE_HELP
) -> click.Command:
    @click.command(name, cls=Command, help=text)
    @click.argument("ids", nargs=-1, metavar="[ID...]", shell_complete=buffer_ids)
    @click.option("--tag", "tags", type=MAP, multiple=True, help="All buffers with these tags.")
    @click.option(
        "--exclude-tag",
        "exclude_tags",
        type=MAP,
        multiple=True,
        help="But none with one of these tags.",
    )
    def command(
        ids: tuple[str, ...],
        tags: tuple[dict[str, str], ...],
        exclude_tags: tuple[dict[str, str], ...],
        **switches: bool,
    ) -> int:
        which = Which(ids, merged(tags), merged(exclude_tags), switches["all"], switches["force"])
        return _carry_out(make_deed(), which)

    command.params.append(boolean("--all", help="All buffers."))
    command.params.append(boolean("--force", help=force_help))
    return command


delete = _command(
    "delete",
    "Soft-delete buffers: they are hidden, and their bytes are kept.",
    lambda: Deed(
        "delete",
        "Deleting",
        "Deleted",
        lambda one, force: workspace().buffers.delete(one, force=force),
        soft_deleted=False,
    ),
)
restore = _command(
    "restore",
    "Take back the soft deletion of buffers, and their time to live: they do not expire any more.",
    lambda: Deed(
        "restore",
        "Restoring",
        "Restored",
        lambda one, _: workspace().buffers.restore(one),
        soft_deleted=True,
    ),
    "Do not ask.",
)
purge = _command(
    "purge",
    "Remove soft-deleted buffers and their bytes for good.",
    lambda: Deed(
        "purge",
        "Purging",
        "Purged",
        lambda one, force: workspace().buffers.purge(one, force=force),
        soft_deleted=True,
    ),
)
