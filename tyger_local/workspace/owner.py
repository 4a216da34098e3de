"""Which process runs a run, and whether it still lives."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
CLOCK_TOLERANCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told from every other by machine, boot, number and time of start.

    Attributes:
        boot_id: Of the machine's current boot; empty where the system tells none.
        started: Seconds since the epoch.
    """

    host: str
    boot_id: str
    pid: int
    started: float

    def document(self) -> dict[str, object]:
        """Return this as a JSON object."""
        return asdict(self)


def this_process() -> Owner:
    """Return the process that calls."""
    import psutil  # noqa: PLC0415  (late: reading the store needs it rarely)

    return Owner(platform.node(), _boot_id(), os.getpid(), psutil.Process().create_time())


def is_alive(document: Mapping[str, object]) -> bool:
    """Return whether the owner in `document` lives, as far as this machine can tell.

    One on another machine is taken to live: its store may be shared, and we cannot look.
    """
    import psutil  # noqa: PLC0415  (late: reading the store needs it rarely)

    pid, started = document.get("pid"), document.get("started")
    if not isinstance(pid, int) or not isinstance(started, (int, float)):
        return False
    if document.get("host") != platform.node():
        return True
    if document.get("boot_id") != _boot_id():
        return False
    try:
        now_started = psutil.Process(pid).create_time()
    except psutil.Error:
        return False
    return abs(now_started - started) < CLOCK_TOLERANCE_S


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
