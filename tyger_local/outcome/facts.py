"""What is known about a run that has ended, before anybody judges it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tyger_local.spec.buffers import Direction

UNREAD_ALLOWED_BYTES = 65_536
"""The size of a pipe on the cluster: what fits is written before the reader closes and not missed."""

SHORTEST_MOVE_S = 0.001
"""A rate over less than this says more about the clock than about the buffer."""


LONG_LIFE_S = 10.0
MOST_SHORT_LIVES = 3
"""How often in a row a worker may end that has not run for so long, before the run ends."""


class BufferState(str, Enum):
    """What a buffer's pipe or connection is doing, and what became of it.

    The first four are of a run that goes on: the container has not opened the pipe, or accepted the
    connection; bytes move; none has moved for a while, since the container or the host's side lets the other
    wait.
    """

    WAITING = "waiting"
    STREAMING = "streaming"
    STALLED_ON_CONTAINER = "stalled-on-container"
    STALLED_ON_HOST = "stalled-on-host"
    COMPLETE = "complete"
    NEVER_OPENED = "never-opened"
    CLOSED_EARLY = "closed-early"
    REOPENED = "reopened"
    REPLACED = "replaced"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class BufferStats:
    """What went through one buffer.

    Attributes:
        bytes: Bytes that left the host (input) or reached it (output).
        sha256: Of those bytes, in hexadecimal; None when it was not computed.
        seconds: From the start of the run to the last byte or the end.
        unread_bytes: For an input that was opened: bytes that the container never read, as far as
            they were counted; None when there is nothing to say.
        error: The system's words when bytes could not be moved.
        held_at_end: Whether a child process still held an output when the container's end killed it.
        moving_s: From the first byte to the last.
        waited_opening_s: How long our side has waited for the container to open the pipe or to accept the
            connection, the time in which the engine started the container included.
        waited_container_s: The same for the container to read or write.
        waited_host_s: The same for the host's file or stream. Of a regular file all the time of moving
            bytes to or from it, since a slow disk shows in nothing else.
        port: Of the container, where it went through a socket and not through a pipe.
    """

    buffer: str
    direction: Direction
    state: BufferState
    bytes: int = 0
    sha256: str | None = None
    seconds: float = 0.0
    unread_bytes: int | None = None
    error: str | None = None
    held_at_end: bool = False
    moving_s: float = 0.0
    waited_opening_s: float = 0.0
    waited_container_s: float = 0.0
    waited_host_s: float = 0.0
    port: int | None = None

    @property
    def bytes_per_second(self) -> float | None:
        """Return the rate from the first byte to the last; None when that took no millisecond."""
        return None if self.moving_s < SHORTEST_MOVE_S else self.bytes / self.moving_s


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """How one container ended.

    Attributes:
        exit_code: As the engine says it; 128 + N after signal N.
        oom_killed: Whether the kernel was seen killing a process of it for want of memory.
    """

    label: str
    exit_code: int
    oom_killed: bool = False


@dataclass(frozen=True, slots=True)
class WorkerEnds:
    """A worker that has ended `MOST_SHORT_LIVES` times in a row, each time before `LONG_LIFE_S` seconds."""

    label: str
    ends: tuple[ContainerEnd, ...]


class Fate(str, Enum):
    """What became of one container of a run.

    `STOPPED` is for one that was still running when the run was over: its exit code counts for nothing.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OUT_OF_MEMORY = "out-of-memory"
    STOPPED = "stopped"
    NOT_STARTED = "not-started"


class CancelReason(str, Enum):
    """Who canceled a run."""

    INTERRUPT = "SIGINT"
    TERMINATE = "SIGTERM"
    HANG_UP = "SIGHUP"
    USER = "user"
    READER_CLOSED = "reader"


class EndedBy(str, Enum):
    """What ended a run first; what happens while it is torn down is not judged.

    `SOCKETS`: everything has gone through the job's sockets and pipes, and it still ran.
    """

    EXIT = "exit"
    SOCKETS = "sockets"
    WORKER = "worker"
    TIME_OUT = "time-out"
    CANCEL = "cancel"
    BUFFER = "buffer"
    START = "start"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a verdict is made of.

    Attributes:
        message: The engine's or the system's words for `START`, `ENGINE` and some of `BUFFER`.
        hint: The next step after `message`.
        start_exit_code: 127, 126 or 125 for `START`.
        canceled_by: Who asked for `CANCEL`, in words; empty where the reason says all.
        is_wrong_format: For `START`: the kernel did not know how to execute the command's file.
        image_platform: What the image was built for; None when that is not known.
        machine_platform: That of the engine's machine; the same.
        memory_limit: The limit as a quantity in text, for the message; empty when there is none.
        worker: For `WORKER`: which one has ended too often.
        names_replicas: Whether there are several of the job, so that it matters which one failed.
        has_job_started: For `TIME_OUT`: whether it was more than its workers that ran.
        silent_endpoints: Endpoints of workers that nobody has seen listening, as text.
        local_endpoints: Those that were seen listening on the worker's ``localhost`` only, as text.
        worker_memory_limit: What `memory_limit` is for the workers.
        lenient: Unread input, and an out-of-memory kill that the job survived, are only warnings.
    """

    ended_by: EndedBy
    ends: tuple[ContainerEnd, ...] = ()
    buffers: tuple[BufferStats, ...] = ()
    message: str = ""
    hint: str = ""
    start_exit_code: int = 125
    is_wrong_format: bool = False
    image_platform: str | None = None
    machine_platform: str | None = None
    cancel_reason: CancelReason | None = None
    canceled_by: str = ""
    timeout_s: int = 0
    memory_limit: str = ""
    worker: WorkerEnds | None = None
    names_replicas: bool = False
    has_job_started: bool = True
    silent_endpoints: tuple[str, ...] = ()
    local_endpoints: tuple[str, ...] = ()
    worker_memory_limit: str = ""
    lenient: bool = False
