"""What a run's buffers are connected to: what of that makes no sense, and how it is written down."""

from __future__ import annotations

from collections.abc import Mapping
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
