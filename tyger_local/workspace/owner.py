"""Which process runs a run, and whether it still lives.

An owner is written down as labels: the same on a container, in a pipe folder, in the environment of a child
and in the store. So whatever is found of a run tells whose it is.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HOST_LABEL = "tyger-local.host"
BOOT_LABEL = "tyger-local.boot"
PID_LABEL = "tyger-local.pid"
STARTED_LABEL = "tyger-local.started"

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")
FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""The one that a machine starts with; the kernel has fixed its number."""

STATE, START_TICKS = 0, 19
"""Fields of ``/proc/<pid>/stat`` behind the name, which is in parentheses and may hold anything."""

ENDED_STATES = "ZX"


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told from every other by machine, boot, number and time of start.

    Attributes:
        host: The machine, as far as process numbers mean the same.
        boot_id: Of the machine's current boot; empty where the system tells none.
        started: When, by a clock that nobody sets.
    """

    host: str
    boot_id: str
    pid: int
    started: str

    def labels(self) -> dict[str, str]:
        """Return this as labels."""
        return {
            HOST_LABEL: self.host,
            BOOT_LABEL: self.boot_id,
            PID_LABEL: str(self.pid),
            STARTED_LABEL: self.started,
        }


def owner_in(labels: Mapping[str, str]) -> Owner | None:
    """Return the owner that `labels` tell, or None when they tell none."""
    with suppress(KeyError, ValueError):
        return Owner(
            labels[HOST_LABEL], labels[BOOT_LABEL], int(labels[PID_LABEL]), labels[STARTED_LABEL]
        )
    return None


def this_process() -> Owner:
    """Return the process that calls."""
    return Owner(_host(), _boot_id(), os.getpid(), _started(os.getpid()) or "")


def is_alive(owner: Owner) -> bool:
    """Return whether `owner` lives, as far as this machine can tell.

    One on another machine, or in a container with process numbers of its own, is taken to live: its store
    may be shared, and we cannot look. One that is only waiting to be reaped does not live.
    """
    if owner.host != _host():
        return True
    return owner.boot_id == _boot_id() and _started(owner.pid) == owner.started


def _host() -> str:
    try:
        namespace = str(PID_NAMESPACE.readlink())
    except OSError:  # a system without them
        return platform.node()
    return platform.node() + ("" if namespace == FIRST_PID_NAMESPACE else f"/{namespace}")


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return when a process started; None when it does not live.

    On Linux in ticks since the boot: the time of day may be set meanwhile, and would make a living process
    look like another.
    """
    if sys.platform != "linux":
        return _started_elsewhere(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[STATE] in ENDED_STATES else fields[START_TICKS]


def _started_elsewhere(pid: int) -> str | None:
    import psutil  # noqa: PLC0415  (late: Linux does without)

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else f"{process.create_time():.2f}"
    except psutil.Error:
        return None
