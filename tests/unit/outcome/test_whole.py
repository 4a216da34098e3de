from __future__ import annotations

import pytest

from tyger_local.outcome.facts import BufferState, BufferStats
from tyger_local.outcome.verdict import VerdictKind
from tyger_local.outcome.whole import came_whole
from tyger_local.spec.buffers import Direction


@pytest.mark.parametrize("kind", VerdictKind)
@pytest.mark.parametrize("state", BufferState)
def test_what_is_whole(state: BufferState, kind: VerdictKind) -> None:
    ended_by_itself = kind.value in ("succeeded", "failed", "out-of-memory")
    expected = state is BufferState.COMPLETE or (
        state is BufferState.NEVER_OPENED and ended_by_itself
    )
    assert came_whole(BufferStats("o", Direction.OUTPUT, state), kind) is expected
