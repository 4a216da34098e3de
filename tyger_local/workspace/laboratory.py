"""Runs that leave nothing: a store of their own, in a folder that whoever cleans up knows to be ours.

The folder is one as runs make for their pipes, with the note that says whose it is. So if its process is
killed, the watchdog, ``prune`` or the next laboratory removes what the runs left, and the folder with it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

from tyger_local.doctor.patience import within
from tyger_local.engine.base import Container, PullPolicy
from tyger_local.errors import StreamError, TygerLocalError
from tyger_local.outcome.facts import CancelReason
from tyger_local.outcome.record import RunRecord
from tyger_local.plan.model import ContainerPlan, Limits, Role
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.remains import Remains
from tyger_local.runner.setup import Options
from tyger_local.runner.sweep import Deed, Done, Swept
from tyger_local.store.home import Home
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.streams.leftovers import NOTE, new_folder_name, noted_folders, remove_folder
from tyger_local.workspace.engines import make_engine
from tyger_local.workspace.execution import ExecOptions
from tyger_local.workspace.labels import LABORATORY, STORE_LABEL, run_labels, store_name
from tyger_local.workspace.owner import is_alive, owner_in, this_process
from tyger_local.workspace.registration import Registration
from tyger_local.workspace.sweeping import Sweeper
from tyger_local.workspace.trial_ends import END_LIMIT_S, Ended, uninterrupted, wait_for
from tyger_local.workspace.workspace import Workspace

STOP_GRACE_S = 0.1


class Laboratory:
    """A place for runs that leave nothing; see `tyger_local.doctor.model.Laboratory`.

    Args:
        outer: Its folder.
        engine: The name of the engine.
        cancellation: Lets somebody end what runs.
    """

    def __init__(self, outer: Path, engine: str, cancellation: Cancellation) -> None:
        self.folder = outer
        self.home = outer / LABORATORY
        self._engine = engine
        self._cancellation = cancellation
        self._workspace = Workspace(self.home, engine, warn=lambda _: None)

    def run(self, request: Mapping[str, object], buffers: Mapping[str, str]) -> RunRecord:
        """Carry a run out, which is ended when it takes too long.

        Raises:
            CanceledError: Somebody wants the examination to end.
            EngineError: It took too long. If it does not even end, it is left to itself, written down.
            TygerLocalError: The run cannot begin.
        """
        end, heard = Cancellation(), SimpleQueue[Ended | CancelReason]()

        def work() -> None:
            try:
                heard.put(Ended(self._exec(request, buffers, end)))
            except BaseException as error:  # noqa: BLE001  (raised again by whoever waits)
                heard.put(Ended(error))

        self._cancellation.listen(heard.put)
        try:
            threading.Thread(target=work, name="laboratory", daemon=True).start()
            record = wait_for(heard, end)
        finally:
            self._cancellation.ignore()
        if not heard.empty():  # somebody asked when the run was over
            heard.put(Ended(record))
            return wait_for(heard, end)
        return record

    def _exec(
        self, request: Mapping[str, object], buffers: Mapping[str, str], end: Cancellation
    ) -> RunRecord:
        options = Options(pull=PullPolicy.NEVER, stop_grace_s=STOP_GRACE_S)
        exec_options = ExecOptions(options=options, cancellation=end)
        return self._workspace.runs.exec(request, buffers, exec_options)

    @contextmanager
    def container(self, image: str, command: Sequence[str]) -> Iterator[Container]:
        """Return a container that runs inside the block.

        Raises:
            CanceledError: Somebody wants the examination to end.
            TygerLocalError: It cannot be had.
        """
        engine = make_engine(self._engine)
        runs, running = RunStore(Home(self.home), lambda _: None), RunningStore(Home(self.home))
        run_id = runs.allocate()
        labels = run_labels(self.home, this_process(), run_id)
        remains = Remains(run_id, labels, engine.name, engine.place)
        plan = ContainerPlan(
            role=Role.JOB,
            index=0,
            host_name=f"run-{run_id}-job-0",
            image=image,
            entrypoint=tuple(command),
            arguments=None,
            env=(),
            pipe_root=engine.pipe_root or str(self.folder),
            pipes=(),
            limits=Limits(),
            labels=tuple(labels.items()),
        )
        with ExitStack() as stack:
            stack.enter_context(uninterrupted(self._cancellation))
            stack.callback(engine.close)
            stack.enter_context(Registration(running, remains))
            engine.describe()
            container = engine.create(plan, self.folder)
            stack.callback(container.remove)
            container.start(lambda _, __: None)
            yield container


def folder_note(home: Path) -> str:
    """Return what says in a folder that this process made it on behalf of the store at `home`."""
    return json.dumps(run_labels(home, this_process(), 0))


@contextmanager
def laboratory(home: Path, engine: str, cancellation: Cancellation) -> Iterator[Laboratory]:
    """Make a laboratory that lasts for the block.

    Args:
        home: The store on whose behalf: its ``prune`` finds what is left.
        engine: The name of the engine.
        cancellation: Lets somebody end what runs.

    Raises:
        CanceledError: Somebody wanted the end while it was removed.
        StreamError: The folder cannot be made.
    """
    outer = new_folder_name()
    try:
        _make(outer, folder_note(home))
        yield Laboratory(outer, engine, cancellation)
    finally:  # also when a signal comes while it is made; none interrupts this
        with uninterrupted(cancellation):
            _tidy(outer)
            _end(outer)


def _make(outer: Path, note: str) -> None:
    try:
        outer.mkdir(0o700)
        (outer / NOTE).write_text(note, "utf-8")
    except OSError as error:
        raise StreamError(
            f"no folder can be made in {outer.parent}: {error.strerror}",
            "free or choose another folder for temporary files (TMPDIR)",
        ) from error


def _tidy(outer: Path) -> None:
    """Remove what is left of runs that cannot know whether the engine, which refused, made something."""
    sweeper = Sweeper(Home(outer / LABORATORY))
    with suppress(TygerLocalError):  # then it stays written down
        if dead := sweeper.dead():
            within(END_LIMIT_S, "the engine", lambda: sweeper.sweep(dead))


def _end(outer: Path) -> None:
    """Remove a laboratory, unless something of its runs is left, which then stays written down."""
    if not RunningStore(Home(outer / LABORATORY)).ids():
        remove_folder(outer)


def discard(home: Path) -> None:
    """Remove the laboratory whose store is `home`, if it is one and nothing of its runs is left."""
    if home.name == LABORATORY and os.path.isdir(home):
        _end(home.parent)


def sweep_laboratories(home: Path, *, dry_run: bool) -> Swept:
    """Remove what laboratories left whose process is dead, and then them.

    Args:
        home: The store on whose behalf they were made.
        dry_run: Only say what would be done.
    """
    done: list[Done] = []
    problems: list[str] = []
    notes: list[str] = []
    for outer, note in noted_folders():
        if os.path.isdir(outer / LABORATORY) and _is_lost(note, store_name(home)):
            swept = Sweeper(Home(outer / LABORATORY)).prune(dry_run=dry_run)
            done += swept.done
            problems += swept.problems
            notes += swept.notes
            if not swept.problems:
                done.append(Done("", Deed.REMOVED, str(outer)))
                if not dry_run:
                    remove_folder(outer)
    return Swept(tuple(done), tuple(problems), tuple(notes))


def _is_lost(note: str, store: str) -> bool:
    with suppress(ValueError):
        labels = json.loads(note)
        if isinstance(labels, dict) and labels.get(STORE_LABEL) == store:
            owner = owner_in(labels)
            return owner is not None and not is_alive(owner)
    return False
