"""From a run's record and samples to its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tyger_local.report.model import WAITS, BufferFigures, ContainerFigures, Phase, Report
from tyger_local.report.reading import entries, number, part, seconds_between, text, whole
from tyger_local.report.samples import read_samples
from tyger_local.report.targets import make_target, read_usage

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
    containers = tuple(_containers(record))
    sampled = read_samples(samples)
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
        engine=_engine(record),
        wall_seconds=seconds_between(record.get("createdAt"), record.get("finishedAt")),
        phases=tuple(_phases(record)),
        buffers=tuple(_buffers(record)),
        job=make_target(
            record,
            "job",
            [each for each in containers if not _is_worker(each.label)],
            tuple(each for each in sampled if not _is_worker(each.label)),
        ),
        worker=None
        if part(record, "worker") is None
        else make_target(
            record,
            "worker",
            [each for each in containers if _is_worker(each.label)],
            tuple(each for each in sampled if _is_worker(each.label)),
        ),
        containers=containers,
    )


def _is_worker(label: str) -> bool:
    return label.startswith("worker-")


def _containers(record: Mapping[str, object]) -> Iterator[ContainerFigures]:
    for label, found in entries(record.get("containers")).items():
        yield ContainerFigures(
            label=label,
            verdict=text(part(found, "verdict")),
            exit_code=whole(part(found, "exitCode")),
            restarts=whole(part(found, "restarts")) or 0,
            usage=read_usage(found),
            buffers=tuple(_buffers(found)),
        )


def _engine(record: Mapping[str, object]) -> str:
    words = text(part(record, "engine", "name")), text(part(record, "engine", "version"))
    return " ".join(word for word in words if word)


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


def _buffers(document: object) -> Iterator[BufferFigures]:
    """Yield the buffers in the record of a run or of one container."""
    for name, stats in entries(part(document, "bufferStats")).items():
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
