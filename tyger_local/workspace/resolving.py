"""From a request to what can be planned: codespecs looked up, buffers connected."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tyger_local.errors import (
    BufferArgumentError,
    ClusterDifferenceError,
    NotFoundError,
    UsageError,
)
from tyger_local.plan.model import Difference
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.runner.ends import Connection, NewBuffer, Stdio
from tyger_local.runner.stored import StoreBuffer
from tyger_local.spec.buffers import Direction
from tyger_local.spec.decode import IN_PLACE_READING, decode, plain_document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.go_text import quote
from tyger_local.spec.models import AnyCodespec, CodespecFile, JobCodespec, WorkerCodespec
from tyger_local.spec.names import nearest
from tyger_local.spec.rules import cluster_refusals
from tyger_local.spec.runs import BufferArgument, CodespecRef, RunRequest, TargetRequest
from tyger_local.store.buffers import is_buffer_id
from tyger_local.workspace.codespecs import Codespecs

UNMAPPED = "_"
STREAM = "-"
SHORTEST_TIMEOUT_S = 1
API_REFUSAL = "Failed to create Kubernetes objects. See server logs."


def resolve_run(request: RunRequest, codespecs: Codespecs) -> ResolvedRun:
    """Look up the codespecs of a run and check what the cluster would refuse.

    Raises:
        NotFoundError: A codespec or its version does not exist.
        UsageError: One is of the wrong kind.
        ClusterDifferenceError: The cluster would refuse the run after its creation.
    """
    job = request.job
    codespec = _looked_up(job.codespec, codespecs)
    if not isinstance(codespec, JobCodespec):
        raise UsageError(
            "The codespec for the job is required to be a job codespec",
            "this one is a worker codespec",
        )
    worker = _worker(request.worker, codespecs)
    refusals = list(cluster_refusals(codespec))
    if worker is not None:
        refusals += (f"the worker: {text}" for text in cluster_refusals(worker.codespec))
    if request.timeout_s < SHORTEST_TIMEOUT_S:
        refusals.append(f"the time-out is below one second ({request.timeout_s} s)")
    if refusals:
        raise ClusterDifferenceError(
            f"the cluster would fail this run (status Failed, reason '{API_REFUSAL}'): "
            f"{'; '.join(refusals)}",
            "mend the codespec or the flag",
        )
    return ResolvedRun(
        codespec, job.replicas, request.timeout_s, request.cluster, job.node_pool, worker
    )


def _worker(asked: TargetRequest | None, codespecs: Codespecs) -> ResolvedWorker | None:
    if asked is None:
        return None
    codespec = _looked_up(asked.codespec, codespecs)
    if not isinstance(codespec, WorkerCodespec):
        raise UsageError(
            "The codespec for the worker is required to be a worker codespec",
            "this one is a job codespec",
        )
    return ResolvedWorker(codespec, asked.replicas, asked.node_pool, tuple(asked.buffers))


def _looked_up(wanted: CodespecRef | AnyCodespec, codespecs: Codespecs) -> AnyCodespec:
    if not isinstance(wanted, CodespecRef):
        return wanted
    stored = codespecs.stored(wanted.name, wanted.version)
    document = plain_document(stored, f"codespec {wanted.name}/versions/{stored['version']}")
    return codespec_from(decode(CodespecFile, document, IN_PLACE_READING), CodespecFlags())


def connect(
    codespec: JobCodespec,
    arguments: Mapping[str, BufferArgument],
    file_folder: Path,
    look_up: Callable[[str], StoreBuffer],
    *,
    makes_buffers: bool = False,
) -> dict[str, Connection]:
    """Decide what each buffer is connected to.

    Args:
        codespec: The job's codespec.
        arguments: By buffer, as written.
        file_folder: The run file's folder, from which its relative paths count.
        look_up: Returns a buffer of the store by its id.
        makes_buffers: Whether what is not connected gets a new buffer of the store; else it is standard input
            or output.

    Raises:
        BufferArgumentError: An argument names no buffer of the codespec, or more than one buffer would use
            standard input or output.
        NotFoundError: A buffer's id is not known.
    """
    buffers = codespec.buffers
    stored = {  # before all else, as in Tyger
        name: found
        for name, argument in arguments.items()
        if (found := _stored(argument, _path(argument, file_folder), look_up)) is not None
    }
    check_declared(codespec, arguments)
    connections: dict[str, Connection] = {}
    for names, direction in (
        (buffers.inputs, Direction.INPUT),
        (buffers.outputs, Direction.OUTPUT),
    ):
        unmapped = [name for name in names if _is_unmapped(arguments.get(name))]
        if len(unmapped) > 1 and not makes_buffers:
            raise BufferArgumentError(
                "exec cannot be called if the job has multiple unmapped "
                f"{direction.value} buffers ({', '.join(unmapped)})",
                f"connect all but one with -b {unmapped[0]}=FILE",
            )
        for name in names:
            if name in stored:
                connections[name] = Connection(name, direction, stored[name])
            elif makes_buffers and name in unmapped:
                connections[name] = Connection(name, direction, NewBuffer.NEW)
            else:
                connections[name] = _connection(name, direction, arguments.get(name), file_folder)
        _check_one_stream(direction, connections.values())
    return connections


def check_declared(codespec: JobCodespec, arguments: Mapping[str, BufferArgument]) -> None:
    """Check that each argument is for a buffer that the codespec has.

    Raises:
        BufferArgumentError: One is not.
    """
    declared = (*codespec.buffers.inputs, *codespec.buffers.outputs)
    for name, argument in arguments.items():
        if name not in declared:
            raise _undeclared(name, argument, declared)


def _undeclared(
    name: str, argument: BufferArgument, declared: tuple[str, ...]
) -> BufferArgumentError:
    close = nearest(name, declared)
    known = f"its buffers are: {', '.join(declared)}" if declared else "it has no buffers"
    return BufferArgumentError(
        f"{argument.where}: Buffer argument '[{name}, {argument.text}]' does not correspond "
        "to a buffer parameter on the codespec",
        f"did you mean '{close}'?" if close else known,
    )


def _is_unmapped(argument: BufferArgument | None) -> bool:
    return argument is None or argument.text == UNMAPPED


def _connection(
    name: str, direction: Direction, argument: BufferArgument | None, file_folder: Path
) -> Connection:
    if argument is None or argument.text in (UNMAPPED, STREAM):
        stream = Stdio.STDIN if direction is Direction.INPUT else Stdio.STDOUT
        return Connection(name, direction, stream, asked=not _is_unmapped(argument))
    if not argument.text:
        raise BufferArgumentError(
            f"{argument.where}: the buffer '{name}' is connected to nothing",
            f"write {name}=FILE, or {name}=- for a stream",
        )
    if "\0" in argument.text:
        raise BufferArgumentError(f"{argument.where}: {quote(argument.text)} is no path")
    if argument.text.endswith("/"):
        raise BufferArgumentError(
            f"{argument.where}: the buffer '{name}' is connected to a folder ({argument.text})",
            "name a file in it",
        )
    return Connection(name, direction, _path(argument, file_folder))


def _path(argument: BufferArgument, file_folder: Path) -> Path:
    path = Path(argument.text)
    return file_folder / path if argument.in_file and not path.is_absolute() else path


def _stored(
    argument: BufferArgument, path: Path, look_up: Callable[[str], StoreBuffer]
) -> StoreBuffer | None:
    """Return the buffer of the store that is meant, None where it is none."""
    if not is_buffer_id(argument.text):
        return None
    try:
        return look_up(argument.text)
    except NotFoundError as error:
        if os.path.lexists(path):
            return None
        hint = f"{error.hint}; to name a file, write its path as ./FILE"
        raise NotFoundError(error.what, hint) from error


def _check_one_stream(direction: Direction, connections: Iterable[Connection]) -> None:
    shared = [c.buffer for c in connections if c.direction is direction and isinstance(c.to, Stdio)]
    if len(shared) > 1:
        stream = Stdio.STDIN if direction is Direction.INPUT else Stdio.STDOUT
        raise BufferArgumentError(
            f"the buffers '{shared[0]}' and '{shared[1]}' are both connected to {stream.value}",
            f"connect all but one with -b {shared[0]}=FILE",
        )


def refuse_strictly(differences: Iterable[Difference]) -> None:
    """Turn the first difference that ``--strict`` minds into an error.

    Raises:
        ClusterDifferenceError: There is one.
    """
    for difference in differences:
        if difference.strict:
            raise ClusterDifferenceError(
                f"--strict: {difference.text}",
                "mend it, or leave --strict (TYGER_LOCAL_STRICT) out",
            )
