"""How requests reach a Docker engine: a seam of two calls, and what goes wrong behind it.

Two ways lead there. `unix` speaks HTTP to the engine's socket on this machine, which is where nearly
every engine is, and costs nothing to load. `dockerpy` is for all else: contexts, TLS, ssh. docker-py
takes longer to load than an engine needs to make a container, and cannot be loaded in parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tyger_local.engine.base import OutputStream

Query = Mapping[str, str]

NO_IMAGE = ("no such image", "does not match the specified platform")
"""How the engine tells a missing image from whatever else is missing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine answered, whatever its status."""

    status: int
    body: bytes


class Output(Protocol):
    """The output of a container, as it comes."""

    def pieces(self) -> Iterator[tuple[OutputStream, bytes]]:
        """Yield what is printed until the container ends or `stop` is called."""
        ...

    def stop(self) -> None:
        """End `pieces`, from another thread."""
        ...

    def close(self) -> None:
        """Let go of the connection; nobody is in `pieces` any more."""
        ...


class Transport(Protocol):
    """A way to an engine. May be used from several threads."""

    def call(
        self,
        request: str,
        query: Query,
        body: Mapping[str, Any] | None,
        timeout_s: float | None,
    ) -> Answer:
        """Return the engine's answer.

        Args:
            request: A method and a path below the version: ``GET /info``.
            query: Not yet quoted.
            body: Sent as JSON.
            timeout_s: How long nothing may come; None is for ever.
        """
        ...

    def attach(self, container: str, timeout_s: float) -> Output:
        """Connect to the output of a container; what it printed before is not repeated.

        Raises:
            RefusedError: The engine will not.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class RefusedError(Exception):
    """The engine answered that it will not.

    Attributes:
        explanation: Its words.
    """

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation


class MissingError(RefusedError):
    """It does not have what it was asked for."""


class ConflictError(RefusedError):
    """The container does not run, or somebody else is removing it."""


class MissingImageError(MissingError):
    """It does not have the image."""


class UnreachableError(Exception):
    """Nobody answers."""


class NonsenseError(Exception):
    """Somebody answers who is no Docker engine."""


def refusal(answer: Answer) -> RefusedError:
    """Return what an answer with the status of an error says."""
    text = answer.body.decode(errors="replace").strip()
    try:
        explanation = str(json.loads(text)["message"])
    except (ValueError, LookupError, TypeError):
        explanation = text or f"HTTP status {answer.status}"
    if answer.status == 409:
        return ConflictError(explanation)
    if answer.status != 404:
        return RefusedError(explanation)
    if any(words in explanation.lower() for words in NO_IMAGE):
        return MissingImageError(explanation)
    return MissingError(explanation)
