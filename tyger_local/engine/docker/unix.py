"""The way to an engine behind a socket of this machine, without docker-py."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tyger_local.engine.base import OutputStream
from tyger_local.engine.docker.exchange import Exchange
from tyger_local.engine.docker.transport import Answer, NonsenseError, Query, refusal

DEFAULT_SOCKET = "/var/run/docker.sock"
SCHEME = "unix://"

UPGRADED = (101, 200)
"""How an engine hands a connection over; old ones say 200."""

FRAME_HEAD_BYTES = 8
STREAMS = {1: OutputStream.STDOUT, 2: OutputStream.STDERR}


def local_socket(environment: Mapping[str, str]) -> str | None:
    """Return the socket where Docker's own client would look for the engine.

    Returns:
        None when it would look elsewhere, or may: with TLS, or by a context that is not the default.
    """
    if environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_CERT_PATH"):
        return None
    host = place(environment)
    return host[len(SCHEME) :] if host.startswith(f"{SCHEME}/") else None


def place(environment: Mapping[str, str]) -> str:
    """Return which engine Docker's own client means: an address, or ``context`` and its name."""
    host = environment.get("DOCKER_HOST")
    if host:
        return host
    context = environment.get("DOCKER_CONTEXT") or _current_context(environment)
    return f"{SCHEME}{DEFAULT_SOCKET}" if context in ("", "default") else f"context {context}"


def _current_context(environment: Mapping[str, str]) -> str:
    """Return the context that ``docker context use`` chose; what cannot be read is docker-py's to judge."""
    folder = environment.get("DOCKER_CONFIG")
    try:
        path = Path(folder) if folder else Path("~/.docker").expanduser()
        return str(json.loads((path / "config.json").read_bytes()).get("currentContext") or "")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, AttributeError, RuntimeError):
        return "unknown"


class UnixTransport:
    """The way to the engine behind a socket.

    Args:
        path: The socket.
        timeout_s: How long the engine may take to tell its version.
    """

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s

    @cached_property
    def _root(self) -> str:
        """What paths begin with. Without a version engines take their newest, but say that this will end."""
        line = "GET /_ping HTTP/1.1"
        with closing(Exchange(self._path, line, b"", self._timeout_s)) as exchange:
            answer = exchange.answer()
            version = exchange.header("api-version")
        if not version:
            raise NonsenseError(f"it tells no version, and says {answer.body[:80]!r}")
        return f"/v{version}"

    def _exchange(
        self, request: str, query: Query, body: bytes, timeout_s: float | None, *more: str
    ) -> Exchange:
        method, _, path = request.partition(" ")
        line = f"{method} {self._root}{quote(path)}?{urlencode(query)} HTTP/1.1"
        return Exchange(self._path, "\r\n".join((line, *more)), body, timeout_s)

    def call(
        self,
        request: str,
        query: Query,
        body: Mapping[str, Any] | None,
        timeout_s: float | None,
    ) -> Answer:
        """Return the engine's answer."""
        sent = b"" if body is None else json.dumps(body).encode()
        exchange = self._exchange(request, query, sent, timeout_s, "Connection: close")
        with closing(exchange):
            return exchange.answer()

    def attach(self, container: str, timeout_s: float) -> UnixOutput:
        """Connect to the output of a container.

        Raises:
            RefusedError: The engine will not.
        """
        query = {"logs": "0", "stdout": "1", "stderr": "1", "stream": "1"}
        request = f"POST /containers/{container}/attach"
        upgrade = ("Connection: Upgrade", "Upgrade: tcp")
        exchange = self._exchange(request, query, b"", timeout_s, *upgrade)
        if exchange.status in UPGRADED:
            return UnixOutput(exchange)
        with closing(exchange):
            raise refusal(exchange.answer())

    def close(self) -> None:
        """Do nothing: no connection outlives its call."""


class UnixOutput:
    """The output of a container on a connection that the engine handed over.

    Each piece is preceded by the number of its stream and its size.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        exchange.wait_forever()

    def pieces(self) -> Iterator[tuple[OutputStream, bytes]]:
        """Yield what is printed."""
        read = self._exchange.file.read
        while len(head := read(FRAME_HEAD_BYTES)) == FRAME_HEAD_BYTES:
            data = read(int.from_bytes(head[4:], "big"))
            yield STREAMS.get(head[0], OutputStream.STDERR), data

    def stop(self) -> None:
        """End `pieces`."""
        self._exchange.stop()

    def close(self) -> None:
        """Close the connection."""
        self._exchange.close()
