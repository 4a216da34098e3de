"""What the threads of a local process are doing, from ``/proc``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tyger_local.outcome.sight import ProcessSight

PROC = Path("/proc")
NOT_WAITING = ("0", "-")
"""What ``/proc`` and ``ps`` say of a thread that waits nowhere, or that we may not look at."""


def threads(pid: int) -> Iterator[ProcessSight]:
    """Yield what each thread of a process is doing; nothing when it is gone."""
    with suppress(OSError):
        command = _command(PROC / str(pid))
        for thread in (PROC / str(pid) / "task").iterdir():
            with suppress(OSError):  # it has ended meanwhile
                yield ProcessSight(pid, _state(thread), _wchan(thread), command)


def waiting_in(wchan: str) -> str:
    """Return the name of a kernel function, or nothing for what stands for none."""
    return "" if wchan in NOT_WAITING else wchan


def _command(process: Path) -> str:
    words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    return b" ".join(words).decode(errors="replace")


def _state(thread: Path) -> str:
    # pid (name) state …; the name is the program's choice and may hold ") ".
    return (thread / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]


def _wchan(thread: Path) -> str:
    return waiting_in((thread / "wchan").read_text())
