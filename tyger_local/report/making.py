"""From a run's record and samples to its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tyger_local.outcome.needs import Measured
from tyger_local.outcome.suggestion import suggest
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.report.model import WAITS, BufferFigures, Phase, Report
from tyger_local.report.reading import entries, items, number, part, seconds_between, text, whole
from tyger_local.report.samples import ContainerSamples, highest, read_samples
from tyger_local.spec.fields import Misfit
from tyger_local.spec.models import Resources

PHASES = {
    "pullSeconds": "pull",
    "createSeconds": "create",
    "startSeconds": "start",
    "runSeconds": "run",
    "drainSeconds": "drain",
}
"""Fields of the record, in order of time, and what they are called."""


def make_report(record: Mapping[str, object], samples: object = None) -> Report:
    """Make the report of a run that has ended.

    Args:
        record: The run's record, which may be one of an older version.
        samples: Its samples document; None when there is none.
    """
    containers = read_samples(samples)
    asked = _asked(record)
    measured = _measured(record, containers)
    return Report(
        run_id=whole(record.get("id")) or 0,
        status=text(record.get("status")),
        verdict=text(record.get("verdict")),
        reason=text(record.get("statusReason")),
        hint=text(record.get("hint")),
        exit_code=whole(record.get("exitCode")),
        created_at=text(record.get("createdAt")),
        started_at=text(record.get("startedAt")),
        finished_at=text(record.get("finishedAt")),
        image=text(part(record, "job", "codespec", "image")),
        digest=text(part(record, "image", "digest")),
        engine=_engine(record),
        command=_command(record),
        asked=asked,
        wall_seconds=seconds_between(record.get("createdAt"), record.get("finishedAt")),
        method=text(part(record, "usage", "method")),
        phases=tuple(_phases(record)),
        buffers=tuple(_buffers(record)),
        measured=measured,
        containers=containers,
        suggestion=suggest(measured, asked),
    )


def _measured(record: Mapping[str, object], containers: tuple[ContainerSamples, ...]) -> Measured:
    known = {kind.value: kind for kind in VerdictKind}
    own = highest(each.own_memory for each in containers)
    run_s = number(part(record, "phases", "runSeconds"))
    if run_s is None:
        run_s = seconds_between(record.get("startedAt"), record.get("finishedAt"))
    return Measured(
        verdict=known.get(text(record.get("verdict"))),
        run_seconds=run_s,
        peak_memory_bytes=whole(part(record, "usage", "peakMemoryBytes")),
        own_memory_bytes=None if own is None else int(own),
        cpu_seconds=number(part(record, "usage", "cpuSeconds")),
        throttled_seconds=number(part(record, "usage", "throttledSeconds")),
        peak_cores=highest(each.cores for each in containers),
        replicas=whole(part(record, "job", "replicas")) or 1,
        engine=text(part(record, "engine", "name")),
    )


def _asked(record: Mapping[str, object]) -> Resources:
    try:
        return Resources.read(entries(part(record, "job", "codespec", "resources")))
    except Misfit:
        return Resources()


def _engine(record: Mapping[str, object]) -> str:
    words = text(part(record, "engine", "name")), text(part(record, "engine", "version"))
    return " ".join(word for word in words if word)


def _command(record: Mapping[str, object]) -> tuple[str, ...]:
    codespec = part(record, "job", "codespec")
    words = (*items(part(codespec, "command")), *items(part(codespec, "args")))
    return tuple(text(word) for word in words)


def _phases(record: Mapping[str, object]) -> Iterator[Phase]:
    found = entries(record.get("phases"))
    known = [(name, number(found.get(field))) for field, name in PHASES.items()]
    if not any(seconds is not None for _, seconds in known):  # a record of before there were any
        known = [
            ("prepare", seconds_between(record.get("createdAt"), record.get("startedAt"))),
            ("run", seconds_between(record.get("startedAt"), record.get("finishedAt"))),
        ]
    for name, seconds in known:
        if seconds is not None:
            yield Phase(name, seconds)


def _buffers(record: Mapping[str, object]) -> Iterator[BufferFigures]:
    for name, stats in entries(record.get("bufferStats")).items():
        count, seconds = whole(part(stats, "bytes")), number(part(stats, "seconds"))
        rate = number(part(stats, "bytesPerSecond"))
        if rate is None and "bytesPerSecond" not in entries(stats) and count and seconds:
            rate = count / seconds  # a record of before rates were written
        yield BufferFigures(
            name=name,
            direction=text(part(stats, "direction")),
            state=text(part(stats, "state")),
            bytes=count,
            seconds=seconds,
            bytes_per_second=rate,
            waits=tuple(_waits(part(stats, "waitedSeconds"))),
        )


def _waits(waited: object) -> Iterator[tuple[str, float]]:
    for whom in WAITS:
        seconds = number(part(waited, whom))
        if seconds is not None:
            yield whom, seconds
