"""Reading a codespec or run file from disk or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tyger_local.errors import SpecError

if TYPE_CHECKING:  # YAML is imported only when a file is read
    from tyger_local.spec.document import Document

STDIN = "-"


def read_file(path: str) -> Document:
    """Read the file at `path`; ``-`` is standard input.

    Raises:
        SpecError: It cannot be read, is not UTF-8, or is not YAML.
    """
    from tyger_local.spec.document import read_document  # noqa: PLC0415  (late: loads YAML)

    source = "<stdin>" if path == STDIN else path
    try:
        data = _stdin_bytes() if path == STDIN else Path(path).read_bytes()
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"failed to read file {source}: {words}", "check the path") from error
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SpecError(
            f"failed to parse file {source}: it is not UTF-8 text",
            "save it as UTF-8",
            where=f"{source}:{line}",
        ) from error
    return read_document(text, source)


def _stdin_bytes() -> bytes:
    if sys.stdin is None:
        raise ValueError("standard input is closed")
    return sys.stdin.buffer.read()
