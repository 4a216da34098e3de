"""One container of a run, of the job or a worker: its engine's side, its log, and how it ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tyger_local.engine.base import Container, OutputStream
from tyger_local.outcome.events import LogLine
from tyger_local.outcome.facts import BufferStats, ContainerEnd, Fate
from tyger_local.outcome.record import ContainerRecord, ImageIdentity, Usage
from tyger_local.plan.model import ContainerPlan
from tyger_local.runner.inbox import ContainerEnded, Inbox
from tyger_local.runner.setup import Setup
from tyger_local.streams.transfer import Transfer

LOG_TIMEOUT_S = 20.0
"""How long whoever shows the log may lag behind the end; Tyger's."""


class Member:
    """One container of a run.

    Attributes:
        end: How it ended; None before that.
        started_at: When the engine had started it, by `time.monotonic`; None when it has not.
        has_started: Whether the engine has started it and knows its end.
        was_stopped: Whether it was still running when the run was over.
        transfers: What moves the bytes of its buffers.

    Args:
        plan: What it is to be.
        folder: The host's folder for its pipes; not looked at when it has none.
        setup: The run.
        inbox: Is told of ends.
        stack: Undoes everything that is made here, in reverse.

    Raises:
        StoreError: The log cannot be made.
    """

    restarts = 0

    def __init__(
        self, plan: ContainerPlan, folder: Path, setup: Setup, inbox: Inbox, stack: ExitStack
    ) -> None:
        self.plan = plan
        self.end: ContainerEnd | None = None
        self.has_started = False
        self.started_at: float | None = None
        self.was_stopped = False
        self.transfers: Sequence[Transfer] = ()
        self._folder = folder
        self._setup = setup
        self._inbox = inbox
        self._networks: tuple[str, ...] = ()
        self._container: Container | None = None
        self.log = setup.open_log(plan.label)
        stack.callback(self.log.close)
        self._follower = threading.Thread(target=self._follow, name="log follower", daemon=True)

    @property
    def label(self) -> str:
        """Return how people tell it from the run's others."""
        return self.plan.label

    def create(self, networks: tuple[str, ...]) -> None:
        """Have the engine make the container.

        Args:
            networks: Those that it joins; none is the engine's default.

        Raises:
            StartError: It cannot be made.
            EngineError: The engine refuses or is lost.
        """
        self._networks = networks
        self._container = self._setup.engine.create(
            self.plan, self._folder, networks, terminal=self.is_interactive
        )

    def start(self) -> None:
        """Start the container.

        Raises:
            StartError: It cannot be started.
            EngineError: The engine is lost.
        """
        if self._setup.options.follow_logs and self._follower.ident is None:
            self._follower.start()
        container = self.container
        if not self.is_interactive:
            container.start(self._keep)
        self.started_at = time.monotonic()
        self.has_started = True
        threading.Thread(
            target=self._await_end, args=(container,), name="container", daemon=True
        ).start()

    @property
    def container(self) -> Container:
        """Return the container, which has been created."""
        if self._container is None:
            raise RuntimeError("a container is used before it was created")
        return self._container

    @property
    def is_created(self) -> bool:
        """Return whether there is a container, as far as the engine has said."""
        return self._container is not None

    @property
    def is_interactive(self) -> bool:
        """Return whether somebody types in it (``--shell``)."""
        return False

    @property
    def is_running(self) -> bool:
        """Return whether it was started and its end has not been told."""
        return self.has_started and self.end is None

    def note_end(self, message: ContainerEnded) -> None:
        """Take note of its end, or that there is none to wait for."""
        if isinstance(message.end, Exception):
            self.has_started = False
        else:
            self.end = message.end

    def _keep(self, stream: OutputStream, data: bytes) -> None:
        self.log.append(stream.value, data)

    def _await_end(self, container: Container) -> None:
        end: ContainerEnd | Exception
        try:
            if self.is_interactive:
                container.run_in_terminal()
            end = container.wait()
        except Exception as error:  # noqa: BLE001  (a bug, too, must be told to who waits, or it hangs)
            end = error
        self._inbox.put(ContainerEnded(self.label, end))

    def _follow(self) -> None:
        for piece in self.log.follow():
            self._setup.emit(
                LogLine(self.label, piece.at, piece.data, piece.is_first, piece.stream)
            )

    def finish_log(self) -> bool:
        """End the log and wait for whoever follows it; return whether it came to its end in time."""
        self.log.close()
        if self._follower.ident is not None:
            self._follower.join(LOG_TIMEOUT_S)
        return not self._follower.is_alive()

    def usage(self) -> Usage:
        """Return what it has cost, after its end."""
        return Usage() if self.started_at is None else self.container.usage()

    def statistics(self) -> tuple[BufferStats, ...]:
        """Return what became of each buffer, after the container's end."""
        return tuple(transfer.final_stats() for transfer in self.transfers)

    def record(
        self, image: ImageIdentity | None, buffers: tuple[BufferStats, ...]
    ) -> ContainerRecord:
        """Return what became of it, once the run is over.

        Args:
            image: What it was made from.
            buffers: Its `statistics`.
        """
        end, fate = self.end, self._fate
        return ContainerRecord(
            self.label,
            self.plan.full_name,
            fate,
            exit_code=end.exit_code if end is not None and fate is not Fate.STOPPED else None,
            restarts=self.restarts,
            image=image,
            usage=self.usage(),
            buffers=buffers,
        )

    @property
    def _fate(self) -> Fate:
        if self.started_at is None:
            return Fate.NOT_STARTED
        if self.end is None or self.was_stopped:
            return Fate.STOPPED
        if self.end.oom_killed:
            return Fate.OUT_OF_MEMORY
        return Fate.SUCCEEDED if self.end.exit_code == 0 else Fate.FAILED
