"""A report as a JSON document."""

from __future__ import annotations

from tyger_local.report.model import BufferFigures, ContainerFigures, Report, Target
from tyger_local.spec.versions import JsonObject


def report_document(report: Report) -> JsonObject:
    """Return the figures of a report and its suggestions; points over time stay in the samples.

    What the job needs stands at the top, what its workers need below ``worker``.
    """
    return {
        "id": report.run_id,
        "status": report.status,
        "verdict": report.verdict or None,
        "statusReason": report.reason or None,
        "hint": report.hint or None,
        "exitCode": report.exit_code,
        "wallSeconds": report.wall_seconds,
        "phases": {phase.name: phase.seconds for phase in report.phases},
        **_cost(report.job),
        "buffers": {each.name: _buffer(each) for each in report.buffers},
        "suggestion": _suggestion(report.job),
        "worker": None
        if report.worker is None
        else {**_cost(report.worker), "suggestion": _suggestion(report.worker)},
        "containers": {each.label: _container(each) for each in report.containers},
    }


def _cost(target: Target) -> JsonObject:
    measured = target.measured
    return {
        "replicas": measured.replicas,
        "peakMemoryBytes": measured.peak_memory_bytes,
        "peakOwnMemoryBytes": measured.own_memory_bytes,
        "cpuSeconds": measured.cpu_seconds,
        "averageCores": _rounded(measured.average_cores),
        "peakCores": _rounded(measured.seen_peak_cores),
        "throttledSeconds": measured.throttled_seconds,
        "throttledShare": _rounded(measured.throttled_share),
        "method": target.method or None,
    }


def _suggestion(target: Target) -> JsonObject:
    suggestion = target.suggestion
    return {
        "resources": suggestion.document().get("resources"),
        "yaml": suggestion.yaml(),
        "reasons": list(suggestion.reasons),
    }


def _container(figures: ContainerFigures) -> JsonObject:
    usage = figures.usage
    return {
        "verdict": figures.verdict or None,
        "exitCode": figures.exit_code,
        "restarts": figures.restarts,
        "peakMemoryBytes": usage.peak_memory_bytes,
        "cpuSeconds": usage.cpu_seconds,
        "throttledSeconds": usage.throttled_seconds,
        "buffers": {each.name: _buffer(each) for each in figures.buffers},
    }


def _buffer(figures: BufferFigures) -> JsonObject:
    return {
        "direction": figures.direction,
        "state": figures.state,
        "bytes": figures.bytes,
        "seconds": figures.seconds,
        "bytesPerSecond": _rounded(figures.bytes_per_second),
        "waitedSeconds": dict(figures.waits),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
