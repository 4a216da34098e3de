"""Which processes hold an output open, and whether the end of the container killed them while they did.

When the main process of a container ends, the kernel kills the rest of it, so what a child in the background
had still to write is lost: a shell's ``work > "$OUTPUT_PIPE" &``, or bash's ``> >(gzip > "$OUTPUT_PIPE")``.
The bytes that arrived look like any others. So the holders are looked up while the container runs, and each
is kept in view by a descriptor (pidfd), which tells afterwards how it ended: a child that finished its work
was not killed.

Needs a kernel that tells (``PIDFD_GET_INFO``, Linux 6.15) and the right to look into the container's
processes (root, or the process engine's own children). Elsewhere nothing is seen, and nothing is said.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

from tyger_local.streams.fifo import Fifo

PROC = Path("/proc")
SOONEST_LOOK_S = 0.05
FIRST_LOOK_S = 0.25
RAREST_LOOK_S = 32.0
SHARE = 50
"""How many times as long as a look took we do not look again: a machine may have many open files."""

SHORTLY_S = 1.0
"""How long before the end a holder may have closed the pipe: an engine tells of the end a little later."""

_INFO = "QQ11IiII"
"""``struct pidfd_info`` (``linux/pidfd.h``): mask, cgroup, eleven ids, exit code, core dump, spare."""
_INFO_EXIT = 1 << 3
_GET_INFO = (3 << 30) | (struct.calcsize(_INFO) << 16) | (0xFF << 8) | 11


class Holders:
    """The processes of a container, but for its main one, that are seen holding a FIFO open."""

    def __init__(self, fifo: Fifo) -> None:
        self._fifo = fifo
        self._pidfds: dict[int, int] = {}
        self._pause_s = FIRST_LOOK_S
        self._earliest_look = 0.0
        self._next_look = 0.0

    @property
    def patience_ms(self) -> float | None:
        """Return how long to wait for something before looking again; None when nobody has opened it."""
        if not self._next_look:
            return None
        return max(self._next_look - time.monotonic(), 0) * 1000

    def look_now_and_then(self) -> None:
        """Look again, more and more rarely, once `look` was called."""
        now = time.monotonic()
        if self._next_look and now >= self._next_look:
            self._pause_s = min(2 * self._pause_s, RAREST_LOOK_S)
            self._look(now)

    def look(self) -> None:
        """Find out who holds the pipe now; the moment to do so is right after somebody has opened it."""
        if not sys.platform.startswith("linux"):
            return
        now = time.monotonic()
        self._pause_s = FIRST_LOOK_S
        if now >= self._earliest_look:
            self._look(now)
        else:  # it is opened again and again, and looking costs milliseconds
            self._next_look = self._earliest_look

    def _look(self, now: float) -> None:
        seen = set(self._find())
        end = time.monotonic()
        rest_s = SHARE * (end - now)
        self._earliest_look = end + max(SOONEST_LOOK_S, rest_s)
        self._next_look = end + max(self._pause_s, rest_s)
        for pid in [pid for pid in self._pidfds if pid not in seen]:
            if not _exit_code(self._pidfds[pid]):  # it let go of the pipe, or has ended well
                os.close(self._pidfds.pop(pid))
        for pid in seen - self._pidfds.keys():
            with suppress(OSError):
                self._pidfds[pid] = os.pidfd_open(pid)

    def _find(self) -> list[int]:
        """Return the processes that hold the pipe and lead no session, as a container's main one does."""
        found = []
        # The youngest first: who has just opened it is likely to be new, and may not live long.
        pids = (int(path.name) for path in PROC.iterdir() if path.name.isdecimal())
        for pid in sorted(pids, reverse=True):
            with suppress(OSError):
                if pid != os.getpid() and os.getsid(pid) != pid and self._is_held_by(pid):
                    found.append(pid)
        return found

    def _is_held_by(self, pid: int) -> bool:
        for entry in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                # Neither a socket nor a pipe without a name, which are most.
                if entry.readlink().is_absolute() and self._fifo.is_same(entry.stat()):
                    return True
        return False

    def were_killed(self, last_close: float, end: float) -> bool:
        """Return whether the container's end killed one of them while it held the pipe.

        Args:
            last_close: When the pipe was last closed, by `time.monotonic`; 0 when it never was.
            end: When the container's end was told.
        """
        if not last_close or end - last_close > SHORTLY_S:
            return False
        return any(_exit_code(fd) == signal.SIGKILL for fd in self._pidfds.values())

    def close(self) -> None:
        """Lose sight of them."""
        pidfds, self._pidfds = self._pidfds, {}
        for fd in pidfds.values():
            os.close(fd)


def _exit_code(pidfd: int) -> int | None:
    """Return the wait status of a process that has ended; None while it lives, or if nobody tells."""
    info = bytearray(struct.pack(_INFO, _INFO_EXIT, 0, *([0] * 14)))
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return None
    mask, *_, code, _, _ = struct.unpack(_INFO, info)
    return int(code) if mask & _INFO_EXIT else None
