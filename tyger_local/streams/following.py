"""Copying a file that somebody else is still writing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tyger_local.streams.changes import FolderChanges
from tyger_local.streams.copying import Copier
from tyger_local.streams.wake import Wake

RELOOK_S = 1.0
"""How often one looks again whatever the kernel tells: nobody tells of a writer's death."""


class StoppedError(Exception):
    """Somebody does not want the rest any more."""


def follow(
    path: Path, target: int, goes_on: Callable[[], bool], stop: Wake | None = None
) -> int | None:
    """Copy `path`, which may not be there yet, to `target` until no more comes.

    Args:
        path: The file. Its folder must be there.
        target: Any descriptor that can be written.
        goes_on: Returns whether more may come. What it raises ends all this, and what was copied stays.
        stop: Ends all this once it is set.

    Returns:
        How many bytes were copied; None when there is no such file.

    Raises:
        OSError: One side is broken.
        StoppedError: `stop` was set.
    """
    source = -1
    total = 0
    changes = FolderChanges(path.parent)
    try:
        while True:
            more = goes_on()  # before copying: what is there by now is all, if no more comes
            if source < 0:
                source = _open_if_there(path)
            if source >= 0:
                total += Copier(source, target).copy()  # a new one: it looks at the file's size
            if not more:
                return None if source < 0 else total
            changes.wait(RELOOK_S, () if stop is None else (stop.fd,))
            if stop is not None and stop.is_set:
                raise StoppedError
    finally:
        changes.close()
        if source >= 0:
            os.close(source)


def _open_if_there(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1
