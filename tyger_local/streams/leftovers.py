"""What a killed process leaves of its streams: folders of pipes, and outputs under temporary names.

Names are chosen before the things are made, so that they can be written down first. Here is also how they are
told from everything else, since whoever cleans up removes by name.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NOTE = "owner.json"
"""The file in a folder of pipes that says whose it is."""

_FOLDER = re.compile(r"tyger-local-[0-9a-f]{16}")
_TEMPORARY = re.compile(r"\.(.*)\.[0-9a-f]{12}\.partial", re.DOTALL)


def new_folder_name() -> Path:
    """Return a name for a folder of pipes that nobody has."""
    try:
        parent = tempfile.gettempdir()
    except (
        FileNotFoundError
    ):  # it looks for one that can be written; making ours says what is wrong
        parent = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108  (the system's own default)
    return Path(parent).absolute() / f"tyger-local-{os.urandom(8).hex()}"


def new_temporary_name(path: Path) -> Path:
    """Return the name under which the output `path` is written, beside where it goes."""
    final = Path(os.path.realpath(path))
    # 200 leaves room for what is added, within a file name's 255 bytes.
    name = os.fsencode(final.name)[:200].decode(errors="ignore")
    return final.with_name(f".{name}.{os.urandom(6).hex()}.partial")


def partial_name(path: Path) -> Path:
    """Return the name under which a part of the output `path` is kept."""
    return Path(f"{path}.partial")


def keep_partial(temporary: Path, partial: Path) -> Path | None:
    """Give the part of an output its name for people, or remove an empty one.

    Where `partial` cannot be (an output behind a link may be on another disk), it is kept beside the file
    that the output would have become.

    Returns:
        Where it is; None when nothing is kept, or somebody else did all this before.

    Raises:
        OSError: The system refuses; the part still has its temporary name.
    """
    with suppress(FileNotFoundError):
        if not is_temporary(temporary):
            return None
        if temporary.lstat().st_size == 0:
            temporary.unlink()
            return None
        try:
            temporary.replace(partial)
        except OSError:
            partial = temporary.with_name(_TEMPORARY.sub(r"\1.partial", temporary.name))
            temporary.replace(partial)
        return partial
    return None


def is_temporary(path: Path) -> bool:
    """Return whether `path` is an output under the temporary name that we gave it."""
    status = _status(path) if _TEMPORARY.fullmatch(path.name) else None
    return status is not None and stat.S_ISREG(status.st_mode)


def remove_folder(path: Path) -> bool:
    """Remove a folder of pipes and whatever a container put into it, following no link.

    Returns:
        Whether nothing is there any more. What is no folder of ours is left alone, and counts as gone.
    """
    if not is_folder(path):
        return True
    shutil.rmtree(path, ignore_errors=True)
    return not is_folder(path)


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder of pipes that we made."""
    status = _status(path) if _FOLDER.fullmatch(path.name) else None
    # The folder above is often everybody's.
    return status is not None and stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def noted_folders() -> Iterator[tuple[Path, str]]:
    """Yield the folders of pipes where new ones would be made, and what is noted in each."""
    with suppress(OSError):
        for path in sorted(new_folder_name().parent.glob("tyger-local-*")):
            with suppress(OSError):  # without a note, or gone by now
                if is_folder(path):
                    yield path, (path / NOTE).read_text("utf-8", "replace")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
