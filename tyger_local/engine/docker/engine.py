"""`DockerEngine`: what the engine is, its images, and making networks and containers."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyger_local.engine.base import EngineDescription, PullPolicy, Remnant
from tyger_local.engine.docker.api import ANSWER_TIMEOUT_S, Api
from tyger_local.engine.docker.container import DockerContainer
from tyger_local.engine.docker.errors import words
from tyger_local.engine.docker.gpus import choose, gpu_ids
from tyger_local.engine.docker.images import find_image, wrong_platform
from tyger_local.engine.docker.measuring import Measuring
from tyger_local.engine.docker.reaching import Reaching
from tyger_local.engine.docker.request import GPU_LABEL, container_request
from tyger_local.engine.docker.transport import Transport
from tyger_local.engine.docker.unix import UnixTransport, local_socket, place
from tyger_local.engine.facts import EngineFacts
from tyger_local.errors import EngineError, StartError
from tyger_local.outcome.record import EngineIdentity, ImageIdentity
from tyger_local.plan.model import (
    CLUSTER_PIPE_ROOT,
    Capacity,
    ContainerPlan,
    Difference,
    NetworkPlan,
    RunPlan,
)
from tyger_local.spec.platforms import platform as spec_platform

if TYPE_CHECKING:
    from tyger_local.engine.docker.network import DockerNetwork

SMALLEST_MEMORY_BYTES = 6 * 2**20
"""Docker's own floor for a memory limit."""

TIMEOUT_S = 120.0
GPU_TRIES = 20


