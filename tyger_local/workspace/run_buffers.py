"""The buffers of the store that a run reads, writes or makes for itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

from tyger_local.runner.ends import Connection, NewBuffer
from tyger_local.runner.stored import StoreBuffer
from tyger_local.spec.runs import TargetRequest
from tyger_local.spec.ttl import check_not_zero
from tyger_local.workspace.buffers import Buffers
from tyger_local.workspace.clock import now
from tyger_local.workspace.owner import this_process

NAME_TAG = "bufferName"
"""Tells for which parameter of the codespec a run made a buffer."""


def look_up(buffers: Buffers, buffer_id: str) -> StoreBuffer:
    """Return a buffer for a run.

    Raises:
        NotFoundError: There is no such buffer, or it is soft-deleted.
        StoreError: It is damaged.
    """
    data = buffers.data(buffer_id)
    return StoreBuffer(buffer_id, data, lambda: data.claim(this_process().labels()), now)


def check_lifetime(connections: Mapping[str, Connection], job: TargetRequest) -> None:
    """Check that the buffers which a run makes for itself live long enough to be used.

    Raises:
        SpecError: There are some, and they do not.
    """
    if any(isinstance(connection.to, NewBuffer) for connection in connections.values()):
        check_not_zero(job.buffer_ttl, job.buffer_ttl_place)


def with_new_buffers(
    connections: Mapping[str, Connection],
    buffers: Buffers,
    job: TargetRequest,
    run_id: int,
    rollback: ExitStack,
) -> dict[str, Connection]:
    """Make the buffers that a run makes for itself, tagged with its parameter and with the job's tags.

    Args:
        connections: By parameter.
        buffers: Where they are made.
        job: Says their tags and their time to live.
        run_id: The run.
        rollback: Is given what takes them back.

    Returns:
        The connections with these buffers in them.

    Raises:
        SpecError: The tags are too many.
        StoreError: The store cannot be written.
    """
    made = dict(connections)
    for name, connection in connections.items():
        if isinstance(connection.to, NewBuffer):
            tags = {**job.tags, NAME_TAG: name}
            buffer_id = str(buffers.create(tags, job.buffer_ttl, run=run_id)["id"])
            rollback.callback(buffers.take_back, buffer_id)
            made[name] = replace(connection, to=look_up(buffers, buffer_id))
    return made
