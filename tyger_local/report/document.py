"""A report as a JSON document."""

from __future__ import annotations

from tyger_local.report.model import BufferFigures, Report
from tyger_local.spec.versions import JsonObject


def report_document(report: Report) -> JsonObject:
    """Return the figures of a report and its suggestion; points over time stay in the samples."""
    measured, suggestion = report.measured, report.suggestion
    return {
        "id": report.run_id,
        "status": report.status,
        "verdict": report.verdict or None,
        "statusReason": report.reason or None,
        "hint": report.hint or None,
        "exitCode": report.exit_code,
        "wallSeconds": report.wall_seconds,
        "phases": {phase.name: phase.seconds for phase in report.phases},
        "replicas": measured.replicas,
        "peakMemoryBytes": measured.peak_memory_bytes,
        "peakOwnMemoryBytes": measured.own_memory_bytes,
        "cpuSeconds": measured.cpu_seconds,
        "averageCores": _rounded(measured.average_cores),
        "peakCores": _rounded(measured.seen_peak_cores),
        "throttledSeconds": measured.throttled_seconds,
        "throttledShare": _rounded(measured.throttled_share),
        "method": report.method or None,
        "buffers": {each.name: _buffer(each) for each in report.buffers},
        "suggestion": {
            "resources": suggestion.document().get("resources"),
            "yaml": suggestion.yaml(),
            "reasons": list(suggestion.reasons),
        },
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