class DockerEngine:
    """Runs containers on the Docker engine that Docker's own client would use."""

    name = "docker"
    pipe_root: str | None = CLUSTER_PIPE_ROOT

    @property
    def place(self) -> str:
        """Return which engine this is."""
        return place(os.environ)

    def review(self, plan: RunPlan) -> tuple[Difference, ...]:
        """Return nothing: what this engine lacks is seen in its capacity."""
        del plan
        return ()

    @cached_property
    def _api(self) -> Api:
        return Api(_transport(), TIMEOUT_S)

    @cached_property
    def _info(self) -> dict[str, Any]:
        return self._api.info()

    @property
    def _is_other_user(self) -> bool:
        """Return whether its containers' root is nobody's in particular outside."""
        security = " ".join(self._info.get("SecurityOptions") or ())
        return "name=userns" in security or "name=rootless" in security

    @cached_property
    def _gpus(self) -> tuple[str, ...]:
        return gpu_ids() if "nvidia" in self._info.get("Runtimes", {}) else ()

    def describe(self) -> EngineDescription:
        """Ask the engine what it is.

        Raises:
            EngineUnavailableError: None answers.
        """
        info = self._info
        return EngineDescription(
            identity=EngineIdentity(self.name, info.get("ServerVersion")),
            capacity=Capacity(
                nano_cpus=int(info["NCPU"]) * 10**9,
                memory_bytes=int(info["MemTotal"]),
                gpus=len(self._gpus),
                smallest_memory_bytes=SMALLEST_MEMORY_BYTES,
            ),
            platform=spec_platform(info.get("OSType"), info.get("Architecture")),
            is_other_user=self._is_other_user,
        )

    def facts(self) -> EngineFacts:
        """Ask the engine what people want to know of it.

        Raises:
            EngineError: It cannot be asked.
        """
        # Late: no run needs it.
        from tyger_local.engine.docker.facts import facts  # noqa: PLC0415

        return facts(self._api, self._info, self.place, self._gpus or gpu_ids())

    def find_image(
        self,
        reference: str,
        pull: PullPolicy,
        platform: str | None,
        on_progress: Callable[[str], None],
    ) -> ImageIdentity:
        """Make the image available by the pull policy.

        Raises:
            ImageError: It is not there, or not for `platform`, and cannot be pulled.
        """
        return find_image(self._api, reference, pull, platform, on_progress)

    def create_network(self, plan: NetworkPlan) -> DockerNetwork:
        """Make a network.

        Raises:
            EngineError: The engine refuses, or has no addresses left.
        """
        # Late: only runs with workers have one.
        from tyger_local.engine.docker.network import create_network  # noqa: PLC0415

        return create_network(self._api, plan)

    def create(
        self,
        plan: ContainerPlan,
        pipes: Path,
        networks: tuple[str, ...] = (),
        *,
        terminal: bool = False,
    ) -> DockerContainer:
        """Make a container.

        Raises:
            EngineError: The engine refuses, or too few GPUs are free.
        """
        if self._is_other_user:
            # Such a root may not name a domain, and the container would not start.
            plan = replace(plan, domain="")
        first = networks[0] if networks else None
        for _ in range(GPU_TRIES):
            chosen = choose(plan.limits.gpus, self._gpus, self._held_gpus())
            identity = self._create(plan, pipes, first, chosen, terminal=terminal)
            container = DockerContainer(
                self._api,
                identity,
                plan.label,
                plan.entrypoint[0] if plan.entrypoint else None,
                Measuring(self._api, identity, self._info),
                Reaching(self._api, identity, first),
            )
            if not chosen or not self._lost_race(identity, chosen):
                self._join(container, networks[1:])
                return container
            container.remove()
        raise EngineError("other runs keep taking the GPUs", "try again")

    def _create(
        self,
        plan: ContainerPlan,
        pipes: Path,
        network: str | None,
        chosen: tuple[str, ...],
        *,
        terminal: bool,
    ) -> str:
        name = f"tyger-local-{plan.host_name}-{os.urandom(4).hex()}"
        body = container_request(
            plan,
            pipes,
            network,
            gpu_ids=chosen,
            gives_all_gpus=self._info.get("DefaultRuntime") == "nvidia",
            terminal=terminal,
        )
        try:
            return self._api.create(name, plan.platform, body)
        except EngineError as error:
            if "does not match the specified platform" in error.what:
                said = words(error.__cause__ or error)
                raise wrong_platform(plan.image, plan.platform, said) from error
            if "bind source path does not exist" in error.what:
                raise StartError(
                    f"the container could not be made: {words(error.__cause__ or error)}",
                    "the engine does not see this machine's files: it is remote, in a virtual machine, "
                    "or confined (snap); use a local engine or set TMPDIR to a folder that it sees",
                ) from error
            raise

    def _join(self, container: DockerContainer, networks: tuple[str, ...]) -> None:
        """Let a container join more networks; engines take only one when they make it."""
        try:
            for network in networks:
                self._api.connect(network, container.id)
        except EngineError:
            with suppress(EngineError):
                container.remove()
            raise

    def _gpu_holders(self) -> list[dict[str, Any]]:
        filters = {"label": [GPU_LABEL], "status": ["created", "running", "paused"]}
        return self._api.containers(filters)

    def _held_gpus(self) -> list[str]:
        if not self._gpus:
            return []
        return [gpu for h in self._gpu_holders() for gpu in h["Labels"][GPU_LABEL].split(",")]

    def _lost_race(self, identity: str, chosen: tuple[str, ...]) -> bool:
        """Return whether another container took one of `chosen` at the same moment, and before ours.

        Choosing and creating are two steps; whoever was created first keeps what both chose.
        """
        holders = self._gpu_holders()
        mine = next((h["Created"] for h in holders if h["Id"] == identity), 0)
        return any(
            (h["Created"], h["Id"]) < (mine, identity)
            and set(h["Labels"][GPU_LABEL].split(",")) & set(chosen)
            for h in holders
        )

    def remnants(self) -> tuple[Remnant, ...]:
        """Find the containers and networks of all runs.

        Raises:
            EngineError: The engine cannot be asked.
        """
        # Late: a run begins without it, unless an earlier one was killed.
        from tyger_local.engine.docker.sweep import remnants  # noqa: PLC0415

        return remnants(self._api)

    def close(self) -> None:
        """Close the connections to the engine."""
        if "_api" in self.__dict__:
            self._api.close()


def _transport() -> Transport:
    """Return the quickest way to the engine that Docker's own client would use."""
    path = local_socket(os.environ)
    if path is not None:
        return UnixTransport(path, ANSWER_TIMEOUT_S)
    # Late: it takes long to load.
    from tyger_local.engine.docker.dockerpy import DockerPyTransport  # noqa: PLC0415

    return DockerPyTransport(ANSWER_TIMEOUT_S)
