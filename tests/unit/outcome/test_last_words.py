from __future__ import annotations

import pytest

from tyger_local.outcome.facts import Fate
from tyger_local.outcome.last_words import whose_last_words
from tyger_local.outcome.record import ContainerRecord

OK, FAILED, KILLED, STOPPED, WAITING = (
    (Fate.SUCCEEDED, 0),
    (Fate.FAILED, 0),
    (Fate.OUT_OF_MEMORY, 0),
    (Fate.STOPPED, 0),
    (Fate.NOT_STARTED, 0),
)
RESTARTED = (Fate.STOPPED, 2)


@pytest.mark.parametrize(
    ("jobs", "workers", "expected"),
    [
        ([], [], ["job-0"]),
        ([OK, FAILED, KILLED, STOPPED], [], ["job-1", "job-2"]),
        ([STOPPED, STOPPED], [], ["job-0", "job-1"]),
        ([FAILED], [STOPPED, STOPPED], ["job-0"]),
        ([STOPPED], [STOPPED, RESTARTED, FAILED, KILLED], ["job-0", "worker-1", "worker-2", "worker-3"]),
        ([OK, FAILED], [RESTARTED], ["job-1", "worker-0"]),
        ([WAITING], [STOPPED, STOPPED], ["worker-0", "worker-1"]),
        ([WAITING, WAITING], [STOPPED, FAILED], ["worker-1"]),
        ([STOPPED, WAITING], [], ["job-0", "job-1"]),
    ],
)  # fmt: skip
def test_whose_last_lines_are_shown(
    jobs: list[tuple[Fate, int]], workers: list[tuple[Fate, int]], expected: list[str]
) -> None:
    containers = [
        ContainerRecord(f"{role}-{index}", "", fate, restarts=restarts)
        for role, fates in (("job", jobs), ("worker", workers))
        for index, (fate, restarts) in enumerate(fates)
    ]
    replicas = {"job": len(jobs) or 1, "worker": len(workers)}
    assert list(whose_last_words(containers, replicas)) == expected
