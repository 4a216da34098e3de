from __future__ import annotations

from collections.abc import Callable

import pytest

from tyger_local.report.samples import Points, highest, rates, read_samples, stalls


def test_what_is_read(samples: Callable[..., dict[str, object]]) -> None:
    one, other = read_samples(samples(4, ("job-0", "job-1")))
    assert (one.label, other.label) == ("job-0", "job-1")
    assert one.memory[-1] == (1.5, 130 * 2**20)
    assert one.own_memory[0] == (0.0, 90 * 2**20)
    assert one.cores == ((0.5, 1.0), (1.0, 1.0), (1.5, 1.0))
    assert one.buffers["input"] == ((0.0, 0), (0.5, 5e6), (1.0, 1e7), (1.5, 15e6))


@pytest.mark.parametrize("document", [None, {}, {"containers": []}, [], {"containers": {}}])
def test_no_samples(document: object) -> None:
    assert read_samples(document) == ()


def test_what_is_missing_has_no_point() -> None:
    document = {
        "containers": {
            "job-0": {
                "seconds": [0.0, 1.0, None, 3.0, 3.0, 2.0, 4.0],
                "memoryBytes": [None, 5, 6, 7, 8, 9, "x"],
                "cpuSeconds": 3,
                "buffers": {"a": None, "b": [1]},
            },
            "job-1": None,
        }
    }
    one, other = read_samples(document)
    assert one.memory == ((1.0, 5), (3.0, 7))
    assert (one.own_memory, one.cores) == ((), ())
    assert one.buffers == {"a": (), "b": ((0.0, 1),)}
    assert (other.label, other.memory, other.buffers) == ("job-1", (), {})


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ((), ()),
        (((0.0, 1.0),), ()),
        (((0.0, 0.0), (1.0, 2.0), (3.0, 3.0)), ((1.0, 2.0), (3.0, 0.5))),
        # too close to each other: one rate over the time of both
        (((0.0, 0.0), (0.1, 0.2), (0.2, 0.2), (0.5, 1.0)), ((0.5, 2.0),)),
        # a counter that fell is none that ran backwards
        (((0.0, 5.0), (1.0, 2.0)), ((1.0, 0.0),)),
    ],
)
def test_rates(points: Points, expected: Points) -> None:
    assert rates(points) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ()),
        ([1], ()),
        ([0, 1, 2, 3], ()),
        ([0, 0, 0, 3], ((0, 2),)),
        ([0, 3, 3, 3, 4, 4, 5], ((1, 3),)),
        ([0, 3, 3, 3, 3], ()),  # it was complete
        ([0, 1, 1, 1, 2, 2, 2, 3], ((1, 3), (4, 6))),
    ],
)
def test_stalls(values: list[float], expected: Points) -> None:
    assert stalls(tuple((float(i), value) for i, value in enumerate(values)), 1.5) == expected


def test_highest() -> None:
    assert highest([(), ((0.0, 3.0), (1.0, 2.0)), ((0.0, 1.0),)]) == 3.0
    assert highest([()]) is None
