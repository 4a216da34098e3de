"""A network of one run's containers."""

from __future__ import annotations

import os
import time

from tyger_local.engine.docker.api import Api
from tyger_local.engine.docker.request import network_request
from tyger_local.engine.docker.transport import MissingError
from tyger_local.errors import EngineError
from tyger_local.plan.model import NetworkPlan

NO_ROOM = (
    "non-overlapping ipv4 address pool",
    "predefined address pools have been fully subnetted",
)
"""How the engine says, in lower case, that it has no addresses for one more network, if it is old or new."""

IN_USE = "has active endpoints"

LEAVE_TIMEOUT_S = 2.0
"""How long a container that somebody else is removing may take to leave the network."""

LEAVE_POLL_S = 0.05


class DockerNetwork:
    """A network that was made.

    Args:
        api: The engine.
        identity: The engine's id for it.
        name: What it is called.
    """

    def __init__(self, api: Api, identity: str, name: str) -> None:
        self._api = api
        self._id = identity
        self._name = name

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self._name

    def remove(self) -> None:
        """Remove it.

        Raises:
            EngineError: The engine is lost or refuses, or a container is in the network.
        """
        remove_network(self._api, self._id, self._name)


def create_network(api: Api, plan: NetworkPlan) -> DockerNetwork:
    """Make a network whose name is like no other's.

    Raises:
        EngineError: The engine is lost or refuses, or has no addresses left.
    """
    name = f"tyger-local-{plan.name}-{os.urandom(4).hex()}"
    try:
        return DockerNetwork(api, api.create_network(network_request(plan, name)), name)
    except EngineError as error:
        if not any(words in error.what.lower() for words in NO_ROOM):
            raise
        raise EngineError(
            "the Docker engine has no addresses left for one more network",
            "remove those that nobody uses: tyger-local prune, docker network prune; "
            "docker network ls shows them",
        ) from error


def remove_network(api: Api, identity: str, name: str) -> None:
    """Remove a network, unless it is gone.

    Raises:
        EngineError: The engine is lost or refuses, or a container is in the network.
    """
    deadline = time.monotonic() + LEAVE_TIMEOUT_S
    while not _is_removed(api, identity):
        if time.monotonic() > deadline:
            raise EngineError(
                f"the network {name} still has containers in it",
                f"docker network inspect {name} names them; remove them, and then the network "
                f"(docker network rm {name})",
            )
        time.sleep(LEAVE_POLL_S)


def _is_removed(api: Api, identity: str) -> bool:
    """Try to remove a network; return whether it is gone, and not still in use."""
    try:
        api.remove_network(identity)
    except EngineError as error:
        if isinstance(error.__cause__, MissingError):
            return True
        if IN_USE in error.what:
            return False
        raise
    return True
