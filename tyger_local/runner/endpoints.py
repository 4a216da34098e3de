"""Looks whether the workers' endpoints listen; connecting would use up a server that accepts once.

The cluster starts a job when its workers run. That they listen by then is luck, and a job that counted on it
is told so. What a worker listens on at its ``localhost`` only does not count: no job reaches it there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tyger_local.outcome.events import Warned
from tyger_local.outcome.evidence import LOCALHOST_ONLY
from tyger_local.outcome.sight import Listening
from tyger_local.plan.model import EndpointPlan
from tyger_local.runner.inbox import EndpointsLookedAt, Inbox
from tyger_local.runner.worker import Worker

LOOK_S = 0.05
LATER_LOOK_S = 0.5
"""How often it is looked at first, and once the job has waited for `OVERDUE_S`."""

OVERDUE_S = 10.0
"""After how many seconds a job is told that an endpoint still does not listen."""

STOP_TIMEOUT_S = 1.0

VISIBLE_WITHIN_S = 2.0
"""For how long it may not be seen on which ports a worker listens: one that has just ended shows nothing."""


@dataclass(slots=True)
class _Endpoint:
    """One endpoint of one worker, when it was seen listening, and whether it was on localhost before."""

    worker: Worker
    plan: EndpointPlan
    heard_at: float | None = None
    was_local: bool = False

    def __str__(self) -> str:
        return f"{self.worker.label} on '{self.plan.name}' (port {self.plan.port})"


class Endpoints:
    """Looks in a thread of its own, until all of them listen.

    Args:
        workers: Those of the run.
        inbox: Is told when there is something new.
        emit: Is told of what a job should be ready for.
    """

    def __init__(
        self, workers: Iterable[Worker], inbox: Inbox, emit: Callable[[Warned], None]
    ) -> None:
        self._endpoints = [_Endpoint(w, plan) for w in workers for plan in w.plan.endpoints]
        self._inbox = inbox
        self._emit = emit
        self._job_started_at: float | None = None
        self._unseen_since: dict[str, float] = {}
        self._told: set[tuple[str, bool]] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="endpoints", daemon=True)
        self.is_blind = False

    def start(self) -> None:
        """Begin to look, if there is anything to look at."""
        if self._endpoints:
            self._thread.start()

    def stop(self) -> None:
        """Look no more. An engine that does not answer is not waited for."""
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_TIMEOUT_S)

    def job_started(self) -> None:
        """Say that the job has started: what does not listen by now is late."""
        self._job_started_at = time.monotonic()

    @property
    def all_listen(self) -> bool:
        """Return whether each was seen listening."""
        return not self._missing

    @property
    def silent(self) -> tuple[str, ...]:
        """Return those that were not seen listening, as text."""
        return tuple(str(endpoint) for endpoint in self._missing if not endpoint.was_local)

    @property
    def local(self) -> tuple[str, ...]:
        """Return those that were seen listening on the worker's localhost only, as text."""
        return tuple(str(endpoint) for endpoint in self._missing if endpoint.was_local)

    @property
    def _missing(self) -> list[_Endpoint]:
        return [endpoint for endpoint in self._endpoints if endpoint.heard_at is None]

    def _work(self) -> None:
        interval_s = LOOK_S
        while not self._is_over.wait(interval_s):
            waited_s = self._waited_s
            if self._look(waited_s) and waited_s is not None:
                return
            self._tell(waited_s)
            interval_s = LOOK_S if waited_s is None or waited_s < OVERDUE_S else LATER_LOOK_S

    @property
    def _waited_s(self) -> float | None:
        """Return since when the job runs; None when it does not yet."""
        started_at = self._job_started_at
        return None if started_at is None else time.monotonic() - started_at

    def _look(self, waited_s: float | None) -> bool:
        """Look once; return whether all listen.

        Args:
            waited_s: For how long the job has run when the look began: what is found was so before.
        """
        seen: dict[str, Listening | None] = {}
        before = self._missing
        for endpoint in self._endpoints:
            worker = endpoint.worker
            if not worker.is_ready:
                if waited_s is None:
                    endpoint.heard_at = None  # it has ended, and must listen again
                    endpoint.was_local = False
                continue
            if worker.label not in seen:
                seen[worker.label] = worker.container.listening()
            found = seen[worker.label] or Listening()
            if endpoint.plan.port in found.ports:
                self._heard(endpoint, waited_s)
            elif endpoint.plan.port in found.local_ports:
                endpoint.was_local = True
        is_blind = self._cannot_see(seen)
        if self._missing != before or is_blind:
            self._inbox.put(EndpointsLookedAt())
        return self.all_listen or is_blind

    def _heard(self, endpoint: _Endpoint, waited_s: float | None) -> None:
        if endpoint.heard_at is not None:
            return
        endpoint.heard_at = time.monotonic()
        if waited_s is not None:
            self._emit(
                Warned(
                    f"{endpoint.worker.label} began to listen on '{endpoint.plan.name}' (port "
                    f"{endpoint.plan.port}) {waited_s:.1f} s after the job started: retry in the job"
                )
            )

    def _cannot_see(self, seen: Mapping[str, Listening | None]) -> bool:
        """Return whether the engine does not let us see what listens at all."""
        now = time.monotonic()
        self._unseen_since = {
            label: self._unseen_since.get(label, now)
            for label, found in seen.items()
            if found is None
        }
        self.is_blind = any(now - since > VISIBLE_WITHIN_S for since in self._unseen_since.values())
        return self.is_blind

    def _tell(self, waited_s: float | None) -> None:
        """Tell once of each that is late, and at once of each that no waiting brings into reach."""
        if waited_s is None:
            return
        for endpoint in self._missing:
            news = (str(endpoint), endpoint.was_local)
            if news in self._told or not (endpoint.was_local or waited_s >= OVERDUE_S):
                continue
            self._told.add(news)
            late = f"does not listen yet, {waited_s:.0f} s after the job started"
            words = f"listens {LOCALHOST_ONLY}" if endpoint.was_local else late
            self._emit(Warned(f"{endpoint} {words}"))
