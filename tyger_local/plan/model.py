"""The plan of a run: frozen values that an engine carries out without knowing codespecs."""

from __future__ import annotations

from dataclasses import dataclass
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

    @property
    def label(self) -> str:
        """Return how people tell this container from the run's others: ``job-0``."""
        return f"{self.role.value}-{self.index}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the cluster does differently, or that this machine cannot do as asked.

    Attributes:
        code: Stable name of the kind of difference.
        text: A sentence that names it, without its final stop.
        strict: Whether ``--strict`` makes it an error.
    """

    code: str
    text: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A whole run.

    Attributes:
        network: The engine's network to join; None is the engine's default.
        timeout_s: Seconds from container start after which the run fails.
        differences: What is worth a warning.
    """

    run_id: str
    network: str | None
    containers: tuple[ContainerPlan, ...]
    timeout_s: int
    differences: tuple[Difference, ...] = ()


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
