"""``tyger-local doctor``: whether runs will work on this machine."""

from __future__ import annotations

import os
import sys

import click

from tyger_local.cli.commands import Choice, Command
from tyger_local.cli.loading import leaving_on_interrupt
from tyger_local.cli.positionals import no_positionals
from tyger_local.cli.render import text_format_option
from tyger_local.cli.state import settings, workspace


@click.command("doctor", cls=Command)
@click.argument("extra", nargs=-1, metavar="")
@click.option(
    "--image",
    metavar="IMAGE",
    help="What containers are tried with (default: a small image that is there).",
)
@click.option(
    "--engine",
    type=Choice("docker", "process"),
    help="Which engine is examined (default: $TYGER_LOCAL_ENGINE or docker).",
)
@text_format_option
def doctor(
    extra: tuple[str, ...], image: str | None, engine: str | None, output_format: str
) -> int:
    """Examine this machine, the store and the engine, and say how to mend what is wrong.

    What can be tried is tried: short runs send bytes through pipes, pass their memory limit, and look for
    each other by name. Nothing of them is left, and no image is pulled unless --image names one. The exit
    code is 0 when runs will work, whatever warnings there are, and 1 when they will not.
    """
    no_positionals(extra, "doctor")
    here = workspace(engine)
    with leaving_on_interrupt():
        # Late: loads YAML and the engines.
        from tyger_local.cli.doctor_page import show  # noqa: PLC0415

    watchdog = settings().watchdog
    return show(
        here,
        image,
        lambda home: None if watchdog is None else watchdog.guard(str(home)),
        as_json=output_format == "json",
        is_coloured=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
    )
