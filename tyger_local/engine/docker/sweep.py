"""Containers and networks of runs, whoever created them."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tyger_local.engine.base import Remnant
from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.network import remove_network
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


@dataclass(frozen=True, slots=True)
class NetworkRemnant:
    """A network that is there."""

    api: Api
    id: str
    label: str
    labels: Mapping[str, str]
    is_running: bool = False

    @property
    def name(self) -> str:
        """Return what it is and is called."""
        return f"network {self.label}"

    def stop(self) -> None:
        """Do nothing: a network does not run."""

    def remove(self) -> None:
        """Remove it.

        Raises:
            EngineError: The engine is lost or refuses, or a container is in the network.
        """
        remove_network(self.api, self.id, self.label)


def remnants(api: Api) -> tuple[Remnant, ...]:
    """Find the containers of all runs, and then their networks.

    Raises:
        EngineError: The engine cannot be asked.
    """
    return (*_containers(api), *_networks(api))


def _containers(api: Api) -> Iterator[ContainerRemnant]:
    for container in api.containers({"label": [RUN_LABEL]}):
        yield ContainerRemnant(
            api=api,
            id=container["Id"],
            name=next(iter(container.get("Names") or [container["Id"]])).lstrip("/"),
            labels=container.get("Labels") or {},
            is_running=container.get("State") in ("running", "paused", "restarting"),
        )


def _networks(api: Api) -> Iterator[NetworkRemnant]:
    for network in api.networks({"label": [RUN_LABEL]}):
        yield NetworkRemnant(api, network["Id"], network["Name"], network.get("Labels") or {})


@contextmanager
def _others_may_be_faster() -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        if not isinstance(error.__cause__, (MissingError, ConflictError)):
            raise
