"""The first record of a CSV text, as Go's ``encoding/csv`` reads it with its default settings.

Tyger's list and map flags hand their value to that reader. Python's `csv` module cannot stand in
for it: it accepts quotes where Go does not, and it reports no places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

BARE_QUOTE = 'bare " in non-quoted-field'
QUOTE = 'extraneous or missing " in quoted-field'
NO_RECORD = "EOF: there is nothing but empty lines"


def read_record(text: str) -> list[str]:
    r"""Split the first record of `text` into its fields.

    Fields are separated by commas, and blanks belong to them. A field that starts with ``"`` runs
    to the closing ``"``, over commas and line ends, with ``""`` for a ``"``. Empty lines are
    skipped, ``\r\n`` counts as ``\n``, and whatever follows the first record is not read.

    Raises:
        ValueError: With Go's sentence for a misplaced quote (lines and columns count from 1,
            columns in bytes), or `NO_RECORD`.
    """
    return _Reader(text).record()


def _lines(text: str) -> Iterator[str]:
    for match in re.finditer(r"[^\n]*\n|[^\n]+", text):
        line = match[0]
        if line.endswith("\r\n"):
            yield f"{line[:-2]}\n"
        else:
            yield line.removesuffix("\r")  # only the last line can end like this


class _Reader:
    """A place in a text: its lines still to come, the current one, and a column in that."""

    def __init__(self, text: str) -> None:
        self._lines = _lines(text)
        self._line = ""
        self._number = 0
        self._at = 0
        self._first = 0

    def record(self) -> list[str]:
        while self._line in {"", "\n"}:
            if not self._next_line():
                raise ValueError(NO_RECORD)
        self._first = self._number
        fields: list[str] = []
        more = True
        while more:
            quoted = self._line.startswith('"', self._at)
            field, more = self._quoted_field() if quoted else self._bare_field()
            fields.append(field)
        return fields

    def _next_line(self) -> bool:
        line = next(self._lines, "")
        if not line:
            return False
        self._line = line
        self._number += 1
        self._at = 0
        return True

    def _bare_field(self) -> tuple[str, bool]:
        """The field's text, and whether another follows."""
        field, comma, _ = self._line[self._at :].partition(",")
        field = field.removesuffix("\n")
        quote = field.find('"')
        if quote >= 0:
            raise self._error(self._at + quote, BARE_QUOTE)
        self._at += len(field) + len(comma)
        return field, bool(comma)

    def _quoted_field(self) -> tuple[str, bool]:
        """The field's text, and whether another follows."""
        parts: list[str] = []
        self._at += 1
        while True:
            quote = self._line.find('"', self._at)
            if quote < 0:
                parts.append(self._line[self._at :])
                if not self._next_line():
                    raise self._error(len(self._line), QUOTE)
                continue
            parts.append(self._line[self._at : quote])
            follower = self._line[quote + 1 : quote + 2]
            self._at = quote + 2
            if follower == '"':
                parts.append('"')
            elif follower in {",", "", "\n"}:
                return "".join(parts), follower == ","
            else:
                raise self._error(quote, QUOTE)

    def _error(self, index: int, problem: str) -> ValueError:
        column = len(self._line[:index].encode("utf-8", "surrogateescape")) + 1
        record = f"record on line {self._first}; " if self._first != self._number else ""
        return ValueError(f"{record}parse error on line {self._number}, column {column}: {problem}")
