"""What a run needs to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tyger_local.engine.base import Engine, EngineDescription, PullPolicy
from tyger_local.outcome.events import Event
from tyger_local.outcome.record import RunRecord
from tyger_local.plan.model import RunPlan
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.ends import HostEnds
from tyger_local.spec.versions import JsonObject
from tyger_local.store.logs import ContainerLog
from tyger_local.streams.tally import Checksum

DEFAULT_STOP_GRACE_S = 2.0
"""The cluster's."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is carried out, whatever its plan.

    Attributes:
        keep: Leave the container after the end.
        terminal: Connect our terminal to the container instead of waiting for its command (``--shell``).
        stop_grace_s: From SIGTERM to SIGKILL.
        follow_logs: Report what the containers print as events.
        wait_endpoints_s: How long the job's start waits for the workers' endpoints to listen; None does not
            wait, as the cluster.
    """

    pull: PullPolicy = PullPolicy.MISSING
    checksum: Checksum = Checksum.AUTO
    lenient: bool = False
    keep: bool = False
    terminal: bool = False
    stop_grace_s: float = DEFAULT_STOP_GRACE_S
    follow_logs: bool = False
    wait_endpoints_s: float | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """One run.

    Attributes:
        replicas: How many containers of the job.
        make_plan: Plans for what the engine turns out to be; gets the folder in which the replica of an
            index finds its pipes.
        pipe_folders: Where the folder of pipes of each replica is made.
        folder_note: Says in each whose it is.
        ends: The host's side of the buffers, opened.
        record: The run's record so far.
        save: Writes a record down.
        save_samples: Writes down what the containers used over time.
        open_log: Makes the log of a container by its label.
        emit: Is told of progress, from any thread.
        now: Tells the time as RFC 3339 text.
        note_left: Is called when something of the run may be left.
        memory_limit: The job codespec's, as text for messages.
        worker_memory_limit: The worker codespec's.
    """

    engine: Engine
    replicas: int
    make_plan: Callable[[EngineDescription, Callable[[int], str]], RunPlan]
    pipe_folders: tuple[Path, ...]
    folder_note: str
    ends: HostEnds
    record: RunRecord
    save: Callable[[RunRecord], None]
    save_samples: Callable[[JsonObject], None]
    open_log: Callable[[str], ContainerLog]
    emit: Callable[[Event], None]
    now: Callable[[], str]
    cancellation: Cancellation
    note_left: Callable[[], None]
    options: Options = Options()
    memory_limit: str = ""
    worker_memory_limit: str = ""
