"""What of a run the cluster does differently, whatever the machine is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tyger_local.plan.model import Difference, Overrides
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.spec.models import AnyCodespec


def about_worker(difference: Difference) -> Difference:
    """Return a difference that says that it is about the worker's codespec."""
    return replace(difference, text=f"the worker: {difference.text}")


def target_differences(codespec: AnyCodespec) -> Iterator[Difference]:
    """Yield what the cluster does differently with the containers of a codespec."""
    if codespec.working_dir:
        text = f"workingDir is honoured here and ignored by the cluster ({codespec.working_dir})"
        yield Difference("working-dir", text, strict=True)
    if codespec.identity:
        text = f"the identity '{codespec.identity}' is ignored here"
        yield Difference("identity", text, strict=True)


def run_differences(run: ResolvedRun, overrides: Overrides) -> Iterator[Difference]:
    """Yield what the cluster does differently with the run as a whole."""
    for flag, used in (
        ("--mount", overrides.mounts),
        ("--user", overrides.user),
        ("--network", overrides.network),
    ):
        if used:
            yield Difference("local-flag", f"{flag} does not exist on the cluster", strict=True)
    for name, value in (("cluster", run.cluster), ("node pool", run.node_pool)):
        if value:
            yield Difference("placement", f"the {name} '{value}' is ignored here")
    yield from _replicas(run.replicas, run.codespec.max_replicas)
    if run.worker is not None:
        if run.worker.node_pool:
            text = f"the node pool '{run.worker.node_pool}' is ignored here"
            yield about_worker(Difference("placement", text))
        for buffer in run.worker.buffers:
            text = f"the buffer '{buffer}' is ignored: only the job has buffers, here and on the cluster"
            yield about_worker(Difference("worker-buffer", text))
        for difference in _replicas(run.worker.replicas, run.worker.codespec.max_replicas):
            yield about_worker(difference)


def _replicas(replicas: int, most: int | None) -> Iterator[Difference]:
    if replicas > (most or 1):
        yield Difference(
            "max-replicas",
            f"{replicas} replicas are more than maxReplicas ({most or 1}); "
            "the cluster does not enforce it either",
        )
