"""What the kernel's log says of a container, when nobody else has seen why it was killed."""

from __future__ import annotations

import os
from pathlib import Path

LOG = Path("/dev/kmsg")
MESSAGE_BYTES = 8 * 1024
"""More than any message has: each is read whole, or not at all."""

KILL = b"oom-kill:"
VICTIM = b"task_memcg="

OVERWRITTEN = b"?"
"""Stands for messages that were overwritten before we came to them; others follow."""


def tells_of_oom_kill(container: str, log: Path = LOG) -> bool:
    """Return whether the kernel says that it has killed a process of a container for want of memory.

    False as well where the log is not shown to us, or does not go back so far. To read all of it takes 10 ms.

    Args:
        container: The id.
        log: Where the kernel shows its messages, one at each reading.
    """
    try:
        fd = os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        messages = iter(lambda: _next(fd), b"")
        return any(
            KILL in message and container.encode() in message.partition(VICTIM)[2]
            for message in messages
        )
    finally:
        os.close(fd)


def _next(fd: int) -> bytes:
    """Return a message; nothing when there is none any more."""
    try:
        return os.read(fd, MESSAGE_BYTES)
    except BrokenPipeError:
        return OVERWRITTEN
    except OSError:
        return b""
