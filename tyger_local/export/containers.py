"""The containers of an exported pod: the main one, and those that stand for Tyger's own."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from tyger_local.export.target import Target
from tyger_local.plan.environment import RUN_ID_VARIABLE, cluster_order
from tyger_local.plan.model import CLUSTER_PIPE_ROOT, PipePlan, SocketPlan
from tyger_local.spec.buffers import Direction
from tyger_local.spec.models import AnyCodespec
from tyger_local.spec.versions import JsonObject
from tyger_local.spec.written import written_resources

PIPE_VOLUME = "pipevolume"
BUFFER_VOLUME = "buffers"
SHM_VOLUME = "shm"
BUFFER_FOLDER = "/buffers"
GPU = "nvidia.com/gpu"

CONNECT_TRIES = 600
"""A second apart: Tyger's sidecar gives up after ten minutes."""

Variables = Iterable[tuple[str, str]]


def main_container(codespec: AnyCodespec, target: Target, injected: Variables = ()) -> JsonObject:
    """Return the container that runs a codespec.

    ``$(NAME)`` is left to the kubelet, whose grammar it is. The working directory is left out, as the cluster
    leaves it out.

    Args:
        codespec: What it runs.
        target: Names on the cluster.
        injected: The variables that come after the codespec's own.
    """
    variables = ((RUN_ID_VARIABLE, target.run_id), *cluster_order(codespec.env), *injected)
    container: JsonObject = {"name": "main", "image": codespec.image}
    if codespec.command:
        container["command"] = list(codespec.command)
    if codespec.args:
        container["args"] = list(codespec.args)
    container["env"] = [{"name": name, "value": value} for name, value in variables]
    resources = _resources(codespec)
    if resources:
        container["resources"] = resources
    return container


def _resources(codespec: AnyCodespec) -> JsonObject:
    asked = written_resources(codespec.resources)
    found: JsonObject = {}
    for name in ("requests", "limits"):
        given = asked.get(name)
        quantities = dict(given) if isinstance(given, dict) else {}
        if "gpu" in asked:
            quantities[GPU] = asked["gpu"]
        if quantities:
            found[name] = quantities
    return found


def pipe_maker(pipes: Iterable[PipePlan], target: Target) -> JsonObject:
    """Return the init container that makes the FIFOs; any user of an image may open them."""
    paths = shlex.join(pipe.path for pipe in pipes)
    return {
        "name": "mkfifo",
        "image": target.copying_image,
        "command": ["sh", "-ec", f"mkfifo {paths}\nchmod 666 {paths}\n"],
        "volumeMounts": [pipe_mount()],
    }


def buffer_sidecar(pipe: PipePlan, target: Target) -> JsonObject:
    """Return the container that copies between a buffer's file and its FIFO."""
    file, is_input = f"{BUFFER_FOLDER}/{pipe.buffer}", pipe.direction is Direction.INPUT
    source, sink = (file, pipe.path) if is_input else (pipe.path, file)
    return {
        "name": f"{pipe.buffer}-buffer-sidecar",
        "image": target.copying_image,
        "command": ["sh", "-ec", f"exec cat {source} > {sink}\n"],
        "volumeMounts": [pipe_mount(), _buffer_mount()],
    }


def socket_sidecar(socket: SocketPlan, target: Target) -> JsonObject:
    """Return the container that connects to a port of the main one, and copies.

    It reads and writes the buffers' files itself: a failed attempt to connect has then read nothing that the
    next one would lack.
    """
    source = f"{BUFFER_FOLDER}/{socket.input_buffer}" if socket.input_buffer else "/dev/null"
    sink = f"{BUFFER_FOLDER}/{socket.output_buffer}" if socket.output_buffer else "/dev/null"
    script = f"""\
tries=0
until nc localhost {socket.port} < {source} > {sink}; do
  tries=$((tries + 1))
  [ $tries -lt {CONNECT_TRIES} ] || exit 1
  sleep 1
done
"""
    return {
        "name": f"socket-{socket.port}-sidecar",
        "image": target.copying_image,
        "command": ["sh", "-ec", script],
        "volumeMounts": [_buffer_mount()],
    }


def worker_waiter(hosts: Iterable[str], target: Target) -> JsonObject:
    """Return the init container that waits for the workers.

    A name behind a headless service resolves only once its pod is ready, so this is Tyger's wait for both.
    """
    lines = (f"until nslookup -type=a {host}; do sleep 1; done\n" for host in hosts)
    return {
        "name": "waitforworker",
        "image": target.copying_image,
        "command": ["sh", "-ec", "".join(lines)],
    }


def pipe_mount() -> JsonObject:
    """Return the mount of the folder with the FIFOs."""
    return {"name": PIPE_VOLUME, "mountPath": CLUSTER_PIPE_ROOT}


def _buffer_mount() -> JsonObject:
    return {"name": BUFFER_VOLUME, "mountPath": BUFFER_FOLDER}


def tolerations(codespec: AnyCodespec) -> Iterator[JsonObject]:
    """Yield what lets a pod onto the nodes that Tyger keeps for runs, and onto those with GPUs."""
    yield {"key": "tyger", "operator": "Equal", "value": "run", "effect": "NoSchedule"}
    if codespec.resources.gpu is not None:
        yield {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}
