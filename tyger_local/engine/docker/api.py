"""The requests that a run needs of a Docker engine, in the engine's own names, over any transport."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tyger_local.engine.docker.errors import translating
from tyger_local.engine.docker.transport import (
    MissingError,
    NonsenseError,
    Output,
    Transport,
    refusal,
)
from tyger_local.errors import EngineError

ANSWER_TIMEOUT_S = 20.0
"""How long an engine may take to say who it is."""

Document = dict[str, Any]
Query = Mapping[str, str]
Body = Mapping[str, Any] | None


class Api:
    """Asks an engine.

    Each method raises `EngineError`, caused by a `RefusedError` when the engine answered and said no.

    Args:
        transport: The way to it.
        timeout_s: How long it may take when it has to work.
    """

    def __init__(self, transport: Transport, timeout_s: float) -> None:
        self._transport = transport
        self._timeout_s = timeout_s

    def info(self) -> Document:
        """Return what the engine is and has."""
        return dict(self._json("GET /info", timeout_s=ANSWER_TIMEOUT_S))

    def version(self) -> Document:
        """Return which versions of what the engine is made of."""
        return dict(self._json("GET /version", timeout_s=ANSWER_TIMEOUT_S))

    def images(self) -> list[Document]:
        """Return the images that the engine has."""
        return list(self._ask("GET /images/json"))

    def image(self, reference: str) -> Document | None:
        """Return an image, or None when the engine does not have it."""
        try:
            return dict(self._ask(f"GET /images/{reference}/json"))
        except EngineError as error:
            if isinstance(error.__cause__, MissingError):
                return None
            raise

    def create(self, name: str, platform: str | None, body: Body) -> str:
        """Make a container and return its id."""
        query = {"name": name} if platform is None else {"name": name, "platform": platform}
        return str(self._ask("POST /containers/create", query, body)["Id"])

    def attach(self, container: str) -> Output:
        """Connect to the output of a container."""
        with translating():
            return self._transport.attach(container, self._timeout_s)

    def start(self, container: str) -> None:
        """Start a container."""
        self._tell(f"POST /containers/{container}/start")

    def wait(self, container: str) -> int:
        """Wait until a container has ended and return its exit code."""
        ended = self._json(f"POST /containers/{container}/wait", timeout_s=None)
        return int(ended["StatusCode"])

    def container(self, container: str) -> Document:
        """Return all that the engine says of a container."""
        return dict(self._ask(f"GET /containers/{container}/json"))

    def state(self, container: str) -> Document:
        """Return the state of a container."""
        return dict(self.container(container)["State"])

    def kill(self, container: str, number: int) -> None:
        """Send a signal to the main process of a container."""
        self._tell(f"POST /containers/{container}/kill", {"signal": str(number)})

    def remove(self, container: str) -> None:
        """Kill and remove a container and its anonymous volumes."""
        self._tell(f"DELETE /containers/{container}", {"v": "1", "force": "1"})

    def containers(self, filters: Mapping[str, list[str]]) -> list[Document]:
        """Return the containers, running or not, that `filters` let through."""
        query = {"all": "1", "filters": json.dumps(filters)}
        return list(self._ask("GET /containers/json", query))

    def create_network(self, body: Body) -> str:
        """Make a network and return its id."""
        return str(self._ask("POST /networks/create", None, body)["Id"])

    def connect(self, network: str, container: str) -> None:
        """Let a container join one more network."""
        self._tell(f"POST /networks/{network}/connect", None, {"Container": container})

    def remove_network(self, network: str) -> None:
        """Remove a network that nobody is in."""
        self._tell(f"DELETE /networks/{network}")

    def networks(self, filters: Mapping[str, list[str]]) -> list[Document]:
        """Return the networks that `filters` let through."""
        return list(self._ask("GET /networks", {"filters": json.dumps(filters)}))

    def top(self, container: str, ps_arguments: str) -> list[list[str]]:
        """Return what the engine's ``ps`` says of the processes of a container."""
        said = self._ask(f"GET /containers/{container}/top", {"ps_args": ps_arguments})
        return list(said["Processes"] or ())

    def statistics(self, container: str) -> Document:
        """Return what a container uses; the engine may take seconds to count."""
        query = {"stream": "0", "one-shot": "1"}
        return dict(self._ask(f"GET /containers/{container}/stats", query))

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def _tell(self, request: str, query: Query | None = None, body: Body = None) -> None:
        with translating():
            self._call(request, query, body, self._timeout_s)

    def _ask(self, request: str, query: Query | None = None, body: Body = None) -> Any:  # noqa: ANN401  (JSON)
        return self._json(request, query, body, timeout_s=self._timeout_s)

    def _json(
        self,
        request: str,
        query: Query | None = None,
        body: Body = None,
        *,
        timeout_s: float | None,
    ) -> Any:  # noqa: ANN401  (JSON)
        with translating():
            answer = self._call(request, query, body, timeout_s)
            try:
                return json.loads(answer)
            except ValueError as error:
                raise NonsenseError(f"no JSON ({error})") from error

    def _call(
        self, request: str, query: Query | None, body: Body, timeout_s: float | None
    ) -> bytes:
        answer = self._transport.call(request, query or {}, body, timeout_s)
        if answer.status >= 300 and answer.status != 304:  # that one is "it is so already"
            raise refusal(answer)
        return answer.body
