"""Executing a run: everything from a request to its record. Imported only by what runs something."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tyger_local.engine.base import Engine, EngineDescription
from tyger_local.outcome.events import Event, RunCreated
from tyger_local.outcome.record import RunRecord
from tyger_local.plan.build import SHELL, plan_run
from tyger_local.plan.model import Difference, Overrides, RunPlan
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.runner.cancel import Cancellation
from tyger_local.runner.ends import HostEnds, Stdio, check_connections
from tyger_local.runner.remains import PartialFile, Remains
from tyger_local.runner.run import run as carry_out
from tyger_local.runner.setup import Options, Setup
from tyger_local.spec.models import AnyCodespec
from tyger_local.spec.place import Place
from tyger_local.spec.runs import BufferArgument, RunRequest
from tyger_local.spec.versions import JsonObject
from tyger_local.store.logs import ContainerLog
from tyger_local.store.running import RunningStore
from tyger_local.store.runs import RunStore
from tyger_local.streams.leftovers import new_folder_name, partial_name
from tyger_local.workspace.buffers import Buffers
from tyger_local.workspace.canceling import listening
from tyger_local.workspace.clock import now
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.connections import (
    for_another_process,
    refuse_stdin,
    refuse_streams,
    temporaries,
    written_down,
)
from tyger_local.workspace.labels import KEEP_LABEL, run_labels
from tyger_local.workspace.new_record import new_record
from tyger_local.workspace.order import Order
from tyger_local.workspace.owner import this_process
from tyger_local.workspace.reading import STDIN
from tyger_local.workspace.registration import Registration
from tyger_local.workspace.resolving import connect, refuse_strictly, resolve_run
from tyger_local.workspace.run_buffers import check_lifetime, look_up, with_new_buffers

PLANNED_RUN_ID = "[run id]"
"""Stands for the id in a plan that is only shown."""

PLANNED_PIPE_ROOT = "[run's folder]"
"""Stands for the folder of pipes of an engine whose containers see the host's own."""


@dataclass(frozen=True, slots=True)
class ExecOptions:
    """How a run is executed, beyond what a run file can say.

    Attributes:
        overrides: What the local-only flags change in the plan.
        options: How the plan is carried out.
        strict: Any known difference from the cluster is an error.
        emit: Is told of progress, from any thread.
        cancellation: Lets somebody else end the run.
        is_detached: Nobody is there whose standard input and output could be used.
    """

    overrides: Overrides = field(default_factory=Overrides)
    options: Options = field(default_factory=Options)
    strict: bool = False
    emit: Callable[[Event], None] = lambda _: None
    cancellation: Cancellation = field(default_factory=Cancellation)
    is_detached: bool = False


def draft_plan(run: ResolvedRun, engine: Engine, overrides: Overrides) -> RunPlan:
    """Plan a run without asking the engine anything: for showing it.

    Raises:
        UsageError: The run makes no sense.
    """
    draft = plan_run(
        run,
        run_id=PLANNED_RUN_ID,
        pipe_root=lambda _: engine.pipe_root or PLANNED_PIPE_ROOT,
        overrides=overrides,
    )
    return replace(draft, differences=(*draft.differences, *engine.review(draft)))


