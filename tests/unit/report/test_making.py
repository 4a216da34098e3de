from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tyger_local.outcome.needs import Measured
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.report.document import report_document
from tyger_local.report.figures import (
    Figure,
    buffer_rows,
    command_line,
    figures,
    phase_rows,
    when,
)
from tyger_local.report.making import make_report
from tyger_local.report.model import Phase

Document = dict[str, object]
Make = Callable[..., Document]
MI = 2**20


def test_a_report(record: Make, samples: Make) -> None:
    report = make_report(record(), samples())
    assert report.run_id == 7
    assert report.job.command == ("recon", "--input", "$(INPUT_PIPE)")
    assert (report.engine, report.job.digest, report.wall_seconds) == (
        "docker 28.0",
        "sha256:1",
        14.0,
    )
    assert report.job.measured == Measured(
        verdict=VerdictKind.SUCCEEDED,
        run_seconds=12.0,
        peak_memory_bytes=400 * MI,
        own_memory_bytes=205 * MI,
        cpu_seconds=12.0,
        throttled_seconds=0.3,
        peak_cores=1.0,
        replicas=1,
        engine="docker",
    )
    assert report.phases == (
        Phase("create", 0.5), Phase("start", 1.0), Phase("run", 12.0), Phase("drain", 0.0),
    )  # fmt: skip
    assert report.job.suggestion.document()["resources"] == {
        "requests": {"cpu": "1", "memory": "416Mi"},
        "limits": {"cpu": "1", "memory": "512Mi"},
        "gpu": "1",
    }


def test_its_tables(record: Make, samples: Make) -> None:
    report = make_report(record(), samples())
    assert figures(report) == (
        Figure("Time", "14.0 s", "12.0 s of it in the container"),
        Figure("Peak memory", "400 MiB", "78 % of the limit (512Mi), 205 MiB without file cache"),
        Figure("CPU time", "12.0 s", "1.00 cores on average, at most 1.00, limit 2"),
        Figure("Held back by the CPU limit", "0.30 s", "2.5 % of the time"),
    )
    assert list(phase_rows(report))[2] == ("run", "12.0 s", "89 %")
    assert list(buffer_rows(report)) == [
        ("→ input", "120 MB", "12 MB/s", "its opening 0.50 s, container 2.00 s", "complete"),
        ("← output", "0 B", "-", "its opening 12.0 s", "never-opened"),
    ]


def test_a_peak_that_the_samples_missed_is_none(record: Make, samples: Make) -> None:
    usage = {"cpuSeconds": 24.0}
    report = make_report(record(usage=usage), samples())
    assert report.job.measured.peak_cores == 1.0
    assert report_document(report)["averageCores"] == 2.0
    assert report_document(report)["peakCores"] is None
    assert figures(report)[2] == Figure("CPU time", "24.0 s", "2.00 cores on average, limit 2")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["recon", "--input", "$(INPUT_PIPE)", ""], "recon --input '$(INPUT_PIPE)' ''"),
        (["sh", "-c", "for i in 1 2\ndo\techo 'a\\'\ndone"],
         r"sh -c $'for i in 1 2\ndo\techo \'a\\\'\ndone'"),
        (["\x1b[31m", "a\u202eb", "caf\u00e9\r", "\udc80\ud800"],
         r"$'\x1b[31m' $'a\xe2\x80\xaeb' $'café\r' $'\x80\xed\xa0\x80'"),
    ],
)  # fmt: skip
def test_a_command_as_a_shell_takes_it(words: list[str], line: str) -> None:
    assert command_line(words) == line


def test_its_tables_of_several_containers_without_limits(record: Make) -> None:
    job = {"codespec": {"image": "x"}, "replicas": 3}
    report = make_report(record(job=job))
    assert [figure.remark for figure in figures(report)][1:3] == [
        "no limit, of one container",
        "0.33 cores of each container on average, no limit",
    ]


def test_a_peak_that_sampling_missed_is_not_shown(record: Make, samples: Make) -> None:
    usage = {"peakMemoryBytes": None, "cpuSeconds": 24.0, "throttledSeconds": None}
    remark = figures(make_report(record(usage=usage), samples()))[2].remark
    assert remark == "2.00 cores on average, limit 2"


def test_an_old_record(record: Make) -> None:
    old = record()
    del old["phases"]
    for stats in old["bufferStats"].values():  # type: ignore[attr-defined]
        del stats["bytesPerSecond"], stats["waitedSeconds"]
    report = make_report(old)
    assert report.phases == (Phase("prepare", 1.5), Phase("run", 12.5))
    assert report.job.measured.run_seconds == 12.5
    assert [buffer.bytes_per_second for buffer in report.buffers] == [12e6, None]
    assert [row[3] for row in buffer_rows(report)] == ["-", "-"]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"id": "7", "job": [], "usage": 3, "phases": [], "bufferStats": []},
        {"job": {"codespec": {"resources": {"limits": {"cpu": "many"}}, "args": [1, None]}}},
        {"bufferStats": {"a": None, "b": {"bytes": "x", "seconds": -1}}, "verdict": "odd"},
        {"phases": {"runSeconds": 0}, "usage": {"cpuSeconds": 1, "throttledSeconds": 1}},
    ],
)
def test_half_a_record_still_gives_a_report(broken: Document) -> None:
    report = make_report(broken, {"containers": {"job-0": {}}})
    assert report.job.measured.verdict is None
    assert report.job.suggestion.yaml() == ""
    assert len(figures(report)) == 4
    list(phase_rows(report))
    list(buffer_rows(report))
    json.dumps(report_document(report))


def test_phases_that_took_no_time_have_no_share(record: Make) -> None:
    assert list(phase_rows(make_report(record(phases={"runSeconds": 0})))) == [
        ("run", "0.00 s", "-")
    ]


def test_unknown_figures_show_the_limits(record: Make) -> None:
    report = make_report(record(usage=None, finishedAt=None))
    assert [(f.value, f.remark) for f in figures(report)] == [
        ("not known", "12.0 s of it in the container"),
        ("not known", "limit 512Mi"),
        ("not known", "limit 2"),
        ("not known", ""),
    ]


def test_its_document(record: Make, samples: Make) -> None:
    document = report_document(make_report(record(), samples()))
    assert json.loads(json.dumps(document)) == document
    assert (document["peakMemoryBytes"], document["averageCores"]) == (400 * MI, 1.0)
    assert document["throttledShare"] == 0.025
    assert document["buffers"]["input"]["waitedSeconds"] == {  # type: ignore[index]
        "opening": 0.5,
        "container": 2.0,
        "host": 0.0,
    }
    suggestion = document["suggestion"]
    assert isinstance(suggestion, dict)
    assert suggestion["yaml"].startswith("resources:\n  requests:\n")
    assert suggestion["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}


def test_times_for_people() -> None:
    assert when("2025-03-14T06:43:18.958490Z") == "2025-03-14 06:43:18 UTC"
    assert when("2025-03-14T06:43:18Z") == "2025-03-14 06:43:18 UTC"
    assert when("some day") == "some day"
