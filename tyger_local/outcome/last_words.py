"""Which logs may tell why a run failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tyger_local.outcome.containers import labels_of
from tyger_local.outcome.facts import Fate
from tyger_local.outcome.record import ContainerRecord

FAILED = (Fate.FAILED, Fate.OUT_OF_MEMORY)


def whose_last_words(
    containers: Sequence[ContainerRecord], replicas: Mapping[str, int]
) -> tuple[str, ...]:
    """Return the labels of the containers whose last lines are worth being shown.

    Of the job those that failed, or all where none did: it was too slow, for one. Of the workers those that
    failed or had to be started again, or all where the job still waited for them.

    Args:
        containers: What is known of each; nothing in a run of one.
        replicas: How many there are of each role.
    """
    jobs, workers = labels_of(replicas, "job"), labels_of(replicas, "worker")
    telling = tuple(_telling(containers))
    failed_jobs = tuple(label for label in telling if label in jobs)
    failed_workers = tuple(label for label in telling if label in workers)
    fates = {each.fate for each in containers if each.label in jobs}
    if fates == {Fate.NOT_STARTED}:
        return failed_workers or workers
    return (*(failed_jobs or jobs), *failed_workers)


def _telling(containers: Iterable[ContainerRecord]) -> Iterator[str]:
    for container in containers:
        if container.fate in FAILED or container.restarts:
            yield container.label
