"""Which plots a report has."""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.outcome.words import human_bytes, human_seconds
from tyger_local.report.axes import bytes_axis, cores_axis, memory_axis, time_axis
from tyger_local.report.drawing import Line, Plot
from tyger_local.report.figures import ARROWS
from tyger_local.report.model import Report, Target
from tyger_local.report.samples import highest, stalls

TALLEST_LIMIT = 3.0
"""A limit higher than this many times the peak would press the lines flat, and is told in words."""

SHORTEST_STALL_S = 0.5
STALL_SHARE = 0.01
"""Of the time that is shown: less would not be seen."""

FEW_STEPS = 3

MOST_WITH_OWN = 3
"""With more containers, a second line of each would make a tangle."""


def shown_seconds(report: Report) -> float:
    """Return how much time the plots show: all of the run, also where it was not sampled."""
    series = [
        points
        for _, target in report.targets
        for container in target.samples
        for points in (
            container.memory,
            container.own_memory,
            container.cores,
            *container.buffers.values(),
        )
    ]
    ends = (points[-1][0] for points in series if points)
    return max((report.job.measured.run_seconds or 0.0, *ends))


def memory_plot(report: Report, name: str, target: Target) -> Plot | None:
    """Return memory over time of one of the report's targets; None without samples."""
    has_own = len(target.samples) <= MOST_WITH_OWN
    lines = [
        Line(f"{each.label}{words}", points, index, is_secondary=is_own)
        for index, each in enumerate(target.samples)
        for words, points, is_own in (
            (" in all" if has_own else "", each.memory, False),
            (" without file cache", each.own_memory, True),
        )
        if points and (has_own or not is_own)
    ]
    top = highest(line.points for line in lines)
    if top is None:
        return None
    limit = target.asked.limits.memory
    value = None if limit is None else float(limit.value)
    shown, remark = _limit(value, f"limit {limit}", top)
    values = memory_axis(max(top, shown[0] if shown else 0.0))
    title, time = f"Memory{_whose(report, name)}", time_axis(shown_seconds(report))
    return Plot(title, tuple(lines), values, time, remark, shown)


def cpu_plot(report: Report, name: str, target: Target) -> Plot | None:
    """Return the cores that were busy over time in one of the report's targets; None without samples."""
    lines = tuple(
        Line(each.label, each.cores, index)
        for index, each in enumerate(target.samples)
        if each.cores
    )
    top = highest(line.points for line in lines)
    if top is None:
        return None
    limit = target.asked.limits.cpu
    shown, remark = _limit(None if limit is None else limit.nanos / 10**9, f"limit {limit}", top)
    values = cores_axis(max(top, shown[0] if shown else 0.0))
    title, time = f"Cores in use{_whose(report, name)}", time_axis(shown_seconds(report))
    return Plot(title, lines, values, time, remark, shown)


def _whose(report: Report, name: str) -> str:
    return "" if report.worker is None else f": {name}"


def _limit(value: float | None, words: str, top: float) -> tuple[tuple[float, str] | None, str]:
    """Return the limit to draw, if any, and what to say of it beside the title."""
    if value is None or value <= 0:
        return None, "no limit"
    if value > TALLEST_LIMIT * top:
        return None, f"{words} is far above what is shown"
    return (value, words), ""


def shortest_stall_s(report: Report) -> float:
    """Return how long no byte must have moved to be marked."""
    return max(SHORTEST_STALL_S, STALL_SHARE * shown_seconds(report))


def buffer_plots(report: Report) -> Iterator[Plot]:
    """Yield a small plot for each buffer that was sampled, in the order of the record."""
    known = {figures.name: figures for figures in report.buffers}
    sampled = [name for container in report.job.samples for name in container.buffers]
    for name in dict.fromkeys((*known, *sampled)):
        lines = tuple(_buffer_lines(report, name))
        top = highest(line.points for line in lines)
        if top is None:
            continue
        figures = known.get(name)
        remark = ""
        if figures is not None and figures.bytes is not None and len(lines) == 1:
            arrow = ARROWS.get(figures.direction, "")
            rate = figures.bytes_per_second
            at = "" if rate is None else f", {human_bytes(rate)}/s"
            remark = f"{arrow} {human_bytes(figures.bytes)}{at}".strip()
        time = time_axis(shown_seconds(report), FEW_STEPS)
        yield Plot(name, lines, bytes_axis(top, FEW_STEPS), time, remark, is_small=True)


def _buffer_lines(report: Report, name: str) -> Iterator[Line]:
    shortest_s = shortest_stall_s(report)
    for index, container in enumerate(report.job.samples):
        points = container.buffers.get(name, ())
        if points:
            marks = stalls(points, shortest_s)
            yield Line(container.label, points, index, marks=marks, mark_words="no byte moved")


def stall_words(report: Report) -> str:
    """Return what the marks mean."""
    return (
        f"no byte moved for at least {human_seconds(shortest_stall_s(report))}, and more came later"
    )
