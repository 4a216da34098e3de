"""Run files, flags over them, and the request that comes out of both.

Source: Tyger's client, ``run.go``. Scalars of flags replace those of the file; ``--buffer``,
``--buffer-tag`` and ``--tag`` merge key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tyger_local.errors import SpecError, UsageError
from tyger_local.spec.decode import CODESPEC_FILE_READING, IN_PLACE_READING, decode
from tyger_local.spec.document import Document, Path, Place
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.models import (
    AnyCodespec,
    CodespecFile,
    JobCodespec,
    RunFile,
    RunTarget,
)
from tyger_local.spec.names import parse_codespec_ref
from tyger_local.spec.tags import check_tags
from tyger_local.spec.ttl import check_ttl

DEFAULT_TIMEOUT_S = 43_200


@dataclass(frozen=True, slots=True)
class CodespecRef:
    """A codespec by name, of one version or of the latest."""

    name: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class BufferArgument:
    """What a buffer is connected to, as it was written.

    Attributes:
        text: ``-``, ``_``, a buffer's id or a path.
        where: The flag or the place in the run file.
        in_file: Whether a relative path counts from the run file's folder and not the current one.
    """

    text: str
    where: Place
    in_file: bool = False


@dataclass(frozen=True, slots=True)
class TargetFlags:
    """Flags that concern the job, or with ``--worker-`` before them the worker; None: not given.

    An empty text counts as not given, as in Tyger.
    """

    codespec: str | None = None
    version: str | None = None
    replicas: int | None = None
    node_pool: str | None = None

    def any_given(self) -> bool:
        """Return whether at least one was given."""
        return self != TargetFlags()


@dataclass(frozen=True, slots=True)
class RunFlags:
    """The flags of ``run exec`` that a run file could hold too; None and empty text: not given."""

    job: TargetFlags = TargetFlags()
    worker: TargetFlags = TargetFlags()
    buffers: Mapping[str, str] = field(default_factory=dict)
    buffer_tags: Mapping[str, str] = field(default_factory=dict)
    buffer_ttl: str | None = None
    cluster: str | None = None
    timeout_s: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    buffer_access_ttl: str | None = None


@dataclass(frozen=True, slots=True)
class TargetRequest:
    """The job or the worker of a run that is asked for.

    Attributes:
        buffers: What each is connected to; of a worker, which has none, what the run file says all the same.
        buffer_ttl: How long the buffers are kept that the run makes; empty for ever.
        buffer_ttl_place: Where that was written.
    """

    codespec: CodespecRef | AnyCodespec
    buffers: Mapping[str, BufferArgument]
    tags: Mapping[str, str]
    buffer_ttl: str
    node_pool: str
    replicas: int
    buffer_ttl_place: Place = field(default_factory=lambda: Place(""), compare=False)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that is asked for: file and flags together, its named codespecs still to be looked up.

    Attributes:
        timeout_s: Seconds from the start of the container after which the run fails.
        document: The file that was read, if one was.
    """

    job: TargetRequest
    worker: TargetRequest | None
    cluster: str
    timeout_s: int
    tags: Mapping[str, str]
    buffer_access_ttl: str
    document: Document | None = field(default=None, repr=False, compare=False)

    @property
    def replicas(self) -> dict[str, int]:
        """Return how many containers there shall be of each role."""
        workers = 0 if self.worker is None else self.worker.replicas
        return {"job": self.job.replicas, "worker": workers}


def run_request(document: Document | None, flags: RunFlags) -> RunRequest:
    """Lay `flags` over the run or codespec file `document`.

    Args:
        document: A run file, a codespec file (it is run as an inline job) or None.
        flags: What the command line says.

    Raises:
        SpecError: The file or the flags make no sense.
        UsageError: No codespec is named anywhere.
    """
    file, inline = _read(document)
    if file.kind.lower() == "system":
        raise UsageError("System runs cannot be created directly", "remove 'kind: system'")
    job = _target("job", document, file.job or RunTarget(), inline, flags.job)
    if job is None:
        raise UsageError(
            "a codespec for the job must be specified", "name one with -c NAME or -f FILE"
        )
    worker = None
    if file.worker is not None or flags.worker.any_given():
        below = file.worker or RunTarget()
        worker = _target("worker", document, below, None, flags.worker)
        if worker is None:
            raise UsageError(
                "a codespec for the worker must be specified", "name one with --worker-codespec"
            )
        # They have none; what a file connects all the same is remembered to be told.
        worker = replace(worker, buffers=_file_buffers("worker", below, document))
    job = _with_buffers(job, file.job or RunTarget(), document, flags)
    timeout_s = file.timeout_seconds if flags.timeout_s is None else flags.timeout_s
    tags = {**file.tags, **flags.tags}
    check_tags(tags)
    check_tags(job.tags)
    access_ttl = _ttl(
        flags.buffer_access_ttl,
        "--buffer-access-ttl",
        file.buffer_access_ttl,
        document,
        ("bufferAccessTtl",),
    )
    return RunRequest(
        job=job,
        worker=worker,
        cluster=flags.cluster or file.cluster,
        timeout_s=DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s,
        tags=tags,
        buffer_access_ttl=access_ttl,
        document=document,
    )


