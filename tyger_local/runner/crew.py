"""All containers of a run: the job's replicas, the workers that serve it, and the network that they share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tyger_local.engine.base import Network
from tyger_local.errors import EngineError, StartError, TygerLocalError
from tyger_local.outcome.events import Waiting, Warned
from tyger_local.outcome.record import ImageIdentity
from tyger_local.plan.model import NetworkPlan, RunPlan
from tyger_local.runner.cause import Cause, about, failure
from tyger_local.runner.endpoints import Endpoints
from tyger_local.runner.inbox import CanceledWaitingError, Inbox
from tyger_local.runner.member import Member
from tyger_local.runner.removing import let_go, let_go_of_network
from tyger_local.runner.replica import Replica
from tyger_local.runner.setup import Setup
from tyger_local.runner.watch import Watch
from tyger_local.runner.worker import Worker

MAKING_TIMEOUT_S = 3.0
"""How long the engine may go on making something once the run was canceled."""

AT_ONCE = 8
"""How many of the job's replicas the engine is asked to start at a time."""


class Crew:
    """The containers of one run.

    Attributes:
        replicas: Those of the job.
        workers: Those that serve it.
    """

    def __init__(self, setup: Setup, inbox: Inbox) -> None:
        self._setup = setup
        self._inbox = inbox
        self.replicas: list[Replica] = []
        self.workers: list[Worker] = []
        self._endpoints = Endpoints((), inbox, setup.emit)

    @property
    def members(self) -> Sequence[Member]:
        """Return all, those of the job first."""
        return (*self.replicas, *self.workers)

    @property
    def has_job_started(self) -> bool:
        """Return whether any container of the job has."""
        return any(replica.started_at is not None for replica in self.replicas)

    @property
    def silent_endpoints(self) -> tuple[str, ...]:
        """Return the endpoints of workers that nobody has seen listening, as text."""
        return () if self._endpoints.is_blind else self._endpoints.silent

    @property
    def local_endpoints(self) -> tuple[str, ...]:
        """Return those that were seen listening on the worker's localhost only, as text."""
        return self._endpoints.local

    def muster(self, plan: RunPlan, folders: Sequence[Path], stack: ExitStack) -> None:
        """Make everything that serves the containers, pipes and logs, but not yet them.

        Args:
            plan: The run's.
            folders: For the pipes of each of the job's replicas.
            stack: Undoes it.

        Raises:
            StreamError: A pipe cannot be made.
            StoreError: A log cannot be made.
        """
        setup, inbox = self._setup, self._inbox
        for planned, folder in zip(plan.jobs, folders, strict=True):
            self.replicas.append(Replica(planned, folder, setup, inbox, stack))
        for planned in plan.workers:
            self.workers.append(Worker(planned, Path(), setup, inbox, stack))

    def create(self, plan: RunPlan, stack: ExitStack) -> None:
        """Have the engine make the containers, and before them what they talk over.

        Raises:
            StartError: One cannot be made.
            EngineError: The engine refuses or is lost.
        """
        joined = () if plan.network is None else (plan.network,)
        if plan.private_network is not None:
            joined = (self._create_network(plan.private_network, stack), *joined)
        stack.callback(self._let_go)
        for member in self.members:
            self._have_made(partial(member.create, joined))

    def _create_network(self, plan: NetworkPlan, stack: ExitStack) -> str:
        made: list[Network] = []

        def create() -> None:
            made.append(self._setup.engine.create_network(plan))
            stack.callback(let_go_of_network, made[0], self._setup)

        self._have_made(create)
        return made[0].name

    def _have_made(self, call: Callable[[], None]) -> None:
        """Have the engine make something; one that does not answer is left alone when the run is canceled."""
        is_made = threading.Event()

        def make() -> None:
            call()
            is_made.set()

        try:
            self._inbox.wait_for(make, MAKING_TIMEOUT_S)
        except (EngineError, CanceledWaitingError):
            if not is_made.is_set():  # it may have been lost with the thing already made
                self._setup.note_left()
            raise

    def _let_go(self) -> None:
        """Remove the containers, all at once: the engine takes a while for each."""
        created = (replica for replica in self.replicas if replica.is_created)
        in_parallel(
            [
                *(partial(let_go, replica.container, self._setup) for replica in created),
                *(worker.close for worker in self.workers),
            ]
        )

    def start_workers(self, watch: Watch) -> Cause | None:
        """Start the workers and wait until the job may start; None when it may.

        That is, as on the cluster, when all run and their names resolve.
        """
        if not self.workers:
            return None
        count = len(self.workers)
        self._setup.emit(Waiting(f"Waiting for {count} worker{'s' if count > 1 else ''} to run"))
        for worker in self.workers:
            worker.launch()
        watch.begin()
        cause = watch.until(lambda: all(worker.is_ready for worker in self.workers))
        if cause is not None:
            return cause
        return self._await_endpoints(watch)

    def _await_endpoints(self, watch: Watch) -> Cause | None:
        """Wait until the endpoints listen, if that is wanted, and go on looking at those that do not."""
        endpoints = self._endpoints = Endpoints(self.workers, self._inbox, self._setup.emit)
        endpoints.start()
        patience_s = self._setup.options.wait_endpoints_s
        if patience_s is None:
            return None
        missing = ", ".join((*endpoints.silent, *endpoints.local))
        self._setup.emit(Waiting(f"Waiting for endpoints to listen: {missing or 'none'}"))
        deadline = time.monotonic() + patience_s
        cause = watch.until(
            lambda: endpoints.all_listen or endpoints.is_blind or time.monotonic() >= deadline
        )
        if cause is not None or endpoints.all_listen:
            return cause
        if endpoints.is_blind:
            return failure(
                EngineError(
                    "--wait-endpoints: whether the workers listen cannot be seen, since their processes "
                    "are not this machine's",
                    "leave it out, and have the job retry its connections",
                )
            )
        return failure(_not_listening(endpoints, patience_s))

    def platform_of(self, label: str, images: Mapping[str, ImageIdentity]) -> str | None:
        """Return for what the image of a container was built, or of the first where none is named."""
        named = [member for member in self.members if member.label == label] or self.members
        image = images.get(named[0].plan.image) if named else None
        return None if image is None else image.platform

    def tell_of_the_stopped(self) -> None:
        """Tell of workers that were stopped with the job, and would not have been well on the cluster."""
        for worker in self.workers:
            if worker.was_stopped and worker.end is not None and worker.end.oom_killed:
                self._setup.emit(
                    Warned(
                        f"a process of {worker.label} was killed for want of memory, and the worker went "
                        "on; on the cluster the whole container is killed and started again"
                    )
                )

    def start_job(self) -> None:
        """Start the job's replicas, all at once: the engine takes a while for each.

        Raises:
            StartError: One cannot be started.
            EngineError: The engine is lost.
        """
        if len(self.replicas) == 1:
            self._start(self.replicas[0])
            return
        errors: list[TygerLocalError] = []
        room = threading.Semaphore(AT_ONCE)

        def work(replica: Replica) -> None:
            with room:
                try:
                    self._start(replica)
                except TygerLocalError as error:
                    errors.append(error)

        in_parallel([partial(work, replica) for replica in self.replicas])
        if errors:
            raise errors[0]

    def _start(self, replica: Replica) -> None:
        try:
            replica.start()
        except TygerLocalError as error:
            if len(self.members) == 1:
                raise
            raise about(replica.label, error) from error

    def job_started(self) -> None:
        """Say that the job runs."""
        self._endpoints.job_started()

    def stop_looking(self) -> None:
        """Look no more whether endpoints listen: the run is over."""
        self._endpoints.stop()


def in_parallel(calls: Sequence[Callable[[], None]]) -> None:
    """Make calls that raise nothing, each in a thread, and wait for all of them."""
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _not_listening(endpoints: Endpoints, patience_s: float) -> StartError:
    """Tell which endpoints were waited for in vain, and what to do."""
    local = [f"{endpoint} except on localhost" for endpoint in endpoints.local]
    names = ", ".join((*endpoints.silent, *local))
    hints = ["the job cannot reach a worker's localhost: let it listen on 0.0.0.0"] if local else []
    hints += ["see what the workers print (--logs), or wait longer"] if endpoints.silent else []
    return StartError(
        f"not listening within {patience_s:g} s (--wait-endpoints): {names}", "; ".join(hints)
    )
