"""A run whose codespecs are known: what a plan is made of."""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.spec.models import JobCodespec, WorkerCodespec


@dataclass(frozen=True, slots=True)
class ResolvedWorker:
    """The workers of a run.

    Attributes:
        replicas: How many of them.
        node_pool: Accepted and ignored.
        buffers: The names of those that the run file connects to it: ignored, as it has none.
    """

    codespec: WorkerCodespec
    replicas: int = 1
    node_pool: str = ""
    buffers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedRun:
    """A run whose codespecs are known.

    Attributes:
        replicas: How many identical containers of the job; all of them must succeed.
        cluster: Accepted and ignored, as are `node_pool` and the codespec's identity.
        worker: What serves the job, if anything does.
    """

    codespec: JobCodespec
    replicas: int = 1
    timeout_s: int = 43_200
    cluster: str = ""
    node_pool: str = ""
    worker: ResolvedWorker | None = None
