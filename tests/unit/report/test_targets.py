"""Reports of runs of several containers: what the job needs stands apart from what its workers need."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tyger_local.outcome.verdict import VerdictKind
from tyger_local.report.document import report_document
from tyger_local.report.figures import (
    Figure,
    buffer_rows,
    container_rows,
    figures,
    target_figures,
)
from tyger_local.report.making import make_report
from tyger_local.report.model import Report, Target

Document = dict[str, object]
Make = Callable[..., Document]
MI = 2**20
LABELS = ("job-0", "worker-0", "worker-1")


def _worker(report: Report) -> Target:
    assert report.worker is not None
    return report.worker


def test_each_codespec_has_figures_and_a_suggestion_of_its_own(
    distributed: Make, samples: Make
) -> None:
    report = make_report(distributed(), samples(labels=LABELS))
    job, worker = report.job, _worker(report)
    assert (job.image, job.digest, job.method) == ("mri:1.2", "sha256:1", "cgroup v1")
    assert (worker.image, worker.digest) == ("gridder:2", "sha256:2")
    assert worker.command == ("serve", "--port", "80")
    assert [each.label for each in job.samples] == ["job-0"]
    assert [each.label for each in worker.samples] == ["worker-0", "worker-1"]
    measured = worker.measured
    assert (measured.peak_memory_bytes, measured.cpu_seconds) == (810 * MI, 24.0)
    assert (measured.replicas, measured.verdict) == (2, VerdictKind.SUCCEEDED)
    assert (job.measured.peak_memory_bytes, job.measured.replicas) == (100 * MI, 1)
    assert job.suggestion.document()["resources"] == {
        "requests": {"cpu": "500m", "memory": "104Mi"},
        "limits": {"cpu": "1", "memory": "128Mi"},
        "gpu": "1",
    }
    assert worker.suggestion.document()["resources"] == {
        "requests": {"cpu": "1", "memory": "832Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }


def test_the_tables(distributed: Make) -> None:
    report = make_report(distributed(({"exitCode": 3, "verdict": "failed", "restarts": 2}, {})))
    assert list(container_rows(report)) == [
        ("job-0", "succeeded", "0", "100 MiB", "6.00 s", "0.00 s"),
        ("worker-0", "failed (3)", "2", "800 MiB", "12.0 s", "0.00 s"),
        ("worker-1", "stopped", "0", "810 MiB", "12.0 s", "0.00 s"),
    ]
    assert figures(report)[:2] == (
        Figure("Time", "14.0 s", "12.0 s of it in the containers"),
        Figure("Peak memory", "100 MiB", "20 % of the limit (512Mi)"),
    )
    assert target_figures(_worker(report))[0] == Figure(
        "Peak memory", "810 MiB", "79 % of the limit (1Gi), of one container"
    )
    assert [row[0] for row in buffer_rows(report)] == ["→ input", "← output"]


def test_buffers_of_several_replicas_say_whose_they_are(distributed: Make) -> None:
    report = make_report(distributed(jobs=2))
    assert [row[0] for row in buffer_rows(report)] == [
        "job-0 → input",
        "job-0 ← output",
        "job-1 → input",
        "job-1 ← output",
    ]


@pytest.mark.parametrize(
    ("workers", "verdict", "of_job", "of_workers"),
    [
        (({"verdict": "out-of-memory"}, {}), "out-of-memory", "failed", "out-of-memory"),
        (({"verdict": "out-of-memory", "restarts": 1},), "succeeded", "succeeded", "out-of-memory"),
        (({}, {}), "timed-out", "timed-out", "timed-out"),
    ],
)
def test_who_ran_out_of_memory(
    distributed: Make,
    workers: tuple[Document, ...],
    verdict: str,
    of_job: str,
    of_workers: str,
) -> None:
    report = make_report(distributed(workers, verdict=verdict))
    assert report.job.measured.verdict == VerdictKind(of_job)
    assert _worker(report).measured.verdict == VerdictKind(of_workers)
    doubled = of_workers == "out-of-memory"
    limits = _worker(report).suggestion.resources.limits
    assert (str(limits.memory) == "2Gi") == doubled


def test_after_a_restart_nothing_is_lowered(distributed: Make) -> None:
    usage = {"usage": {"peakMemoryBytes": 100 * MI, "cpuSeconds": 1.0}}
    report = make_report(distributed(({**usage, "restarts": 1},)))
    suggestion = _worker(report).suggestion
    assert str(suggestion.resources.limits.memory) == "1Gi"
    assert suggestion.reasons[-1] == (
        "Take it with care: containers had to be started again, so nothing is lowered."
    )


def test_workers_that_never_started_count_for_nothing(distributed: Make) -> None:
    nothing = {"verdict": "not-started", "usage": {}}
    report = make_report(distributed(({}, nothing)))
    assert _worker(report).measured.peak_memory_bytes == 800 * MI
    assert _worker(report).measured.replicas == 1
    report = make_report(distributed((nothing, nothing), image=None, verdict="start-failed"))
    assert _worker(report).measured.peak_memory_bytes is None
    assert _worker(report).measured.replicas == 2
    assert _worker(report).suggestion.yaml() == ""


def test_the_document(distributed: Make, samples: Make) -> None:
    document = report_document(make_report(distributed(), samples(labels=LABELS)))
    assert json.loads(json.dumps(document)) == document
    worker, containers = document["worker"], document["containers"]
    assert isinstance(worker, dict)
    assert isinstance(containers, dict)
    assert (document["peakMemoryBytes"], worker["peakMemoryBytes"]) == (100 * MI, 810 * MI)
    assert (document["replicas"], worker["replicas"]) == (1, 2)
    assert worker["suggestion"]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}
    assert list(containers) == list(LABELS)
    assert containers["worker-1"] == {
        "verdict": "stopped",
        "exitCode": None,
        "restarts": 0,
        "peakMemoryBytes": 810 * MI,
        "cpuSeconds": 12.0,
        "throttledSeconds": 0.0,
        "buffers": {},
    }
    assert list(containers["job-0"]["buffers"]) == ["input", "output"]


def test_a_run_of_one_has_neither(record: Make) -> None:
    document = report_document(make_report(record()))
    assert (document["worker"], document["containers"]) == (None, {})


@pytest.mark.parametrize("broken", [{}, [], {"worker-0": None, "job-0": 3, "x": {"usage": []}}])
def test_half_of_it_still_gives_a_report(distributed: Make, broken: object) -> None:
    report = make_report(distributed(containers=broken))
    list(container_rows(report))
    json.dumps(report_document(report))
