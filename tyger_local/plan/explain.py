"""A plan value by value: what holds here, who said so, and what the cluster would have instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tyger_local.plan.docker_lines import bind, docker_network_line, docker_run_line
from tyger_local.plan.environment import RUN_ID_VARIABLE, cluster_variables
from tyger_local.plan.explanation import Explanation, Part, Row
from tyger_local.plan.model import (
    CLUSTER_PIPE_ROOT,
    ContainerPlan,
    Overrides,
    Role,
    RunPlan,
)
from tyger_local.plan.origins import ADDED, DEFAULT, IMAGE, Origin, Origins, from_flag
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.plan.resources import ResourceValue, resource_values
from tyger_local.plan.workers import worker_variables
from tyger_local.spec.buffers import pipe_variable
from tyger_local.spec.decode import dotted
from tyger_local.spec.document import Path
from tyger_local.spec.expansion import expand
from tyger_local.spec.models import AnyCodespec, JobCodespec, Socket
from tyger_local.spec.runs import RunRequest, TargetRequest

NOTHING = "[none]"
IGNORED = "[ignored]"


@dataclass(frozen=True, slots=True)
class Explained:
    """What is to be explained.

    Attributes:
        request: What was asked for.
        run: The same with its codespecs.
        plan: What becomes of it; nothing in it was compared with a machine.
        overrides: What local-only flags change in it.
        origins: Where the values come from.
        connections: What each buffer is connected to on the host, in words.
        roles: Whose containers are looked at.
    """

    request: RunRequest
    run: ResolvedRun
    plan: RunPlan
    overrides: Overrides
    origins: Origins
    connections: Mapping[str, str]
    roles: tuple[Role, ...] = (Role.JOB, Role.WORKER)


def explain(subject: Explained) -> Explanation:
    """Explain a plan."""
    plan = subject.plan
    shown = [c for c in (*plan.workers, *plan.jobs) if c.role in subject.roles]
    parts = [Part("run", tuple(_run(subject)))]
    for role in (Role.JOB, Role.WORKER):
        first = next((container for container in shown if container.role is role), None)
        if first is not None:
            parts.append(Part(role.value, tuple(_container(subject, first))))
    network = docker_network_line(plan)
    lines = [docker_run_line(plan, container) for container in shown]
    return Explanation(
        tuple(parts), tuple(lines if network is None else (network, *lines)), plan.differences
    )


def _run(subject: Explained) -> Iterator[Row]:
    request, origins, flags = subject.request, subject.origins, subject.origins.flags
    is_given = flags.timeout_s is not None
    origin = origins.of_run(("timeoutSeconds",), "--timeout", is_flag_given=is_given)
    yield Row("timeoutSeconds", str(request.timeout_s), origin)
    if request.cluster:
        origin = origins.of_run(("cluster",), "--cluster", is_flag_given=bool(flags.cluster))
        yield Row("cluster", IGNORED, origin, request.cluster)
    for name, value in request.tags.items():
        origin = origins.of_run(("tags", name), "--tag", is_flag_given=name in flags.tags)
        yield Row(f"tags.{name}", value, origin)
    private = subject.plan.private_network
    if private is not None:
        yield Row("privateNetwork", private.name, ADDED, "[the cluster's network]")
    if subject.overrides.network:
        network, origin = subject.overrides.network, from_flag("--network")
        yield Row("network", network, origin, "[the cluster's network]")


def _container(subject: Explained, container: ContainerPlan) -> Iterator[Row]:
    """Yield the rows of the containers of a role, of which `container` is the first."""
    role, worker = container.role, subject.run.worker
    codespec: AnyCodespec = subject.run.codespec
    target: TargetRequest | None = subject.request.job
    if role is Role.WORKER and worker is not None:
        codespec, target = worker.codespec, subject.request.worker
    if target is None:
        raise AssertionError("workers that are planned were asked for")
    rows = _Rows(subject, container, codespec, target)
    yield from rows.target()
    yield from rows.command()
    yield from rows.environment()
    yield from rows.surroundings()
    yield from rows.resources()
    yield from rows.ends()


@dataclass(frozen=True, slots=True)
class _Rows:
    """Makes the rows of the containers of one role."""

    subject: Explained
    container: ContainerPlan
    codespec: AnyCodespec
    asked: TargetRequest

    def _given(self, path: Path) -> Origin:
        return self.subject.origins.of_codespec(self.container.role, path)

    def target(self) -> Iterator[Row]:
        """Yield what the run says of them."""
        role, origins, asked = self.container.role, self.subject.origins, self.asked
        flags = origins.target_flags(role)
        is_given = flags.replicas is not None
        origin = origins.of_target(role, "replicas", "replicas", is_flag_given=is_given)
        yield Row("replicas", str(asked.replicas), origin)
        if self.codespec.max_replicas is not None:
            most = str(self.codespec.max_replicas)
            yield Row("maxReplicas", most, self._given(("maxReplicas",)))
        if asked.node_pool:
            is_given = bool(flags.node_pool)
            origin = origins.of_target(role, "nodePool", "node-pool", is_flag_given=is_given)
            yield Row("nodePool", IGNORED, origin, asked.node_pool)
        if self.codespec.identity:
            origin = self._given(("identity",))
            yield Row("identity", IGNORED, origin, self.codespec.identity)

    def command(self) -> Iterator[Row]:
        """Yield the image and what it executes."""
        yield Row("image", self.codespec.image, self._given(("image",)))
        container, codespec = self.container, self.codespec
        if container.entrypoint is None:
            yield Row("command", "[image's ENTRYPOINT]", IMAGE)
        yield from self._expanded("command", codespec.command, container.entrypoint or ())
        if container.arguments is None and container.entrypoint is None:
            yield Row("args", "[image's CMD]", IMAGE)
        elif container.arguments is None:  # a command drops the image's CMD
            yield Row("args", NOTHING, DEFAULT)
        yield from self._expanded("args", codespec.args, container.arguments or ())

    def _expanded(
        self, name: str, written: tuple[str, ...], expanded: tuple[str, ...]
    ) -> Iterator[Row]:
        variables = self._cluster_variables()
        for index, (before, here) in enumerate(zip(written, expanded, strict=True)):
            path: Path = (name, index)
            there = expand(before, variables)
            yield _changed(dotted(path), here, self._given(path), there, before)

    def environment(self) -> Iterator[Row]:
        """Yield the variables in the order in which they are defined here."""
        variables = self._cluster_variables()
        added = {RUN_ID_VARIABLE, *self._pipes(), *self._workers()}
        for name, here in self.container.env:
            is_added = name in added
            origin = ADDED if is_added else self._given(("env", name))
            before = here if is_added else self.codespec.env[name]
            yield _changed(f"env.{name}", here, origin, variables[name], before)

    def _pipes(self) -> dict[str, str]:
        """Return the variables of the pipes as the cluster has them."""
        return {
            pipe_variable(pipe.buffer): f"{CLUSTER_PIPE_ROOT}/{pipe.buffer}"
            for pipe in self.container.pipes
        }

    def _workers(self) -> dict[str, str]:
        """Return the variables that tell the job where its workers are."""
        run_id, worker = self.subject.plan.run_id, self.subject.run.worker
        if self.container.role is Role.WORKER or worker is None:
            return {}
        return worker_variables(run_id, worker.replicas, worker.codespec.endpoints)

    def _cluster_variables(self) -> dict[str, str]:
        run_id = self.subject.plan.run_id
        return cluster_variables(run_id, self.codespec.env, self._pipes(), self._workers())

    def surroundings(self) -> Iterator[Row]:
        """Yield where and as whom it is executed."""
        overrides = self.subject.overrides
        yield Row("hostName", self.container.full_name, ADDED)
        if self.codespec.working_dir:
            origin = self._given(("workingDir",))
            yield Row("workingDir", self.codespec.working_dir, origin, "[image's WORKDIR]")
        else:
            yield Row("workingDir", "[image's WORKDIR]", IMAGE)
        if overrides.user:
            yield Row("user", overrides.user, from_flag("--user"), "[image's USER]")
        else:
            yield Row("user", "[image's USER]", IMAGE)
        if overrides.platform:
            yield Row("platform", overrides.platform, from_flag("--platform"), "[the node's]")
        for mount in overrides.mounts:
            volume = bind(mount.source, mount.target, read_only=mount.read_only)
            yield Row("mount", volume, from_flag("--mount"), NOTHING)

    def resources(self) -> Iterator[Row]:
        """Yield what it may use."""
        for value in resource_values(self.codespec.resources, no_gpu=self.subject.overrides.no_gpu):
            there = None if value.there == value.here else value.there
            yield Row(dotted(value.path), value.here, self._origin_of(value), there)

    def _origin_of(self, value: ResourceValue) -> Origin:
        if value.flag:
            return from_flag(value.flag)
        return DEFAULT if value.said_at is None else self._given(value.said_at)

    def ends(self) -> Iterator[Row]:
        """Yield buffers, sockets and endpoints."""
        codespec = self.codespec
        if isinstance(codespec, JobCodespec):
            yield from self._buffers(codespec)
            for index, socket in enumerate(codespec.sockets):
                path: Path = ("sockets", index)
                yield Row(dotted(path), _socket_words(socket), self._given(path))
            yield from self._new_buffers()
            return
        for name, port in codespec.endpoints.items():
            yield Row(f"endpoints.{name}", str(port), self._given(("endpoints", name)))

    def _buffers(self, codespec: JobCodespec) -> Iterator[Row]:
        origins = self.subject.origins
        for names, buffers in (
            ("inputs", codespec.buffers.inputs),
            ("outputs", codespec.buffers.outputs),
        ):
            for index, buffer in enumerate(buffers):
                path: Path = ("buffers", names, index)
                yield Row(dotted(path), buffer, self._given(path))
                is_given = buffer in origins.flags.buffers
                origin = origins.of_run(
                    ("job", "buffers", buffer), "--buffer", is_flag_given=is_given
                )
                yield Row(f"buffers.{buffer}", self.subject.connections[buffer], origin)

    def _new_buffers(self) -> Iterator[Row]:
        """Yield what is said of buffers that ``run create`` makes."""
        origins = self.subject.origins
        for name, value in self.asked.tags.items():
            is_given = name in origins.flags.buffer_tags
            origin = origins.of_run(("job", "tags", name), "--buffer-tag", is_flag_given=is_given)
            yield Row(f"bufferTags.{name}", value, origin)
        if self.asked.buffer_ttl:
            is_given = bool(origins.flags.buffer_ttl)
            origin = origins.of_run(("job", "bufferTtl"), "--buffer-ttl", is_flag_given=is_given)
            yield Row("bufferTtl", self.asked.buffer_ttl, origin)


def _changed(name: str, here: str, origin: Origin, there: str, before: str) -> Row:
    return Row(
        name,
        here,
        origin,
        cluster=None if there == here else there,
        written=None if before == here else before,
    )


def _socket_words(socket: Socket) -> str:
    words = [f"port {socket.port}"]
    if socket.input_buffer:
        words.append(f"takes {socket.input_buffer}")
    if socket.output_buffer:
        words.append(f"gives {socket.output_buffer}")
    return ", ".join(words)
