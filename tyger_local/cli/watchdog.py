"""A child that cleans up after us if we are killed.

It is forked as the very first thing, before there are threads, descriptors or imports to inherit, and then
reads a pipe whose other end only we hold. Our end closes whatever kills us, so nothing needs to be sent in
time. Weighed and left: a program of its own (12 ms of CPU more for each run), PR_SET_PDEATHSIG (Linux only,
and about the thread that forked).

We write the store's folder once it is known, and a NUL when we end by ourselves: then there is nothing to
do. A kill that takes the whole control group, or the machine, takes the watchdog too: what is left then, the
next run removes.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

CLEAN_UP_S = 3.0
"""How long the engine may go on making what we asked for just before we died."""

LIMIT_S = 10
"""When it gives up although an engine has not answered yet; the next run tries again."""

PASS_S = 0.25
DONE = b"\0"
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that are sent to all of a terminal's or machine's processes, also to those who are to clean up."""


class Watchdog:
    """The child, seen from its parent."""

    def __init__(self, pid: int, pipe: int) -> None:
        self._pid = pid
        self._pipe = pipe

    def guard(self, home: str) -> None:
        """Say in which store to clean up: an absolute path."""
        self._write(os.fsencode(home))

    def dismiss(self) -> None:
        """End it; nothing is left that it could clean up."""
        self._write(DONE)
        os.close(self._pipe)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _write(self, data: bytes) -> None:
        with suppress(OSError):  # it was killed: then the next run does its work
            os.write(self._pipe, data)


def start_watchdog(argv: Sequence[str]) -> Watchdog | None:
    """Start one if `argv` may run something and this process has but one thread."""
    may_run = ("exec" in argv and ("run" in argv or "runs" in argv)) or "supervise" in argv
    may_run = may_run or "doctor" in argv
    threading = sys.modules.get("threading")
    if not may_run or (threading is not None and threading.active_count() > 1):
        return None
    reader, writer = os.pipe()
    parent = os.getpid()
    # Blocked, so that Ctrl-C cannot come between the fork and what makes the child mind none of them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        pid = os.fork()
        if pid == 0:
            _watch(parent, reader)
    except OSError:  # no more processes: the run may still work
        os.close(writer)
        return None
    finally:
        os.close(reader)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Watchdog(pid, writer)


def _watch(parent: int, reader: int) -> None:
    """Be the watchdog; never returns."""
    try:
        os.setsid()  # whoever kills our group or terminal does not mean this process
        os.chdir("/")  # and no disk shall be busy because of it
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        _keep_only(reader)
        heard = b""
        while data := os.read(reader, 4096):
            heard += data
        if heard and not heard.endswith(DONE):
            signal.alarm(LIMIT_S)  # nobody handles it: it ends the process
            _clean_up(os.fsdecode(heard), parent)
    finally:
        os._exit(0)  # nothing of the parent's is flushed, closed or told twice


def _keep_only(reader: int) -> None:
    """Close all descriptors but `reader`: an inherited pipe would never end for whoever reads it."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    for name in os.listdir("/dev/fd"):  # noqa: PTH208  (pathlib is not loaded yet)
        if int(name) > 2 and int(name) != reader:
            with suppress(OSError):  # the one through which we look
                os.close(int(name))


def _clean_up(home: str, parent: int) -> None:
    """Remove what `parent` left, again and again: the engine may still be at work for it."""
    # Late: only a watchdog whose parent was killed needs it.
    from pathlib import Path  # noqa: PLC0415

    from tyger_local.store.home import Home  # noqa: PLC0415
    from tyger_local.workspace.laboratory import discard  # noqa: PLC0415
    from tyger_local.workspace.owner import Owner, is_alive  # noqa: PLC0415
    from tyger_local.workspace.sweeping import Sweeper  # noqa: PLC0415

    def is_dead(owner: Owner) -> bool:
        return owner.pid == parent and not is_alive(owner)

    sweeper = Sweeper(Home(Path(home)), is_dead)
    last = time.monotonic() + CLEAN_UP_S
    is_last = False
    while not is_last:
        is_last = time.monotonic() >= last
        if (
            dead := sweeper.dead()
        ):  # none yet: our end of the pipe closes a moment before a process is dead
            sweeper.sweep(dead, forget=is_last)
        if not is_last:
            time.sleep(PASS_S)
    discard(Path(home))
