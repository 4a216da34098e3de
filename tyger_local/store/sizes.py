"""How much room parts of the store take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tyger_local.store.files import translating


def tree_bytes(path: Path, suffix: str = "") -> int:
    """Return how many bytes the files below `path` have, following no link; 0 when there is nothing.

    Args:
        path: A folder.
        suffix: Only files whose names end so.

    Raises:
        StoreError: A folder cannot be read.
    """
    with translating(path):
        return sum(size for name, size in _files(path) if name.endswith(suffix))


def _files(path: Path) -> Iterator[tuple[str, int]]:
    # What somebody removes meanwhile takes no room.
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                with suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False).st_size
