"""Questions to this machine's system: what it lets a process have."""

from __future__ import annotations

import fcntl
import os
import platform
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from tyger_local.doctor.model import Check, Section, State
from tyger_local.outcome.words import human_memory

LARGE_PIPE_BYTES = 2**20
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)

ENOUGH_INSTANCES = 64
ENOUGH_WATCHES = 1024
ENOUGH_FILES = 512
ENOUGH_PIPE_PAGES = 4096
"""16 MiB: what a process of this tool takes for large pipes."""

PROC_SYS = Path("/proc/sys")


def check_machine(tool_version: str, proc_sys: Path = PROC_SYS) -> Iterator[Check]:
    """Look at what the system gives.

    Args:
        tool_version: This tool's.
        proc_sys: Where the kernel shows its settings.
    """
    yield _python(tool_version)
    yield _open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if sys.platform == "linux":
        yield _inotify(proc_sys)
        yield _pipes(proc_sys)


def _python(tool_version: str) -> Check:
    name = f"tyger-local {tool_version}, Python {platform.python_version()}"
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    details = (system, f"Python is {sys.executable}")
    if sys.platform != "linux":
        return Check(
            "system",
            Section.MACHINE,
            name,
            State.WARNING,
            (*details, "stalls, usage and many misuses of pipes are seen on Linux only"),
            "use Linux, or a Linux machine in which both this tool and the engine run",
        )
    return Check("system", Section.MACHINE, name, State.OK, details)


def _open_files(soft: int) -> Check:
    unlimited = soft in (resource.RLIM_INFINITY, -1)
    is_enough = unlimited or soft >= ENOUGH_FILES
    return Check(
        "open-files",
        Section.MACHINE,
        f"{'any number of' if unlimited else soft} open files for each process",
        State.OK if is_enough else State.WARNING,
        () if is_enough else ("runs with many buffers or replicas need more",),
        "" if is_enough else "ulimit -n 1024",
    )


def _inotify(proc_sys: Path) -> Check:
    instances = _setting(proc_sys / "fs/inotify/max_user_instances")
    watches = _setting(proc_sys / "fs/inotify/max_user_watches")
    if instances is None or watches is None:
        return Check(
            "inotify",
            Section.MACHINE,
            "inotify limits",
            State.SKIPPED,
            ("the kernel does not show them",),
        )
    short = [
        f"sudo sysctl fs.inotify.{name}={2 * enough}"
        for name, value, enough in (
            ("max_user_instances", instances, ENOUGH_INSTANCES),
            ("max_user_watches", watches, ENOUGH_WATCHES),
        )
        if value < enough
    ]
    return Check(
        "inotify",
        Section.MACHINE,
        f"{instances} inotify instances and {watches} watches for each user",
        State.WARNING if short else State.OK,
        ("misuses of pipes are not seen when they run out",) if short else (),
        "; ".join(short),
    )


def _pipes(proc_sys: Path) -> Check:
    pages = _setting(proc_sys / "fs/pipe-user-pages-soft")
    held = _try_large_pipe()
    shown = "unlimited" if pages == 0 else pages
    details = () if pages is None else (f"fs.pipe-user-pages-soft is {shown}",)
    title = f"pipes that hold {human_memory(held)}"
    if held < LARGE_PIPE_BYTES or 0 < (pages or 0) < ENOUGH_PIPE_PAGES:
        return Check(
            "pipes",
            Section.MACHINE,
            title,
            State.WARNING,
            (*details, "runs work, but bytes move more slowly"),
            "sudo sysctl fs.pipe-max-size=1048576 fs.pipe-user-pages-soft=16384",
        )
    return Check("pipes", Section.MACHINE, title, State.OK, details)


def _try_large_pipe() -> int:
    """Return how many bytes a pipe holds that was asked to hold many."""
    reader, writer = os.pipe()
    try:
        return int(fcntl.fcntl(writer, F_SETPIPE_SZ, LARGE_PIPE_BYTES))
    except OSError:
        return _pipe_bytes(writer)
    finally:
        os.close(reader)
        os.close(writer)


def _pipe_bytes(fd: int) -> int:
    """Return how many bytes the pipe `fd` holds."""
    try:
        return int(fcntl.fcntl(fd, getattr(fcntl, "F_GETPIPE_SZ", 1032)))
    except OSError:
        return 65536


def _setting(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
