"""What a local child costs: from ``getrusage`` at its end, and from ``/proc`` meanwhile."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import UsageSample

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
METHOD = "getrusage of the command (its largest process)"
TOO_SMALL = (
    "getrusage of the command (its memory is not known: it was not more than that of this program)"
)
TIMES = slice(11, 15)
"""Where ``/proc/<pid>/stat`` has four times in ticks, counted after the program's name."""

CHARGED = ("RssAnon", "RssShmem")


def own_peak_bytes() -> int:
    """Return the most memory that this process has used until now.

    Until it executes its program, a child is a copy of this process, and ``getrusage`` counts that with it.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES


def usage_of_child(cost: resource.struct_rusage, own_peak_bytes: int) -> Usage:
    """Return what a child has cost, with those of its descendants that were waited for.

    Args:
        cost: What the system says at its end.
        own_peak_bytes: Our own peak when it was started; no more than that says nothing about the child.
    """
    peak_bytes = cost.ru_maxrss * MAXRSS_BYTES
    is_known = peak_bytes > own_peak_bytes
    return Usage(
        peak_memory_bytes=peak_bytes if is_known else None,
        cpu_seconds=cost.ru_utime + cost.ru_stime,
        method=METHOD if is_known else TOO_SMALL,
    )


def sample_of_tree(pid: int) -> UsageSample | None:
    """Return what a process and its descendants use; None when it is gone or cannot be seen.

    What several of them share is counted several times.
    """
    memory = own = ticks = 0
    found = False
    for process in _tree(Path(f"/proc/{pid}")):
        with suppress(OSError, LookupError, ValueError):  # it has ended meanwhile
            kib = _status(process)
            memory += kib["VmRSS"] * 1024
            own += sum(kib.get(name, 0) for name in CHARGED) * 1024
            ticks += _ticks(process)
            found = True
    return UsageSample(memory, own, ticks / os.sysconf("SC_CLK_TCK")) if found else None


def _tree(process: Path) -> Iterator[Path]:
    """Yield a process and its descendants. Who was adopted by another is not found, which is cheap."""
    yield process
    with suppress(OSError):
        for thread in (process / "task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _tree(process.with_name(child))


def _status(process: Path) -> dict[str, int]:
    """Return what ``status`` says in KiB."""
    lines = (line.split() for line in (process / "status").read_text(errors="replace").splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1:] == ["kB"]}


def _ticks(process: Path) -> int:
    """Return the CPU time of a process and of the children that it has waited for."""
    # pid (name) state …; the name is the program's choice and may hold ") ".
    words = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return sum(int(word) for word in words[TIMES])
