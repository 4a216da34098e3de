"""`plan_run`: a resolved run in, a `RunPlan` out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from tyger_local.errors import EngineError, UsageError
from tyger_local.plan.differences import about_worker, run_differences, target_differences
from tyger_local.plan.environment import Environment, environment
from tyger_local.plan.limits import PlannedLimits, plan_limits
from tyger_local.plan.model import (
    CLUSTER_PIPE_ROOT,
    Capacity,
    ContainerPlan,
    Difference,
    EndpointPlan,
    NetworkPlan,
    Overrides,
    PipePlan,
    Role,
    RunPlan,
    SocketPlan,
)
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.plan.together import check_together
from tyger_local.plan.workers import (
    worker_aliases,
    worker_domain,
    worker_host,
    worker_variables,
)
from tyger_local.spec.buffers import Direction, pipe_variable
from tyger_local.spec.expansion import expand
from tyger_local.spec.models import AnyCodespec, JobCodespec

SHELL = ("/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash; else exec sh; fi")
"""The command of ``--shell``: bash where the image has it."""

NOT_PRIVATE = ("host", "none", "default")

MOST_CONTAINERS = 1000
"""A network of one machine has addresses for about as many."""


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
        labels: What the engine shall note on each container, and on their network.

    Raises:
        EngineError: The machine cannot give what the codespecs ask for.
        UsageError: The run makes no sense.
    """
    overrides = overrides or Overrides()
    noted = tuple((labels or {}).items())
    _refuse(run, overrides)
    planner = _Planner(run, run_id, capacity, overrides, noted)
    jobs, differences = planner.jobs(pipe_root)
    workers, of_workers = planner.workers()
    together = check_together(run, capacity, no_gpu=overrides.no_gpu)
    return RunPlan(
        run_id,
        overrides.network,
        (*jobs, *workers),
        run.timeout_s,
        (*differences, *of_workers, *together, *run_differences(run, overrides)),
        NetworkPlan(f"run-{run_id}", noted) if workers else None,
    )


@dataclass(frozen=True, slots=True)
class _Planner:
    """Plans the containers of one run."""

    run: ResolvedRun
    run_id: str
    capacity: Capacity | None
    overrides: Overrides
    labels: tuple[tuple[str, str], ...]

    def jobs(
        self, pipe_root: Callable[[int], str]
    ) -> tuple[tuple[ContainerPlan, ...], tuple[Difference, ...]]:
        """Plan the job's replicas."""
        run, shell = self.run, self.overrides.shell
        limits = self._limits(run.codespec)
        template = replace(
            self._template(Role.JOB, run.codespec, limits), sockets=tuple(_sockets(run.codespec))
        )
        planned = []
        for index in range(run.replicas):
            root = pipe_root(index)
            container = _with_command(template, run.codespec, self._job_environment(root))
            if shell:
                container = replace(container, entrypoint=shell, arguments=())
            planned.append(
                replace(
                    container,
                    index=index,
                    host_name=f"run-{self.run_id}-job-{index}",
                    pipe_root=root,
                    pipes=tuple(_pipes(run.codespec, root)),
                )
            )
        differences = (
            *self._job_environment(pipe_root(0)).differences,
            *limits.differences,
            *target_differences(run.codespec),
        )
        return tuple(planned), differences

    def _job_environment(self, root: str) -> Environment:
        run = self.run
        paths = {pipe_variable(pipe.buffer): pipe.path for pipe in _pipes(run.codespec, root)}
        workers: Mapping[str, str] = {}
        if run.worker is not None:
            endpoints = run.worker.codespec.endpoints
            workers = worker_variables(self.run_id, run.worker.replicas, endpoints)
        return environment(self.run_id, run.codespec.env, paths, workers)

    def workers(self) -> tuple[tuple[ContainerPlan, ...], tuple[Difference, ...]]:
        """Plan the workers, if there are any."""
        worker = self.run.worker
        if worker is None:
            return (), ()
        try:
            limits = self._limits(worker.codespec)
        except EngineError as error:
            raise EngineError(f"the worker: {error.what}", error.hint) from error
        env = environment(self.run_id, worker.codespec.env, {})
        template = _with_command(
            self._template(Role.WORKER, worker.codespec, limits), worker.codespec, env
        )
        differences = (
            *env.differences,
            *limits.differences,
            *target_differences(worker.codespec),
        )
        return tuple(self._workers(template, worker)), tuple(map(about_worker, differences))

    def _workers(self, template: ContainerPlan, worker: ResolvedWorker) -> Iterator[ContainerPlan]:
        for index in range(worker.replicas):
            yield replace(
                template,
                index=index,
                host_name=worker_host(self.run_id, index),
                domain=worker_domain(self.run_id),
                aliases=worker_aliases(self.run_id, index),
                endpoints=tuple(
                    EndpointPlan(name, port) for name, port in worker.codespec.endpoints.items()
                ),
            )

    def _limits(self, codespec: AnyCodespec) -> PlannedLimits:
        overrides = self.overrides
        return plan_limits(
            codespec.resources,
            self.capacity,
            no_gpu=overrides.no_gpu,
            no_clamp=overrides.no_clamp,
        )

    def _template(self, role: Role, codespec: AnyCodespec, limits: PlannedLimits) -> ContainerPlan:
        """Return what all replicas of a role have in common, but for their command."""
        overrides = self.overrides
        return ContainerPlan(
            role=role,
            index=0,
            host_name="",
            image=codespec.image,
            entrypoint=None,
            arguments=None,
            env=(),
            pipe_root="",
            pipes=(),
            limits=limits.limits,
            mounts=overrides.mounts,
            working_dir=codespec.working_dir or None,
            user=overrides.user,
            platform=overrides.platform,
            labels=self.labels,
        )


