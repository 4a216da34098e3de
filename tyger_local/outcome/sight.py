"""What a process of a running container is seen doing."""

from __future__ import annotations

from dataclasses import dataclass


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
