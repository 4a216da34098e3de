from __future__ import annotations

import pytest

from tyger_local.outcome.containers import (
    labels_named,
    labels_of,
    log_prefix,
    replicas_in,
    shown_labels,
)

Counts = dict[str, int]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, {"job": 1, "worker": 0}),
        ({"job": {}}, {"job": 1, "worker": 0}),
        ({"job": [], "worker": None}, {"job": 1, "worker": 0}),
        ({"job": {"replicas": 2}, "worker": {"replicas": 3}}, {"job": 2, "worker": 3}),
        ({"job": {"replicas": "many"}, "worker": {}}, {"job": 1, "worker": 1}),
    ],
)
def test_how_many_there_are(record: dict[str, object], expected: Counts) -> None:
    assert replicas_in(record) == expected


@pytest.mark.parametrize(
    ("replicas", "prefixes"),
    [
        ({"job": 1, "worker": 0}, {"job-0": ""}),
        ({"job": 1}, {"job-0": ""}),
        ({"job": 2, "worker": 0}, {"job-0": "[job-0] ", "job-1": "[job-1] "}),
        ({"job": 1, "worker": 1}, {"job-0": "[job] ", "worker-0": "[worker] "}),
        ({"job": 1, "worker": 2}, {"job-0": "[job] ", "worker-1": "[worker-1] "}),
        ({"job": 2, "worker": 1}, {"job-1": "[job-1] ", "worker-0": "[worker] "}),
    ],
)
def test_whose_a_line_is(replicas: Counts, prefixes: dict[str, str]) -> None:
    assert {label: log_prefix(label, replicas) for label in prefixes} == prefixes


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("job-0", ("job-0",)),
        ("job", ("job-0",)),
        ("worker-1", ("worker-1",)),
        ("worker", ("worker-0", "worker-1")),
        ("worker-2", ()),
        ("worker-01", ()),
        ("main", ()),
        ("", ()),
    ],
)
def test_who_is_meant(name: str, labels: tuple[str, ...]) -> None:
    assert labels_named({"job": 1, "worker": 2}, name) == labels


def test_which_there_are_in_words() -> None:
    assert shown_labels({"job": 1, "worker": 3}) == "job-0, worker-0 to worker-2"
    assert shown_labels({"job": 2, "worker": 0}) == "job-0 to job-1"


def test_the_labels_of_a_role() -> None:
    assert labels_of({"job": 2}, "job") == ("job-0", "job-1")
    assert labels_of({"job": 2}, "worker") == ()
