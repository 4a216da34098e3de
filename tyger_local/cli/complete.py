"""A line with a cursor at its end in, what may stand there out.

click has this, but reads the line by its own rules; commands here read argv by pflag's (`cli.argv`). So the
line is read by the same parser, with a mark in the place of the word under the cursor: where the mark comes
out, as the value of a flag or as an argument, says what is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tyger_local.cli.argv import Flag, Parsed, Parser
from tyger_local.cli.commands import ContainerCommand, Reading, Settings
from tyger_local.cli.completion import FILE, OPEN, item
from tyger_local.errors import UsageError

if TYPE_CHECKING:  # takes a moment to load, which only a TAB is to pay for
    from click.shell_completion import CompletionItem

MARK = "\0"
"""Stands for the word under the cursor; no argument can hold it."""

PATHS = ("FILE", "DIR")
"""What flags that name files have for a metavar."""

HELP_LENGTH = 70
BARE = ("true", "false")


def split(line: str) -> tuple[list[str], str]:
    """Return the words of a shell's line before the one under the cursor, and what there is of that."""
    from click.shell_completion import split_arg_string  # noqa: PLC0415  (late: only for a TAB)

    *words, last = split_arg_string(line + MARK)
    return words, last.removesuffix(MARK)


def candidates(root: Reading, words: list[str], incomplete: str) -> list[CompletionItem]:
    """Return what may stand in the place of `incomplete`.

    Args:
        root: The program.
        words: What stands between its name and the word under the cursor.
        incomplete: That word so far.
    """
    settings = Settings()
    command, ctx = root, _context(root, None, settings)
    while True:
        parsed = _parse(command, ctx, [*words, MARK])
        if parsed is None:
            return []
        _note(command, ctx, parsed, settings)
        if not isinstance(command, click.Group) or MARK in parsed.positionals[:1]:
            break
        if not parsed.positionals:  # the mark is the value of a flag
            break
        name, *rest = parsed.positionals
        below = command.get_command(ctx, name)
        if not isinstance(below, Reading):
            return []
        command, words, ctx = below, rest[:-1], _context(below, ctx, settings)
    with ctx.scope(cleanup=False):
        found = list(_offer(command, ctx, words, parsed, incomplete))
    return [each for each in found if each.type == FILE or each.value.startswith(incomplete)]


def _context(command: Reading, parent: click.Context | None, settings: Settings) -> click.Context:
    return click.Context(
        command,
        parent,
        info_name=command.name,
        obj=settings,
        resilient_parsing=True,
        **command.context_settings,
    )


def _parse(command: Reading, ctx: click.Context, words: list[str]) -> Parsed | None:
    """Read `words`; None when they make no sense. No value is checked: the mark would be refused."""
    by_name, by_letter = (
        {key: replace(flag, check=lambda _: None) for key, flag in flags.items()}
        for flags in command.flags(ctx)
    )
    try:
        return Parser(by_name, by_letter, not isinstance(command, click.Group)).parse(words)
    except UsageError:
        return None


def _note(command: Reading, ctx: click.Context, parsed: Parsed, settings: Settings) -> None:
    """Put what the line says into the context, for those who offer something."""
    for name, value in parsed.flags:
        option = _option(command, ctx, name)
        if value is None or value == MARK or option is None or option.name is None:
            continue
        if option.multiple:
            ctx.params.setdefault(option.name, []).append(value)
        else:
            ctx.params[option.name] = value
        if option.name == "home":
            settings.home = os.path.expandvars(Path(value).expanduser())
    if not isinstance(command, click.Group):
        given = [word for word in _positionals(command, parsed) if word != MARK]
        ctx.params.update({argument.name: given for argument in _arguments(command, ctx)})


def _positionals(command: Reading, parsed: Parsed) -> list[str]:
    behind = [] if isinstance(command, ContainerCommand) else parsed.after_dashes
    return [*parsed.positionals, *(behind or [])]


def _arguments(command: Reading, ctx: click.Context) -> list[click.Argument]:
    return [param for param in command.get_params(ctx) if isinstance(param, click.Argument)]


def _option(command: Reading, ctx: click.Context, name: str) -> click.Option | None:
    options = (param for param in command.get_params(ctx) if isinstance(param, click.Option))
    return next((option for option in options if f"--{name}" in option.opts), None)


def _offer(
    command: Reading, ctx: click.Context, words: list[str], parsed: Parsed, incomplete: str
) -> Iterator[CompletionItem]:
    name, value = parsed.flags[-1] if parsed.flags else ("", None)
    if value == MARK:
        yield from _values(command, ctx, name, incomplete)
    elif parsed.after_dashes is None and incomplete.startswith("-"):
        yield from _flags(command, ctx, words, incomplete)
    elif isinstance(command, click.Group):
        for below in command.list_commands(ctx):
            found = command.get_command(ctx, below)
            if found is not None and not found.hidden:
                yield item(below, found.get_short_help_str(HELP_LENGTH))
    elif MARK in _positionals(command, parsed):
        for argument in _arguments(command, ctx):
            yield from argument.shell_complete(ctx, incomplete)


def _flags(
    command: Reading, ctx: click.Context, words: list[str], incomplete: str
) -> Iterator[CompletionItem]:
    """Offer flags; and behind ``--name=``, ``-n=`` and ``-n`` the flag's values."""
    prefix = _inline(command, ctx, incomplete)
    parsed = _parse(command, ctx, [*words, prefix + MARK]) if prefix else None
    if parsed is not None and parsed.flags[-1:] and parsed.flags[-1][1] == MARK:
        for found in _values(command, ctx, parsed.flags[-1][0], incomplete[len(prefix) :]):
            yield item(f"{prefix}{found.value}", found.help or "", found.type)
        return
    for option in command.get_params(ctx):
        if isinstance(option, click.Option) and not option.hidden:
            long = next(name for name in option.opts if name.startswith("--"))
            if option.multiple or option.name not in ctx.params:
                yield item(long, (option.help or "").partition(". ")[0].rstrip("."))


def _inline(command: Reading, ctx: click.Context, incomplete: str) -> str:
    """Return the part of a word that names a flag whose value has begun in the same word."""
    if incomplete.startswith("--"):
        name, equals, _ = incomplete.partition("=")
        return name + equals if equals else ""
    flag: Flag | None = command.flags(ctx)[1].get(incomplete[1:2])
    if flag is None or flag.is_switch or flag.bare_value is not None:
        return ""
    return incomplete[: 3 if incomplete[2:3] == "=" else 2]


def _values(
    command: Reading, ctx: click.Context, name: str, incomplete: str
) -> Iterator[CompletionItem]:
    option = _option(command, ctx, name)
    if option is None:
        return
    if option.metavar in PATHS:
        yield item("", kind=FILE)
    if option.flag_value == "true":
        yield from (item(word) for word in BARE)
    for found in option.shell_complete(ctx, incomplete):
        if found.type in (FILE, OPEN) or found.value.startswith(incomplete):
            yield found
