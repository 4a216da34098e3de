"""A report as a value."""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.outcome.needs import Measured
from tyger_local.outcome.record import Usage
from tyger_local.outcome.suggestion import Suggestion
from tyger_local.report.samples import ContainerSamples
from tyger_local.spec.models import Resources

WAITS = {"opening": "its opening", "container": "container", "host": "this side"}
"""What a buffer waits for, as the record names it and for people."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run's time."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class BufferFigures:
    """What went through a buffer.

    Attributes:
        bytes_per_second: None when it is not known.
        waits: What it waited for, of `WAITS`, and how many seconds.
    """

    name: str
    direction: str
    state: str
    bytes: int | None
    seconds: float | None
    bytes_per_second: float | None
    waits: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ContainerFigures:
    """One container of a run of several.

    Attributes:
        restarts: How often it was started again.
    """

    label: str
    verdict: str
    exit_code: int | None
    restarts: int
    usage: Usage
    buffers: tuple[BufferFigures, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """The containers of one codespec: those of the job, or the workers.

    Attributes:
        command: The codespec's command and arguments, before expansion.
        asked: The codespec's resources.
        method: How memory and CPU were measured.
        samples: What each container used over time.
    """

    image: str
    digest: str
    command: tuple[str, ...]
    asked: Resources
    measured: Measured
    method: str
    samples: tuple[ContainerSamples, ...]
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class Report:
    """What a run was, and what it cost. Texts are empty and values None where nothing is known.

    Attributes:
        hint: What to do about how it ended, or what else there is to know of it.
        wall_seconds: From the run's creation to its end.
        buffers: Of a run of several containers, those of its first.
        worker: None where the run had no workers.
        containers: What became of each, in a run of several.
    """

    run_id: int
    status: str
    verdict: str
    reason: str
    hint: str
    exit_code: int | None
    created_at: str
    started_at: str
    finished_at: str
    engine: str
    wall_seconds: float | None
    phases: tuple[Phase, ...]
    buffers: tuple[BufferFigures, ...]
    job: Target
    worker: Target | None
    containers: tuple[ContainerFigures, ...]

    @property
    def targets(self) -> tuple[tuple[str, Target], ...]:
        """Return the job, and the workers if there are any, with what people call them."""
        return (("job", self.job), *((("workers", self.worker),) if self.worker else ()))
