"""What the host connects each buffer to: checked and opened before anything starts."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tyger_local.errors import BufferArgumentError
from tyger_local.outcome.facts import BufferStats
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.outcome.whole import came_whole
from tyger_local.runner.stored import StoreBuffer, StoreTarget
from tyger_local.spec.buffers import Direction
from tyger_local.streams.host import (
    Source,
    Target,
    open_source,
    open_target,
    stdin_source,
    stdout_target,
)


class Stdio(str, Enum):
    """Our standard input or output."""

    STDIN = "standard input"
    STDOUT = "standard output"


class NewBuffer(str, Enum):
    """A buffer that the store does not have yet: the run makes it once it has an id."""

    NEW = "a new buffer"


@dataclass(frozen=True, slots=True)
class Connection:
    """What one buffer is connected to.

    Attributes:
        to: A file, our standard input or output, or a buffer of the store.
        asked: Whether a terminal is read on purpose (``NAME=-``).
    """

    buffer: str
    direction: Direction
    to: Path | Stdio | StoreBuffer | NewBuffer
    asked: bool = True

    def __str__(self) -> str:
        return self.to.value if isinstance(self.to, Enum) else str(self.to)


def check_connections(connections: Iterable[Connection], replicas: int) -> None:
    """Check what can be seen without opening anything.

    Raises:
        BufferArgumentError: An input would read a terminal that nobody asked for, a file or buffer is given
            twice and one of them is an output, several replicas would share a stream, an input has failed,
            or an output was written before.
    """
    named: list[Connection] = []
    for connection in connections:
        if connection.to is Stdio.STDIN:
            _check_stdin(connection, replicas)
        elif isinstance(connection.to, Path):
            _check_replicas(connection, connection.to, replicas)
            named.append(connection)
        elif isinstance(connection.to, StoreBuffer):
            _check_store_buffer(connection, connection.to)
            named.append(connection)
    for index, one in enumerate(named):
        for other in named[:index]:
            if Direction.OUTPUT in (one.direction, other.direction) and _same_file(one, other):
                raise BufferArgumentError(
                    f"the buffers '{other.buffer}' and '{one.buffer}' are both connected to {one}",
                    f"an output needs a {'buffer' if isinstance(one.to, StoreBuffer) else 'file'} of its own",
                )


def _check_stdin(connection: Connection, replicas: int) -> None:
    if not connection.asked and sys.stdin is not None and sys.stdin.isatty():
        raise BufferArgumentError(
            f"the input '{connection.buffer}' is not connected, and would read this terminal",
            f"connect it with -b {connection.buffer}=FILE, "
            f"or with -b {connection.buffer}=- to type it here",
        )
    if replicas > 1:
        raise BufferArgumentError(
            f"{replicas} replicas cannot share standard input",
            f"connect a file with -b {connection.buffer}=FILE",
        )


def _check_store_buffer(connection: Connection, to: StoreBuffer) -> None:
    if connection.direction is Direction.INPUT:
        to.check_readable(connection.buffer)
    else:
        to.check_writable(connection.buffer)


def _check_replicas(connection: Connection, path: Path, replicas: int) -> None:
    if replicas > 1 and os.path.exists(path) and not os.path.isfile(path):
        raise BufferArgumentError(
            f"{replicas} replicas cannot share {path}, which can be read only once",
            f"connect a file with -b {connection.buffer}=FILE",
        )


def _same_file(one: Connection, other: Connection) -> bool:
    """Return whether two are one buffer, file or FIFO, by any spelling or link; devices may be shared."""
    if isinstance(one.to, StoreBuffer) or isinstance(other.to, StoreBuffer):
        return str(one) == str(other)
    first, second = (Path(os.path.realpath(c.to)) for c in (one, other) if isinstance(c.to, Path))
    if first == second:
        return _is_unshareable(first) or not os.path.exists(first)
    try:
        return _is_unshareable(first) and first.samefile(second)
    except OSError:
        return False


def _is_unshareable(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)


class HostEnds:
    """The opened sources and targets of a run.

    Args:
        connections: By buffer, checked.
        replicas: How many containers read each input.
        temporaries: What the file of an output is called meanwhile, by buffer.

    Raises:
        BufferArgumentError: One of them cannot be opened; those opened before are closed again.
    """

    def __init__(
        self,
        connections: Mapping[str, Connection],
        replicas: int,
        temporaries: Mapping[str, Path] | None = None,
    ) -> None:
        self._sources: dict[str, list[Source]] = {}
        self.targets: dict[str, Target] = {}
        try:
            for buffer, connection in connections.items():
                if connection.direction is Direction.INPUT:
                    sources = self._sources[buffer] = []
                    for _ in range(replicas):
                        sources.append(_source(connection))  # noqa: PERF401  (if one fails, the others are closed)
            outputs = [c for c in connections.values() if c.direction is Direction.OUTPUT]
            # Buffers last: what cannot be opened shall spoil none, and a claim cannot be taken back.
            for connection in sorted(outputs, key=lambda c: isinstance(c.to, StoreBuffer)):
                temporary = (temporaries or {}).get(connection.buffer)
                self.targets[connection.buffer] = _target(connection, temporary)
        except BaseException:  # a signal, too: no temporary file may be left
            self.close()
            raise

    def take_source(self, buffer: str) -> Source:
        """Return a source for one container; it now belongs to the caller."""
        return self._sources[buffer].pop()

    def end_buffers(self, stats: Sequence[BufferStats], kind: VerdictKind) -> None:
        """Say of every output that is a buffer of the store whether it is complete or has failed.

        Args:
            stats: What became of the outputs of all containers.
            kind: How the run ended.

        Raises:
            StreamError: The store cannot be written; others have got their end.
        """
        with ExitStack() as stack:  # all of them, whatever becomes of one
            for buffer, target in self.targets.items():
                if isinstance(target, StoreTarget):
                    own = [one for one in stats if one.buffer == buffer]
                    is_whole = bool(own) and all(came_whole(one, kind) for one in own)
                    sha256 = own[0].sha256 if own else None
                    stack.callback(target.end, sha256, is_whole=is_whole)

    def publish(self) -> None:
        """Give every output its name.

        Raises:
            StreamError: One of them could not be; those before have theirs.
        """
        for target in self.targets.values():
            target.publish()

    def close(self) -> list[str]:
        """Close what is open and return the names under which parts of outputs were kept."""
        for sources in self._sources.values():
            for source in sources:
                source.close()
        kept = [target.abandon() for target in self.targets.values()]
        return [name for name in kept if name is not None]


def _source(connection: Connection) -> Source:
    if isinstance(connection.to, Path):
        return open_source(connection.buffer, connection.to)
    if isinstance(connection.to, StoreBuffer):
        return connection.to.source(connection.buffer)
    return stdin_source()


def _target(connection: Connection, temporary: Path | None) -> Target:
    if isinstance(connection.to, Path):
        return open_target(connection.buffer, connection.to, temporary)
    if isinstance(connection.to, StoreBuffer):
        return connection.to.target(connection.buffer)
    return stdout_target()
