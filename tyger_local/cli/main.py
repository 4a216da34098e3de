"""The root command, and the one boundary at which errors become words and exit codes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import click

from tyger_local.cli.commands import Group, Settings
from tyger_local.cli.console import Console
from tyger_local.cli.output import write_out
from tyger_local.cli.signals import EndedBySignal
from tyger_local.cli.watchdog import Watchdog
from tyger_local.errors import EXIT_BUG, EXIT_OK, EXIT_USAGE, ReaderClosedError, TygerLocalError

root = Group(
    "tyger-local",
    help="Run Tyger codespecs on this machine, and learn what the cluster would do.",
    modules={
        "codespec": "codespec:codespec",
        "run": "run:run",
        "buffer": "buffer:buffer",
        "lint": "lint:lint",
        "export": "export:export",
        "prune": "prune:prune",
        "df": "df:df",
        "explain": "explain:explain",
        "submit": "submit:submit",
        "schema": "schema:schema",
        "doctor": "doctor:doctor",
        "completion": "completion_command:completion",
        "__complete": "completion_command:complete",
    },
    aliases={"codespecs": "codespec", "runs": "run", "buffers": "buffer"},
)

NOWHERE = TygerLocalError(
    "the current folder does not exist any more", "change to one that does (cd)"
)
"""Said here, once: whatever makes a path of a name may find that out."""


def _print_version(ctx: click.Context, _: click.Parameter, value: object) -> None:
    if value:
        from tyger_local import __version__  # noqa: PLC0415  (the package imports the workspace)

        write_out(f"tyger-local {__version__}\n")
        ctx.exit()


root.params.insert(
    0,
    click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Print the version.",
    ),
)


def run_command_line(argv: Sequence[str], watchdog: Watchdog | None = None) -> int:
    """Run a command line.

    Args:
        argv: Without the program's name.
        watchdog: Cleans up if this process is killed.

    Returns:
        The exit code; everything has been said.
    """
    settings = Settings(watchdog=watchdog)
    try:
        code = root.main(list(argv), "tyger-local", standalone_mode=False, obj=settings)
    except ReaderClosedError as error:
        return error.exit_code  # whoever closed it does not want to hear more
    except TygerLocalError as error:
        _console(settings, argv).failure(error)
        return error.exit_code
    except click.ClickException as error:
        _console(settings, argv).error(error.format_message())
        return EXIT_USAGE
    except EndedBySignal as ended:
        _console(settings, argv).error(f"ended by {ended.reason.value}.")
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort):
        _console(settings, argv).error("ended by Ctrl-C.")
        return 130
    except Exception as error:  # noqa: BLE001  (the boundary: whatever is left is a bug)
        if isinstance(error, FileNotFoundError) and not _is_somewhere():
            _console(settings, argv).failure(NOWHERE)
            return NOWHERE.exit_code
        # Late: what a report needs takes 0.02 s to load, and should never be needed.
        from tyger_local.cli.bug import report_bug  # noqa: PLC0415

        report_bug(_console(settings, argv), error, argv)
        return EXIT_BUG
    return code if isinstance(code, int) else EXIT_OK


def _is_somewhere() -> bool:
    """Return whether the current folder exists: one that was removed stays current."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _console(settings: Settings, argv: Sequence[str]) -> Console:
    flags = list(argv[: argv.index("--")]) if "--" in argv else argv
    if "--log-format=json" in flags or ("--log-format", "json") in pairwise(flags):
        settings.log_format = "json"  # an error in the flags came before this one was read
    return Console(settings)
