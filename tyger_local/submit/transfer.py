"""Bytes between what a buffer is connected to here and the client that moves them there and back."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from tyger_local.errors import TygerLocalError
from tyger_local.runner.ends import Connection, Stdio, check_connections
from tyger_local.runner.stored import StoreBuffer, StoreTarget
from tyger_local.spec.buffers import Direction
from tyger_local.streams.host import (
    STDIN_FD,
    Source,
    Target,
    open_source,
    open_target,
    stdin_source,
    stdout_target,
)
from tyger_local.submit.client import Client
from tyger_local.submit.commands import read_buffer, write_buffer

LOOK_AGAIN_MS = 100
"""How soon a signal is heeded while nobody has opened a FIFO to write."""


def check_ends(connections: Iterable[Connection]) -> None:
    """Check that what the buffers are connected to can be read and written, without changing anything.

    Raises:
        BufferArgumentError: It cannot.
    """
    known = list(connections)
    check_connections(known, 1)
    for connection in known:
        if not isinstance(connection.to, Path) or _is_special(connection.to):
            continue
        if connection.direction is Direction.INPUT:
            open_source(connection.buffer, connection.to).close()
        else:
            open_target(connection.buffer, connection.to).discard()


def send(client: Client, connection: Connection, buffer_id: str) -> int | None:
    """Write an input to its buffer there.

    Returns:
        How many bytes, where that is known.

    Raises:
        BufferArgumentError: It cannot be opened.
        TygerLocalError: The client failed, or bytes are missing.
        StoppedError: Somebody wanted it to end.
    """
    source = _source(connection)
    try:
        if source.fd != STDIN_FD:
            _await_writer(source.fd, client.check_not_stopped)
        client.transfer(write_buffer(buffer_id), source=source.fd)
        if source.fault:
            raise TygerLocalError(
                f"the input '{connection.buffer}' did not come whole: {source.fault}"
            )
        return source.expected_bytes if source.is_regular else None
    finally:
        source.close()


def fetch(
    client: Client, connection: Connection, buffer_id: str, on_partial: Callable[[str], None]
) -> int | None:
    """Read a buffer there to where the output goes; a file gets its name when all of it is there.

    Args:
        client: Reads it.
        connection: Of the output.
        buffer_id: Of its buffer there.
        on_partial: Is told the name of what arrived, if that is not all.

    Returns:
        How many bytes, where that is known.

    Raises:
        BufferArgumentError: It cannot be opened.
        TygerLocalError: The client failed.
        StoppedError: Somebody wanted it to end.
    """
    target = _target(connection)
    try:
        client.transfer(read_buffer(buffer_id), target=target.fd)
        size = os.fstat(target.fd).st_size if target.is_regular else None
        if isinstance(target, StoreTarget):
            target.end(None, is_whole=True)
        target.publish()
    finally:
        kept = target.abandon()  # nothing, once it is published
        if kept is not None:
            on_partial(kept)
    return size


def _source(connection: Connection) -> Source:
    if isinstance(connection.to, Path):
        return open_source(connection.buffer, connection.to)
    if isinstance(connection.to, StoreBuffer):
        return connection.to.source(connection.buffer)
    return stdin_source()


def _target(connection: Connection) -> Target:
    if isinstance(connection.to, Path):
        return open_target(connection.buffer, connection.to)
    if isinstance(connection.to, StoreBuffer):
        return connection.to.target(connection.buffer)
    if connection.to is Stdio.STDOUT:
        return stdout_target()
    raise AssertionError("an output that is connected to nothing is not read")


def _is_special(path: Path) -> bool:
    """Return whether opening `path` may do more than open it: a FIFO, a device, a descriptor of ours."""
    try:
        return not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()
    except OSError:
        return False


def _await_writer(fd: int, check: Callable[[], None]) -> None:
    """Wait until there is something to read: a FIFO that nobody has opened yet looks as if it had ended."""
    if stat.S_ISFIFO(os.fstat(fd).st_mode):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while not poll.poll(LOOK_AGAIN_MS):
            check()
    os.set_blocking(fd, True)
