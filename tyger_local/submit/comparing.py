"""An output here beside the same output there: sizes, sha256, and where they part.

Byte by byte: two results that only differ by rounding are different. How far apart numbers may be depends on
what they mean, which nobody but a program for their format can say.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tyger_local.errors import TygerLocalError

CHUNK_BYTES = 2**20
LONGEST_LINE_BYTES = 400


@dataclass(frozen=True, slots=True)
class Digest:
    """What tells one content from another."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Lines:
    """The first line in which two texts differ; one that is not there is None.

    Attributes:
        number: Counted from 1.
    """

    number: int
    here: str | None
    there: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """An output here and there.

    Attributes:
        offset: Of the first byte that differs, or at which the shorter one ends; None where they are equal,
            or only one of them could be looked at.
        lines: Where both are text.
    """

    buffer: str
    here: Digest
    there: Digest
    offset: int | None = None
    lines: Lines | None = None

    @property
    def is_identical(self) -> bool:
        """Return whether they are the same, byte by byte."""
        return self.here == self.there


def compare_files(buffer: str, here: Path, there: Path) -> Comparison:
    """Compare two files.

    Raises:
        TygerLocalError: One of them cannot be read.
    """
    try:
        with here.open("rb") as one, there.open("rb") as other:
            return _compared(buffer, one, other)
    except OSError as error:
        raise _unreadable(buffer, error) from error


def compare_digest(buffer: str, here: Digest, there: Path) -> Comparison:
    """Compare a file with what is known of one that need not be there any more.

    Raises:
        TygerLocalError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with there.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
            size = file.tell()
    except OSError as error:
        raise _unreadable(buffer, error) from error
    return Comparison(buffer, here, Digest(size, digest.hexdigest()))


def _compared(buffer: str, one: BinaryIO, other: BinaryIO) -> Comparison:
    digests = hashlib.sha256(), hashlib.sha256()
    offset: int | None = None
    line, line_start, position = 1, 0, 0
    while True:
        chunks = one.read(CHUNK_BYTES), other.read(CHUNK_BYTES)
        if not any(chunks):
            break
        for digest, chunk in zip(digests, chunks, strict=True):
            digest.update(chunk)
        if offset is None:
            common = _common_bytes(*chunks)
            before = chunks[0][:common]
            line += before.count(b"\n")
            if b"\n" in before:
                line_start = position + before.rindex(b"\n") + 1
            if common < max(map(len, chunks)):
                offset = position + common
        position += len(chunks[0])
    sizes = (os.fstat(file.fileno()).st_size for file in (one, other))
    here, there = (
        Digest(size, digest.hexdigest()) for size, digest in zip(sizes, digests, strict=True)
    )
    lines = None if offset is None else _lines(line, line_start, one, other)
    return Comparison(buffer, here, there, offset, lines)


def _common_bytes(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts begin with alike, by halving: comparing is the machine's own work."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _lines(number: int, start: int, one: BinaryIO, other: BinaryIO) -> Lines | None:
    texts: list[str | None] = []
    for file in (one, other):
        file.seek(start)
        data = file.readline(LONGEST_LINE_BYTES)
        text = _text(data)
        if data and text is None:
            return None
        texts.append(text)
    return Lines(number, *texts)


def _text(line: bytes) -> str | None:
    """Return a line without its end, None if it is none: empty, too long, or no text."""
    if not line or len(line) >= LONGEST_LINE_BYTES:
        return None
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    plain = text.rstrip("\n")
    return plain if all(c.isprintable() or c in "\t\r" for c in plain) else None


def _unreadable(buffer: str, error: OSError) -> TygerLocalError:
    return TygerLocalError(
        f"the output '{buffer}' cannot be compared: {error.filename}: {error.strerror}"
    )
