"""``tyger-local buffer write``, ``read`` and ``gen``."""

from __future__ import annotations

import sys

import click

from tyger_local.cli.commands import Command
from tyger_local.cli.completion import buffer_ids, only_one
from tyger_local.cli.output import check_stdout
from tyger_local.cli.positionals import buffer_id, the_one
from tyger_local.cli.signals import canceling
from tyger_local.cli.state import workspace
from tyger_local.cli.values import INT, NANOSECONDS, Value
from tyger_local.errors import BufferArgumentError, ReaderClosedError, TygerLocalError, UsageError
from tyger_local.runner.cancel import Cancellation
from tyger_local.spec.go_text import parse_duration
from tyger_local.spec.sizes import parse_size

STDOUT_FD = 1

DURATION = Value("DURATION", lambda text: parse_duration(text) / NANOSECONDS)
DOP_HELP = "Ignored here: bytes go in one stream."


def _check_dop(dop: int | None) -> None:
    if dop is not None and dop < 1:
        raise UsageError("the degree of parallelism (dop) must be at least 1")


@click.command("write", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID", shell_complete=only_one(buffer_ids))
@click.option("-i", "--input", "source", metavar="FILE", help="What to read (default: stdin).")
@click.option("-p", "--dop", type=INT, help=DOP_HELP)
@click.option("-b", "--block-size", metavar="SIZE", help="Ignored here: there are no blocks.")
@click.option("-f", "--flush-interval", type=DURATION, help="Ignored here: nothing is held back.")
def write(
    ids: tuple[str, ...],
    source: str | None,
    dop: int | None,
    block_size: str | None,
    flush_interval: float | None,
) -> None:
    """Write a buffer, once and whole.

    Interrupted, or without all of its bytes, it has failed for good. It may be read meanwhile.
    """
    del flush_interval
    identifier = buffer_id(ids)
    _check_dop(dop)
    if block_size:
        parse_size(block_size)
    with canceling(Cancellation()):
        workspace().buffers.write(identifier, source or _stdin(identifier))


def _stdin(identifier: str) -> int:
    # Late: what only looks at buffers does without.
    from tyger_local.streams.host import STDIN_FD, stdin_source  # noqa: PLC0415

    try:
        stdin_source()
    except BufferArgumentError as error:
        raise UsageError(error.what, "give the bytes with -i FILE") from error
    if sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(
            "the bytes of the buffer would be read from this terminal",
            f"write 'tyger-local buffer write {identifier} -i FILE', or '… < FILE'; "
            "-i /dev/stdin reads what you type",
        )
    return STDIN_FD


@click.command("read", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID", shell_complete=only_one(buffer_ids))
@click.option("-o", "--output", "target", metavar="FILE", help="Where it goes (default: stdout).")
@click.option("-p", "--dop", type=INT, help=DOP_HELP)
def read(ids: tuple[str, ...], target: str | None, dop: int | None) -> None:
    """Read a buffer to its end, waiting for bytes that are not written yet.

    A file has its name only once it is whole.
    """
    identifier = buffer_id(ids)
    _check_dop(dop)
    if not target:
        check_stdout()
    with canceling(Cancellation()):
        workspace().buffers.read(identifier, target or STDOUT_FD)


@click.command("gen", cls=Command)
@click.argument("sizes", nargs=-1, metavar="SIZE")
@click.option("-o", "--output", "target", metavar="FILE", help="Where it goes (default: stdout).")
def gen(sizes: tuple[str, ...], target: str | None) -> None:
    """Generate SIZE bytes of arbitrary data, always the same.

    SIZE is a number with a unit (512, 100MB, 10G). 1KB and 1KiB both mean 1024 bytes.
    """
    # Late: what only looks at buffers does without.
    from pathlib import Path  # noqa: PLC0415

    from tyger_local.streams.generating import generate  # noqa: PLC0415
    from tyger_local.streams.host import open_target, stdout_target  # noqa: PLC0415

    size_bytes = parse_size(the_one(sizes, "SIZE", "for example: tyger-local buffer gen 10MB"))
    if not target:
        check_stdout()
    opened = open_target("gen", Path(target)) if target else stdout_target()
    with canceling(Cancellation()):
        try:
            generate(opened.fd, size_bytes)
        except BaseException as error:
            opened.discard()
            if isinstance(error, BrokenPipeError):
                raise ReaderClosedError("whoever read the bytes closed them") from error
            if isinstance(error, OSError):
                raise TygerLocalError(
                    f"{opened.name} could not be written: {error.strerror}"
                ) from error
            raise
        opened.publish()
