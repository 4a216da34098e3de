"""One container of a run with its pipes, the threads that serve them and its log."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tyger_local.engine.base import Container, OutputStream
from tyger_local.outcome.events import LogLine
from tyger_local.outcome.facts import BufferStats, ContainerEnd
from tyger_local.plan.model import ContainerPlan, PipePlan
from tyger_local.runner.inbox import ContainerEnded, Inbox, TransferEnded
from tyger_local.runner.setup import Setup
from tyger_local.spec.buffers import Direction
from tyger_local.streams.drain import Drain
from tyger_local.streams.feed import Feed
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.transfer import Transfer

LOG_TIMEOUT_S = 20.0
"""How long whoever shows the log may lag behind the end; Tyger's."""


class Replica:
    """One container and what serves it.

    Attributes:
        started_at: When the engine had started it, by `time.monotonic`; None when it has not.

    Args:
        plan: What it is to be.
        folder: The host's folder for its pipes.
        setup: The run.
        inbox: Is told of ends.
        stack: Undoes everything that is made here, in reverse.

    Raises:
        StreamError: A pipe cannot be made.
        StoreError: The log cannot be made.
    """

    def __init__(
        self, plan: ContainerPlan, folder: Path, setup: Setup, inbox: Inbox, stack: ExitStack
    ) -> None:
        self.plan = plan
        self.end: ContainerEnd | None = None
        self.has_started = False
        self.started_at: float | None = None
        self._folder = folder
        self._setup = setup
        self._inbox = inbox
        self._container: Container | None = None
        self.transfers: list[Transfer] = []
        if plan.pipes:
            watch = PipeWatch(folder)
            stack.callback(watch.close)
            self.transfers = [self._transfer(pipe, watch, stack) for pipe in plan.pipes]
        self.log = setup.open_log(plan.label)
        stack.callback(self.log.close)
        self._follower = threading.Thread(target=self._follow, name="log follower", daemon=True)

    def _transfer(self, pipe: PipePlan, watch: PipeWatch, stack: ExitStack) -> Transfer:
        buffer = pipe.buffer
        fifo = Fifo(self._folder / buffer)
        stack.callback(fifo.close)
        checksum, ends = self._setup.options.checksum, self._setup.ends
        transfer: Transfer
        if pipe.direction is Direction.INPUT:
            source = ends.take_source(buffer)
            stack.callback(source.close)
            transfer = Feed(buffer, fifo, watch, source, checksum, self._transfer_ended)
        else:
            target = ends.targets[buffer]
            transfer = Drain(buffer, fifo, watch, target, checksum, self._transfer_ended)
        stack.callback(transfer.close)
        return transfer

    def _transfer_ended(self, transfer: Transfer) -> None:
        self._inbox.put(TransferEnded(transfer))

    def create(self, networks: tuple[str, ...]) -> Container:
        """Have the engine make the container.

        Args:
            networks: Those that it joins; none is the engine's default.

        Raises:
            StartError: It cannot be made.
            EngineError: The engine refuses or is lost.
        """
        self._container = self._setup.engine.create(
            self.plan, self._folder, networks, terminal=self._setup.options.terminal
        )
        return self._container

    def start(self) -> None:
        """Start the container, and before it what serves its pipes.

        Raises:
            StartError: It cannot be started.
            EngineError: The engine is lost.
        """
        for transfer in self.transfers:
            transfer.start()
        if self._setup.options.follow_logs:
            self._follower.start()
        container = self.container
        if self._setup.options.terminal:
            self._inbox.wait_for(container.run_in_terminal)
        else:
            container.start(self._keep)
        self.started_at = time.monotonic()
        self.has_started = True
        threading.Thread(target=self._await_end, name="container", daemon=True).start()

    @property
    def container(self) -> Container:
        """Return the container, which has been created."""
        if self._container is None:
            raise RuntimeError("a replica is used before its container was created")
        return self._container

    @property
    def is_interactive(self) -> bool:
        """Return whether somebody types in it (``--shell``)."""
        return self._setup.options.terminal

    @property
    def is_running(self) -> bool:
        """Return whether it was started and its end has not been told."""
        return self.has_started and self.end is None

    def _keep(self, stream: OutputStream, data: bytes) -> None:
        self.log.append(stream.value, data)

    def _await_end(self) -> None:
        end: ContainerEnd | Exception
        try:
            end = self.container.wait()
        except Exception as error:  # noqa: BLE001  (a bug, too, must be told to who waits, or it hangs)
            end = error
        self._inbox.put(ContainerEnded(self.plan.index, end))

    def _follow(self) -> None:
        for piece in self.log.follow():
            self._setup.emit(LogLine(self.plan.label, piece.at, piece.data, piece.is_first))

    def finish_log(self) -> bool:
        """End the log and wait for whoever follows it; return whether it came to its end in time."""
        self.log.close()
        if self._follower.ident is not None:
            self._follower.join(LOG_TIMEOUT_S)
        return not self._follower.is_alive()

    def statistics(self) -> tuple[BufferStats, ...]:
        """Return what became of each buffer, after the container's end."""
        return tuple(transfer.final_stats() for transfer in self.transfers)
