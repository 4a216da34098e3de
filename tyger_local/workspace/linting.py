"""Looking at codespecs before anything runs: what would surprise on the cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from tyger_local.errors import NotFoundError
from tyger_local.lint.located import Located
from tyger_local.lint.model import Severity, Subject
from tyger_local.lint.refused import REFUSED
from tyger_local.lint.rules import RULES
from tyger_local.lint.run import lint
from tyger_local.lint.subjects import (
    Target,
    beside,
    replaced,
    stored_target,
    target,
    targets,
    without,
)
from tyger_local.plan.resolved import ResolvedRun
from tyger_local.spec.document import Document
from tyger_local.spec.models import AnyCodespec, CodespecFile
from tyger_local.spec.place import Path, Place
from tyger_local.spec.runs import CodespecRef, RunRequest
from tyger_local.workspace.codespecs import Codespecs
from tyger_local.workspace.reading import read_file

_QUIET = {rule.id for rule in RULES if rule.strict_only or rule.severity is Severity.NOTE}
"""What only ``lint`` says."""


class Linting:
    """What rules find in codespecs.

    Args:
        codespecs: Those in the store.
        warn: Is told what could not be looked at.
    """

    def __init__(self, codespecs: Codespecs, warn: Callable[[str], None]) -> None:
        self._codespecs = codespecs
        self._warn = warn

    def file(self, path: str) -> list[Located]:
        """Look at a codespec or run file; ``-`` is standard input.

        Codespecs that a run file names are looked at as well, where the store has them.

        Raises:
            SpecError: It cannot be read or makes no sense.
        """
        document = read_file(path)
        return lint(targets(document, self._look_up), RULES, document)

    def codespec(self, name: str, version: int | None = None) -> list[Located]:
        """Look at a codespec of the store.

        Raises:
            NotFoundError: There is no such codespec or version.
        """
        return lint([stored_target(name, self._codespecs.stored(name, version))], RULES)

    def _look_up(self, name: str, version: int | None) -> Mapping[str, object] | None:
        try:
            return self._codespecs.stored(name, version)
        except NotFoundError as error:
            self._warn(f"{error.what}, so it is not looked at")
            return None


def creation_warnings(
    codespec: AnyCodespec, file: CodespecFile, document: Document | None, prefix: Path = ()
) -> list[str]:
    """Return what to say when a codespec is created, but for what `cluster_refusals` says.

    Args:
        codespec: It, flags included.
        file: What the file held.
        document: The file, whose comments count; None where there is none.
        prefix: Where the codespec stands in it.
    """
    if document is None:
        return _texts(Target(Subject(codespec), _NOWHERE), None, REFUSED)
    by_flags = replaced(file, codespec)
    subject = without(target(codespec, document, prefix).subject, by_flags)
    return _texts(Target(subject, document, prefix), document, REFUSED, by_flags)


def run_warnings(request: RunRequest, run: ResolvedRun, said: frozenset[str]) -> list[str]:
    """Return what to say of a run's codespecs.

    Args:
        request: What was asked for, with the file that it was read from.
        run: The same with its codespecs.
        said: Ids of rules that need not be run, since a plan's differences say the same.
    """
    found: list[str] = []
    job = _run_target(request, run.codespec, "job")
    if run.worker is not None:
        job = Target(beside(job.subject, run.worker.codespec), job.document, job.prefix)
        worker = _run_target(request, run.worker.codespec, "worker")
        found = [f"the worker: {text}" for text in _texts(worker, request.document, said)]
    return [*_texts(job, request.document, said), *found]


def _run_target(request: RunRequest, codespec: AnyCodespec, role: str) -> Target:
    asked = request.job if role == "job" or request.worker is None else request.worker
    if isinstance(asked.codespec, CodespecRef) or request.document is None:
        found = Target(Subject(codespec), _NOWHERE)
    else:
        value = request.document.value
        names = {name.lower() for name in value} if isinstance(value, dict) else set()
        prefix = (role, "codespec") if role in names else ()
        found = target(codespec, request.document, prefix)
    subject = replace(found.subject, replicas=asked.replicas)
    return Target(subject, found.document, found.prefix)


_NOWHERE = Document(None, {(): Place("")}, {})


def _texts(
    of: Target,
    document: Document | None,
    said: Collection[str],
    by_flags: Collection[str] = (),
) -> list[str]:
    flagged = {(name,) for name in by_flags}
    return [
        _text(each, has_place=each.place.line is not None and each.path[:1] not in flagged)
        for each in lint([of], RULES, document)
        if each.finding.rule not in said and each.finding.rule not in _QUIET
    ]


def _text(located: Located, *, has_place: bool) -> str:
    """Return a finding as a warning that says its rule, without a final stop."""
    where = f"{located.place}: " if has_place else ""
    finding = located.finding
    return f"{where}{finding.happens}; {finding.fix} [{finding.rule}]"
