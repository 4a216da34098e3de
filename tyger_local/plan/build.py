"""`plan_run`: a resolved run in, a `RunPlan` out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from tyger_local.errors import UsageError
from tyger_local.plan.environment import Environment, environment
from tyger_local.plan.limits import plan_limits
from tyger_local.plan.model import (
    CLUSTER_PIPE_ROOT,
    Capacity,
    ContainerPlan,
    Difference,
    Overrides,
    PipePlan,
    Role,
    RunPlan,
)
from tyger_local.spec.buffers import Direction, pipe_variable
from tyger_local.spec.expansion import expand
from tyger_local.spec.models import JobCodespec

SHELL = ("/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash; else exec sh; fi")
"""The command of ``--shell``: bash where the image has it."""


@dataclass(frozen=True, slots=True)
class ResolvedRun:
    """A run whose codespec is known.

    Attributes:
        replicas: How many identical containers; all of them must succeed.
        cluster: Accepted and ignored, as are `node_pool` and the codespec's identity.
    """

    codespec: JobCodespec
    replicas: int = 1
    timeout_s: int = 43_200
    cluster: str = ""
    node_pool: str = ""


def plan_run(
    run: ResolvedRun,
    *,
    run_id: str,
    pipe_root: Callable[[int], str] = lambda _: CLUSTER_PIPE_ROOT,
    capacity: Capacity | None = None,
    overrides: Overrides | None = None,
    labels: Mapping[str, str] | None = None,
) -> RunPlan:
    """Plan a run.

    Args:
        run: What is to run.
        run_id: Its id, as ``TYGER_RUN_ID`` and in host names.
        pipe_root: The folder in which the replica of an index finds its pipes.
        capacity: What the engine's machine has; None leaves that unchecked.
        overrides: What local-only flags change.
        labels: What the engine shall note on each container.

    Raises:
        EngineError: The machine cannot give what the codespec asks for.
        UsageError: The run makes no sense.
    """
    overrides = overrides or Overrides()
    _refuse(run)
    planned = plan_limits(
        run.codespec.resources, capacity, no_gpu=overrides.no_gpu, no_clamp=overrides.no_clamp
    )
    template = ContainerPlan(
        role=Role.JOB,
        index=0,
        host_name="",
        image=run.codespec.image,
        entrypoint=None,
        arguments=None,
        env=(),
        pipe_root="",
        pipes=(),
        limits=planned.limits,
        mounts=overrides.mounts,
        working_dir=run.codespec.working_dir or None,
        user=overrides.user,
        platform=overrides.platform,
        labels=tuple((labels or {}).items()),
    )
    containers = tuple(
        _container(template, run.codespec, run_id, index, pipe_root(index), overrides.shell)
        for index in range(run.replicas)
    )
    env_differences = _environment(run.codespec, run_id, pipe_root(0)).differences
    differences = (*env_differences, *planned.differences, *_differences(run, overrides))
    return RunPlan(run_id, overrides.network, containers, run.timeout_s, differences)


def _container(
    template: ContainerPlan,
    codespec: JobCodespec,
    run_id: str,
    index: int,
    root: str,
    shell: tuple[str, ...] | None,
) -> ContainerPlan:
    env = _environment(codespec, run_id, root).variables
    variables = dict(env)
    command = tuple(expand(text, variables) for text in codespec.command)
    arguments = tuple(expand(text, variables) for text in codespec.args)
    return replace(
        template,
        index=index,
        host_name=f"run-{run_id}-job-{index}",
        entrypoint=shell or command or None,
        arguments=() if shell else arguments or None,
        env=env,
        pipe_root=root,
        pipes=tuple(_pipes(codespec, root)),
    )


def _environment(codespec: JobCodespec, run_id: str, root: str) -> Environment:
    paths = {pipe_variable(pipe.buffer): pipe.path for pipe in _pipes(codespec, root)}
    return environment(run_id, codespec.env, paths)


def _refuse(run: ResolvedRun) -> None:
    if run.codespec.sockets:
        raise UsageError(
            "this codespec has sockets, and tyger-local cannot run them yet",
            "use pipes for its buffers, or run it on the cluster",
        )
    if run.replicas > 1 and run.codespec.buffers.outputs:
        raise UsageError(
            f"{run.replicas} replicas would all write the output buffer "
            f"'{run.codespec.buffers.outputs[0]}', and on the cluster they collide",
            "use one replica for a codespec with outputs",
        )


def _pipes(codespec: JobCodespec, root: str) -> Iterator[PipePlan]:
    for buffers, direction in (
        (codespec.buffers.inputs, Direction.INPUT),
        (codespec.buffers.outputs, Direction.OUTPUT),
    ):
        for buffer in buffers:
            yield PipePlan(buffer, direction, f"{root}/{buffer}")


def _differences(run: ResolvedRun, overrides: Overrides) -> Iterator[Difference]:
    codespec = run.codespec
    if codespec.working_dir:
        text = f"workingDir is honoured here and ignored by the cluster ({codespec.working_dir})"
        yield Difference("working-dir", text, strict=True)
    if codespec.identity:
        text = f"the identity '{codespec.identity}' is ignored here"
        yield Difference("identity", text, strict=True)
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
    if run.replicas > (codespec.max_replicas or 1):
        yield Difference(
            "max-replicas",
            f"{run.replicas} replicas are more than maxReplicas ({codespec.max_replicas or 1}); "
            "the cluster does not enforce it either",
        )
