"""One worker of a run: a container that is replaced by a new one whenever it ends, as on the cluster.

There, the containers of a StatefulSet's pods are started again for ever, each time from the image and not
from what the last one left, and after ever longer pauses. Here somebody waits to hear that it does not work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tyger_local.errors import (
    CommandNotExecutableError,
    CommandNotFoundError,
    EngineError,
    TygerLocalError,
)
from tyger_local.outcome.events import Warned
from tyger_local.outcome.evidence import how_it_ended
from tyger_local.outcome.facts import LONG_LIFE_S, MOST_SHORT_LIVES, ContainerEnd, WorkerEnds
from tyger_local.outcome.record import Usage
from tyger_local.outcome.usage import total
from tyger_local.plan.model import ContainerPlan
from tyger_local.runner.cause import about
from tyger_local.runner.inbox import ContainerEnded, Inbox, WorkerReady
from tyger_local.runner.member import Member
from tyger_local.runner.removing import let_go
from tyger_local.runner.setup import Setup

RESTART_DELAYS_S = (0.5, 2.0)
"""How long a worker stays down after the first end that came too soon, and after those that follow."""

ADDRESS_TIMEOUT_S = 10.0
LOOK_S = 0.02
CLOSE_TIMEOUT_S = 20.0


class Worker(Member):
    """One worker; takes and raises what `Member` does."""

    def __init__(
        self, plan: ContainerPlan, folder: Path, setup: Setup, inbox: Inbox, stack: ExitStack
    ) -> None:
        super().__init__(plan, folder, setup, inbox, stack)
        self._has_address = False
        self._short_lives: list[ContainerEnd] = []
        self._earlier: list[Usage] = []
        self._is_over = threading.Event()
        self._launcher: threading.Thread | None = None

    def launch(self) -> None:
        """Start it in a thread, so that the others start at the same time.

        Whether that went well, the run's inbox is told: `WorkerReady`, or `ContainerEnded` with an error.
        """
        self._begin(self._start_and_tell)

    def _begin(self, work: Callable[[], None]) -> None:
        self._launcher = threading.Thread(target=work, name=self.label, daemon=True)
        self._launcher.start()

    def _start_and_tell(self) -> None:
        try:
            self.start()
            self._await_address()
        except TygerLocalError as error:
            self._inbox.put(ContainerEnded(self.label, self._own(error)))
        except Exception as error:  # noqa: BLE001  (a bug, too, must be told to who waits, or it hangs)
            self._inbox.put(ContainerEnded(self.label, error))
        else:
            self._inbox.put(WorkerReady(self.label))

    def _await_address(self) -> None:
        """Wait until its name resolves: the engine knows an address for it, or its end."""
        deadline = time.monotonic() + ADDRESS_TIMEOUT_S
        while self.is_running and self.container.address() is None:
            if time.monotonic() > deadline:
                raise EngineError("it has no address in the run's network")
            if self._is_over.wait(LOOK_S):
                return
        self._has_address = True

    @property
    def is_ready(self) -> bool:
        """Return whether it runs and its name resolves, which is all that the cluster waits for."""
        return self._has_address and self.is_running

    def _own(self, error: TygerLocalError) -> TygerLocalError:
        """Return an error that says whose it is, and what would follow on the cluster."""
        own = about(self.label, error)
        if isinstance(error, (CommandNotFoundError, CommandNotExecutableError)):
            waits = "on the cluster, the job would wait for it until the time-out"
            own.hint = f"{own.hint}; {waits}" if own.hint else waits
        return own

    def ended(self, message: ContainerEnded) -> WorkerEnds | TygerLocalError | None:
        """Take note of its end and have it started again.

        Returns:
            What ends the run: that it has ended too often, or that it cannot run at all.
        """
        self.note_end(message)
        if isinstance(message.end, TygerLocalError):
            return message.end
        if isinstance(message.end, Exception):
            raise message.end
        lived_s = message.at - (self.started_at or 0.0)
        if lived_s >= LONG_LIFE_S:
            self._short_lives.clear()
        else:
            self._short_lives.append(message.end)
        if len(self._short_lives) >= MOST_SHORT_LIVES:
            return WorkerEnds(self.label, tuple(self._short_lives))
        self._setup.emit(
            Warned(
                f"{self.label} {how_it_ended(message.end)} after {lived_s:.1f} s "
                "and is started again, as on the cluster"
            )
        )
        self._begin(self._restart)
        return None

    def _restart(self) -> None:
        is_first = len(self._short_lives) <= 1
        if self._is_over.wait(RESTART_DELAYS_S[0 if is_first else 1]):
            return
        cost = super().usage()
        try:
            self.container.remove()
            if self._is_over.is_set():
                return
            self.create(self._networks)
        except TygerLocalError as error:
            self._setup.note_left()  # the engine may have been lost with the container already made
            self._inbox.put(ContainerEnded(self.label, self._own(error)))
            return
        except Exception as error:  # noqa: BLE001  (a bug, too, must be told to who waits)
            self._inbox.put(ContainerEnded(self.label, error))
            return
        self._earlier.append(cost)
        self.has_started, self.end, self._has_address = False, None, False
        if not self._is_over.is_set():
            self.restarts += 1
            self._start_and_tell()

    def close(self) -> None:
        """Start it no more, and let go of its container."""
        self._is_over.set()
        if self._launcher is not None:
            self._launcher.join(CLOSE_TIMEOUT_S)
        if self.is_created:
            let_go(self.container, self._setup)

    def stop_restarting(self) -> None:
        """Start it no more: the run is over."""
        self._is_over.set()

    def finish_starting(self, patience_s: float) -> None:
        """Wait so long for a start that is under way."""
        if self._launcher is not None:
            self._launcher.join(max(patience_s, 0.0))

    def usage(self) -> Usage:
        """Return what it has cost since it was first started, after its end."""
        if self._earlier and not self.has_started and self.end is None:
            return total(self._earlier)  # the new one has cost nothing yet
        return total([*self._earlier, super().usage()])
