"""Submitting a run: the same as `exec` would do here, on the cluster, and both compared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tyger_local.errors import (
    TygerLocalError,
    UsageError,
)
from tyger_local.outcome.record import RunRecord
from tyger_local.outcome.verdict import Status
from tyger_local.plan.build import plan_run
from tyger_local.plan.model import CLUSTER_PIPE_ROOT
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.runner.ends import Connection, NewBuffer
from tyger_local.runner.stored import StoreBuffer
from tyger_local.spec.buffers import Direction
from tyger_local.spec.models import AnyCodespec
from tyger_local.spec.place import Place
from tyger_local.spec.runs import BufferArgument, CodespecRef, RunRequest, TargetRequest
from tyger_local.spec.written import written
from tyger_local.submit.client import Client
from tyger_local.submit.comparing import Comparison, Digest, compare_digest, compare_files
from tyger_local.submit.model import SUCCEEDED, Order, Part, StoppedError, Submitted, Told
from tyger_local.submit.rehearsal import rehearsed
from tyger_local.submit.submission import Submission
from tyger_local.submit.transfer import check_ends
from tyger_local.workspace.connections import refuse_stdin
from tyger_local.workspace.execution import PLANNED_RUN_ID
from tyger_local.workspace.reading import STDIN
from tyger_local.workspace.resolving import connect, refuse_strictly, resolve_run
from tyger_local.workspace.run_buffers import look_up
from tyger_local.workspace.submit_checks import (
    check_connection,
    recorded_outputs,
    refuse_for_cluster,
)
from tyger_local.workspace.submit_model import SubmitOptions, SubmitResult
from tyger_local.workspace.workspace import Workspace

LAST_LOG_LINES = 10
"""How many are shown of a run that failed."""


class Submitter:
    """A run to be submitted, resolved and checked.

    Args:
        workspace: Where its codespecs and buffers are, and where it is executed for a comparison.
        request: What is asked for.
        file: Where the request came from: a path, ``-`` for standard input, or None.
        options: How.

    Raises:
        NotFoundError: The codespec, a buffer or the run to compare with does not exist.
        UsageError: The request makes no sense, or the cluster would refuse the run.
        BufferArgumentError: A buffer cannot be connected.
    """

    def __init__(
        self,
        workspace: Workspace,
        request: RunRequest,
        file: str | None = None,
        options: SubmitOptions | None = None,
    ) -> None:
        self._workspace = workspace
        self._request = request
        self._file = file
        self._options = options or SubmitOptions()
        run = resolve_run(request, workspace.codespecs)
        refuse_for_cluster(request, run)
        connections = self._connect(run)
        self._order = _order(request, run, connections)
        self._recorded = self._record(run)
        self._review(run)

    def rehearse(self) -> str:
        """Return the commands of Tyger's client that `submit` would run, with the files for it."""
        return rehearsed(self._order, waits=not self._options.is_detached)

    def submit(self) -> SubmitResult:
        """Carry it out.

        Raises:
            TygerLocalError: Tyger's client is not there, is not logged in or failed.
            StoppedError: Somebody wanted it to end; the run has been canceled there.
        """
        client = Client(self._options.client)
        with tempfile.TemporaryDirectory(prefix="tyger-submit-") as name:
            folder = Path(name)
            with self._stoppable(client):
                self._options.tell(Told("Tyger's client answers", {"client": client.check()}))
                client.check_not_stopped()  # before a run here begins, which would not know
            here = self._run_here(folder) if self._options.is_compared else None
            if here is not None and here.status is not Status.SUCCEEDED:
                return SubmitResult(None, here)
            with self._stoppable(client):
                return self._run_there(client, folder, here)

    @contextmanager
    def _stoppable(self, client: Client) -> Iterator[None]:
        """Have requests to end it go to the client, inside the block."""
        cancellation = self._options.execution.cancellation
        cancellation.listen(client.stop)
        try:
            yield
        finally:
            cancellation.ignore()

    def _run_here(self, folder: Path) -> RunRecord:
        """Execute the same run here, its outputs going to files."""
        outputs = {
            name: BufferArgument(str(_new(folder, "here", name)), Place("--compare"))
            for name in self._order.connected(Direction.OUTPUT)
        }
        request, options = self._request, self._options.execution
        job = replace(request.job, buffers={**request.job.buffers, **outputs})
        request = replace(request, job=job)
        record = self._workspace.runs.exec(request, options=options, file=self._file)
        if record.status is Status.SUCCEEDED:
            self._options.tell(Told("Run succeeded here", {"runId": record.id}))
        return record

    def _run_there(self, client: Client, folder: Path, here: RunRecord | None) -> SubmitResult:
        options, connections = self._options, dict(self._order.connections)
        for name, connection in connections.items():
            if isinstance(connection.to, NewBuffer) and not options.is_detached:
                connections[name] = replace(connection, to=_new(folder, "there", name))
        order = replace(self._order, connections=connections)
        submission = Submission(client, order, options.tell)
        run_id = submission.begin()
        if options.is_detached:
            return SubmitResult(Submitted(run_id))
        run = submission.wait(run_id)
        self._show_log(submission, run)
        if run.status != SUCCEEDED:
            return SubmitResult(run, here)
        submission.read_outputs(run)
        return SubmitResult(run, here, tuple(self._comparisons(order, folder)))

    def _show_log(self, submission: Submission, run: Submitted) -> None:
        """Show what the containers printed, all of it or, of a run that failed, the end."""
        options = self._options
        if run.status == SUCCEEDED and not options.shows_whole_log:
            return
        tail = None if options.shows_whole_log else LAST_LOG_LINES
        try:
            for line in submission.logs(run.run_id, timestamps=options.timestamps, tail=tail):
                options.show_log(line)
        except StoppedError:
            raise
        except TygerLocalError as error:
            options.tell(Told(str(error), is_warning=True))

    def _comparisons(self, order: Order, folder: Path) -> Iterator[Comparison]:
        if not self._options.compares:
            return
        for name, connection in order.connected(Direction.OUTPUT).items():
            there = _path_of(connection)
            if self._options.is_compared:
                yield compare_files(name, _new(folder, "here", name), there)
            else:
                yield compare_digest(name, self._recorded[name], there)

    def _connect(self, run: ResolvedRun) -> dict[str, Connection]:
        options, file = self._options, self._file
        connections = connect(
            run.codespec,
            self._request.job.buffers,
            Path() if file is None or file == STDIN else Path(file).parent,
            lambda buffer_id: look_up(self._workspace.buffers, buffer_id),
            makes_buffers=options.compares or options.is_detached,
        )
        if file == STDIN:
            refuse_stdin(connections)
        for connection in connections.values():
            check_connection(connection, options)
        check_ends(c for c in connections.values() if not isinstance(c.to, NewBuffer))
        return connections

    def _record(self, run: ResolvedRun) -> dict[str, Digest]:
        """Return what is known of the outputs of the run to compare with."""
        options = self._options
        if not options.compares:
            return {}
        outputs = self._order.connected(Direction.OUTPUT)
        if not outputs:
            raise UsageError("there is nothing to compare: the codespec has no outputs")
        if options.compared_run is None:
            return {}
        record = self._workspace.runs.show(options.compared_run)
        return recorded_outputs(record, written(run.codespec), outputs)

    def _review(self, run: ResolvedRun) -> None:
        """Tell what the cluster does differently, unless the run here will tell it."""
        options = self._options
        plan = plan_run(
            run,
            run_id=PLANNED_RUN_ID,
            pipe_root=lambda _: CLUSTER_PIPE_ROOT,
            overrides=options.execution.overrides,
        )
        differences = plan.differences
        if options.execution.strict:
            refuse_strictly(differences)
        if not options.is_compared:
            for difference in differences:
                options.tell(Told(difference.text, is_warning=True))


def _order(request: RunRequest, run: ResolvedRun, connections: Mapping[str, Connection]) -> Order:
    worker = run.worker
    return Order(
        job=_part(request.job, run.codespec),
        worker=None if worker is None else _part(request.worker, worker.codespec),
        connections=connections,
        timeout_s=request.timeout_s,
        cluster=request.cluster,
        tags=request.tags,
        buffer_tags=request.job.tags,
        buffer_ttl=request.job.buffer_ttl,
        buffer_access_ttl=request.buffer_access_ttl,
    )


def _part(asked: TargetRequest | None, codespec: AnyCodespec) -> Part:
    if asked is None:
        raise AssertionError("a part of the run that is resolved was asked for")
    name = asked.codespec.name if isinstance(asked.codespec, CodespecRef) else None
    return Part(codespec, name, asked.replicas, asked.node_pool)


def _new(folder: Path, where: str, name: str) -> Path:
    (folder / where).mkdir(exist_ok=True)
    return folder / where / name


def _path_of(connection: Connection) -> Path:
    if isinstance(connection.to, StoreBuffer):
        return connection.to.data.path
    if isinstance(connection.to, Path):
        return connection.to
    raise AssertionError("what is compared is a file")
