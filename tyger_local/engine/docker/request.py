"""A container plan as the arguments of docker-py's `create_container`. Talks to nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docker.types import DeviceRequest, LogConfig, Mount

from tyger_local.plan.model import ContainerPlan

NVIDIA_DEVICES = "NVIDIA_VISIBLE_DEVICES"
GPU_LABEL = "tyger-local.gpus"


def host_config(
    plan: ContainerPlan, pipes: Path, network: str | None, gpu_ids: tuple[str, ...]
) -> dict[str, Any]:
    """Return the arguments of `create_host_config` for `plan`.

    Args:
        plan: What the container is to be.
        pipes: The host's folder of FIFOs.
        network: The network to join, or None.
        gpu_ids: The devices it is given.
    """
    limits = plan.limits
    # Mount and not Binds: a bind of a path that is missing would be made as a folder by the engine.
    mounts = [Mount(plan.pipe_root, str(pipes), type="bind")] if plan.pipes else []
    mounts += [
        Mount(mount.target, mount.source, type="bind", read_only=mount.read_only)
        for mount in plan.mounts
    ]
    arguments: dict[str, Any] = {
        "mounts": mounts,
        "init": False,  # as on the cluster, whatever the engine's default is
        # Output is taken by attaching: the engine's log files lose data and fill disks.
        "log_config": LogConfig(type="none"),
        "network_mode": network,
        "cpu_shares": limits.cpu_shares,
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,  # equal to mem_limit: no swap on top
        "mem_reservation": limits.memory_reservation_bytes,
        "shm_size": limits.shm_bytes,
    }
    if limits.cpu_quota_us is not None:
        # Quota and period and not NanoCpus, which the engine refuses above the machine's.
        arguments.update(cpu_period=limits.cpu_period_us, cpu_quota=limits.cpu_quota_us)
    if gpu_ids:
        arguments["device_requests"] = [
            DeviceRequest(device_ids=list(gpu_ids), capabilities=[["gpu"]])
        ]
    return {name: value for name, value in arguments.items() if value is not None}


def container_arguments(
    plan: ContainerPlan,
    *,
    name: str,
    gpu_ids: tuple[str, ...],
    gives_all_gpus: bool,
    terminal: bool,
) -> dict[str, Any]:
    """Return the arguments of `create_container` for `plan`, but for its host config.

    Args:
        plan: What the container is to be.
        name: What the engine shall call it.
        gpu_ids: The devices it is given.
        gives_all_gpus: Whether the engine's runtime would give all GPUs unasked.
        terminal: Whether it gets a terminal.
    """
    env = [f"{key}={value}" for key, value in plan.env]
    if gives_all_gpus and not gpu_ids:
        env.append(f"{NVIDIA_DEVICES}=void")
    labels = dict(plan.labels)
    if gpu_ids:
        labels[GPU_LABEL] = ",".join(gpu_ids)
    arguments: dict[str, Any] = {
        "image": plan.image,
        "name": name,
        "hostname": plan.host_name,
        "entrypoint": None if plan.entrypoint is None else list(plan.entrypoint),
        "command": None if plan.arguments is None else list(plan.arguments),
        "environment": env,
        "working_dir": plan.working_dir,
        "user": plan.user,
        "platform": plan.platform,
        "labels": labels,
        "tty": terminal,
        "stdin_open": terminal,
        "detach": True,
    }
    return {key: value for key, value in arguments.items() if value is not None}
