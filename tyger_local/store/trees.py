"""Removing a folder with all in it.

``shutil.rmtree`` would do, and costs every command the import of three compressors.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tyger_local.store.files import translating


def remove_tree(path: Path) -> None:
    """Remove the folder `path`, which need not exist, and all in it, following no link."""
    with translating(path), suppress(FileNotFoundError):
        for _, folders, files, descriptor in os.fwalk(path, topdown=False, onerror=_raise):
            for name in (*files, *folders):
                _remove_entry(name, descriptor)
        _remove_entry(str(path), None)


def _remove_entry(name: str, folder: int | None) -> None:
    with suppress(FileNotFoundError):  # someone else may be removing it too
        try:
            os.rmdir(name, dir_fd=folder)
        except NotADirectoryError:  # a file, or a link to a folder
            os.unlink(name, dir_fd=folder)


def _raise(exc: OSError) -> None:
    if not isinstance(exc, FileNotFoundError):
        raise exc
