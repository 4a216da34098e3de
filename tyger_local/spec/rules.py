"""What a codespec must obey: what Tyger refuses, and what the cluster refuses afterwards.

Source: Tyger's ``Model.cs`` (validation of codespecs, first failure only) and the Kubernetes API
server's checks of pods.
"""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.errors import SpecError
from tyger_local.spec.buffers import pipe_variable
from tyger_local.spec.expansion import references
from tyger_local.spec.models import AnyCodespec, JobCodespec, Socket, WorkerCodespec
from tyger_local.spec.names import check_buffer_names
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


def cluster_refusals(codespec: AnyCodespec) -> tuple[str, ...]:
    """Return what the cluster would refuse of `codespec` when a run of it starts.

    Tyger stores such a codespec without a word; the pod is what the Kubernetes API server then
    refuses. Each reason is a sentence without its final stop.
    """
    return (*_refused_quantities(codespec), *_refused_names(codespec))


def _refused_quantities(codespec: AnyCodespec) -> Iterator[str]:
    resources = codespec.resources
    named: tuple[tuple[str, Quantity | None], ...] = (
        ("cpu request", resources.requests.cpu),
        ("memory request", resources.requests.memory),
        ("cpu limit", resources.limits.cpu),
        ("memory limit", resources.limits.memory),
        ("gpu", resources.gpu),
        ("shm", resources.shm),
    )
    for name, quantity in named:
        if quantity is not None and quantity.nanos < 0:
            yield f"the {name} is negative ({quantity})"
    if resources.gpu is not None and resources.gpu.nanos % 10**9:
        yield f"the number of GPUs is not an integer ({resources.gpu})"
    for name, request, limit in (
        ("cpu", resources.requests.cpu, resources.limits.cpu),
        ("memory", resources.requests.memory, resources.limits.memory),
    ):
        if request is not None and limit is not None and request.nanos > limit.nanos:
            yield f"the {name} request ({request}) is above the {name} limit ({limit})"


def _refused_names(codespec: AnyCodespec) -> Iterator[str]:
    if isinstance(codespec, WorkerCodespec):
        for name, port in codespec.endpoints.items():
            if not 0 < port <= HIGHEST_PORT:
                yield f"the port of endpoint '{name}' is not between 1 and {HIGHEST_PORT} ({port})"
    else:
        for buffer in (*codespec.buffers.inputs, *codespec.buffers.outputs):
            if len(buffer) > LONGEST_BUFFER_NAME:
                yield (
                    f"the buffer name '{buffer}' has {len(buffer)} characters, "
                    f"more than {LONGEST_BUFFER_NAME}"
                )
    for name in codespec.env:
        # The relaxed rule of Kubernetes 1.32 and later: printable ASCII except '='.
        if not name or "=" in name or not (name.isascii() and name.isprintable()):
            yield f"'{name}' is no name for an environment variable"
