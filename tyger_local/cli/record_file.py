"""``--record FILE``: the run's record as a file of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping

from tyger_local.cli.console import Console
from tyger_local.cli.whole_file import WholeFile
from tyger_local.errors import UsageError


class RecordFile:
    """Where the record goes; checked before the run, written after it.

    Args:
        path: The file; None for none.

    Raises:
        UsageError: It cannot be written.
    """

    def __init__(self, path: str | None) -> None:
        self._file = None if path is None else WholeFile(path, "the record")

    def refuse_same(self, others: Iterable[str]) -> None:
        """Refuse to replace a file that the run reads or writes.

        Raises:
            UsageError: The record would go to one of `others`.
        """
        for other in others:
            if self._file is not None and os.path.realpath(other) == str(self._file.path):
                raise UsageError(
                    f"the record would replace {other}, which the run uses",
                    "give it a file of its own",
                )

    def write(self, record: Mapping[str, object], console: Console) -> bool:
        """Write the record whole; return whether that went well, and say so if not."""
        if self._file is None:
            return True
        problem = self._file.write(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        if problem:
            console.error(problem)
        return not problem
