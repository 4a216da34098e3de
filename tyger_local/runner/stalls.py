"""Looking after containers whose buffers do not move: who waits for whom, and whether it can ever end.

Nothing is asked of the engine while bytes move. After that, more and more rarely: a container that computes
for hours is looked at a dozen times.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tyger_local.errors import StreamError
from tyger_local.outcome.diagnosis import Diagnosis, diagnose
from tyger_local.outcome.events import Warned
from tyger_local.runner.inbox import Examined, Inbox
from tyger_local.runner.replica import Replica

if TYPE_CHECKING:
    from tyger_local.streams.link import Link

FIRST_LOOK_S = 10.0
FIRST_LINE_S = 30.0
BELIEVED_S = 60.0
"""How long nothing must have been able to move, at each look, before that is believed and ends a run. A
program may have set an alarm clock, which nobody sees; one that is set for longer than this is rare."""

LOOK_AGAIN_S = 1.0
LOOKS = 3
"""How many looks in a row are made at each mark before that."""


def marks() -> Iterator[float]:
    """Yield after how many seconds without a byte a container is looked at: 10, 30, 60, 120, 240 …."""
    yield FIRST_LOOK_S
    mark = FIRST_LINE_S
    while True:
        yield mark
        mark *= 2


@dataclass(slots=True)
class _Patient:
    """One container, and since when its pipes have not moved."""

    replica: Replica
    last_byte: float
    marks: Iterator[float]
    idle_s: float
    next_look: float
    looks_left: int = 0
    is_examined: bool = False
    is_suspect: bool = True

    def moved(self, when: float) -> None:
        self.last_byte, self.marks, self.is_suspect = when, marks(), True
        self.next_mark()

    def next_mark(self) -> None:
        self.idle_s = next(self.marks)
        self.next_look, self.looks_left = self.last_byte + self.idle_s, LOOKS


class _Caller:
    """One connection that a container has yet to accept, and when that is worth a line."""

    def __init__(self, replica: Replica, link: Link) -> None:
        self._replica = replica
        self._link = link
        self._marks = marks()
        self._next_mark = next(self._marks)

    def complaint(self) -> str | None:
        """Return, at each mark, for how long nothing has accepted it."""
        waiting_s, mark = self._link.waiting_s, self._next_mark
        if waiting_s is None or waiting_s < mark or not self._replica.is_running:
            return None
        self._next_mark = next(self._marks)
        hint = f": {self._link.hint}" if self._link.hint else ""
        return f"nothing has accepted a connection on port {self._link.port} for {mark:.0f} s{hint}"


class StallWatch:
    """Examines the containers of a run from time to time.

    Args:
        replicas: Those that were started.
        inbox: Gets what an examination found; they are made in a thread, since an engine may hang.
        emit: Is told of stalls.
        is_isolated: Whether nobody outside can hold the other end of a pipe of the container's own. What
            comes through a socket may move a container that has one all the same.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        inbox: Inbox,
        emit: Callable[[Warned], None],
        *,
        is_isolated: bool,
    ) -> None:
        self._is_isolated = is_isolated
        self._inbox = inbox
        self._emit = emit
        now = time.monotonic()
        self._patients = [
            _Patient(replica, 0.0, marks(), 0.0, now)
            for replica in replicas
            if replica.transfers and not replica.is_interactive
        ]
        for patient in self._patients:
            patient.moved(now)
        self._callers = [
            _Caller(replica, link)
            for replica in replicas
            for link in replica.links
            if not replica.is_interactive
        ]

    def tick(self) -> None:
        """Have the containers examined for which it is time, and tell of those that accept no connection."""
        for caller in self._callers:
            complaint = caller.complaint()
            if complaint is not None:
                self._emit(Warned(complaint))
        now = time.monotonic()
        for patient in self._patients:
            if patient.replica.started_at is None:
                patient.moved(now)  # it waits for its workers
            newest = max(transfer.last_byte for transfer in patient.replica.transfers)
            if newest > patient.last_byte:
                patient.moved(newest)
            due = patient.replica.is_running and now >= patient.next_look
            if due and not patient.is_examined:
                patient.is_examined = True
                threading.Thread(
                    target=self._examine, args=(patient,), name="stalls", daemon=True
                ).start()

    def _examine(self, patient: _Patient) -> None:
        replica, last_byte = patient.replica, patient.last_byte
        threads = replica.container.processes()
        sights = [transfer.sight for transfer in replica.transfers]
        found = diagnose([sight for sight in sights if sight is not None], threads)
        self._inbox.put(Examined(replica.label, found, last_byte))

    def consider(self, message: Examined) -> StreamError | None:
        """Take note of what was found; return what ends the run, if that is certain."""
        patient = next(p for p in self._patients if p.replica.label == message.label)
        patient.is_examined = False
        if message.last_byte != patient.last_byte:
            return None  # something has moved meanwhile
        found, idle_s = message.found, patient.idle_s
        if found is not None and patient.looks_left == LOOKS and idle_s >= FIRST_LINE_S:
            self._tell(found, idle_s)
        patient.looks_left -= 1
        patient.is_suspect &= found is not None and found.is_deadlock
        plan = patient.replica.plan
        is_alone = self._is_isolated and not (plan.mounts or plan.sockets)
        if found is None or not (patient.is_suspect and is_alone and idle_s >= BELIEVED_S):
            patient.next_mark()
        elif patient.looks_left > 0:
            patient.next_look = time.monotonic() + LOOK_AGAIN_S
        else:
            return StreamError(
                f"Nothing in the container has been able to move for {idle_s:.0f} s, and nothing would on "
                f"the cluster: {found.text}",
                found.hint,
            )
        return None

    def _tell(self, found: Diagnosis, idle_s: float) -> None:
        hint = f": {found.hint}" if found.hint else ""
        self._emit(Warned(f"no byte has moved for {idle_s:.0f} s: {found.text}{hint}"))
