"""docker-py: the way to engines that are not behind a socket of this machine, and what only it can do.

It resolves contexts, TLS and credentials, and speaks to every engine that Docker's own client reaches.
Imported late, since it takes long to load.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import docker
import docker.errors
from docker.context import ContextAPI

from tyger_local.engine.base import OutputStream
from tyger_local.engine.docker.errors import translating
from tyger_local.engine.docker.transport import Answer, Query
from tyger_local.errors import EngineUnavailableError

CONNECTIONS = 64
PULL_TIMEOUT_S = 120.0


def connect(timeout_s: float) -> docker.DockerClient:
    """Return a client of the engine that Docker's own client would use.

    Args:
        timeout_s: How long the engine may take to answer.

    Raises:
        EngineUnavailableError: None answers, or a context is named that does not exist.
    """
    with translating():
        _check_context()
        return docker.from_env(timeout=int(timeout_s), max_pool_size=CONNECTIONS)


def _check_context() -> None:
    """Refuse a context that is named and does not exist; docker-py would take the default in its place."""
    name = os.environ.get("DOCKER_CONTEXT")
    if name and not os.environ.get("DOCKER_HOST") and ContextAPI.get_context(name) is None:
        raise EngineUnavailableError(
            f"there is no Docker context '{name}'",
            "docker context ls shows them; see DOCKER_CONTEXT",
        )


def pull(reference: str, platform: str | None) -> Iterator[str]:
    """Pull an image; yield how far it is.

    Raises:
        docker.errors.DockerException: It cannot be pulled.
    """
    with contextlib.closing(connect(PULL_TIMEOUT_S)) as client:
        lines: Iterable[dict[str, Any]] = client.api.pull(
            reference, stream=True, decode=True, platform=platform
        )
        for line in lines:
            if "error" in line:
                raise docker.errors.DockerException(line["error"])
            yield " ".join(str(line[key]) for key in ("id", "status") if key in line)


class DockerPyTransport:
    """The way to an engine by docker-py.

    Args:
        timeout_s: How long the engine may take to tell its version.
    """

    def __init__(self, timeout_s: float) -> None:
        self._client = connect(timeout_s)

    def call(
        self,
        request: str,
        query: Query,
        body: Mapping[str, Any] | None,
        timeout_s: float | None,
    ) -> Answer:
        """Return the engine's answer."""
        api = self._client.api
        method, _, path = request.partition(" ")
        url = f"{api.base_url}/v{api.api_version}{path}"
        answer = api.request(method, url, params=dict(query), json=body, timeout=timeout_s)
        return Answer(answer.status_code, answer.content)

    def attach(self, container: str, timeout_s: float) -> DockerPyOutput:
        """Connect to the output of a container."""
        del timeout_s  # its own
        return DockerPyOutput(
            self._client.api.attach(container, stream=True, logs=False, demux=True)
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class DockerPyOutput:
    """The output of a container as docker-py gives it."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401  (docker-py's type is not public)
        self._stream = stream

    def pieces(self) -> Iterator[tuple[OutputStream, bytes]]:
        """Yield what is printed."""
        for stdout, stderr in self._stream:
            if stdout:
                yield OutputStream.STDOUT, stdout
            if stderr:
                yield OutputStream.STDERR, stderr

    def stop(self) -> None:
        """End `pieces`; leaves the descriptor to the garbage collector."""
        with contextlib.suppress(OSError, docker.errors.DockerException):
            self._stream.close()

    def close(self) -> None:
        """Close the connection."""
        self._stream._response.close()  # noqa: SLF001  (docker-py has no other way)
