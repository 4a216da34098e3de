"""What makes no sense to submit, or cannot be compared: said before anything is created."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tyger_local.errors import (
    BufferArgumentError,
    ClusterDifferenceError,
    StateError,
    UsageError,
)
from tyger_local.outcome.verdict import Status
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.runner.ends import Connection, NewBuffer, Stdio
from tyger_local.runner.stored import StoreBuffer
from tyger_local.spec.buffers import Direction
from tyger_local.spec.runs import RunRequest
from tyger_local.spec.versions import JsonObject, same_version
from tyger_local.submit.comparing import Digest
from tyger_local.workspace.resolving import UNMAPPED
from tyger_local.workspace.submit_model import SubmitOptions


def recorded_outputs(
    record: JsonObject, codespec: JsonObject, outputs: Iterable[str]
) -> dict[str, Digest]:
    """Return sizes and sha256 of a recorded run's outputs.

    Args:
        record: The run's document.
        codespec: What it must have been a run of.
        outputs: Whose are wanted.

    Raises:
        StateError: It did not succeed.
        UsageError: It ran another codespec, or a sha256 was not computed.
    """
    run_id, job = record.get("id"), record.get("job")
    if record.get("status") != Status.SUCCEEDED.value:
        raise StateError(
            f"run {run_id} cannot be compared with: it is {record.get('status')}",
            "name one that succeeded",
        )
    ran = job.get("codespec") if isinstance(job, dict) else None
    if not isinstance(ran, dict) or not same_version(ran, codespec):
        raise UsageError(
            f"run {run_id} cannot be compared with: it ran another codespec",
            f"see 'tyger-local run show {run_id}'",
        )
    return {name: _digest(record, name) for name in outputs}


def _digest(record: JsonObject, name: str) -> Digest:
    containers = record.get("containers")
    of_job = containers.get("job-0") if isinstance(containers, dict) else record
    all_stats = of_job.get("bufferStats") if isinstance(of_job, dict) else None
    stats = all_stats.get(name) if isinstance(all_stats, dict) else None
    size, sha256 = (
        (stats.get("bytes"), stats.get("sha256")) if isinstance(stats, dict) else (0, None)
    )
    if not isinstance(size, int) or not isinstance(sha256, str):
        raise UsageError(
            f"no sha256 of '{name}' is in the record of run {record.get('id')}",
            "run it with --checksum always, or compare with --compare alone",
        )
    return Digest(size, sha256)


def refuse_for_cluster(request: RunRequest, run: ResolvedRun) -> None:
    """Refuse what the cluster is known to refuse, or to spoil.

    Raises:
        ClusterDifferenceError: It would.
    """
    for name, argument in request.job.buffers.items():
        if argument.text == UNMAPPED:
            raise ClusterDifferenceError(
                f"{argument.where}: the cluster refuses the buffer '{name}': "
                "Ephemeral buffers are not supported.",
                "leave it out, or connect a file",
            )
    if run.replicas > 1 and run.codespec.buffers.outputs:
        raise ClusterDifferenceError(
            f"on the cluster, {run.replicas} replicas would write the same buffer "
            f"'{run.codespec.buffers.outputs[0]}', which fails",
            "submit one replica, or a codespec without outputs",
        )


def check_connection(connection: Connection, options: SubmitOptions) -> None:
    """Check that a buffer is connected to something that serves its purpose.

    Raises:
        BufferArgumentError: It is not.
    """
    name, to = connection.buffer, connection.to
    if connection.direction is Direction.INPUT:
        if isinstance(to, NewBuffer):
            raise BufferArgumentError(
                f"the input '{name}' is connected to nothing", f"connect it with -b {name}=FILE"
            )
        if options.is_compared and _is_stream(to):
            raise BufferArgumentError(
                f"the input '{name}' is read twice by --compare, which {connection} cannot be",
                f"connect a file with -b {name}=FILE",
            )
    elif options.is_detached and not isinstance(to, NewBuffer):
        raise BufferArgumentError(
            f"the output '{name}' is connected to {connection}, and nobody waits for it with --detach",
            "leave it out; 'tyger run show' names its buffer",
        )
    elif options.compares and _is_stream(to):
        raise BufferArgumentError(
            f"the output '{name}' cannot be compared once it went to {connection}",
            f"leave it out, or name a file with -b {name}=FILE",
        )


def _is_stream(to: Path | Stdio | StoreBuffer | NewBuffer) -> bool:
    """Return whether its bytes pass only once."""
    return isinstance(to, Stdio) or (
        isinstance(to, Path) and os.path.exists(to) and not os.path.isfile(to) and not to.is_dir()
    )
