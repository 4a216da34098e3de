"""One HTTP request and its answer, on a connection of its own to a socket of this machine.

As much of HTTP/1.1 as engines speak. Python's own ``http.client`` takes longer to load than an engine
needs to answer. Connections are not kept: making one costs 0.1 ms, and so threads share nothing.
"""

from __future__ import annotations

import contextlib
import socket

from tyger_local.engine.docker.transport import Answer, NonsenseError, UnreachableError

LONGEST_LINE_BYTES = 64 * 1024
BODILESS = (101, 204, 304)


class Exchange:
    """A request that was sent, and the head of its answer.

    Args:
        path: The socket.
        head: The request's first line, and more lines of its head.
        body: What is sent with it, as JSON.
        timeout_s: How long nothing may come; None is for ever.

    Raises:
        UnreachableError: Nobody answers.
        NonsenseError: What came is no HTTP.
        OSError: The connection broke, or `timeout_s` has passed.
    """

    def __init__(self, path: str, head: str, body: bytes, timeout_s: float | None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self.file = self._socket.makefile("rb")
        try:
            self._connect(path, timeout_s)
            lines = (
                head,
                "Host: docker",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            )
            self._socket.sendall("\r\n".join((*lines, "\r\n")).encode() + body)
            self.status = self._read_status()
            self._headers = self._read_headers()
        except BaseException:
            self.close()
            raise

    def _connect(self, path: str, timeout_s: float | None) -> None:
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(path)
        except OSError as error:
            raise UnreachableError(str(error)) from error

    def header(self, name: str) -> str:
        """Return a line of the answer's head, by its name in lower case; empty when there is none."""
        return self._headers.get(name, "")

    def answer(self) -> Answer:
        """Read the rest of the answer."""
        try:
            return Answer(self.status, self._read_body())
        except ValueError as error:
            raise NonsenseError(f"an answer of an unreadable length ({error})") from error

    def _read_status(self) -> int:
        line = self._read_line()
        version, _, rest = line.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise NonsenseError(f"it says {line[:80]!r}")
        return int(rest[:3])

    def _read_headers(self) -> dict[str, str]:
        headers = {}
        while line := self._read_line():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return headers

    def _read_line(self) -> str:
        line = self.file.readline(LONGEST_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise UnreachableError("the connection was lost")
        return line.decode("latin-1").rstrip("\r\n")

    def _read_body(self) -> bytes:
        if self.status in BODILESS:
            return b""
        if self.header("transfer-encoding").lower() == "chunked":
            return self._read_chunks()
        length = self.header("content-length")
        return self._read(int(length)) if length else self.file.read()

    def _read_chunks(self) -> bytes:
        chunks = []
        while size := int(self._read_line().partition(";")[0], 16):
            chunks.append(self._read(size))
            self._read_line()
        return b"".join(chunks)

    def _read(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) < size:
            raise UnreachableError("the connection was lost")
        return data

    def wait_forever(self) -> None:
        """Let silence from now on be no error."""
        self._socket.settimeout(None)

    def stop(self) -> None:
        """End the reading of whoever reads, in another thread."""
        with contextlib.suppress(OSError):  # the other side has ended it already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self.file.close()
        self._socket.close()
