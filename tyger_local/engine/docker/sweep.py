"""Containers of runs, whoever created them."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.transport import ConflictError, MissingError
from tyger_local.errors import EngineError
from tyger_local.plan.model import RUN_LABEL


@dataclass(frozen=True, slots=True)
class ContainerRemnant:
    """A container that is there."""

    api: Api
    id: str
    name: str
    labels: Mapping[str, str]
    is_running: bool

    def stop(self) -> None:
        """Kill it and leave it.

        Raises:
            EngineError: The engine is lost or refuses.
        """
        with _others_may_be_faster():
            self.api.kill(self.id, signal.SIGKILL)

    def remove(self) -> None:
        """Kill and remove it, and its anonymous volumes.

        Raises:
            EngineError: The engine is lost or refuses.
        """
        with _others_may_be_faster():
            self.api.remove(self.id)


def remnants(api: Api) -> tuple[ContainerRemnant, ...]:
    """Find the containers of all runs.

    Raises:
        EngineError: The engine cannot be asked.
    """
    listed = api.containers({"label": [RUN_LABEL]})
    return tuple(
        ContainerRemnant(
            api=api,
            id=container["Id"],
            name=next(iter(container.get("Names") or [container["Id"]])).lstrip("/"),
            labels=container.get("Labels") or {},
            is_running=container.get("State") in ("running", "paused", "restarting"),
        )
        for container in listed
    )


@contextmanager
def _others_may_be_faster() -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        if not isinstance(error.__cause__, (MissingError, ConflictError)):
            raise