def _with_command(
    container: ContainerPlan, codespec: AnyCodespec, env: Environment
) -> ContainerPlan:
    """Give a container its environment, and its command expanded over that."""
    variables = dict(env.variables)
    command = tuple(expand(text, variables) for text in codespec.command)
    arguments = tuple(expand(text, variables) for text in codespec.args)
    return replace(
        container,
        entrypoint=command or None,
        arguments=arguments or None,
        env=env.variables,
    )


def _refuse(run: ResolvedRun, overrides: Overrides) -> None:
    if run.replicas > 1 and run.codespec.buffers.outputs:
        raise UsageError(
            f"{run.replicas} replicas would all write the output buffer "
            f"'{run.codespec.buffers.outputs[0]}', and on the cluster they collide",
            "use one replica for a codespec with outputs",
        )
    count = run.replicas + (0 if run.worker is None else run.worker.replicas)
    if count > MOST_CONTAINERS:
        raise UsageError(
            f"the run would have {count} containers, and one machine runs up to {MOST_CONTAINERS}",
            "use fewer replicas or workers",
        )
    network = overrides.network or ""
    if run.worker is not None and (network in NOT_PRIVATE or network.startswith("container:")):
        raise UsageError(
            f"a run with workers cannot use --network {network}: they need a network of their own",
            "leave --network out, or name a network that they join beside their own",
        )


def _sockets(codespec: JobCodespec) -> Iterator[SocketPlan]:
    for socket in codespec.sockets:
        # Tyger takes any case; names of buffers have only small letters.
        input_buffer, output_buffer = socket.input_buffer.lower(), socket.output_buffer.lower()
        yield SocketPlan(socket.port, input_buffer or None, output_buffer or None)


def _pipes(codespec: JobCodespec, root: str) -> Iterator[PipePlan]:
    """Yield a pipe for each buffer that goes through no socket."""
    used = {
        buffer
        for socket in _sockets(codespec)
        for buffer in (socket.input_buffer, socket.output_buffer)
    }
    for buffers, direction in (
        (codespec.buffers.inputs, Direction.INPUT),
        (codespec.buffers.outputs, Direction.OUTPUT),
    ):
        for buffer in buffers:
            if buffer not in used:
                yield PipePlan(buffer, direction, f"{root}/{buffer}")
