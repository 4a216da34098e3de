"""A plan for people: the document of ``--dry-run`` and the `docker run` line that does the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from tyger_local.plan.model import ContainerPlan, Limits, RunPlan
from tyger_local.spec.versions import JsonObject

PIPE_FOLDER = "PIPES"
"""Stands for the host's folder of pipes, which exists only while a run does."""


def described(
    plan: RunPlan, connections: Mapping[str, str], *, capacity_checked: bool = False
) -> JsonObject:
    """Return `plan` as a document.

    Args:
        plan: The plan.
        connections: What each buffer is connected to on the host, in words.
        capacity_checked: Whether the limits were compared with a machine.
    """
    first = plan.containers[0]
    return {
        "runId": plan.run_id,
        "image": first.image,
        "entrypoint": _argv(first.entrypoint, "[image's ENTRYPOINT]"),
        "arguments": _arguments(first),
        "env": dict(first.env),
        "buffers": {
            pipe.buffer: {
                "direction": pipe.direction.value,
                "pipe": pipe.path,
                "host": connections.get(pipe.buffer, ""),
            }
            for pipe in first.pipes
        },
        "limits": {**_limits(first.limits), **({} if capacity_checked else _UNCHECKED)},
        "mounts": [
            *([_mount(first, PIPE_FOLDER)] if first.pipes else []),
            *(_bind(m.source, m.target, m.read_only) for m in first.mounts),
        ],
        "workingDir": first.working_dir or "[image's WORKDIR]",
        "user": first.user or "[image's USER]",
        "network": plan.network or "[engine's default]",
        "hostNames": [container.host_name for container in plan.containers],
        "timeoutSeconds": plan.timeout_s,
        "dockerRun": docker_run_line(plan, first),
        "warnings": [difference.text for difference in plan.differences],
    }


_UNCHECKED = {"capacity": "not checked"}


def _argv(given: tuple[str, ...] | None, otherwise: str) -> object:
    return list(given) if given is not None else otherwise


def _arguments(container: ContainerPlan) -> object:
    if container.entrypoint is not None:
        return list(container.arguments or ())
    return _argv(container.arguments, "[image's CMD]")


def _limits(limits: Limits) -> JsonObject:
    cpus = None if limits.cpu_quota_us is None else limits.cpu_quota_us / limits.cpu_period_us
    named: JsonObject = {
        "cpus": cpus,
        "cpuShares": limits.cpu_shares,
        "memoryBytes": limits.memory_bytes,
        "memoryReservationBytes": limits.memory_reservation_bytes,
        "shmBytes": limits.shm_bytes,
        "gpus": limits.gpus or None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _bind(source: str, target: str, read_only: bool) -> str:
    return f"{source}:{target}{':ro' if read_only else ''}"


def _mount(container: ContainerPlan, folder: str) -> str:
    return _bind(folder, container.pipe_root, read_only=False)


def docker_run_line(plan: RunPlan, container: ContainerPlan) -> str:
    """Return the `docker run` command that would do what `container` says.

    ``PIPES`` in it stands for a folder with a FIFO for each buffer.
    """
    words = ["docker", "run", "--rm", *_flags(plan, container), container.image]
    if container.entrypoint is not None:
        words += container.entrypoint[1:]
    words += container.arguments or ()
    return shlex.join(words)


def _flags(plan: RunPlan, container: ContainerPlan) -> Iterator[str]:
    limits = container.limits
    yield f"--hostname={container.host_name}"
    if container.pipes:
        yield f"--volume={_mount(container, PIPE_FOLDER)}"
    for mount in container.mounts:
        yield f"--volume={_bind(mount.source, mount.target, mount.read_only)}"
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
        ("--network", plan.network),
        ("--platform", container.platform),
        ("--entrypoint", container.entrypoint[0] if container.entrypoint else None),
    )
    for flag, given in named:
        if given is not None:
            yield f"{flag}={given}"
