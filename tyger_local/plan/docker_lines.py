"""The docker commands that would do by hand what a plan says."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tyger_local.plan.model import ContainerPlan, Role, RunPlan

PIPE_FOLDER = "PIPES"
"""Stands for the host's folder of pipes, which exists only while a run does."""


def docker_network_line(plan: RunPlan) -> str | None:
    """Return the `docker network create` command that comes before all others; None where none is needed."""
    network = plan.private_network
    return None if network is None else shlex.join(("docker", "network", "create", network.name))


def docker_run_line(plan: RunPlan, container: ContainerPlan) -> str:
    """Return the `docker run` command that would do what `container` says.

    ``PIPES`` in it stands for a folder with a FIFO for each buffer. Workers go to the background, so that the
    job's line can follow theirs. One that joins two networks needs Docker 25.
    """
    in_background = ("--detach",) if container.role is Role.WORKER else ()
    flags = _flags(plan, container)
    words = ["docker", "run", "--rm", *in_background, *flags, container.image]
    if container.entrypoint is not None:
        words += container.entrypoint[1:]
    words += container.arguments or ()
    return shlex.join(words)


def bind(source: str, target: str, *, read_only: bool = False) -> str:
    """Return a mount as ``--volume`` takes it."""
    return f"{source}:{target}{':ro' if read_only else ''}"


def _flags(plan: RunPlan, container: ContainerPlan) -> Iterator[str]:
    limits = container.limits
    yield f"--hostname={container.host_name}"
    if container.domain:
        yield f"--domainname={container.domain}"
    yield from _network(plan, container)
    if container.pipes:
        yield f"--volume={bind(PIPE_FOLDER, container.pipe_root)}"
    for mount in container.mounts:
        yield f"--volume={bind(mount.source, mount.target, read_only=mount.read_only)}"
    for name, value in container.env:
        yield f"--env={name}={value}"
    named: tuple[tuple[str, object], ...] = (
        ("--cpu-period", limits.cpu_period_us if limits.cpu_quota_us else None),
        ("--cpu-quota", limits.cpu_quota_us),
        ("--cpu-shares", limits.cpu_shares),
        ("--memory", limits.memory_bytes),
        ("--memory-swap", limits.memory_bytes),
        ("--memory-reservation", limits.memory_reservation_bytes),
        ("--shm-size", limits.shm_bytes),
        ("--gpus", limits.gpus or None),
        ("--workdir", container.working_dir),
        ("--user", container.user),
        ("--platform", container.platform),
        ("--entrypoint", container.entrypoint[0] if container.entrypoint else None),
    )
    for flag, given in named:
        if given is not None:
            yield f"{flag}={given}"


def _network(plan: RunPlan, container: ContainerPlan) -> Iterator[str]:
    if plan.private_network is not None:
        yield f"--network={plan.private_network.name}"
    for alias in container.aliases:  # they hold in the network that is named first
        yield f"--network-alias={alias}"
    if plan.network is not None:
        yield f"--network={plan.network}"