class Execution:
    """One run to be, resolved and checked.

    Args:
        request: What is asked for.
        file: Where the request came from: a path, ``-`` for standard input, or None.
        codespecs: Where named codespecs are.
        buffers: Where buffers are that are named by their ids.
        engine: What will run it.
        options: How.

    Raises:
        NotFoundError: The codespec or a buffer does not exist.
        UsageError: The request cannot be run here, or under ``--strict`` would differ on the cluster.
        BufferArgumentError: A buffer cannot be connected.
    """

    def __init__(
        self,
        request: RunRequest,
        file: str | None,
        codespecs: Codespecs,
        buffers: Buffers,
        engine: Engine,
        options: ExecOptions,
    ) -> None:
        if options.options.terminal:
            options = replace(options, overrides=replace(options.overrides, shell=SHELL))
        self._options = options
        self._engine = engine
        self._request = request
        self._run: ResolvedRun = resolve_run(request, codespecs)
        folder = Path() if file is None or file == STDIN else Path(file).parent
        self._buffers = buffers
        self._connections = connect(
            self._run.codespec,
            request.job.buffers,
            folder,
            lambda buffer_id: look_up(buffers, buffer_id),
            makes_buffers=options.is_detached,
        )
        check_lifetime(self._connections, request.job)
        if options.is_detached:
            why, instead = "a run in the background has none", ", or leave it out for a new buffer"
            refuse_streams(self._connections, why, instead)
            self._connections = for_another_process(self._connections)
        elif file == STDIN:
            refuse_stdin(self._connections)
        self._draft = draft_plan(self._run, engine, options.overrides)
        if options.strict:
            refuse_strictly(self._draft.differences)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What is worth a warning, as far as it is known without the engine."""
        return self._draft.differences

    def order(self, home: Path) -> Order:
        """Return what another process needs to be told to carry this out."""
        job = replace(
            self._request.job,
            codespec=self._run.codespec,
            buffers={
                name: BufferArgument(written_down(connection), Place("run create"))
                for name, connection in self._connections.items()
            },
        )
        worker = self._request.worker
        if worker is not None and self._run.worker is not None:
            worker = replace(worker, codespec=self._run.worker.codespec)
        return Order(
            home=home.absolute(),
            engine=self._engine.name,
            request=replace(self._request, job=job, worker=worker, document=None),
            overrides=self._options.overrides,
            options=self._options.options,
            strict=self._options.strict,
        )

    def plan(self) -> JsonObject:
        """Return the plan for people, made without asking the engine."""
        # Late: no run needs it.
        from tyger_local.plan.describe import described  # noqa: PLC0415

        connections = {name: str(connection) for name, connection in self._connections.items()}
        remarks = (Difference("lint", text) for text in self.remarks())
        draft = replace(self._draft, differences=(*self._draft.differences, *remarks))
        return described(draft, connections)

    def remarks(self) -> list[str]:
        """Return what rules find in the codespecs and the differences do not say."""
        # Late: a run does not wait for it.
        from tyger_local.workspace.linting import run_warnings  # noqa: PLC0415

        said = frozenset(difference.code for difference in self._draft.differences)
        return run_warnings(self._request, self._run, said)

    def carry_out(self, store: RunStore, running: RunningStore, home: Path) -> RunRecord:
        """Run it.

        Args:
            store: Where its record goes.
            running: Where it says what may be left of it.
            home: The store's root, for labels.

        Raises:
            BufferArgumentError: A file cannot be opened, or a terminal would be read unasked.
            StoreError: The store cannot be written.
        """
        options, replicas = self._options.options, self._run.replicas
        if options.terminal:
            refuse_streams(self._connections, "the shell of --shell does")
        check_connections(self._connections.values(), replicas)
        run_id = store.allocate()
        names = temporaries(self._connections)
        remains = self._remains(run_id, run_labels(home, this_process(), run_id), names)
        with Registration(running, remains) as registration, ExitStack() as stack:
            rollback = ExitStack()
            try:
                self._connections = with_new_buffers(
                    self._connections, self._buffers, self._request.job, run_id, rollback
                )
                ends = HostEnds(self._connections, replicas, names)
                stack.callback(ends.close)
                stack.enter_context(listening(store, run_id, self._options.cancellation))
                record = new_record(run_id, self._request, self._run, self._connections)
                store.reserve(run_id)
                store.write(run_id, record.document())
            except BaseException:  # a signal, too: nobody has seen this run
                stack.close()
                rollback.close()
                registration.withdraw()
                store.discard(run_id)
                raise
            streams = {connection.to for connection in self._connections.values()}
            self._options.emit(RunCreated(run_id, Stdio.STDIN in streams, Stdio.STDOUT in streams))
            return carry_out(self._setup(store, remains, registration, record, ends))

    def _remains(
        self, run_id: int, labels: Mapping[str, str], names: Mapping[str, Path]
    ) -> Remains:
        files = (
            PartialFile(temporary, partial_name(Path(str(self._connections[buffer].to)).absolute()))
            for buffer, temporary in names.items()
        )
        return Remains(
            run_id=run_id,
            labels=labels,
            engine=self._engine.name,
            place=self._engine.place,
            folders=tuple(new_folder_name() for _ in range(self._run.replicas)),
            files=tuple(files),
        )

    def _setup(
        self,
        store: RunStore,
        remains: Remains,
        registration: Registration,
        record: RunRecord,
        ends: HostEnds,
    ) -> Setup:
        worker = self._run.worker
        folder = store.folder(record.id)
        labels = dict(remains.labels)
        if self._options.options.keep:
            labels[KEEP_LABEL] = "true"
        return Setup(
            engine=self._engine,
            replicas=self._run.replicas,
            make_plan=lambda description, pipe_folder: self._plan(
                description, pipe_folder, record.id, labels
            ),
            pipe_folders=remains.folders,
            folder_note=json.dumps(labels),
            ends=ends,
            record=record,
            save=lambda now_is: (store.write if now_is.verdict is None else store.write_last)(
                now_is.id, now_is.document()
            ),
            save_samples=lambda samples: store.write_samples(record.id, samples),
            open_log=lambda label: ContainerLog(folder / f"{label}.log", now),
            emit=self._options.emit,
            now=now,
            cancellation=self._options.cancellation,
            note_left=registration.note_left,
            options=self._options.options,
            memory_limit=_memory_limit(self._run.codespec),
            worker_memory_limit="" if worker is None else _memory_limit(worker.codespec),
        )

    def _plan(
        self,
        description: EngineDescription,
        pipe_folder: Callable[[int], str],
        run_id: int,
        labels: Mapping[str, str],
    ) -> RunPlan:
        root = self._engine.pipe_root
        plan = plan_run(
            self._run,
            run_id=str(run_id),
            pipe_root=pipe_folder if root is None else lambda _: root,
            capacity=description.capacity,
            overrides=self._options.overrides,
            labels=labels,
        )
        return replace(plan, differences=(*plan.differences, *self._engine.review(plan)))


def _memory_limit(codespec: AnyCodespec) -> str:
    limit = codespec.resources.limits.memory
    return "" if limit is None else str(limit)
