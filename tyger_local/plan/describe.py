"""A plan for people: the document of ``--dry-run``."""

from __future__ import annotations

from collections.abc import Mapping

from tyger_local.plan.docker_lines import PIPE_FOLDER, bind, docker_network_line, docker_run_line
from tyger_local.plan.model import ContainerPlan, Limits, Role, RunPlan
from tyger_local.spec.versions import JsonObject


def described(
    plan: RunPlan, connections: Mapping[str, str], *, capacity_checked: bool = False
) -> JsonObject:
    """Return `plan` as a document.

    Its containers stand in the order in which they start, workers first: so their docker lines can be pasted
    one after the other, behind that of the network.

    Args:
        plan: The plan.
        connections: What each buffer is connected to on the host, in words.
        capacity_checked: Whether the limits were compared with a machine.
    """
    network = plan.private_network
    return {
        "runId": plan.run_id,
        "timeoutSeconds": plan.timeout_s,
        "network": plan.network or ("[engine's default]" if network is None else None),
        "privateNetwork": None if network is None else network.name,
        **({} if network is None else {"dockerNetwork": docker_network_line(plan)}),
        "containers": [
            _container(plan, container, connections, capacity_checked=capacity_checked)
            for container in (*plan.workers, *plan.jobs)
        ],
        "note": "to paste the docker lines, write a number for the run's id, and for "
        f"{PIPE_FOLDER} a folder with a FIFO for each buffer",
        "warnings": [difference.text for difference in plan.differences],
    }


_UNCHECKED = {"capacity": "not checked"}


def _container(
    plan: RunPlan,
    container: ContainerPlan,
    connections: Mapping[str, str],
    *,
    capacity_checked: bool,
) -> JsonObject:
    is_worker = container.role is Role.WORKER
    return {
        "name": container.label,
        "role": container.role.value,
        "hostName": container.full_name,
        **({"aliases": list(container.aliases)} if is_worker else {}),
        "image": container.image,
        "entrypoint": _argv(container.entrypoint, "[image's ENTRYPOINT]"),
        "arguments": _arguments(container),
        "env": dict(container.env),
        **(_endpoints(container) if is_worker else _ends(container, connections)),
        "limits": {**_limits(container.limits), **({} if capacity_checked else _UNCHECKED)},
        "mounts": [
            *([bind(PIPE_FOLDER, container.pipe_root)] if container.pipes else []),
            *(bind(m.source, m.target, read_only=m.read_only) for m in container.mounts),
        ],
        "workingDir": container.working_dir or "[image's WORKDIR]",
        "user": container.user or "[image's USER]",
        "dockerRun": docker_run_line(plan, container),
    }


def _endpoints(worker: ContainerPlan) -> JsonObject:
    return {"endpoints": {endpoint.name: endpoint.port for endpoint in worker.endpoints}}


def _ends(job: ContainerPlan, connections: Mapping[str, str]) -> JsonObject:
    """Return what the pipes and sockets of a job are connected to."""

    def end(buffer: str | None) -> JsonObject | None:
        return None if buffer is None else {"buffer": buffer, "host": connections.get(buffer, "")}

    return {
        "buffers": {
            pipe.buffer: {
                "direction": pipe.direction.value,
                "pipe": pipe.path,
                "host": connections.get(pipe.buffer, ""),
            }
            for pipe in job.pipes
        },
        "sockets": [
            {
                "port": socket.port,
                "input": end(socket.input_buffer),
                "output": end(socket.output_buffer),
            }
            for socket in job.sockets
        ],
    }


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
