from __future__ import annotations

import pytest

from tyger_local.spec.buffers import Direction, pipe_variable


@pytest.mark.parametrize(
    ("buffer", "name"), [("input", "INPUT_PIPE"), ("my-buf", "MY-BUF_PIPE"), ("3d", "3D_PIPE")]
)
def test_pipe_variable(buffer: str, name: str) -> None:
    assert pipe_variable(buffer) == name


def test_direction_is_seen_from_the_container() -> None:
    assert [direction.value for direction in Direction] == ["input", "output"]
