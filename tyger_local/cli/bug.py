"""What happens when the error is ours: a file with everything a report needs, and one line."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence

from tyger_local.cli.console import Console
from tyger_local.errors import EXIT_BUG


def report_bug(console: Console, error: Exception, argv: Sequence[str]) -> None:
    """Write a report of `error` to a file and say where it is."""
    from tyger_local import __version__  # noqa: PLC0415  (only here)

    text = "".join(
        [
            f"tyger-local {__version__}, Python {sys.version}, {platform.platform()}\n",
            f"tyger-local {shlex.join(argv)}\n\n",
            *traceback.format_exception(error),
        ]
    )
    what = f"this is a bug in tyger-local: {type(error).__name__}: {error}"
    try:
        fd, path = tempfile.mkstemp(prefix="tyger-local-bug-", suffix=".txt")
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        console.error(f"{what}. Please report it with the file {path}", exitCode=EXIT_BUG)
    except OSError:
        console.error(f"{what}. Please report it with these lines", exitCode=EXIT_BUG)
        console.raw(text.encode(errors="backslashreplace"))
