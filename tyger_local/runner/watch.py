"""Waiting for the end of a run, and bringing it about.

One loop takes messages from one queue; nothing here polls. What ends the run first is its cause.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Sequence

from tyger_local.errors import EngineError, TygerLocalError
from tyger_local.outcome.facts import (
    UNREAD_ALLOWED_BYTES,
    BufferState,
    CancelReason,
    ContainerEnd,
    EndedBy,
)
from tyger_local.runner.cause import Cause, failure, worker_ended
from tyger_local.runner.inbox import (
    CancelRequested,
    ContainerEnded,
    Examined,
    Inbox,
    Message,
    TransferEnded,
)
from tyger_local.runner.member import Member
from tyger_local.runner.replica import Replica
from tyger_local.runner.stalls import StallWatch
from tyger_local.runner.worker import Worker
from tyger_local.streams.transfer import JOIN_TIMEOUT_S, Transfer

TICK_S = 0.5
"""How often progress is reported."""

MISUSE_GRACE_S = 1.0
"""How long a container that misused a pipe or broke a connection may take to end, which tells more."""

SOCKETS_GRACE_S = 0.5
"""The same for one whose sockets have gone through: they close, too, when a program fails."""

START_TIMEOUT_S = 2.0
"""How long a worker may go on starting when the run is over; the engine takes half a second as a rule."""

KILL_TIMEOUT_S = 10.0
"""How long the engine may take to kill."""

LAST_BYTES_TIMEOUT_S = 5.0
"""How long the outputs of a run that failed may take to arrive."""

UNWANTED_BYTES_TIMEOUT_S = 0.5
"""The same for one that was canceled or timed out."""


class Watch:
    """Watches the containers of a run.

    Attributes:
        ends: How those of the job ended by themselves, in the order in which they did: the earliest to fail
            gives the reason.

    Args:
        replicas: Those of the job.
        workers: Those that serve it.
        inbox: Where their threads report.
        stalls: Looks after those whose pipes do not move.
        timeout_s: From `begin`.
        lenient: Whether unread input is fine.
        on_tick: Called now and then.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        workers: Sequence[Worker],
        inbox: Inbox,
        stalls: StallWatch,
        *,
        timeout_s: float,
        lenient: bool,
        on_tick: Callable[[], None],
    ) -> None:
        self.ends: list[ContainerEnd] = []
        self._replicas = replicas
        self._workers = workers
        self._members: dict[str, Member] = {m.label: m for m in (*replicas, *workers)}
        self._inbox = inbox
        self._stalls = stalls
        self._timeout_s = timeout_s
        self._deadline = math.inf
        self._misuse_deadline: float | None = None
        self._lenient = lenient
        self._on_tick = on_tick
        self._transfers = [transfer for replica in replicas for transfer in replica.transfers]
        self._moving: dict[int, Transfer] = {}

    def begin(self) -> None:
        """Let the time run: the first container has started. Does nothing when called again."""
        if self._deadline == math.inf:
            self._deadline = time.monotonic() + self._timeout_s

    def follow_bytes(self) -> None:
        """Follow the bytes of all buffers; those that have started to move may have ended already."""
        self._moving = {id(t): t for t in self._transfers if t.is_moving}

    def until(self, is_reached: Callable[[], bool]) -> Cause | None:
        """Wait until something is reached, which is asked whenever anything happens.

        Returns:
            None, or what ends the run before that.
        """
        while not is_reached():
            cause = self._consider(self._next_message()) or self._passed_deadline()
            if cause is not None:
                return cause
        return None

    def until_end(self) -> Cause:
        """Wait until the job has ended well, or something ends the run."""
        cause = self.until(lambda: all(map(self._is_done, self._replicas)))
        if cause is None and self._job_runs:
            deadline = time.monotonic() + SOCKETS_GRACE_S
            cause = self.until(lambda: not self._job_runs or time.monotonic() >= deadline)
            if cause is not None and cause.ended_by in (EndedBy.TIME_OUT, EndedBy.WORKER):
                cause = None  # all had gone through by then
        if cause is not None:
            return cause
        return Cause(EndedBy.SOCKETS if self._job_runs else EndedBy.EXIT)

    @property
    def _job_runs(self) -> bool:
        return any(replica.is_running for replica in self._replicas)

    @property
    def _is_used(self) -> bool:
        """Return whether somebody types in a container (``--shell``)."""
        return any(replica.is_interactive and replica.is_running for replica in self._replicas)

    def _is_done(self, replica: Replica) -> bool:
        """Return whether nothing more is to come of a container: it has ended, or its sockets have."""
        if not replica.is_running:
            return True
        if replica.is_interactive:
            return False  # whoever types in it ends it
        moving = any(id(transfer) in self._moving for transfer in replica.transfers)
        return bool(replica.plan.sockets) and not moving and self._misuse_deadline is None

    def _next_message(self) -> Message | None:
        now = time.monotonic()
        until = min(self._deadline, self._misuse_deadline or math.inf, now + TICK_S)
        message = self._inbox.take(until - now)
        if message is None:
            self._on_tick()
            self._stalls.tick()
        return message

    def _passed_deadline(self) -> Cause | None:
        now = time.monotonic()
        if self._misuse_deadline is not None and now >= self._misuse_deadline:
            return Cause(EndedBy.BUFFER)
        return Cause(EndedBy.TIME_OUT) if now >= self._deadline else None

    def _consider(self, message: Message | None) -> Cause | None:
        """Take note of `message`; return what it ends the run with, if it does."""
        if isinstance(message, CancelRequested):
            return Cause(EndedBy.CANCEL, cancel_reason=message.reason)
        if isinstance(message, TransferEnded):
            return self._transfer_ended(message.transfer)
        if isinstance(message, ContainerEnded):
            return self._container_ended(message)
        if isinstance(message, Examined):
            error = self._stalls.consider(message)
            return None if error is None else Cause(EndedBy.BUFFER, error)
        return None

    def _container_ended(self, message: ContainerEnded) -> Cause | None:
        member = self._members[message.label]
        if isinstance(member, Worker):
            return worker_ended(member.label, member.ended(message))
        self._note_end(message)
        if isinstance(message.end, TygerLocalError):
            return failure(message.end)
        if isinstance(message.end, Exception):
            raise message.end
        failed = message.end.exit_code != 0 or message.end.oom_killed
        return Cause(EndedBy.EXIT) if failed else None

    def _transfer_ended(self, transfer: Transfer) -> Cause | None:
        self._moving.pop(id(transfer), None)
        if self._is_used:
            return None  # nobody's shell is killed for what was tried in it
        stats = transfer.stats
        if transfer.reader_closed:
            return Cause(EndedBy.CANCEL, cancel_reason=CancelReason.READER_CLOSED)
        is_broken = stats.error is not None
        if (is_broken and not transfer.connection_broke) or stats.state is BufferState.REOPENED:
            return Cause(EndedBy.BUFFER)
        unread = (stats.unread_bytes or 0) > UNREAD_ALLOWED_BYTES and not self._lenient
        if unread or is_broken or stats.state is BufferState.REPLACED:
            self._misuse_deadline = time.monotonic() + MISUSE_GRACE_S
        return None

    def stop(self, grace_s: float) -> None:
        """Stop what still runs: SIGTERM, `grace_s` seconds, SIGKILL. A request to cancel kills at once."""
        self._start_no_more()
        for member in self._running():
            member.was_stopped = True
            for transfer in member.transfers:
                transfer.interrupt()
        for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILL_TIMEOUT_S)):
            for member in self._running():
                member.was_stopped = True  # a worker may have been on its way
                # In a thread: an engine that hangs shall not keep anybody who wants to leave.
                threading.Thread(
                    target=_signal, args=(member, number), name="signal", daemon=True
                ).start()
            self._await_ends(patience_s)

    def _start_no_more(self) -> None:
        """Have no worker started again, and wait for those that start: they are to be stopped, too."""
        for worker in self._workers:
            worker.stop_restarting()
        deadline = time.monotonic() + START_TIMEOUT_S
        for worker in self._workers:
            worker.finish_starting(deadline - time.monotonic())

    def _await_ends(self, patience_s: float) -> None:
        """Wait until nothing runs, for a while at most, or until a request to cancel."""
        deadline = time.monotonic() + patience_s
        later: list[TransferEnded] = []
        while self._running() and time.monotonic() < deadline:
            message = self._inbox.take(deadline - time.monotonic())
            if isinstance(message, ContainerEnded):
                self._note_end(message)
            elif isinstance(message, TransferEnded):
                later.append(message)
            elif isinstance(message, CancelRequested):
                break
        for ended in later:  # `last_bytes` wants to know how
            self._inbox.put(ended)

    def _running(self) -> list[Member]:
        return [member for member in self._members.values() if member.is_running]

    def _note_end(self, message: ContainerEnded) -> None:
        member = self._members[message.label]
        member.note_end(message)
        if isinstance(member, Replica) and member.end is not None and not member.was_stopped:
            self.ends.append(member.end)

    def last_bytes(self, cause: Cause, *, succeeded: bool) -> Cause:
        """Wait until everything the containers wrote has arrived.

        A run that succeeded waits as long as it takes; one that failed only for a moment, and not at all
        once somebody asks again for its end.

        Returns:
            `cause`, or what went wrong now.
        """
        for transfer in self._transfers:
            transfer.container_ended()
        unwanted = cause.ended_by in (EndedBy.CANCEL, EndedBy.TIME_OUT)
        deadline = time.monotonic() + (
            UNWANTED_BYTES_TIMEOUT_S if unwanted else LAST_BYTES_TIMEOUT_S
        )
        while self._moving:
            left = TICK_S if succeeded else min(TICK_S, deadline - time.monotonic())
            if left <= 0:
                break
            message = self._inbox.take(left)
            if message is None:
                self._on_tick()
            elif isinstance(message, CancelRequested) and not succeeded:
                break
            elif isinstance(message, (TransferEnded, CancelRequested)):
                worse = self._consider(message)
                if worse is not None and succeeded:
                    cause, succeeded = worse, False
        for transfer in self._moving.values():
            transfer.stop()
        for transfer in self._moving.values():  # its target is closed next, and not under its hands
            transfer.join(JOIN_TIMEOUT_S)
        return cause


def _signal(member: Member, number: int) -> None:
    with contextlib.suppress(EngineError):  # removing it comes next, and tells
        member.container.signal(number)
