"""What the containers of one codespec were and cost: those of the job, or the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tyger_local.outcome.containers import replicas_in
from tyger_local.outcome.facts import Fate
from tyger_local.outcome.needs import Measured
from tyger_local.outcome.record import Usage
from tyger_local.outcome.suggestion import suggest
from tyger_local.outcome.usage import total
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.report.model import ContainerFigures, Target
from tyger_local.report.reading import entries, items, number, part, seconds_between, text, whole
from tyger_local.report.samples import ContainerSamples, highest
from tyger_local.spec.fields import Misfit
from tyger_local.spec.models import Resources


def make_target(
    record: Mapping[str, object],
    role: str,
    containers: Sequence[ContainerFigures],
    samples: tuple[ContainerSamples, ...],
) -> Target:
    """Return what is known of one role's containers.

    Args:
        record: The run's record.
        role: ``job`` or ``worker``.
        containers: What became of those; nothing in a run of one.
        samples: What those used over time.
    """
    asked = _asked(record, role)
    started = [each for each in containers if each.verdict != Fate.NOT_STARTED.value]
    # The run's usage is that of all its containers.
    usage = total([each.usage for each in started]) if containers else read_usage(record)
    measured = _measured(record, role, started, usage, samples)
    first: object = record
    if role == "worker":
        first = part(record, "containers", "worker-0")
    return Target(
        image=text(part(record, role, "codespec", "image")),
        digest=text(part(first, "image", "digest")),
        command=_command(record, role),
        asked=asked,
        measured=measured,
        method=usage.method or "",
        samples=samples,
        suggestion=suggest(measured, asked),
    )


def read_usage(document: object) -> Usage:
    """Return the usage in the record of a run or of one container."""
    return Usage(
        peak_memory_bytes=whole(part(document, "usage", "peakMemoryBytes")),
        cpu_seconds=number(part(document, "usage", "cpuSeconds")),
        throttled_seconds=number(part(document, "usage", "throttledSeconds")),
        method=text(part(document, "usage", "method")) or None,
    )


def _measured(
    record: Mapping[str, object],
    role: str,
    started: Sequence[ContainerFigures],
    usage: Usage,
    samples: tuple[ContainerSamples, ...],
) -> Measured:
    own = highest(each.own_memory for each in samples)
    run_s = number(part(record, "phases", "runSeconds"))
    if run_s is None:
        run_s = seconds_between(record.get("startedAt"), record.get("finishedAt"))
    return Measured(
        verdict=_verdict(record, started),
        run_seconds=run_s,
        peak_memory_bytes=usage.peak_memory_bytes,
        own_memory_bytes=None if own is None else int(own),
        cpu_seconds=usage.cpu_seconds,
        throttled_seconds=usage.throttled_seconds,
        peak_cores=highest(each.cores for each in samples),
        replicas=len(started) or replicas_in(record)[role] or 1,
        restarts=sum(each.restarts for each in started),
        engine=text(part(record, "engine", "name")),
    )


def _verdict(
    record: Mapping[str, object], started: Sequence[ContainerFigures]
) -> VerdictKind | None:
    """Return the run's verdict, but out of memory only for those who were.

    A worker that was killed for want of memory says nothing about what the job needs.
    """
    known = {kind.value: kind for kind in VerdictKind}
    verdict = known.get(text(record.get("verdict")))
    if any(each.verdict == Fate.OUT_OF_MEMORY.value for each in started):
        return VerdictKind.OUT_OF_MEMORY
    if verdict is VerdictKind.OUT_OF_MEMORY and started:
        return VerdictKind.FAILED
    return verdict


def _asked(record: Mapping[str, object], role: str) -> Resources:
    try:
        return Resources.read(entries(part(record, role, "codespec", "resources")))
    except Misfit:
        return Resources()


def _command(record: Mapping[str, object], role: str) -> tuple[str, ...]:
    codespec = part(record, role, "codespec")
    words = (*items(part(codespec, "command")), *items(part(codespec, "args")))
    return tuple(text(word) for word in words)
