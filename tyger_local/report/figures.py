"""The rows of a report's tables, in words: the terminal and the page say the same."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tyger_local.outcome.words import (
    human_bytes,
    human_cores,
    human_memory,
    human_seconds,
    human_share,
    printable,
)
from tyger_local.report.model import WAITS, BufferFigures, Report, Target

_MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$")

UNKNOWN = "not known"
SHORTEST_WAIT_S = 0.005
"""Less is shown as nothing."""

ARROWS = {"input": "→", "output": "←"}
"""Bytes of an input go to the container, those of an output come from it."""

ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "'": "\\'"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        remark: What makes sense of the value; may be empty.
    """

    name: str
    value: str
    remark: str = ""


def command_line(words: Iterable[str]) -> str:
    """Return words as a line that a shell takes; what cannot be printed is escaped in ``$'…'``."""
    return " ".join(shlex.quote(w) if w.isprintable() else _in_escapes(w) for w in words)


def _in_escapes(word: str) -> str:
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    if character.isprintable():
        return character
    is_byte = "\udc80" <= character <= "\udcff"  # of an argument that is no UTF-8
    as_bytes = character.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in as_bytes)


def when(written: str) -> str:
    """Return an RFC 3339 time as people write it; what is no such time stays."""
    return _MOMENT.sub(r"\1 \2 UTC", written)


def figures(report: Report) -> tuple[Figure, ...]:
    """Return the figures of a run and its job."""
    return (_time(report), *target_figures(report.job))


def target_figures(target: Target) -> tuple[Figure, ...]:
    """Return the figures of the job or the workers."""
    return (_memory(target), _cpu(target), _throttled(target))


def _time(report: Report) -> Figure:
    wall, run = report.wall_seconds, report.job.measured.run_seconds
    where = "the containers" if report.containers else "the container"
    remark = "" if run is None else f"{human_seconds(run)} of it in {where}"
    return Figure("Time", UNKNOWN if wall is None else human_seconds(wall), remark)


def _memory(target: Target) -> Figure:
    measured, limit = target.measured, target.asked.limits.memory
    peak, own = measured.peak_memory_bytes, measured.own_memory_bytes
    if peak is None:
        return Figure("Peak memory", UNKNOWN, "" if limit is None else f"limit {limit}")
    remarks = ["no limit"]
    if limit is not None and limit.value > 0:
        remarks = [f"{human_share(peak, limit.value)} of the limit ({limit})"]
    if own is not None:
        remarks.append(f"{human_memory(own)} without file cache")
    if measured.replicas > 1:
        remarks.append("of one container")
    return Figure("Peak memory", human_memory(peak), ", ".join(remarks))


def _cpu(target: Target) -> Figure:
    measured, limit = target.measured, target.asked.limits.cpu
    if measured.cpu_seconds is None:
        return Figure("CPU time", UNKNOWN, "" if limit is None else f"limit {limit}")
    remarks: list[str] = []
    if measured.average_cores is not None:
        whose = " of each container" if measured.replicas > 1 else ""
        remarks.append(f"{human_cores(measured.average_cores)} cores{whose} on average")
    if measured.seen_peak_cores:
        remarks.append(f"at most {human_cores(measured.seen_peak_cores)}")
    remarks.append("no limit" if limit is None else f"limit {limit}")
    return Figure("CPU time", human_seconds(measured.cpu_seconds), ", ".join(remarks))


def _throttled(target: Target) -> Figure:
    measured = target.measured
    if measured.throttled_seconds is None:
        return Figure("Held back by the CPU limit", UNKNOWN)
    share = measured.throttled_share
    remark = "" if share is None else f"{human_share(share, 1)} of the time"
    return Figure("Held back by the CPU limit", human_seconds(measured.throttled_seconds), remark)


def phase_rows(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield each phase with its time and its share of all."""
    total = sum(phase.seconds for phase in report.phases)
    for phase in report.phases:
        share = human_share(phase.seconds, total) if total else "-"
        yield phase.name, human_seconds(phase.seconds), share


CONTAINER_TITLES = (
    "Container", "Verdict", "Restarts", "Peak memory", "CPU time", "Held back",
)  # fmt: skip


def container_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield a row for each container of a run of several, below `CONTAINER_TITLES`."""
    for container in report.containers:
        usage, code = container.usage, container.exit_code
        peak, cpu, throttled = usage.peak_memory_bytes, usage.cpu_seconds, usage.throttled_seconds
        yield (
            printable(container.label),
            f"{printable(container.verdict) or '-'}{f' ({code})' if code else ''}",
            str(container.restarts),
            "-" if peak is None else human_memory(peak),
            "-" if cpu is None else human_seconds(cpu),
            "-" if throttled is None else human_seconds(throttled),
        )


BUFFER_TITLES = ("Buffer", "Bytes", "Rate", "Waited for", "State")


def buffer_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield a row for each buffer of each container, below `BUFFER_TITLES`."""
    having = [container for container in report.containers if container.buffers]
    if len(having) > 1:
        for container in having:
            yield from _buffer_rows(container.buffers, f"{printable(container.label)} ")
    else:
        yield from _buffer_rows(report.buffers)


def _buffer_rows(
    buffers: Iterable[BufferFigures], container: str = ""
) -> Iterator[tuple[str, ...]]:
    for buffer in buffers:
        arrow = ARROWS.get(buffer.direction, "")
        yield (
            f"{container}{arrow} {printable(buffer.name)}".strip(),
            "-" if buffer.bytes is None else human_bytes(buffer.bytes),
            _rate(buffer),
            _waits(buffer),
            printable(buffer.state) or "-",
        )


def _rate(buffer: BufferFigures) -> str:
    return "-" if buffer.bytes_per_second is None else f"{human_bytes(buffer.bytes_per_second)}/s"


def _waits(buffer: BufferFigures) -> str:
    words = [
        f"{WAITS[whom]} {human_seconds(seconds)}"
        for whom, seconds in buffer.waits
        if seconds >= SHORTEST_WAIT_S
    ]
    return ", ".join(words) or "-"
