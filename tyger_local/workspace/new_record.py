"""The record of a run that has not begun: what is known of it from the start."""

from __future__ import annotations

from collections.abc import Mapping

from tyger_local.outcome.record import RunRecord
from tyger_local.outcome.verdict import Status
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.runner.ends import Connection
from tyger_local.spec.runs import RunRequest
from tyger_local.spec.versions import JsonObject, shown
from tyger_local.spec.written import written
from tyger_local.workspace.clock import now
from tyger_local.workspace.connections import written_down


def new_record(
    run_id: int, request: RunRequest, run: ResolvedRun, connections: Mapping[str, Connection]
) -> RunRecord:
    """Return the record of a run that is about to begin.

    Args:
        run_id: Its id.
        request: What was asked for.
        run: The same with its codespecs.
        connections: What its buffers are connected to.
    """
    job = request.job
    return RunRecord(
        id=run_id,
        status=Status.PENDING,
        created_at=now(),
        job=_said(
            {
                "codespec": shown(written(run.codespec)),
                "buffers": {name: written_down(c) for name, c in connections.items()},
                "tags": dict(job.tags),
                "bufferTtl": job.buffer_ttl,
                "nodePool": job.node_pool,
                "replicas": run.replicas,
            }
        ),
        timeout_s=run.timeout_s,
        cluster=request.cluster,
        tags=request.tags,
        worker=None if run.worker is None else _worker(run.worker),
    )


def _worker(worker: ResolvedWorker) -> JsonObject:
    return _said(
        {
            "codespec": shown(written(worker.codespec)),
            "nodePool": worker.node_pool,
            "replicas": worker.replicas,
        }
    )


def _said(document: JsonObject) -> JsonObject:
    """Return `document` without what nobody asked for."""
    return {name: value for name, value in document.items() if value not in ("", {})}
