"""What an export is about: a codespec, or a run, by its name or in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from tyger_local.errors import ClusterDifferenceError, NotFoundError, UsageError
from tyger_local.plan.resolved import ResolvedRun, ResolvedWorker
from tyger_local.spec.decode import (
    IN_PLACE_READING,
    decode,
    decode_codespec_file,
    plain_document,
)
from tyger_local.spec.document import Document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.models import CodespecFile, WorkerCodespec
from tyger_local.spec.names import parse_codespec_ref
from tyger_local.spec.rules import cluster_refusals
from tyger_local.spec.runs import (
    BufferArgument,
    RunFlags,
    RunRequest,
    holds_codespec,
    run_request,
)
from tyger_local.spec.versions import JsonObject
from tyger_local.spec.written import written
from tyger_local.store.buffers import is_buffer_id
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.reading import STDIN, read_file
from tyger_local.workspace.resolving import STREAM, UNMAPPED, check_declared, resolve_run

FILE_SUFFIXES = (".yml", ".yaml", ".json")


@dataclass(frozen=True, slots=True)
class Exported:
    """What is to be exported.

    Attributes:
        name: The codespec's, or what a file's name makes of it.
        codespec: The codespec's document, where nothing is said of a run of it.
        request: The run; of a codespec alone one with defaults, if that is wanted. None for a worker's.
        run: The same, with its codespecs.
        worker: What a worker's codespec alone comes to.
        folder: From where relative paths in the run file count.
    """

    name: str
    codespec: JsonObject | None
    request: RunRequest | None = None
    run: ResolvedRun | None = None
    worker: ResolvedWorker | None = None
    folder: Path = Path()

    def buffer_ids(self) -> dict[str, str]:
        """Return the buffers of the run that are connected to one by its id."""
        return {name: given.text for name, given in self._buffers() if is_buffer_id(given.text)}

    def buffer_files(self) -> dict[str, str]:
        """Return the files that buffers of the run are connected to; streams have the names of files, too."""
        inputs = self.run.codespec.buffers.inputs if self.run is not None else ()
        streams = dict.fromkeys(inputs, "/dev/stdin")
        return {
            name: streams.get(name, "/dev/stdout") if given.text == STREAM else self._path(given)
            for name, given in self._buffers()
            if given.text != UNMAPPED and not is_buffer_id(given.text)
        }

    def _buffers(self) -> list[tuple[str, BufferArgument]]:
        return [] if self.request is None else list(self.request.job.buffers.items())

    def _path(self, given: BufferArgument) -> str:
        return str(self.folder / given.text) if given.in_file else given.text


def exported(
    codespecs: Codespecs, where: str, flags: RunFlags, *, always_run: bool = True
) -> Exported:
    """Find what is to be exported.

    Args:
        codespecs: Where named codespecs are.
        where: ``NAME``, ``NAME/versions/N``, a codespec file or a run file; ``-`` is standard input.
        flags: What is said of the run.
        always_run: Whether a codespec alone shall be a run of it, too; then one that the cluster would refuse
            is an error.

    Raises:
        NotFoundError: There is no such codespec.
        SpecError: The file makes no sense.
        UsageError: The run makes no sense.
    """
    if not is_file(codespecs, where):
        name, version = parse_codespec_ref(where)
        stored = codespecs.stored(name, version)
        document = plain_document(stored, f"codespec {name}/versions/{stored['version']}")
        file = decode(CodespecFile, document, IN_PLACE_READING)
        # Which version is the latest may change, and it is looked up once.
        job = replace(flags.job, codespec=f"{name}/versions/{stored['version']}")
        return _of_codespec(codespecs, name, file, None, replace(flags, job=job), always_run)
    document = read_file(where)
    stem = "" if where == STDIN else Path(where).stem
    if holds_codespec(document):
        file = decode_codespec_file(document)
        name = file.name or stem
        return _of_codespec(codespecs, name, file, document, flags, always_run)
    run = _of_run(codespecs, stem, run_request(document, flags))
    return run if where == STDIN else replace(run, folder=Path(where).parent)


def is_file(codespecs: Codespecs, where: str) -> bool:
    """Return whether a file is meant, and no codespec of the store; the latter goes first.

    Args:
        codespecs: Those of the store.
        where: What was typed.
    """
    name, _, _ = where.partition("/versions/")
    if where == STDIN or "/" in name or where.endswith(FILE_SUFFIXES):
        return True
    try:
        codespecs.versions(name)
    except (NotFoundError, UsageError):
        return os.path.exists(where)
    return False


def _of_codespec(
    codespecs: Codespecs,
    name: str,
    file: CodespecFile,
    document: Document | None,
    flags: RunFlags,
    always_run: bool,
) -> Exported:
    """Return what a codespec comes to, and a run of it."""
    codespec = codespec_from(file, CodespecFlags())
    says_nothing = replace(flags, job=replace(flags.job, codespec=None)) == RunFlags()
    if isinstance(codespec, WorkerCodespec):
        worker = _worker(codespec, flags, always_run)
        return Exported(name, codespecs.resolve(file, None, document), worker=worker)
    if says_nothing and not always_run:
        return Exported(name, codespecs.resolve(file, None, document))
    run = _of_run(codespecs, name, run_request(document, flags))
    return replace(run, codespec=written(codespec)) if says_nothing else run


def _worker(codespec: WorkerCodespec, flags: RunFlags, always_run: bool) -> ResolvedWorker:
    replicas = flags.job.replicas or 1  # 0 is what Tyger's client leaves out
    if replicas < 0:
        raise UsageError(f"replicas must not be negative, got {replicas}", "leave it out for one")
    reasons = "; ".join(cluster_refusals(codespec)) if always_run else ""
    if reasons:
        raise ClusterDifferenceError(
            f"the cluster would refuse every run with this worker: {reasons}", "mend the codespec"
        )
    return ResolvedWorker(codespec, replicas, flags.job.node_pool or "")


def _of_run(codespecs: Codespecs, name: str, request: RunRequest) -> Exported:
    run = resolve_run(request, codespecs)
    check_declared(run.codespec, request.job.buffers)
    return Exported(name, None, request, run)
