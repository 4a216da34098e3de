"""The plan of a run: frozen values that an engine carries out without knowing codespecs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tyger_local.spec.buffers import Direction

CLUSTER_PIPE_ROOT = "/etc/buffer-fifos"
"""Where the cluster puts the pipes of a container."""


RUN_LABEL = "tyger-local.run"
"""The label that everything of a run carries, with the run's id."""


class Role(str, Enum):
    """What a container is to its run."""

    JOB = "job"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class PipePlan:
    """A FIFO for one buffer.

    Attributes:
        path: Where the container sees it.
    """

    buffer: str
    direction: Direction
    path: str


@dataclass(frozen=True, slots=True)
class SocketPlan:
    """A TCP port of the container through which buffers go instead of pipes.

    Attributes:
        input_buffer: What is sent to it; None sends nothing.
        output_buffer: What it sends; None throws that away.
    """

    port: int
    input_buffer: str | None = None
    output_buffer: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """A TCP port on which a worker serves the job, by its name."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class MountPlan:
    """A host path that the container sees because ``--mount`` asked for it."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What the container may use; None leaves the engine's default.

    Attributes:
        cpu_quota_us: Microseconds of CPU in each `cpu_period_us`.
        cpu_shares: Weight against other containers, Kubernetes' formula.
        memory_bytes: Hard limit, without swap on top.
        memory_reservation_bytes: Soft limit, from the request.
        shm_bytes: Size of ``/dev/shm``.
        gpus: How many GPUs; 0 gives none.
    """

    cpu_quota_us: int | None = None
    cpu_period_us: int = 100_000
    cpu_shares: int | None = None
    memory_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    shm_bytes: int | None = None
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """One container.

    Attributes:
        index: Which replica, from 0.
        entrypoint: Replaces the image's ENTRYPOINT and drops its CMD; None leaves both.
        arguments: Replaces the image's CMD; None leaves it.
        env: Names and expanded values, in order.
        pipe_root: The folder in the container that holds the pipes.
        working_dir: None leaves the image's.
        domain: What its host name lies in; empty for none.
        aliases: The names by which the run's other containers reach it.
        endpoints: Where it serves them, if it is a worker.
    """

    role: Role
    index: int
    host_name: str
    image: str
    entrypoint: tuple[str, ...] | None
    arguments: tuple[str, ...] | None
    env: tuple[tuple[str, str], ...]
    pipe_root: str
    pipes: tuple[PipePlan, ...]
    limits: Limits
    mounts: tuple[MountPlan, ...] = ()
    working_dir: str | None = None
    user: str | None = None
    platform: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    sockets: tuple[SocketPlan, ...] = ()
    domain: str = ""
    aliases: tuple[str, ...] = ()
    endpoints: tuple[EndpointPlan, ...] = ()

    @property
    def label(self) -> str:
        """Return how people tell this container from the run's others: ``job-0``."""
        return f"{self.role.value}-{self.index}"

    @property
    def full_name(self) -> str:
        """Return its host name, with the domain in which that lies."""
        return f"{self.host_name}.{self.domain}" if self.domain else self.host_name


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the cluster does differently, or that this machine cannot do as asked.

    Attributes:
        code: Stable name of the kind of difference.
        text: A sentence that names it, without its final stop.
        strict: Whether ``--strict`` makes it an error.
        variable: The variable of ``env`` that it is about; empty for none.
    """

    code: str
    text: str
    strict: bool = False
    variable: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """A network that only the containers of one run are in.

    Attributes:
        name: For people; the engine makes it unique.
    """

    name: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A whole run.

    Attributes:
        network: The engine's network to join; None is the engine's default.
        containers: Those of the job, then the workers.
        timeout_s: Seconds from the start of the first container after which the run fails.
        differences: What is worth a warning.
        private_network: To be made for the run, when its containers talk to each other.
    """

    run_id: str
    network: str | None
    containers: tuple[ContainerPlan, ...]
    timeout_s: int
    differences: tuple[Difference, ...] = ()
    private_network: NetworkPlan | None = None

    @property
    def jobs(self) -> tuple[ContainerPlan, ...]:
        """Return the containers whose end is the run's."""
        return tuple(c for c in self.containers if c.role is Role.JOB)

    @property
    def workers(self) -> tuple[ContainerPlan, ...]:
        """Return the containers that serve them."""
        return tuple(c for c in self.containers if c.role is Role.WORKER)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What an engine's machine has.

    Attributes:
        nano_cpus: Billionths of a CPU.
        smallest_memory_bytes: The smallest memory limit that the engine takes.
        limits_apply: Whether the engine applies limits at all.
    """

    nano_cpus: int
    memory_bytes: int
    gpus: int = 0
    smallest_memory_bytes: int = 0
    limits_apply: bool = True


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the local-only flags of a run change in its plan."""

    network: str | None = None
    mounts: tuple[MountPlan, ...] = ()
    user: str | None = None
    platform: str | None = None
    no_gpu: bool = False
    no_clamp: bool = False
    shell: tuple[str, ...] | None = None
