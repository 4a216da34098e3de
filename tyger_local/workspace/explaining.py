"""From a file, a name and flags to an explanation of what would run. No engine is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tyger_local.engine.base import Engine
from tyger_local.plan.explain import Explained, explain
from tyger_local.plan.explanation import Explanation
from tyger_local.plan.model import Overrides, Role
from tyger_local.plan.origins import Origins
from tyger_local.runner.ends import Connection, NewBuffer, Stdio
from tyger_local.spec.buffers import Direction
from tyger_local.spec.decode import decode_codespec_file
from tyger_local.spec.document import Document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.models import JobCodespec, WorkerCodespec
from tyger_local.spec.names import parse_codespec_ref
from tyger_local.spec.runs import (
    CodespecRef,
    RunFlags,
    RunRequest,
    TargetRequest,
    holds_codespec,
    run_request,
)
from tyger_local.workspace.buffers import Buffers
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.execution import draft_plan
from tyger_local.workspace.reading import STDIN, read_file
from tyger_local.workspace.resolving import connect, resolve_run
from tyger_local.workspace.run_buffers import look_up

SOME_JOB = JobCodespec(image="[the job's image]")
"""Stands for the job beside which workers run that are looked at alone."""

STREAMS = {Direction.INPUT: Stdio.STDIN, Direction.OUTPUT: Stdio.STDOUT}


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains what would run.

    Attributes:
        codespecs: Where named codespecs are.
        buffers: Where buffers are that are named by their ids.
        engine: What would run it.
    """

    codespecs: Codespecs
    buffers: Buffers
    engine: Engine

    def explain(self, file: str | None, flags: RunFlags, overrides: Overrides) -> Explanation:
        """Explain a run, or the codespec of workers alone.

        Args:
            file: A run or codespec file; ``-`` is standard input.
            flags: What is laid over it.
            overrides: What local-only flags change.

        Raises:
            TygerLocalError: What a run of it would raise before it begins, but for buffers that are connected
                to nothing.
        """
        document = None if file is None else read_file(file)
        worker = self._lone_worker(document, flags)
        request = (
            run_request(document, flags) if worker is None else _beside_some_job(worker, flags)
        )
        run = resolve_run(request, self.codespecs)
        folder = Path() if file is None or file == STDIN else Path(file).parent
        connections = connect(
            run.codespec,
            request.job.buffers,
            folder,
            lambda buffer_id: look_up(self.buffers, buffer_id),
            makes_buffers=True,
        )
        return explain(
            Explained(
                request=request,
                run=run,
                plan=draft_plan(run, self.engine, overrides),
                overrides=overrides,
                origins=Origins(document, flags, dict(self._stored(request))),
                connections={name: _words(name, connections) for name in connections},
                roles=tuple(Role) if worker is None else (Role.WORKER,),
            )
        )

    def _lone_worker(
        self, document: Document | None, flags: RunFlags
    ) -> WorkerCodespec | CodespecRef | None:
        """Return the codespec of workers that is all that is named; None where a job is."""
        if flags.worker.codespec:
            return None
        if flags.job.codespec:
            version = f"/versions/{flags.job.version}" if flags.job.version else ""
            reference = CodespecRef(*parse_codespec_ref(flags.job.codespec + version))
            stored = self.codespecs.stored(reference.name, reference.version)
            is_lone = document is None and stored.get("kind") == "worker"
            return reference if is_lone else None
        if document is None or not holds_codespec(document):
            return None
        codespec = codespec_from(decode_codespec_file(document), CodespecFlags())
        return codespec if isinstance(codespec, WorkerCodespec) else None

    def _stored(self, request: RunRequest) -> Iterator[tuple[Role, str]]:
        """Yield the version that each codespec has that comes from the store."""
        for role, target in ((Role.JOB, request.job), (Role.WORKER, request.worker)):
            if target is not None and isinstance(target.codespec, CodespecRef):
                name = target.codespec.name
                stored = self.codespecs.stored(name, target.codespec.version)
                yield role, f"{name}/versions/{stored['version']}"


def _beside_some_job(worker: WorkerCodespec | CodespecRef, flags: RunFlags) -> RunRequest:
    """Return a request for workers and a job of which nothing is known."""
    plain = replace(flags.job, codespec=None, version=None)
    request = run_request(
        None,
        replace(
            flags,
            job=replace(plain, codespec="job"),
            worker=replace(flags.worker, codespec="worker"),
        ),
    )
    asked: TargetRequest | None = request.worker
    if asked is None:
        raise AssertionError("workers were asked for")
    job = replace(request.job, codespec=SOME_JOB)
    return replace(request, job=job, worker=replace(asked, codespec=worker))


def _words(name: str, connections: Mapping[str, Connection]) -> str:
    """Return what a buffer is connected to: one alone that is not gets a stream from ``run exec``."""
    here = connections[name]
    if here.to is not NewBuffer.NEW:
        return str(here)
    rivals = [
        other
        for other in connections.values()
        if other.direction is here.direction
        and (other.to is NewBuffer.NEW or isinstance(other.to, Stdio))
    ]
    if len(rivals) > 1:
        return f"[nothing: run exec needs -b {name}=FILE]"
    return STREAMS[here.direction].value
