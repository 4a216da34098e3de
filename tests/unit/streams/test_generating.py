from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tyger_local.streams.generating import BLOCK_BYTES, generate


def _generated(path: Path, size: int) -> bytes:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    generate(fd, size)
    os.close(fd)
    return path.read_bytes()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(0, 3 * BLOCK_BYTES))
def test_fewer_are_the_beginning_of_more(tmp_path: Path, size: int) -> None:
    most = _generated(tmp_path / "most", 3 * BLOCK_BYTES)
    assert len(most) == 3 * BLOCK_BYTES
    assert _generated(tmp_path / "some", size) == most[:size]


def test_they_are_always_the_same(tmp_path: Path) -> None:
    data = _generated(tmp_path / "data", 5 * BLOCK_BYTES + 1)
    assert hashlib.sha256(data).hexdigest() == (
        "5bc7eb99eff8eddcbd79e69c859cb0962dd03f70755d9da47c081676ce6d2903"
    )


def test_no_block_is_like_another(tmp_path: Path) -> None:
    data = _generated(tmp_path / "data", 20 * BLOCK_BYTES)
    blocks = {data[place : place + BLOCK_BYTES] for place in range(0, len(data), BLOCK_BYTES)}
    assert len(blocks) == 20
