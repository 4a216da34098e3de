"""Where a value was written: the only thing about its source that a value carries on."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The way from a document's root to a value: mapping keys and list indexes; the root is ``()``."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value comes from.

    Args:
        source: The file's name as the user typed it, ``<stdin>``, or a flag (``--image``).
        line: The line, counted from 1; None where the whole source is meant.
        column: The column in characters, counted from 1.
    """

    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.line, self.column]
        return ":".join([self.source, *(str(part) for part in parts if part is not None)])
