from __future__ import annotations

import json
from typing import Any

import pytest

from tyger_local.outcome.record import Usage
from tyger_local.outcome.sight import UsageSample
from tyger_local.outcome.usage import FIRST_INTERVAL_S, MOST_POINTS, Samples, total

ONE = Usage(100, 1.5, 0.25, "kernel")


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ([], Usage()),
        ([ONE], ONE),
        ([ONE, Usage(300, 0.5, 0.0, "kernel")], Usage(300, 2.0, 0.25, "kernel")),
        ([ONE, Usage(50, 1.0, 0.0, "engine")], Usage(100, 2.5, 0.25, "kernel; engine")),
        ([ONE, Usage()], Usage(method="kernel")),
        ([ONE, Usage(None, 1.0, None, "kernel")], Usage(None, 2.5, None, "kernel")),
        ([Usage(0, 0.0, 0.0, "kernel")], Usage(0, 0.0, 0.0, "kernel")),
        ([Usage(), Usage()], Usage()),
    ],
)
def test_what_containers_cost_together(usages: list[Usage], expected: Usage) -> None:
    assert total(usages) == expected


def test_nothing_was_seen() -> None:
    assert Samples().document() is None


def test_a_document_of_samples() -> None:
    samples = Samples()
    samples.add("job-0", 0.10004, UsageSample(10, 8, 0.12345678), {"in": 5, "out": 0})
    samples.add("job-0", 0.2, UsageSample(20, None, None), {"in": 7, "out": 1})
    samples.add("job-1", 0.05, None, {})
    samples.add("job-0", 0.3, None, {"in": 7, "out": 3})
    document = samples.document()
    assert document == {
        "intervalSeconds": 0.1,
        "containers": {
            "job-0": {
                "seconds": [0.1, 0.2, 0.3],
                "memoryBytes": [10, 20, None],
                "ownMemoryBytes": [8, None, None],
                "cpuSeconds": [0.123457, None, None],
                "buffers": {"in": [5, 7, 7], "out": [0, 1, 3]},
            },
            "job-1": {
                "seconds": [0.05],
                "memoryBytes": [None],
                "ownMemoryBytes": [None],
                "cpuSeconds": [None],
                "buffers": {},
            },
        },
    }
    assert json.loads(json.dumps(document)) == document


def _seconds(samples: Samples, label: str) -> list[float]:
    document: Any = samples.document()
    return list(document["containers"][label]["seconds"])


def test_with_many_samples_every_second_one_is_left_out() -> None:
    samples = Samples()
    for index in range(MOST_POINTS):
        samples.add("job-0", index / 10, None, {})
    assert samples.interval_s == FIRST_INTERVAL_S
    assert len(_seconds(samples, "job-0")) == MOST_POINTS
    samples.add("job-0", 50.0, None, {})
    assert samples.interval_s == 0.2
    assert _seconds(samples, "job-0") == [index / 5 for index in range(251)]


def test_a_run_of_days_stays_small() -> None:
    samples, now = Samples(), 0.0
    samples.add("job-1", 0.1, None, {})
    while now < 3 * 86_400:
        now += samples.interval_s
        samples.add("job-0", now, None, {})
    seconds = _seconds(samples, "job-0")
    assert MOST_POINTS / 2 <= len(seconds) <= MOST_POINTS
    assert seconds[0] == pytest.approx(FIRST_INTERVAL_S)
    assert seconds[-1] > 3 * 86_400 - samples.interval_s
    assert _seconds(samples, "job-1") == [0.1]
