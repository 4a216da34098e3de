"""Whole files or none: how the store writes, reads and removes, whatever happens meanwhile.

A file is written under a temporary name in its own folder, synced, and then given its name by a
hard link (which fails when the name is taken: that decides between concurrent writers, without a
lock that a killed process could leave) or by a rename (which replaces). Weighed and left: an
exclusive ``open`` of the final name, since readers would see half a file; ``flock``, which some
network file systems do not have; SQLite, which nobody can read with an editor.

Temporary names carry ``~``, which no codespec name, version or run id has, so readers never take
one for a file of the store. This is the one place that turns ``OSError`` into `StoreError`.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tyger_local.errors import DamagedError, NotFoundError, StoreError

JsonObject = dict[str, object]

FILE_MODE = 0o600
FOLDER_MODE = 0o700
STALE_AFTER_S = 24 * 60 * 60

_TEMPORARY = ".tmp"
_ELSEWHERE = "choose another folder for the store with --home or TYGER_LOCAL_HOME"
_FREE_SPACE = f"Free some space there, or {_ELSEWHERE}"
_NO_ACCESS = f"Ask for access to it, or {_ELSEWHERE}"
_NO_LINKS = f"The store needs a file system that has hard links: {_ELSEWHERE}"
_HINTS = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EACCES: _NO_ACCESS,
    errno.EPERM: _NO_ACCESS,
    errno.EROFS: _NO_ACCESS,
    errno.ENOTSUP: _NO_LINKS,
    errno.EOPNOTSUPP: _NO_LINKS,
    errno.ENOSYS: _NO_LINKS,
}


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` from the block into a `StoreError` that names `path`."""
    try:
        yield
    except OSError as exc:
        reason = exc.strerror or str(exc)
        hint = _HINTS.get(exc.errno or 0, f"Look at that place, or {_ELSEWHERE}")
        raise StoreError(f"The store cannot use '{path}': {reason}", hint) from exc


def damaged(path: Path, reason: str) -> DamagedError:
    """Return the error for a file that is there and does not hold what it should."""
    return DamagedError(f"The file '{path}' is damaged: {reason}", "Repair or delete that file")


def make_folder(path: Path) -> bool:
    """Create the folder `path` in an existing one, for its owner only; False when that was not us."""
    with translating(path):
        try:
            path.mkdir(FOLDER_MODE)
        except FileExistsError:
            if path.is_dir() or not os.path.lexists(path):  # or it is gone again already
                return False
            raise
        try:
            path.chmod(FOLDER_MODE)  # whatever the umask took away
        except FileNotFoundError:
            return False  # somebody tidied it away: its name is not to be used
        _sync_folder(path.parent)
        return True


def folder_names(path: Path) -> list[str]:
    """Return what is in the folder `path`, unsorted; nothing when there is no such folder."""
    with translating(path):
        try:
            with os.scandir(path) as entries:
                return [entry.name for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []


def is_there(path: Path) -> bool:
    """Return whether there is something called `path`; it is an error if that cannot be looked up."""
    with translating(path):
        return path.exists()


def write_new(path: Path, document: JsonObject) -> bool:
    """Write `document` to `path`; False, and nothing changed, when `path` exists already."""
    return write_new_text(path, _encode(document))


def write_new_text(path: Path, text: bytes) -> bool:
    """Write `text` to `path`; False, and nothing changed, when `path` exists already."""
    with translating(path), _temporary(path, text) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        _sync_folder(path.parent)
        return True


def replace(path: Path, document: JsonObject) -> None:
    """Write `document` to `path`, in the place of what was there."""
    with translating(path), _temporary(path, _encode(document)) as temporary:
        temporary.replace(path)
        _sync_folder(path.parent)


def mark(path: Path) -> bool:
    """Create the empty file `path`; False when it exists already."""
    with translating(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        except FileExistsError:
            return False
        try:
            os.fchmod(descriptor, FILE_MODE)
        finally:
            os.close(descriptor)
        _sync_folder(path.parent)
        return True


def read_json(path: Path) -> JsonObject:
    """Return the JSON object in `path`.

    Raises:
        NotFoundError: There is no such file.
        StoreError: It cannot be read, or holds something else than one JSON object.
    """
    with translating(path):
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as exc:
            if path.is_symlink():
                raise damaged(path, "it is a link to nothing") from exc
            raise NotFoundError(f"The file '{path}' was not found") from exc
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise damaged(path, f"it is not JSON ({exc})") from exc
    if not isinstance(document, dict):
        raise damaged(path, "it does not hold a JSON object")
    return document


def remove_file(path: Path) -> None:
    """Remove the file `path`, which need not exist."""
    with translating(path):
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)


def _encode(document: JsonObject) -> bytes:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    # Arguments that are no UTF-8 reach us as lone surrogates. What `backslashreplace` makes of
    # one is just its JSON escape.
    return text.encode("utf-8", "backslashreplace")


@contextmanager
def _temporary(path: Path, text: bytes) -> Iterator[Path]:
    _remove_stale(path.parent)
    temporary = path.with_name(f"{path.name}~{os.urandom(8).hex()}{_TEMPORARY}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(temporary, flags, FILE_MODE), "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)  # whatever the umask took away
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


def _remove_stale(folder: Path) -> None:
    """Remove what writers left that were killed long ago; a living one needs milliseconds."""
    newest = time.time() - STALE_AFTER_S
    for name in folder_names(folder):
        if "~" in name and name.endswith(_TEMPORARY):
            with suppress(OSError):
                if (folder / name).lstat().st_mtime < newest:
                    (folder / name).unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as exc:
        # Some network file systems cannot sync a folder, and say so like this.
        if exc.errno not in {errno.EBADF, errno.EINVAL}:
            raise
    finally:
        os.close(descriptor)
