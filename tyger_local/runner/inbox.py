"""One queue for everything that a run waits for."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tyger_local.outcome.diagnosis import Diagnosis
from tyger_local.outcome.facts import CancelReason, ContainerEnd
from tyger_local.streams.transfer import Transfer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ContainerEnded:
    """A container is gone, or the engine with it, or a bug kept us from knowing.

    Attributes:
        label: Which one.
        at: When that was known, by `time.monotonic`; whoever takes this may have been busy.
    """

    label: str
    end: ContainerEnd | Exception
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """A buffer has nothing more to move."""

    transfer: Transfer


@dataclass(frozen=True, slots=True)
class Examined:
    """A container whose pipes did not move was examined.

    Attributes:
        label: Which one.
        last_byte: When a byte had last moved, when the examination began.
    """

    label: str
    found: Diagnosis | None
    last_byte: float


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker runs, and its name resolves."""

    label: str


@dataclass(frozen=True, slots=True)
class EndpointsLookedAt:
    """Somebody has looked whether the workers' endpoints listen, and something has changed."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody wants the run to end."""

    reason: CancelReason


@dataclass(frozen=True, slots=True)
class CallDone:
    """A call that was made in the background has ended."""


Message = (
    ContainerEnded
    | TransferEnded
    | Examined
    | WorkerReady
    | EndpointsLookedAt
    | CancelRequested
    | CallDone
)


class CanceledWaitingError(Exception):
    """The run was canceled while something was waited for."""

    def __init__(self, reason: CancelReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Inbox:
    """A queue of messages. Putting into it is safe in signal handlers and from any thread."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        """Put a message in."""
        self._queue.put(message)

    def cancel(self, reason: CancelReason) -> None:
        """Put a request to end the run in."""
        self._queue.put(CancelRequested(reason))

    def take(self, timeout_s: float) -> Message | None:
        """Return the next message, or None after `timeout_s` seconds."""
        try:
            return self._queue.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            return None

    def check(self) -> None:
        """Do nothing, unless the run was canceled before it began.

        Raises:
            CanceledWaitingError: It was.
        """
        message = self.take(0)
        if isinstance(message, CancelRequested):
            raise CanceledWaitingError(message.reason)

    def wait_for(self, call: Callable[[], T], patience_s: float = 0.0) -> T:
        """Return what `call` returns; it may take long and cannot be interrupted.

        It runs in a thread that is left alone when the run is canceled meanwhile: an engine that does
        not answer shall not keep anybody.

        Args:
            call: What is waited for.
            patience_s: For how long it still is once the run was canceled, unless somebody asks again: what
                it makes is better made, and then removed.

        Raises:
            CanceledWaitingError: The run was canceled before it returned.
        """
        results: list[T] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                results.append(call())
            except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
                errors.append(error)
            self._queue.put(CallDone())

        threading.Thread(target=work, name="engine call", daemon=True).start()
        for message in self._others_until_done(patience_s):
            self._queue.put(message)  # somebody will want it later
        if errors:
            raise errors[0]
        return results[0]

    def _others_until_done(self, patience_s: float) -> list[Message]:
        """Take messages until a call is done; return those that are not about it."""
        others: list[Message] = []
        while not isinstance(message := self._queue.get(), CancelRequested):
            if isinstance(message, CallDone):
                return others
            others.append(message)
        deadline = time.monotonic() + patience_s
        last: Message | None = message
        while last is not None and not isinstance(last, CallDone):
            last = self.take(deadline - time.monotonic())
            if isinstance(last, CancelRequested):
                break
        raise CanceledWaitingError(message.reason)
