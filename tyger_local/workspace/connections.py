"""What a run's buffers are connected to: what of that makes no sense, and how it is written down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tyger_local.errors import BufferArgumentError
from tyger_local.runner.ends import Connection, NewBuffer, Stdio
from tyger_local.runner.stored import StoreBuffer
from tyger_local.spec.buffers import Direction
from tyger_local.streams.leftovers import new_temporary_name
from tyger_local.workspace.resolving import STREAM, UNMAPPED


def temporaries(connections: Mapping[str, Connection]) -> dict[str, Path]:
    """Return what the files of outputs are called meanwhile, by buffer."""
    return {
        name: new_temporary_name(connection.to)
        for name, connection in connections.items()
        if connection.direction is Direction.OUTPUT and isinstance(connection.to, Path)
    }


def written_down(connection: Connection) -> str:
    """Return a connection as records and run files hold it: an id, an absolute path, ``-`` or ``_``."""
    match connection.to:
        case Stdio():
            return STREAM
        case NewBuffer():
            return UNMAPPED
        case StoreBuffer():
            return connection.to.id
        case Path():
            return str(connection.to.absolute())


def refuse_streams(connections: Mapping[str, Connection], why: str, instead: str = "") -> None:
    """Refuse connections to our standard input and output.

    Args:
        connections: By buffer.
        why: They cannot be used.
        instead: What may be done but to name a file.

    Raises:
        BufferArgumentError: There is one.
    """
    for connection in connections.values():
        if isinstance(connection.to, Stdio):
            raise BufferArgumentError(
                f"the buffer '{connection.buffer}' cannot use {connection.to.value}: {why}",
                f"connect it with -b {connection.buffer}=FILE{instead}",
            )


def for_another_process(connections: Mapping[str, Connection]) -> dict[str, Connection]:
    """Return connections that mean the same in another process.

    ``/dev/stdin`` and its like lead to what a process has open: to a file, which has a path of its own, or
    to a pipe or terminal, which another process does not have.

    Raises:
        BufferArgumentError: One of them means nothing there.
    """
    told = dict(connections)
    for name, connection in connections.items():
        if isinstance(connection.to, Path) and _is_of_a_process(connection.to.absolute()):
            real = Path(os.path.realpath(connection.to))
            if _is_of_a_process(real):
                raise BufferArgumentError(
                    f"the buffer '{name}' cannot use {connection.to}: a run in the background has none of "
                    "what this process has open",
                    f"connect it with -b {name}=FILE, or leave it out for a new buffer",
                )
            told[name] = replace(connection, to=real)
    return told


def _is_of_a_process(path: Path) -> bool:
    return str(path).startswith(("/dev/std", "/dev/fd/", "/proc/"))


def refuse_stdin(connections: Mapping[str, Connection]) -> None:
    """Refuse a connection to our standard input, from which the run file was read.

    Raises:
        BufferArgumentError: There is one.
    """
    for connection in connections.values():
        if connection.to is Stdio.STDIN:
            raise BufferArgumentError(
                f"the input '{connection.buffer}' cannot read standard input, which was the run file",
                f"connect it with -b {connection.buffer}=FILE",
            )
