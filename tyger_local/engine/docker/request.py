"""A plan as the document that asks the engine for a container or a network. Talks to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tyger_local.plan.model import ContainerPlan, NetworkPlan

NVIDIA_DEVICES = "NVIDIA_VISIBLE_DEVICES"
GPU_LABEL = "tyger-local.gpus"

JsonObject = dict[str, object]


def network_request(plan: NetworkPlan, name: str) -> JsonObject:
    """Return the body of the engine's ``POST /networks/create``, in its own names.

    Args:
        plan: What the network is to be.
        name: What no other network is called.
    """
    return {
        "Name": name,
        "CheckDuplicate": True,  # old engines take a name twice, and then know neither by it
        "Driver": "bridge",
        "Labels": dict(plan.labels),
    }


def container_request(
    plan: ContainerPlan,
    pipes: Path,
    network: str | None,
    *,
    gpu_ids: tuple[str, ...],
    gives_all_gpus: bool,
    terminal: bool,
) -> JsonObject:
    """Return the body of the engine's ``POST /containers/create``, in its own names.

    Args:
        plan: What the container is to be.
        pipes: The host's folder of FIFOs.
        network: The first network to join; None is the engine's default.
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
    return _said(
        {
            "Image": plan.image,
            "Hostname": plan.host_name,
            "Domainname": plan.domain or None,
            "Entrypoint": None if plan.entrypoint is None else list(plan.entrypoint),
            "Cmd": None if plan.arguments is None else list(plan.arguments),
            "Env": env,
            "WorkingDir": plan.working_dir,
            "User": plan.user,
            "Labels": labels,
            "Tty": terminal,
            "OpenStdin": terminal,
            "HostConfig": _host_config(plan, pipes, network, gpu_ids),
            "NetworkingConfig": _networking(plan, network),
        }
    )


def _networking(plan: ContainerPlan, network: str | None) -> JsonObject | None:
    """Return by which names the others in the network find the container."""
    if network is None or not plan.aliases:
        return None
    return {"EndpointsConfig": {network: {"Aliases": list(plan.aliases)}}}


def _host_config(
    plan: ContainerPlan, pipes: Path, network: str | None, gpu_ids: tuple[str, ...]
) -> JsonObject:
    limits = plan.limits
    # Mounts and not Binds: a bind of a path that is missing would be made as a folder by the engine.
    mounts = [_mount(str(pipes), plan.pipe_root)] if plan.pipes else []
    mounts += [_mount(m.source, m.target, read_only=m.read_only) for m in plan.mounts]
    config: JsonObject = {
        "Mounts": mounts,
        "Init": False,  # as on the cluster, whatever the engine's default is
        # Output is taken by attaching: the engine's log files lose data and fill disks.
        "LogConfig": {"Type": "none", "Config": {}},
        "NetworkMode": network or "default",
        "CpuShares": limits.cpu_shares,
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,  # equal to Memory: no swap on top
        "MemoryReservation": limits.memory_reservation_bytes,
        "ShmSize": limits.shm_bytes,
    }
    if limits.cpu_quota_us is not None:
        # Quota and period and not NanoCpus, which the engine refuses above the machine's.
        config.update(CpuPeriod=limits.cpu_period_us, CpuQuota=limits.cpu_quota_us)
    if gpu_ids:
        config["DeviceRequests"] = [{"DeviceIDs": list(gpu_ids), "Capabilities": [["gpu"]]}]
    return _said(config)


def _mount(source: str, target: str, *, read_only: bool = False) -> JsonObject:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}


def _said(document: Mapping[str, object]) -> JsonObject:
    """Return `document` without what is left to the engine or the image."""
    return {name: value for name, value in document.items() if value is not None}
