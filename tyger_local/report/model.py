"""A report as a value."""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.outcome.needs import Measured
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
class Report:
    """What a run was, and what it cost. Texts are empty and values None where nothing is known.

    Attributes:
        hint: What to do about how it ended, or what else there is to know of it.
        command: The codespec's command and arguments, before expansion.
        asked: The codespec's resources.
        wall_seconds: From the run's creation to its end.
        method: How memory and CPU were measured.
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
    image: str
    digest: str
    engine: str
    command: tuple[str, ...]
    asked: Resources
    wall_seconds: float | None
    method: str
    phases: tuple[Phase, ...]
    buffers: tuple[BufferFigures, ...]
    measured: Measured
    containers: tuple[ContainerSamples, ...]
    suggestion: Suggestion
