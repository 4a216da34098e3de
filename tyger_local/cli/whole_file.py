"""A file that a command writes beside its answer: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from tyger_local.errors import UsageError
from tyger_local.streams.host import own_file


class WholeFile:
    """Where a text goes; checked before anything is done, written at the end.

    A link is followed. What is no regular file (``/dev/null``, a FIFO) is written, never replaced.

    Args:
        path: The file.
        what: What goes there, for messages: ``the record``.

    Raises:
        UsageError: It cannot be written.
    """

    def __init__(self, path: str, what: str) -> None:
        given = Path(path)
        self._what = what
        self._own = own_file(given)
        self._is_special = os.path.exists(given) and not os.path.isfile(given)
        self.path = given if self._is_special else Path(os.path.realpath(given))
        place = given if self._is_special else self.path.parent
        if os.path.isdir(self.path) or not os.access(place, os.W_OK):
            raise UsageError(
                f"{what} cannot be written to {path}", "name a file in a folder that exists"
            )

    def write(self, text: str) -> str:
        """Write `text`; return what went wrong as a sentence, empty when nothing did."""
        data = text.encode("utf-8", "backslashreplace")
        try:
            if self._own is not None:
                with os.fdopen(os.dup(self._own), "wb") as file:
                    file.write(data)
            elif self._is_special:
                self.path.write_bytes(data)
            else:
                _replace(self.path, data)
        except OSError as error:
            return f"{self._what} could not be written to {self.path}: {error.strerror}."
        return ""


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
