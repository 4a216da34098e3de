"""Processes that create at once, some of them killed: a short version of scripts/soak."""

from __future__ import annotations

import pytest
from soak.creates import create_rounds


@pytest.mark.parametrize("kill", [0, 3])
def test_concurrent_creates_are_exact(kill: int) -> None:
    assert create_rounds(1, processes=6, each=8, kill=kill) == []
