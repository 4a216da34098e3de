from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyger_local.report.axes import Axis, bytes_axis, cores_axis, memory_axis, time_axis

MI = 2**20


def _labels(axis: Axis) -> list[str]:
    return [label for _, label in axis.ticks]


@pytest.mark.parametrize(
    ("axis", "labels", "top"),
    [
        (memory_axis(412 * MI), ["0", "100 MiB", "200 MiB", "300 MiB", "400 MiB", "500 MiB"], 500 * MI),
        (memory_axis(1.2 * 2**30), ["0", "0.5 GiB", "1 GiB", "1.5 GiB"], 1.5 * 2**30),
        (memory_axis(0), ["0", "1 B", "2 B", "3 B", "4 B", "5 B"], 5),
        (bytes_axis(30e6, 3), ["0", "10 MB", "20 MB", "30 MB"], 30e6),
        (cores_axis(2.04), ["0", "0.5", "1", "1.5", "2", "2.5"], 2.5),
        (cores_axis(64), ["0", "20", "40", "60", "80"], 80),
        (time_axis(12.5), ["0 s", "5 s", "10 s"], 12.5),
        (time_axis(0.5), ["0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s", "0.5 s"], 0.5),
        (time_axis(500), ["0 min", "2 min", "4 min", "6 min", "8 min"], 500),
        (time_axis(43_200), ["0 h", "5 h", "10 h"], 43_200),
    ],
)  # fmt: skip
def test_axes(axis: Axis, labels: list[str], top: float) -> None:
    assert _labels(axis) == labels
    assert axis.top == pytest.approx(top)


@given(
    st.floats(min_value=0, max_value=1e18), st.sampled_from([memory_axis, bytes_axis, cores_axis])
)
def test_an_axis_reaches_what_it_shows_with_few_labels(highest: float, make: type[object]) -> None:
    axis = make(highest)  # type: ignore[call-arg]
    assert isinstance(axis, Axis)
    assert axis.top >= highest * (1 - 1e-6)
    assert 2 <= len(axis.ticks) <= 6
    assert axis.ticks[-1][0] == pytest.approx(axis.top)


@given(st.floats(min_value=0, max_value=1e7))
def test_time_has_few_labels_and_ends_where_it_ends(until_s: float) -> None:
    axis = time_axis(until_s)
    assert axis.top == pytest.approx(max(until_s, 0.001))
    assert 1 <= len(axis.ticks) <= 6
    assert axis.ticks[-1][0] <= axis.top * (1 + 1e-9)
