"""The flags of ``run exec`` and ``run create``: what a run file can say too, and how to run it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from tyger_local.cli.commands import Choice, boolean
from tyger_local.cli.completion import (
    codespec_names,
    codespec_versions,
    files,
    run_buffers,
    worker_codespec_names,
    worker_codespec_versions,
)
from tyger_local.cli.values import INT, MAP, SECONDS, WHOLE_SECONDS

CommandT = TypeVar("CommandT", bound=click.Command)
FunctionT = TypeVar("FunctionT", bound=Callable[..., object])

DEFAULT_STOP_GRACE_S = 2.0

_REQUEST = (
    click.Option(
        ["-f", "--file"],
        metavar="FILE",
        help="Run file, or a codespec file to run; - reads stdin.",
    ),
    click.Option(
        ["-c", "--codespec"],
        metavar="NAME",
        help="The codespec to run.",
        shell_complete=codespec_names,
    ),
    click.Option(
        ["--version"],
        metavar="N",
        help="Its version (default: the latest).",
        shell_complete=codespec_versions,
    ),
    click.Option(["-r", "--replicas"], type=INT, help="How many containers (default: 1)."),
    click.Option(
        ["--timeout"], type=WHOLE_SECONDS, help="When to give up: 300s, 1h30m (default: 12h)."
    ),
    click.Option(["--tag", "tags"], type=MAP, multiple=True, help="Tags of the run."),
    click.Option(
        ["--buffer-tag", "buffer_tags"],
        type=MAP,
        multiple=True,
        help="Tags of the buffers that are made for it.",
    ),
    click.Option(
        ["--buffer-ttl"], metavar="D.HH:MM", help="How long the buffers made for it are kept."
    ),
    click.Option(["--node-pool"], metavar="NAME", help="Ignored here."),
    click.Option(["--cluster"], metavar="NAME", help="Ignored here."),
    click.Option(
        ["--worker-codespec"],
        metavar="NAME",
        help="The codespec of workers that serve the job.",
        shell_complete=worker_codespec_names,
    ),
    click.Option(
        ["--worker-version"],
        metavar="N",
        help="Its version (default: the latest).",
        shell_complete=worker_codespec_versions,
    ),
    click.Option(["--worker-replicas"], type=INT, help="How many workers (default: 1)."),
    click.Option(["--worker-node-pool"], metavar="NAME", help="Ignored here."),
    click.Option(["--buffer-access-ttl"], metavar="D.HH:MM", hidden=True),
)

_LOCAL = (
    click.Option(
        ["--engine"],
        type=Choice("docker", "process"),
        help="What runs it (default: $TYGER_LOCAL_ENGINE or docker).",
    ),
    click.Option(
        ["--checksum"],
        type=Choice("auto", "always", "never"),
        default="auto",
        help="Whether sha256 of buffers is computed (default: auto, up to 64 MiB).",
    ),
    click.Option(["--network"], metavar="NETWORK", help="The engine's network to join."),
    click.Option(
        ["--mount", "mounts"],
        metavar="SRC:DST[:ro]",
        multiple=True,
        help="Show a host path to the container.",
        shell_complete=files,
    ),
    click.Option(["--user"], metavar="USER[:GROUP]", help="Run as another user than the image's."),
    click.Option(["--platform"], metavar="OS/ARCH", help="The image's platform."),
    click.Option(
        ["--stop-grace"],
        type=SECONDS,
        default=DEFAULT_STOP_GRACE_S,
        help="From SIGTERM to SIGKILL (default: 2).",
    ),
    click.Option(
        ["--wait-endpoints"],
        type=SECONDS,
        help="Start the job only when every endpoint of every worker listens, and fail when that takes "
        "longer.",
    ),
    boolean(
        "--strict",
        envvar="TYGER_LOCAL_STRICT",
        help="Any known difference from the cluster is an error; $TYGER_LOCAL_STRICT=1 means the same.",
    ),
    boolean("--lenient", help="Unread input and a survived out-of-memory kill are only warnings."),
    boolean("--keep", help="Leave the container."),
    boolean("--no-gpu", help="Run without the GPUs that are asked for."),
    boolean("--no-clamp", help="Refuse limits above this machine's, instead of lowering them."),
    click.Option(
        ["--pull"],
        type=Choice("always", "missing", "never", "true", "false"),
        is_flag=False,
        flag_value="always",
        default="missing",
        metavar="[=always|missing|never]",
        help="When the image is pulled (default: missing).",
    ),
)


def run_flags(command: CommandT) -> CommandT:
    """Give `command` the flags that say what to run and how."""
    command.params[:0] = _REQUEST  # what is looked for first in --help
    command.params += _LOCAL
    return command


def request_flags(command: CommandT, without: tuple[str, ...]) -> CommandT:
    """Give `command` the flags that say what to run, but for those of the parameters in `without`."""
    command.params[:0] = [option for option in _REQUEST if option.name not in without]
    return command


def buffer_option(more: str) -> Callable[[FunctionT], FunctionT]:
    """Return the flag that connects buffers.

    Args:
        more: How its help goes on behind files and buffers of the store.
    """
    return click.option(
        "-b",
        "--buffer",
        "buffers",
        type=MAP,
        multiple=True,
        shell_complete=run_buffers,
        help=f"What a buffer is connected to: NAME=FILE, NAME=ID of a buffer in the store{more}",
    )
