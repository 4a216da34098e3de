"""``--record FILE``: the run's record as a file of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tyger_local.cli.console import Console
from tyger_local.errors import UsageError


class RecordFile:
    """Where the record goes; checked before the run, written after it.

    A link is followed. What is no regular file (``/dev/null``, a FIFO) is written, never replaced.

    Args:
        path: The file; None for none.

    Raises:
        UsageError: It cannot be written.
    """

    def __init__(self, path: str | None) -> None:
        self._path: Path | None = None
        if path is None:
            return
        given = Path(path)
        self._is_special = os.path.exists(given) and not os.path.isfile(given)
        self._path = given if self._is_special else Path(os.path.realpath(given))
        place = given if self._is_special else self._path.parent
        if os.path.isdir(self._path) or not os.access(place, os.W_OK):
            raise UsageError(
                f"the record cannot be written to {path}", "name a file in a folder that exists"
            )

    def refuse_same(self, others: Iterable[str]) -> None:
        """Refuse to replace a file that the run reads or writes.

        Raises:
            UsageError: The record would go to one of `others`.
        """
        for other in others:
            if self._path is not None and os.path.realpath(other) == str(self._path):
                raise UsageError(
                    f"the record would replace {other}, which the run uses",
                    "give it a file of its own",
                )

    def write(self, record: Mapping[str, object], console: Console) -> bool:
        """Write the record whole; return whether that went well, and say so if not."""
        if self._path is None:
            return True
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        try:
            if self._is_special:
                self._path.write_text(text, encoding="utf-8")
            else:
                _replace(self._path, text)
        except OSError as error:
            console.error(f"the record could not be written to {self._path}: {error.strerror}.")
            return False
        return True


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
