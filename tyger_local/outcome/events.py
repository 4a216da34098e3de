"""What a run reports while it goes on. The library prints nothing: it hands these to a callback."""

from __future__ import annotations

from dataclasses import dataclass

from tyger_local.outcome.facts import BufferStats
from tyger_local.outcome.verdict import Status


@dataclass(frozen=True, slots=True)
class RunCreated:
    """The run has its id.

    Attributes:
        uses_stdin: Whether a buffer reads our standard input.
        uses_stdout: Whether a buffer writes our standard output.
    """

    run_id: int
    uses_stdin: bool = False
    uses_stdout: bool = False


@dataclass(frozen=True, slots=True)
class ImagePull:
    """An image is being pulled; `text` is the engine's word on it."""

    image: str
    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job is about to start, and waits; `text` says for what."""

    text: str


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The run has another status."""

    run_id: int
    status: Status
    running: int | None = None


@dataclass(frozen=True, slots=True)
class Transfers:
    """How far the buffers are; given at intervals while a run streams.

    Attributes:
        buffers: Those of each replica of the job, replica by replica; all have the same names.
    """

    buffers: tuple[BufferStats, ...]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A piece of a container's output.

    Attributes:
        container: Which one (``job-0``).
        at: When it arrived, RFC 3339.
        data: One line with its end, or a piece of a longer line without.
        first: Whether it begins a line.
        stream: Where it was printed.
    """

    container: str
    at: str
    data: bytes
    first: bool
    stream: str = "stdout"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something worth a warning."""

    text: str


Event = RunCreated | ImagePull | Waiting | StatusChanged | Transfers | LogLine | Warned
