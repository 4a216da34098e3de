from __future__ import annotations

import pytest

from tyger_local.outcome.facts import (
    UNREAD_ALLOWED_BYTES,
    BufferState,
    BufferStats,
    CancelReason,
    ContainerEnd,
    EndedBy,
    Facts,
)
from tyger_local.spec.buffers import Direction


def test_as_much_may_stay_unread_as_a_pipe_on_the_cluster_holds() -> None:
    assert UNREAD_ALLOWED_BYTES == 65_536


def test_facts_compare_by_content_and_start_out_empty() -> None:
    assert Facts(EndedBy.EXIT) == Facts(EndedBy.EXIT, (), ())
    assert not ContainerEnd("job-0", 0).oom_killed
    stats = BufferStats("in", Direction.INPUT, BufferState.WAITING)
    assert (stats.bytes, stats.sha256, stats.unread_bytes, stats.error) == (0, None, None, None)


@pytest.mark.parametrize(
    ("moved", "moving_s", "rate"),
    [(0, 0.0, None), (5, 0.0, None), (5, 0.0009, None), (5, 0.001, 5000.0), (100, 4.0, 25.0)],
)
def test_a_rate_needs_a_time_that_can_be_measured(
    moved: int, moving_s: float, rate: float | None
) -> None:
    stats = BufferStats("in", Direction.INPUT, BufferState.COMPLETE, bytes=moved, moving_s=moving_s)
    assert stats.bytes_per_second == rate


def test_signals_are_called_by_their_names() -> None:
    assert [reason.value for reason in CancelReason][:3] == ["SIGINT", "SIGTERM", "SIGHUP"]