def _read(document: Document | None) -> tuple[RunFile, CodespecFile | None]:
    if document is None:
        return RunFile(), None
    if holds_codespec(document):
        return RunFile(), decode(CodespecFile, document, CODESPEC_FILE_READING)
    return decode(RunFile, document, CODESPEC_FILE_READING), None


def holds_codespec(document: Document) -> bool:
    """Return whether what could be a run file is taken for a codespec file."""
    value = document.value
    names = {name.lower() for name in value} if isinstance(value, dict) else set()
    return "image" in names and "job" not in names


def _target(
    role: str,
    document: Document | None,
    file: RunTarget,
    inline: CodespecFile | None,
    flags: TargetFlags,
) -> TargetRequest | None:
    codespec: CodespecRef | AnyCodespec
    if flags.codespec:
        version = f"/versions/{flags.version}" if flags.version else ""
        codespec = CodespecRef(*parse_codespec_ref(flags.codespec + version))
    elif inline is not None:
        codespec = _inline_job(inline)
    elif isinstance(file.codespec, str):
        codespec = CodespecRef(*parse_codespec_ref(file.codespec))
    elif file.codespec is not None and document is not None:
        part = decode(CodespecFile, document, IN_PLACE_READING, prefix=(role, "codespec"))
        codespec = codespec_from(part, CodespecFlags(), kind=role)
    else:
        return None
    replicas = file.replicas if flags.replicas is None else flags.replicas
    if replicas is not None and replicas < 0:
        raise SpecError(f"{role}: replicas must not be negative, got {replicas}")
    return TargetRequest(
        codespec=codespec,
        buffers={},
        tags=file.tags,
        buffer_ttl=file.buffer_ttl,
        node_pool=flags.node_pool or file.node_pool,
        replicas=replicas or 1,
    )


def _inline_job(file: CodespecFile) -> JobCodespec:
    codespec = codespec_from(file, CodespecFlags())
    if not isinstance(codespec, JobCodespec):
        raise UsageError(
            "The codespec for the job is required to be a job codespec",
            "this file holds a worker codespec",
        )
    return codespec


def _with_buffers(
    job: TargetRequest, file: RunTarget, document: Document | None, flags: RunFlags
) -> TargetRequest:
    """Add what the file and the flags say of the job's buffers."""
    buffers = _file_buffers("job", file, document)
    for name, text in flags.buffers.items():
        buffers[name] = BufferArgument(text, Place("--buffer"))
    return replace(
        job,
        buffers=buffers,
        tags={**job.tags, **flags.buffer_tags},
        buffer_ttl=_ttl(
            flags.buffer_ttl, "--buffer-ttl", job.buffer_ttl, document, ("job", "bufferTtl")
        ),
        buffer_ttl_place=(
            Place("--buffer-ttl") if flags.buffer_ttl else _place(document, ("job", "bufferTtl"))
        ),
    )


def _file_buffers(
    role: str, file: RunTarget, document: Document | None
) -> dict[str, BufferArgument]:
    return {
        name: BufferArgument(text, _place(document, (role, "buffers", name)), in_file=True)
        for name, text in file.buffers.items()
    }


def _place(document: Document | None, path: Path) -> Place:
    return Place("") if document is None else document.place(path)


def _ttl(given: str | None, flag: str, below: str, document: Document | None, path: Path) -> str:
    """Return the time to live that holds, a flag's before the file's."""
    if given:
        check_ttl(given, Place(flag))
        return given
    check_ttl(below, _place(document, path))
    return below
