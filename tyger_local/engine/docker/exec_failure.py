"""A command that could not be executed, found out after the start.

Docker's runtime starts a container before it executes the command. When the kernel then refuses (a program
for another CPU, a script whose interpreter is missing), the start has succeeded, the runtime writes one
line into the container's stderr and exits in the command's place. That line is all there is to know it by:

    exec /prog: exec format error                                               runc since 1.1
    standard_init_linux.go:228: exec user process caused: exec format error     runc before
"""

from __future__ import annotations

import re

from tyger_local.engine.base import OutputStream
from tyger_local.engine.refusals import (
    cannot_start,
    interpreter_not_found,
    not_executable,
    wrong_format,
)
from tyger_local.errors import StartError

EXIT_CODES = (1, 255)
"""What the runtime exits with in the command's place."""

LONGEST_BYTES = 8192
"""Longer than a path may be."""

_LINE = re.compile(
    r"(?:standard_init_linux\.go:\d+: )?(exec (?:user process caused|/[^\n]*): "
    r'"?(exec format error|no such file or directory|permission denied|argument list too long)"?)\n?'
)


class FirstWords:
    """Keeps the beginning of what a container prints, as long as it may be such a line."""

    def __init__(self) -> None:
        self._stderr = b""
        self._has_stdout = False

    def __call__(self, stream: OutputStream, data: bytes) -> None:
        """Take note of a piece."""
        if stream is OutputStream.STDOUT:
            self._has_stdout = True
        elif len(self._stderr) <= LONGEST_BYTES:
            self._stderr += data[: LONGEST_BYTES + 1]

    def refusal(self, exit_code: int, subject: str) -> StartError | None:
        """Return why the command could not be executed; None when it was.

        Args:
            exit_code: The container's.
            subject: The command, as the beginning of a sentence.
        """
        if self._has_stdout or exit_code not in EXIT_CODES:
            return None
        line = _LINE.fullmatch(self._stderr.decode("utf-8", "replace"))
        if line is None:
            return None
        said, why = line.groups()
        if why == "exec format error":
            return wrong_format(subject, said)
        if why == "no such file or directory":
            return interpreter_not_found(subject, said)
        if why == "permission denied":
            return not_executable(subject, said)
        return cannot_start(subject, said)
