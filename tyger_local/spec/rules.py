"""What a codespec must obey: what Tyger refuses, and what the cluster refuses afterwards.

Source: Tyger's ``Model.cs`` (validation of codespecs, first failure only) and the Kubernetes API
server's checks of pods.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tyger_local.errors import SpecError
from tyger_local.spec.buffers import pipe_variable
from tyger_local.spec.expansion import references
from tyger_local.spec.models import AnyCodespec, Buffers, JobCodespec, Socket, WorkerCodespec
from tyger_local.spec.names import check_buffer_names
from tyger_local.spec.place import Path
from tyger_local.spec.quantity import Quantity

LONGEST_BUFFER_NAME = 48
"""The sidecar is called ``<buffer>-buffer-sidecar``, and 63 characters are Kubernetes' limit."""

HIGHEST_PORT = 65535


def check_codespec(codespec: AnyCodespec) -> None:
    """Check what Tyger checks when a codespec is created.

    Raises:
        SpecError: The first rule that is broken.
    """
    if not codespec.image.strip():
        raise SpecError("The image field is required", "name one with --image or 'image:'")
    if isinstance(codespec, JobCodespec):
        check_buffer_names(codespec.buffers.inputs, codespec.buffers.outputs)
        _check_sockets(codespec)


def _check_sockets(codespec: JobCodespec) -> None:
    used: dict[str, set[str]] = {"input": set(), "output": set()}
    for socket in codespec.sockets:
        if not 0 < socket.port <= HIGHEST_PORT:
            raise SpecError(f"Port must be between 1 and {HIGHEST_PORT}", f"it is {socket.port}")
        for role, buffer, known in (
            ("input", socket.input_buffer, codespec.buffers.inputs),
            ("output", socket.output_buffer, codespec.buffers.outputs),
        ):
            _check_socket_buffer(role, buffer, known, socket, used[role])
        if not socket.input_buffer and not socket.output_buffer:
            raise SpecError(
                "At least one of the input or output buffer must be specified "
                f"for socket {socket.port}"
            )
    taken = {pipe_variable(buffer) for buffer in used["input"] | used["output"]}
    for text in (*codespec.args, *codespec.command, *codespec.env.values()):
        for name in references(text):
            if name in taken:
                raise SpecError(
                    f"The buffer reference '$({name})' is not valid because it is used by a socket",
                    f"$$({name}) is the text itself",
                )


def _check_socket_buffer(
    role: str, buffer: str, known: tuple[str, ...], socket: Socket, used: set[str]
) -> None:
    if not buffer:
        return
    if buffer.lower() not in {name.lower() for name in known}:
        raise SpecError(
            f"The {role} buffer '{buffer}' for socket {socket.port} is not among "
            f"the codespec's {role} buffer parameters"
        )
    if buffer.lower() in used:
        raise SpecError(f"The {role} buffer '{buffer}' is used by multiple sockets")
    used.add(buffer.lower())


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something for which the cluster refuses a pod.

    Attributes:
        code: Stable name of the kind of reason.
        path: Where in the codespec.
        text: The reason, a sentence without its final stop.
    """

    code: str
    path: Path
    text: str


def cluster_refusals(codespec: AnyCodespec) -> tuple[str, ...]:
    """Return what the cluster would refuse of `codespec` when a run of it starts.

    Tyger stores such a codespec without a word; the pod is what the Kubernetes API server then
    refuses. Each reason is a sentence without its final stop.
    """
    return tuple(refusal.text for refusal in refusals(codespec))


def refusals(codespec: AnyCodespec) -> Iterator[Refusal]:
    """Yield the same with their places."""
    yield from _refused_quantities(codespec)
    yield from _refused_names(codespec)


def _refused_quantities(codespec: AnyCodespec) -> Iterator[Refusal]:
    resources = codespec.resources
    named: tuple[tuple[str, Quantity | None, Path], ...] = (
        ("cpu request", resources.requests.cpu, ("requests", "cpu")),
        ("memory request", resources.requests.memory, ("requests", "memory")),
        ("cpu limit", resources.limits.cpu, ("limits", "cpu")),
        ("memory limit", resources.limits.memory, ("limits", "memory")),
        ("gpu", resources.gpu, ("gpu",)),
        ("shm", resources.shm, ("shm",)),
    )
    for name, quantity, path in named:
        if quantity is not None and quantity.nanos < 0:
            text = f"the {name} is negative ({quantity})"
            yield Refusal("negative-quantity", ("resources", *path), text)
    if resources.gpu is not None and resources.gpu.nanos % 10**9:
        text = f"the number of GPUs is not an integer ({resources.gpu})"
        yield Refusal("fractional-gpu", ("resources", "gpu"), text)
    for name, request, limit in (
        ("cpu", resources.requests.cpu, resources.limits.cpu),
        ("memory", resources.requests.memory, resources.limits.memory),
    ):
        if request is not None and limit is not None and request.nanos > limit.nanos:
            text = f"the {name} request ({request}) is above the {name} limit ({limit})"
            yield Refusal("request-above-limit", ("resources", "requests", name), text)


def _refused_names(codespec: AnyCodespec) -> Iterator[Refusal]:
    if isinstance(codespec, WorkerCodespec):
        for name, port in codespec.endpoints.items():
            if not 0 < port <= HIGHEST_PORT:
                text = f"the port of endpoint '{name}' is not between 1 and {HIGHEST_PORT} ({port})"
                yield Refusal("endpoint-port", ("endpoints", name), text)
            variable = f"TYGER_{name.upper()}_WORKER_ENDPOINT_ADDRESSES"
            if not _names_variable(variable):
                text = f"the endpoint '{name}' makes {variable}, which is no name for an environment variable"
                yield Refusal("env-name", ("endpoints", name), text)
    else:
        yield from _refused_buffers(codespec.buffers)
    for name in codespec.env:
        if not _names_variable(name):
            text = f"'{name}' is no name for an environment variable"
            yield Refusal("env-name", ("env", name), text)


def _names_variable(name: str) -> bool:
    """Return whether Kubernetes 1.32 and later take a name: printable ASCII except '='."""
    return bool(name) and "=" not in name and name.isascii() and name.isprintable()


def _refused_buffers(buffers: Buffers) -> Iterator[Refusal]:
    for direction, names in (("inputs", buffers.inputs), ("outputs", buffers.outputs)):
        for index, buffer in enumerate(names):
            if len(buffer) > LONGEST_BUFFER_NAME:
                yield Refusal(
                    "buffer-name-length",
                    ("buffers", direction, index),
                    f"the buffer name '{buffer}' has {len(buffer)} characters, "
                    f"more than {LONGEST_BUFFER_NAME}",
                )
