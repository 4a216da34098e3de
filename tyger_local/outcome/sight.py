"""What a running container and its pipes are seen doing, from the outside, and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tyger_local.spec.buffers import Direction


class WaitsFor(Enum):
    """What the host's end of a pipe or connection waits for."""

    OPENING = "the container to open the pipe, or to accept the connection"
    CONTAINER = "the container to read or write"
    HOST = "the file or stream on the host's side"
    NOBODY = "nobody: it has nothing more to move"


@dataclass(frozen=True, slots=True)
class PipeSight:
    """One pipe or connection, at one moment.

    Attributes:
        host: What the host connects it to, for messages.
        is_held_for_writing: Of an input that has ended here: whether the container itself holds it open for
            writing, so that it will never see the end.
    """

    buffer: str
    direction: Direction
    waits_for: WaitsFor
    host: str
    is_held_for_writing: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSight:
    """One thread of a container's processes, at one moment.

    Attributes:
        pid: Of its process, on the engine's machine; the threads of a process share it.
        state: As ``ps`` says it, in one letter: ``R`` runs, ``S`` sleeps, ``D`` sleeps and hears no signal,
            ``T`` is stopped, ``Z`` has ended.
        wchan: The kernel's function that it waits in; empty when it waits in none, or the kernel does
            not tell us.
        command: The process's command line.
    """

    pid: int
    state: str
    wchan: str
    command: str


@dataclass(frozen=True, slots=True)
class Listening:
    """On which TCP ports of a container programs accept connections.

    Attributes:
        ports: Those that others reach too.
        local_ports: Those that only the container itself reaches, by its own ``localhost``.
    """

    ports: frozenset[int] = frozenset()
    local_ports: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Reach:
    """How to connect to a port of a container.

    Attributes:
        hosts: Addresses, to be tried in this order.
        namespace: A descriptor of the network namespace in which they count, which whoever gets this closes;
            None for our own.
        is_inside: Whether these are the container's own ``localhost``: a program that listens only there is
            reached too, as on the cluster.
    """

    hosts: tuple[str, ...]
    namespace: int | None = None
    is_inside: bool = False


@dataclass(frozen=True, slots=True)
class UsageSample:
    """What a container uses at one moment; None where it cannot be known.

    Attributes:
        memory_bytes: Charged to it, the files that the system keeps in memory for it included.
        own_memory_bytes: Without those: what its programs have asked for, and what they share.
        cpu_seconds: All that it has used since its start.
    """

    memory_bytes: int | None = None
    own_memory_bytes: int | None = None
    cpu_seconds: float | None = None
