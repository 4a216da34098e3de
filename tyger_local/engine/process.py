"""The engine that needs no engine: the codespec's command as a local child, over the same pipes.

For trying a command before there is an image, and for testing everything around a container in
milliseconds. It applies no limits and isolates nothing, and says so.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path

import psutil

from tyger_local.engine.base import EngineDescription, Network, PullPolicy
from tyger_local.engine.child import ChildProcess
from tyger_local.engine.descendants import Descendants, remnants
from tyger_local.engine.facts import EngineFacts
from tyger_local.errors import StartError, UsageError
from tyger_local.outcome.record import EngineIdentity, ImageIdentity
from tyger_local.plan.model import (
    Capacity,
    ContainerPlan,
    Difference,
    Limits,
    NetworkPlan,
    RunPlan,
)
from tyger_local.spec.platforms import platform as spec_platform

NOTE = "limits and isolation were not applied (--engine process)"
ELSEWHERE = "use --engine docker"


class ProcessEngine:
    """Runs commands as children of this process."""

    name = "process"
    pipe_root: str | None = None
    place = ""

    def review(self, plan: RunPlan) -> tuple[Difference, ...]:
        """Refuse by name what a plain child process cannot be given; tell of limits not applied.

        Raises:
            UsageError: The plan asks for something that cannot be given.
        """
        container = plan.jobs[0]
        limits = container.limits
        has_one_port_twice = len(plan.jobs) > 1 and bool(container.sockets)
        named = (
            ("workers", plan.workers, ELSEWHERE),
            (
                "several replicas with sockets",
                has_one_port_twice,
                "use one replica, or --engine docker",
            ),
            ("a GPU", limits.gpus, "use --no-gpu or --engine docker"),
            ("shm", limits.shm_bytes, ELSEWHERE),
            ("--user", container.user, ELSEWHERE),
            ("--mount", container.mounts, ELSEWHERE),
            ("--network", plan.network, ELSEWHERE),
            ("--platform", container.platform, ELSEWHERE),
        )
        for what, asked, hint in named:
            if asked:
                raise UsageError(f"the process engine cannot give {what}", hint)
        if container.entrypoint is None:
            raise UsageError(
                "the process engine needs a codespec with a command, since it has no image to ask",
                "add 'command:' to the codespec, or use --engine docker",
            )
        if limits != Limits():
            text = "the process engine does not apply the codespec's limits"
            return (Difference("no-limits", text, strict=True),)
        return ()

    def describe(self) -> EngineDescription:
        """Describe this machine; nothing can be missing."""
        return EngineDescription(
            identity=EngineIdentity(self.name, platform.release()),
            capacity=Capacity(
                nano_cpus=(os.cpu_count() or 1) * 10**9,
                memory_bytes=psutil.virtual_memory().total,
                limits_apply=False,
            ),
            platform=spec_platform(platform.system(), platform.machine()),
            notes=(NOTE,),
        )

    def facts(self) -> EngineFacts:
        """Tell what this machine is."""
        return EngineFacts(
            details=(("system", f"{platform.system()} {platform.release()}"),),
            has_limits=False,
            has_networks=False,
        )

    def find_image(
        self,
        reference: str,
        pull: PullPolicy,
        platform: str | None,
        on_progress: Callable[[str], None],
    ) -> ImageIdentity:
        """Return the image's name: there is nothing to find."""
        del pull, platform, on_progress
        return ImageIdentity(reference, None)

    def create_network(self, plan: NetworkPlan) -> Network:
        """Refuse.

        Raises:
            UsageError: Always; a child has the network of this machine.
        """
        raise UsageError(f"the process engine cannot give the network {plan.name}", ELSEWHERE)

    def create(
        self,
        plan: ContainerPlan,
        pipes: Path,
        networks: tuple[str, ...] = (),
        *,
        terminal: bool = False,
    ) -> ChildProcess:
        """Prepare a child.

        Raises:
            StartError: Its working directory does not exist.
        """
        del pipes, networks, terminal
        if plan.working_dir is not None and not os.path.isdir(plan.working_dir):
            raise StartError(
                f"the working directory {plan.working_dir} does not exist on this machine",
                "leave workingDir out, or use --engine docker",
            )
        return ChildProcess(plan)

    def remnants(self) -> tuple[Descendants, ...]:
        """Find the processes of all runs, as far as we may look at them."""
        return remnants()

    def close(self) -> None:
        """Do nothing: there is no connection."""
