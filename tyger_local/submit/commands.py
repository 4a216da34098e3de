"""The commands of Tyger's client, without its name."""

from __future__ import annotations

from collections.abc import Mapping

Command = tuple[str, ...]

PROGRAM = "tyger"

VERSION: Command = ("--version",)
LOGIN_STATUS: Command = ("login", "status")


def create_codespec(file: str) -> Command:
    """Create what a codespec file holds under the name in it; prints the version."""
    return ("codespec", "create", "-f", file)


def create_buffer(tags: Mapping[str, str], ttl: str) -> Command:
    """Create an empty buffer; prints its id."""
    flags = [word for name, value in tags.items() for word in ("--tag", f"{name}={value}")]
    return ("buffer", "create", *flags, *(("--ttl", ttl) if ttl else ()))


def write_buffer(buffer_id: str) -> Command:
    """Write standard input to a buffer."""
    return ("buffer", "write", buffer_id)


def read_buffer(buffer_id: str) -> Command:
    """Write a buffer to standard output."""
    return ("buffer", "read", buffer_id)


def delete_buffers(buffer_ids: tuple[str, ...]) -> Command:
    """Delete buffers, so that they can be restored."""
    return ("buffer", "delete", *buffer_ids)


def create_run(file: str) -> Command:
    """Start what a run file holds; prints the run's id."""
    return ("run", "create", "-f", file)


def watch_run(run_id: str) -> Command:
    """Print a line of JSON for each change of a run, to its end."""
    return ("run", "watch", run_id)


def show_run(run_id: str) -> Command:
    """Print a run's document."""
    return ("run", "show", run_id)


def run_logs(run_id: str, *, timestamps: bool = False, tail: int | None = None) -> Command:
    """Print what a run's containers printed."""
    flags = (
        *(("--timestamps",) if timestamps else ()),
        *(() if tail is None else ("--tail", str(tail))),
    )
    return ("run", "logs", run_id, *flags)


def cancel_run(run_id: str) -> Command:
    """End a run."""
    return ("run", "cancel", run_id)
