"""click's commands and groups with Tyger's way of reading argv, and the flags that all of them have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from tyger_local.cli.argv import Flag, Parser
from tyger_local.cli.output import write_out
from tyger_local.cli.values import BOOL
from tyger_local.cli.watchdog import Watchdog
from tyger_local.errors import UsageError
from tyger_local.spec.go_text import quote
from tyger_local.spec.names import nearest

if TYPE_CHECKING:  # takes a moment to load, which only a TAB is to pay for
    from click.shell_completion import CompletionItem

AFTER_DASHES = "tyger_local.after_dashes"

IN_THE_CLOUD = {"buffer": ("access", "export", "import", "storage-account")}
"""Commands of Tyger's that make sense in the cloud alone, by their group."""

LOG_LEVELS = ("trace", "debug", "info", "warn", "error")
LOG_FORMATS = ("pretty", "plain", "json")


@dataclass(slots=True)
class Settings:
    """What the global flags say, wherever on the command line they stand.

    Attributes:
        watchdog: Cleans up if this process is killed; None where it was not started.
    """

    home: str | None = None
    log_level: str = "info"
    log_format: str | None = None
    quiet: bool = False
    no_progress: bool = False
    watchdog: Watchdog | None = None


class Choice(click.ParamType[str]):
    """One of a few words, without regard to case."""

    def __init__(self, *choices: str) -> None:
        self.choices = choices
        self.name = "|".join(choices)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return the words for help, as they are typed."""
        del param, ctx
        return self.name

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word in lower case."""
        del ctx
        if value.lower() not in self.choices:
            flag = "" if param is None else param.opts[-1]
            raise UsageError(
                f"{quote(value)} is no value for {flag}", f"choose one of {', '.join(self.choices)}"
            )
        return value.lower()

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the words."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415  (late: only for a TAB)

        del ctx, param, incomplete
        return [CompletionItem(choice) for choice in self.choices]


def _note(ctx: click.Context, param: click.Parameter, value: object) -> None:
    given = ctx.get_parameter_source(param.name or "") is click.core.ParameterSource.COMMANDLINE
    if given and param.name:
        setattr(ctx.find_object(Settings), param.name, value)


def boolean(*names: str, **attributes: Any) -> click.Option:
    """Return a flag that may stand alone or with ``=true`` or ``=false``."""
    return click.Option(
        names, type=BOOL, is_flag=False, flag_value="true", default=False, metavar="", **attributes
    )


def _global_options() -> list[click.Option]:
    common: dict[str, Any] = {"expose_value": False, "callback": _note}
    options = [
        click.Option(
            ["--home"],
            metavar="DIR",
            help="Folder of the store (default: $TYGER_LOCAL_HOME, else your data folder).",
            **common,
        ),
        click.Option(["--log-level"], type=Choice(*LOG_LEVELS), help="How much is said.", **common),
        click.Option(
            ["--log-format"],
            type=Choice(*LOG_FORMATS),
            help="How messages look (default: pretty on a terminal, else plain).",
            **common,
        ),
        boolean("-q", "--quiet", help="Say nothing but errors.", **common),
        boolean("--no-progress", help="Show no progress of transfers.", **common),
    ]
    for option in options:
        option.is_global = True  # type: ignore[attr-defined]  # a mark for the help page
    return options


class Reading(click.Command):
    """What commands and groups share: global flags, Tyger's argv, help in two sections."""

    splits_at_dashes = False

    def __init__(self, *args: Any, **attributes: Any) -> None:
        attributes.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **attributes)
        self.params.extend(_global_options())

    def flags(self, ctx: click.Context) -> tuple[dict[str, Flag], dict[str, Flag]]:
        """Return the flags as pflag knows them, by long and by short name."""
        by_name: dict[str, Flag] = {}
        by_letter: dict[str, Flag] = {}
        for option in self.get_params(ctx):
            if isinstance(option, click.Option):
                long = next(name for name in option.opts if name.startswith("--"))[2:]
                bare = option.flag_value if isinstance(option.flag_value, str) else None
                check = partial(option.type.convert, param=option, ctx=ctx)
                flag = Flag(long, bare, option.is_flag, check)
                for name in option.opts:
                    if name.startswith("--"):
                        by_name[name[2:]] = flag
                    else:
                        by_letter[name[1:]] = flag
        return by_name, by_letter

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `args` by Tyger's rules and give click the canonical spelling."""
        by_name, by_letter = self.flags(ctx)
        is_group = isinstance(self, click.Group)
        parsed = Parser(by_name, by_letter, interspersed=not is_group).parse(args)
        if not self.splits_at_dashes:
            parsed.positionals += parsed.after_dashes or []
        ctx.meta[AFTER_DASHES] = parsed.after_dashes
        canonical = parsed.canonical()
        if is_group and "--" in canonical:
            canonical.remove("--")  # the first word is the command, and ends the flags anyway
        return super().parse_args(ctx, canonical)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return click's option, writing as everything here is written."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then the global ones."""
        own: list[tuple[str, str]] = []
        everywhere: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                flag, text = record
                where = everywhere if hasattr(param, "is_global") else own
                where.append((flag.rstrip(), text))
        for title, records in (("Options", own), ("Global options", everywhere)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _show_help(ctx: click.Context, _: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        write_out(f"{ctx.get_help()}\n")
        ctx.exit()


class Command(Reading):
    """A command."""


class ContainerCommand(Command):
    """A command for which what stands behind ``--`` is meant for a container, and no argument of its own."""

    splits_at_dashes = True


class Group(Reading, click.Group):
    """A group of commands, each of which is loaded when it is asked for.

    Args:
        args: click's.
        modules: Where its commands are, by their names: ``module:variable``, a module beside this one.
        aliases: Other names of its commands.
        attributes: click's.
    """

    def __init__(
        self,
        *args: Any,
        modules: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, no_args_is_help=False, invoke_without_command=True, **attributes)
        self._modules = modules or {}
        self._aliases = aliases or {}
        self.callback = self.callback or _command_required

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *self._modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by its name or another name of it."""
        name = self._aliases.get(cmd_name, cmd_name)
        if name in self._modules and name not in self.commands:
            module, _, variable = self._modules[name].partition(":")
            # Late: no command waits for what only others need.
            self.add_command(getattr(import_module(f"tyger_local.cli.{module}"), variable), name)
        return super().get_command(ctx, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with.

        Raises:
            UsageError: There is none of that name.
        """
        command = self.get_command(ctx, args[0])
        if command is None and args[0] in IN_THE_CLOUD.get(self.name or "", ()):
            raise UsageError(
                f"'{ctx.command_path} {args[0]}' is for buffers in the cloud, and these are files",
                "move their bytes with 'tyger-local buffer read' and 'tyger-local buffer write'",
            )
        if command is None:
            close = nearest(args[0], [*self.list_commands(ctx), *self._aliases])
            raise UsageError(
                f"unknown command {quote(args[0])} for {quote(ctx.command_path)}",
                f"did you mean '{close}'?" if close else f"see '{ctx.command_path} --help'",
            )
        return command.name, command, args[1:]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands before the options: they are what is looked for."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)


@click.pass_context
def _command_required(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        raise UsageError("a command is required", f"see '{ctx.command_path} --help'")


def after_dashes() -> tuple[str, ...] | None:
    """Return what stands behind ``--`` on the command line; None when there is no ``--``."""
    words = click.get_current_context().meta[AFTER_DASHES]
    return None if words is None else tuple(words)
