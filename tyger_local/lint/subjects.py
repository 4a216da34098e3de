"""From documents to what rules look at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from tyger_local.lint.model import Subject, WrittenScalar
from tyger_local.spec.decode import (
    CODESPEC_FILE_READING,
    IN_PLACE_READING,
    decode,
    plain_document,
)
from tyger_local.spec.document import Document
from tyger_local.spec.flags import CodespecFlags, codespec_from
from tyger_local.spec.models import (
    AnyCodespec,
    CodespecFile,
    Model,
    Resources,
    RunFile,
    RunTarget,
    Socket,
    WorkerCodespec,
)
from tyger_local.spec.names import parse_codespec_ref
from tyger_local.spec.place import Path
from tyger_local.spec.yaml_nodes import ScalarNode

LookUp = Callable[[str, "int | None"], "Mapping[str, object] | None"]
"""Returns a stored codespec by its name and version; None for one that shall not be looked at."""


@dataclass(frozen=True, slots=True)
class Target:
    """A codespec that is looked at, and where it was read.

    Attributes:
        document: What it stands in.
        prefix: Where it stands in there.
    """

    subject: Subject
    document: Document
    prefix: Path = ()


def targets(document: Document, look_up: LookUp) -> Iterator[Target]:
    """Yield the codespecs of a codespec or run file.

    Args:
        document: The file.
        look_up: Finds those that a run file only names.

    Raises:
        SpecError: The file makes no sense.
    """
    value = document.value
    if not isinstance(value, dict) or not {"job", "worker"} & {key.lower() for key in value}:
        file = decode(CodespecFile, document, CODESPEC_FILE_READING)
        yield target(codespec_from(file, CodespecFlags()), document)
        return
    run = decode(RunFile, document, CODESPEC_FILE_READING)
    found = {
        role: each
        for role, part in (("job", run.job), ("worker", run.worker))
        if part is not None and part.codespec is not None
        for each in _of_role(role, part, document, look_up)
    }
    worker = found.get("worker")
    for role, each in found.items():
        if role == "job" and worker is not None:
            yield replace(each, subject=beside(each.subject, worker.subject.codespec))
        else:
            yield each


def _of_role(role: str, part: RunTarget, document: Document, look_up: LookUp) -> Iterator[Target]:
    if isinstance(part.codespec, str):
        name, version = parse_codespec_ref(part.codespec)
        stored = look_up(name, version)
        if stored is None:
            return
        each = stored_target(name, stored)
    else:
        file = decode(CodespecFile, document, IN_PLACE_READING, prefix=(role, "codespec"))
        codespec = codespec_from(file, CodespecFlags(), kind=role)
        each = target(codespec, document, (role, "codespec"))
    yield replace(each, subject=replace(each.subject, replicas=part.replicas or 1))


def stored_target(name: str, stored: Mapping[str, object]) -> Target:
    """Return a codespec of the store."""
    document = plain_document(stored, f"codespec {name}/versions/{stored['version']}")
    file = decode(CodespecFile, document, IN_PLACE_READING)
    return Target(Subject(codespec_from(file, CodespecFlags())), document)


def target(codespec: AnyCodespec, document: Document, prefix: Path = ()) -> Target:
    """Return a codespec that was read from `document`, perhaps with flags laid over it."""
    subject = Subject(
        codespec,
        written=_written(document.scalars, prefix),
        written_keys=_written(document.key_scalars, prefix),
    )
    return Target(subject, document, prefix)


def beside(job: Subject, worker: AnyCodespec) -> Subject:
    """Return a job's subject as one that is looked at together with a worker."""
    endpoints = worker.endpoints if isinstance(worker, WorkerCodespec) else {}
    return replace(job, has_workers=True, worker_endpoints=endpoints)


def replaced(file: CodespecFile, codespec: AnyCodespec) -> frozenset[str]:
    """Return the fields in which flags have changed what the file says."""
    return frozenset(
        name
        for name, (attribute, _) in CodespecFile.known().items()
        if getattr(file, attribute) != getattr(codespec, attribute, getattr(file, attribute))
    )


def without(subject: Subject, fields: Collection[str]) -> Subject:
    """Return a subject without what was written in some fields, as it no longer holds."""
    return replace(
        subject,
        written={path: each for path, each in subject.written.items() if path[0] not in fields},
        written_keys={
            path: each for path, each in subject.written_keys.items() if path[0] not in fields
        },
    )


def _written(scalars: Mapping[Path, ScalarNode], prefix: Path) -> dict[Path, WrittenScalar]:
    """Return the scalars below `prefix`, by their paths from there, with fields as Tyger spells them."""
    folded = tuple(str(part).lower() for part in prefix)
    return {
        _canonical(path[len(prefix) :]): WrittenScalar(node.text, node.plain)
        for path, node in scalars.items()
        if len(path) > len(prefix)
        and tuple(str(part).lower() for part in path[: len(prefix)]) == folded
    }


def _canonical(path: Path) -> Path:
    """Return `path` with names of fields as Tyger spells them; they match without regard to case."""
    models: dict[object, type[Model]] = {"resources": Resources, "sockets": Socket}
    first = _field(CodespecFile, path[0])
    below = models.get(first)
    if below is None:
        return (first, *path[1:])
    return (first, *(_field(below, part) for part in path[1:]))


def _field(model: type[Model], part: str | int) -> str | int:
    names = {name.lower(): name for name in model.known()}
    return names.get(part.lower(), part) if isinstance(part, str) else part
