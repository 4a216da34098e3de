"""One container of the job, with its pipes and the threads that serve them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tyger_local.outcome.sight import Reach
from tyger_local.plan.model import ContainerPlan, PipePlan, SocketPlan
from tyger_local.runner.inbox import ContainerEnded, Inbox, TransferEnded
from tyger_local.runner.member import Member
from tyger_local.runner.setup import Setup
from tyger_local.spec.buffers import Direction
from tyger_local.streams.drain import Drain
from tyger_local.streams.feed import Feed
from tyger_local.streams.fifo import Fifo
from tyger_local.streams.sightings import PipeWatch
from tyger_local.streams.transfer import Transfer

if TYPE_CHECKING:
    from tyger_local.streams.link import Link


class Replica(Member):
    """One container of the job and what serves it; takes and raises what `Member` does.

    Attributes:
        links: The connections to its ports.

    Raises:
        StreamError: A pipe cannot be made.
    """

    def __init__(
        self, plan: ContainerPlan, folder: Path, setup: Setup, inbox: Inbox, stack: ExitStack
    ) -> None:
        super().__init__(plan, folder, setup, inbox, stack)
        self.links: list[Link] = []
        transfers: list[Transfer] = []
        if plan.pipes:
            watch = PipeWatch(folder)
            stack.callback(watch.close)
            transfers += (self._transfer(pipe, watch, stack) for pipe in plan.pipes)
        self._connected = [t for s in plan.sockets for t in self._socket_transfers(s, stack)]
        self.transfers = [*transfers, *self._connected]

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

    def _socket_transfers(self, socket: SocketPlan, stack: ExitStack) -> Iterator[Transfer]:
        # Late: most jobs have none, and what is imported before a run begins is waited for.
        from tyger_local.streams.link import Link  # noqa: PLC0415
        from tyger_local.streams.socket_input import SocketInput  # noqa: PLC0415
        from tyger_local.streams.socket_output import SocketOutput  # noqa: PLC0415

        checksum, ends = self._setup.options.checksum, self._setup.ends
        into, out = socket.input_buffer, socket.output_buffer
        link = Link(
            socket.port,
            self._reach,
            has_input=into is not None,
            has_output=out is not None,
            is_needed=not self.is_interactive,
        )
        stack.callback(link.leave)
        self.links.append(link)
        if into is not None:
            source = ends.take_source(into)
            stack.callback(source.close)
            sent = SocketInput(into, link, source, checksum, self._transfer_ended)
            stack.callback(sent.close)
            yield sent
        if out is not None:
            target = ends.targets[out]
            received = SocketOutput(out, link, target, checksum, self._transfer_ended)
            stack.callback(received.close)
            yield received

    def _reach(self) -> Reach | None:
        return self.container.reach()  # which is created later than what serves it

    def _transfer_ended(self, transfer: Transfer) -> None:
        self._inbox.put(TransferEnded(transfer))

    def note_end(self, message: ContainerEnded) -> None:
        """Take note of its end, and let its connections know, which may wait for one to be accepted."""
        super().note_end(message)
        for transfer in self._connected:
            transfer.container_ended()

    def start(self) -> None:
        """Start the container, and before it what serves its pipes.

        Raises:
            StartError: It cannot be started.
            EngineError: The engine is lost.
        """
        for transfer in self.transfers:
            transfer.start()
        super().start()

    @property
    def is_interactive(self) -> bool:
        """Return whether somebody types in it (``--shell``)."""
        return self._setup.options.terminal
