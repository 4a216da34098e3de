"""What a container printed, kept whole.

The format is the one in which Kubernetes keeps logs (CRI): a line ``<time> <stream> <tag> <text>`` for
each piece, tag ``F`` where the piece ends its line and ``P`` where the line goes on. So stdout and stderr
stay apart and in order, lines of megabytes and bytes that are no text survive, and a person can read it.

The container is never held up: writing is all that happens on the way of its output, and whoever shows
the log follows the file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from tyger_local.store.files import FILE_MODE, translating
from tyger_local.store.log_reading import LogCursor, LogPiece, open_at_tail

LIMIT_BYTES = 256 * 2**20
"""What makes the file larger than this is dropped, and said to be."""


class ContainerLog:
    """The log of one container while it runs.

    Args:
        path: The file; nothing may be there yet.
        now: Tells the time of arrival.
        limit_bytes: How large the file may grow. It is the file that counts and not what is printed:
            around each empty line stand forty bytes.
    """

    def __init__(self, path: Path, now: Callable[[], str], limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._now = now
        self._limit_bytes = limit_bytes
        self._grown = threading.Condition()
        self._bytes = 0
        self._begun: set[str] = set()
        self._closed = False
        self.fault: str | None = None
        with translating(path):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)

    def append(self, stream: str, data: bytes) -> None:
        """Keep `data`. Never fails: what cannot be kept is told by `fault`."""
        with self._grown:
            if self._closed or self.fault is not None:
                return
            text = self._lines(stream, data)
            if self._bytes + len(text) > self._limit_bytes:
                self.fault = (
                    f"the container's log is cut after {self._limit_bytes // 2**20} MiB: "
                    "what it prints from now on is dropped"
                )
                begun = b"\n" if stream in self._begun else b""
                text = self._lines(stream, begun + f"[tyger-local: {self.fault}]\n".encode())
            elif data.endswith(b"\n"):
                self._begun.discard(stream)
            elif data:
                self._begun.add(stream)
            self._bytes += len(text)
            self._write(text)
            self._grown.notify_all()

    def _lines(self, stream: str, data: bytes) -> bytes:
        head = f"{self._now()} {stream} ".encode()
        *lines, rest = data.split(b"\n")
        text = b"".join(head + b"F " + line + b"\n" for line in lines)
        return text + head + b"P " + rest + b"\n" if rest else text

    def _write(self, text: bytes) -> None:
        try:
            while text:
                text = text[os.write(self._fd, text) :]
        except OSError as error:
            self.fault = f"the container's log cannot be kept: {error.strerror} ({self.path})"

    def close(self) -> None:
        """End the log; whoever follows it comes to its end."""
        with self._grown:
            if not self._closed:
                self._closed = True
                os.close(self._fd)
            self._grown.notify_all()

    def follow(self) -> Iterator[LogPiece]:
        """Yield the pieces from the beginning, waiting for more until the log is closed."""
        with closing(LogCursor(self.path)) as cursor:
            while True:
                with self._grown:
                    seen, is_closed = self._bytes, self._closed
                yield from cursor.pieces()
                if is_closed:
                    return
                with self._grown:
                    self._grown.wait_for(lambda: self._bytes > seen or self._closed)  # noqa: B023


def read_tail(path: Path, lines: int) -> list[str]:
    """Return the last lines that a container printed, on either stream, as text.

    Raises:
        StoreError: The log cannot be read.
    """
    last, cursor = open_at_tail(path, lines, lambda _: True, is_quick=True)
    cursor.close()
    return [line.data.decode(errors="replace").rstrip("\r\n") for line in last]
